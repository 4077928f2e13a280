/* SPDX-License-Identifier: Apache-2.0 */
/* Reads ahead, as far as the next step needs. */
#include "tar_inflow.h"

#include "tar_bytes.h"

#include <string.h>

int tar_inflow_want(struct tar_inflow *inflow, size_t wanted)
{
    if (inflow->at == inflow->bytes)
        inflow->at = inflow->bytes = 0;
    if (inflow->bytes - inflow->at < wanted && inflow->at > 0) {
        memmove(inflow->data, inflow->data + inflow->at, inflow->bytes - inflow->at);
        inflow->bytes -= inflow->at;
        inflow->at = 0;
    }
    while (!inflow->ended && inflow->bytes - inflow->at < wanted) {
        int64_t got = inflow->input->read(inflow->input, inflow->data + inflow->bytes,
                                          TAR_INFLOW_SIZE - inflow->bytes);
        if (got < 0)
            return (int)got;
        inflow->ended = got == 0;
        inflow->bytes += (size_t)got;
    }
    return HB_OK;
}

int tar_inflow_drain(struct tar_inflow *inflow, bool *garbage)
{
    do {
        *garbage = *garbage || !tar_is_zero(inflow->data + inflow->at, inflow->bytes - inflow->at);
        inflow->at = inflow->bytes;
        int status = tar_inflow_want(inflow, 1);
        if (status != HB_OK)
            return status;
    } while (inflow->bytes > 0);
    return HB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an archive that is read once, front to back, with a look ahead. */
#ifndef TAR_INFLOW_H
#define TAR_INFLOW_H

#include <hbcore/format.h>
#include <stdbool.h>

struct tar_inflow {
    const struct hb_input *input;
    unsigned char *data; /* of TAR_INFLOW_SIZE */
    size_t at, bytes;    /* data[at .. bytes) has not been used */
    bool ended;          /* the input has no more */
};
#define TAR_INFLOW_SIZE (256u << 10)

/* At least `wanted` unused bytes, or all that there are. HB_OK or the input's failure. */
int tar_inflow_want(struct tar_inflow *inflow, size_t wanted);

/* All the rest. *garbage becomes true if it is not only zeros. HB_OK or the input's failure. */
int tar_inflow_drain(struct tar_inflow *inflow, bool *garbage);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/input_end.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 256 << 10 }; /* index and trailer of a thousand files and more */

void hb_input_end_read(struct hb_input_end *end, const struct hb_input *input)
{
    struct hb_input_end made = {.bytes = input->bytes < MOST ? (size_t)input->bytes : MOST};
    made.at = input->bytes - made.bytes;
    made.data = malloc(made.bytes + 1);
    if (made.data == NULL)
        return;
    int64_t got = input->read_at(input, made.data, made.bytes, made.at);
    if (got >= 0 && (uint64_t)got == made.bytes)
        *end = made;
    else
        free(made.data);
}

bool hb_input_end_give(const struct hb_input_end *end, void *buffer, size_t bytes, uint64_t offset)
{
    if (end->data == NULL || offset < end->at || offset - end->at > end->bytes ||
        bytes > end->bytes - (size_t)(offset - end->at))
        return false;
    memcpy(buffer, end->data + (offset - end->at), bytes);
    return true;
}

void hb_input_end_clear(struct hb_input_end *end)
{
    free(end->data);
    *end = (struct hb_input_end){0};
}

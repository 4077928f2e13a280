/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an archive, read once. A format finds index and trailer from the last bytes on, in
 * small steps, each of which tells where the next one leads, a dozen or two of them. Where each is
 * a round trip over a network, they shall be few.
 */
#ifndef HB_INPUT_END_H
#define HB_INPUT_END_H

#include <hbcore/format.h>
#include <stdbool.h>

struct hb_input_end {
    unsigned char *data; /* NULL: nothing is kept */
    size_t bytes;
    uint64_t at;
};

/*
 * Reads the last bytes through input->read_at(), all of them if there are few. If that fails,
 * nothing is kept: whoever needs them reads them, and says why it cannot.
 */
void hb_input_end_read(struct hb_input_end *end, const struct hb_input *input);

/* Gives the range if all of it is kept. Any thread, once it has been read. */
bool hb_input_end_give(const struct hb_input_end *end, void *buffer, size_t bytes, uint64_t offset);

void hb_input_end_clear(struct hb_input_end *end);

#endif

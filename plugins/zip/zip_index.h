/* SPDX-License-Identifier: Apache-2.0 */
/* The central directory of an archive that is read. */
#ifndef ZIP_INDEX_H
#define ZIP_INDEX_H

#include "zip_end.h"

/* Is it a zip? HB_OK, HB_STATUS_NOMATCH or the failure of the input. */
int zip_probe(void *self, const struct hb_input *input, const void *head, size_t bytes);
/* Finds the central directory and checks all of it, once. HB_OK or HB_STATUS_FATAL. */
int zip_index_load(struct zip *zip, const struct hb_input *input);
void zip_index_free(struct zip_index *index);
/* Where local header `number` begins, from the start of the input, in the order of the data. */
uint64_t zip_index_start(const struct zip_index *index, size_t number);
/* Where what follows the local header at `start` begins; 0: there is no such header. */
uint64_t zip_index_next(const struct zip_index *index, uint64_t start);

/* A pass over the central directory. */
struct zip_cursor {
    const struct zip *zip;
    const struct hb_input *input;
    uint64_t next;   /* of the input: the record to come */
    uint64_t number; /* of the record to come, from 0 */
    uint64_t loaded; /* of the input: end of what is in `buffer` */
    size_t at, fill; /* within `buffer` */
    unsigned char buffer[256 << 10];
};
/* `cursor` is large: allocate it. */
void zip_cursor_start(struct zip_cursor *cursor, const struct zip *zip,
                      const struct hb_input *input);
/* HB_OK and the record, valid until the next call; *place is where it lies. HB_STATUS_END. */
int zip_cursor_next(struct zip_cursor *cursor, struct zip_record *record, uint64_t *place);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a few numbers, of which there may be millions, and which are much like those of the row
 * before: offsets, times, inodes. Each number is kept as the difference to that one, in as many
 * bytes as it takes; every eighth row stands for itself, so that any row is found at once.
 */
#ifndef HB_NUMBERS_H
#define HB_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

enum { HB_NUMBERS_MOST = 16 }; /* in a row */

/* Zeroed, but for `columns`: empty. One thread at a time while it grows; then any. */
struct hb_numbers {
    size_t columns;
    size_t count;
    unsigned char *bytes;
    size_t used, capacity;
    size_t *blocks; /* where each eighth row starts */
    size_t block_capacity;
    _Atomic size_t given_back;      /* of `bytes`, from the start */
    uint64_t last[HB_NUMBERS_MOST]; /* the row that was added last */
};

void hb_numbers_add(struct hb_numbers *numbers, const uint64_t *row);
void hb_numbers_get(const struct hb_numbers *numbers, size_t index, uint64_t *row);

/*
 * Nobody asks for rows before `index` any more: their memory is given back to the system, in large
 * pieces. One thread; others may ask for later rows meanwhile. Who asks all the same ends the
 * program: what it would get are zeros, and they would be stored.
 */
void hb_numbers_give_back(struct hb_numbers *numbers, size_t index);
void hb_numbers_clear(struct hb_numbers *numbers);

#endif

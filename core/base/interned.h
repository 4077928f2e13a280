/* SPDX-License-Identifier: Apache-2.0 */
/* Equal rows, which stand once. */
#ifndef HB_INTERNED_H
#define HB_INTERNED_H

#include "base/path_table.h"

/* Zeroed: empty. One thread at a time, while it grows. */
struct hb_interned {
    unsigned char *rows;
    size_t count;
    size_t capacity;
    size_t row_bytes;
    struct hb_path_table table; /* by their bytes */
};

/* The number of the row that has these bytes, which are put in if there is none. */
uint32_t hb_intern(struct hb_interned *interned, const void *row, size_t bytes);

static inline const void *hb_interned_row(const struct hb_interned *interned, uint32_t number)
{
    return interned->rows + number * interned->row_bytes;
}

void hb_interned_clear(struct hb_interned *interned);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/interned.h"

#include "base/memory.h"
#include <string.h>

static const char *bytes_of(const void *context, size_t row, size_t *bytes)
{
    const struct hb_interned *interned = context;
    *bytes = interned->row_bytes;
    return (const char *)interned->rows + row * interned->row_bytes;
}

uint32_t hb_intern(struct hb_interned *interned, const void *row, size_t bytes)
{
    size_t last = interned->count; /* as a rule it is the one of the call before */
    interned->row_bytes = bytes;
    if (last > 0 && memcmp(interned->rows + (last - 1) * bytes, row, bytes) == 0)
        return (uint32_t)(last - 1);
    size_t found = hb_path_table_find(&interned->table, row, bytes, bytes_of, interned);
    if (found != SIZE_MAX)
        return (uint32_t)found;
    if (last == interned->capacity) {
        interned->capacity = last == 0 ? 8 : last * 3 / 2;
        interned->rows = hb_resize(interned->rows, interned->capacity, bytes);
    }
    memcpy(interned->rows + last * bytes, row, bytes);
    interned->count++;
    hb_path_table_put(&interned->table, last, bytes_of, interned);
    return (uint32_t)last;
}

void hb_interned_clear(struct hb_interned *interned)
{
    free(interned->rows);
    hb_path_table_clear(&interned->table);
    *interned = (struct hb_interned){0};
}

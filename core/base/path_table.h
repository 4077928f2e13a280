/* SPDX-License-Identifier: Apache-2.0 */
/* Rows found by their path. The rows, and the paths in them, are the caller's. */
#ifndef HB_PATH_TABLE_H
#define HB_PATH_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. One thread at a time. */
struct hb_path_table {
    uint32_t *buckets; /* 1 + a row, 0: empty */
    size_t bucket_count;
    size_t used;
};

/* The path of a row, not ended by NUL, and its length. */
typedef const char *(*hb_path_of_row)(const void *rows, size_t row, size_t *bytes);

/* Room for so many rows, at once. */
void hb_path_table_reserve(struct hb_path_table *table, size_t count, hb_path_of_row path_of,
                           const void *rows);

/* The row with this path, or SIZE_MAX. */
size_t hb_path_table_find(const struct hb_path_table *table, const char *path, size_t bytes,
                          hb_path_of_row path_of, const void *rows);

/* Puts the row in. The one that had its path before and is replaced by it, or SIZE_MAX. */
size_t hb_path_table_put(struct hb_path_table *table, size_t row, hb_path_of_row path_of,
                         const void *rows);

void hb_path_table_clear(struct hb_path_table *table);

#endif

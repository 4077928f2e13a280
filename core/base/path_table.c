/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, linear probing; at most half full. */
#include "base/path_table.h"

#include "base/memory.h"
#include <string.h>
#include <xxhash.h>

enum { FEWEST_BUCKETS = 64 };

/* The bucket that has this path, or the empty one where it would go. */
static size_t bucket_of(const struct hb_path_table *table, const char *path, size_t bytes,
                        hb_path_of_row path_of, const void *rows)
{
    size_t at = (size_t)XXH3_64bits(path, bytes) & (table->bucket_count - 1);
    while (table->buckets[at] != 0) {
        size_t length;
        const char *known = path_of(rows, table->buckets[at] - 1, &length);
        if (length == bytes && memcmp(known, path, bytes) == 0)
            break;
        at = (at + 1) & (table->bucket_count - 1);
    }
    return at;
}

void hb_path_table_reserve(struct hb_path_table *table, size_t count, hb_path_of_row path_of,
                           const void *rows)
{
    size_t needed = table->bucket_count == 0 ? FEWEST_BUCKETS : table->bucket_count;
    while (needed < count * 2)
        needed *= 2;
    if (needed == table->bucket_count)
        return;
    struct hb_path_table old = *table;
    table->bucket_count = needed;
    table->buckets = hb_alloc(needed * sizeof *table->buckets);
    for (size_t i = 0; i < old.bucket_count; i++) {
        size_t bytes;
        if (old.buckets[i] == 0)
            continue;
        const char *path = path_of(rows, old.buckets[i] - 1, &bytes);
        table->buckets[bucket_of(table, path, bytes, path_of, rows)] = old.buckets[i];
    }
    free(old.buckets);
}

size_t hb_path_table_find(const struct hb_path_table *table, const char *path, size_t bytes,
                          hb_path_of_row path_of, const void *rows)
{
    if (table->buckets == NULL)
        return SIZE_MAX;
    uint32_t found = table->buckets[bucket_of(table, path, bytes, path_of, rows)];
    return found == 0 ? SIZE_MAX : found - 1;
}

size_t hb_path_table_put(struct hb_path_table *table, size_t row, hb_path_of_row path_of,
                         const void *rows)
{
    size_t bytes;
    const char *path = path_of(rows, row, &bytes);
    hb_path_table_reserve(table, table->used + 1, path_of, rows);
    uint32_t *bucket = &table->buckets[bucket_of(table, path, bytes, path_of, rows)];
    size_t before = *bucket == 0 ? SIZE_MAX : *bucket - 1;
    table->used += *bucket == 0;
    *bucket = (uint32_t)(row + 1);
    return before;
}

void hb_path_table_clear(struct hb_path_table *table)
{
    free(table->buckets);
    *table = (struct hb_path_table){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page of a database is where in its log, up to one commit: sqlite.org/fileformat.html 4 and
 * walformat.html 2.
 */
#ifndef LOG_MAP_H
#define LOG_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INDEX_BYTES = 136,      /* of the -shm, before the first page number */
    INDEX_MARKS = 5,        /* marks of readers, and locks for them */
    INDEX_LOCK_WRITE = 120, /* bytes of the -shm that stand for SQLite's locks */
    INDEX_LOCK_CHECKPOINT = 121,
    INDEX_LOCK_READ = 123, /* of mark 0 */
    INDEX_LOCK_ALIVE = 128 /* whoever holds it keeps the index from being made anew */
};

/* The header of a log's index. */
struct log_index {
    uint32_t changes;
    uint32_t page_bytes;
    uint32_t last;    /* frame of the log: this and those before are the view */
    uint32_t pages;   /* of the database */
    uint32_t sums[2]; /* of the last frame */
    unsigned char salts[8];
    uint32_t backfilled; /* frames that are in the file already */
    uint32_t attempted;  /* that a checkpoint means to bring there, said before it does */
    uint32_t marks[INDEX_MARKS];
};

/* NULL, or what is wrong with it: it is half written, or not of a kind that is known here. */
const char *log_index_read(const unsigned char bytes[INDEX_BYTES], struct log_index *index);

/* One number a page: the page above, its newest frame below; in order. */
struct log_map {
    uint64_t *pages;
    size_t count;
};

/*
 * The map of what the log has and the file may not have. Reads all of the log up to index->last,
 * which has to be held. NULL, or why there is none: something does not agree with something else,
 * or there is no memory. log_map_free() in any case.
 */
const char *log_map_make(struct log_map *map, int log, int index_fd, const struct log_index *index);
void log_map_free(struct log_map *map);

/* The first place in the map for a page that is `page` or comes later; map->count: there is none.
 */
size_t log_map_find(const struct log_map *map, uint64_t page);

static inline uint64_t log_map_page(const struct log_map *map, size_t at)
{
    return map->pages[at] >> 32;
}

/* Where the content of that page begins in the log. */
uint64_t log_map_offset(const struct log_map *map, size_t at, uint64_t page_bytes);

#endif

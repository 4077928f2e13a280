/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The central directory while it is made: 110 bytes an entry and more, which all look alike. What
 * is full is kept compressed, so that 400,000 entries take 10 MB instead of 44.
 */
#ifndef ZIP_DIRECTORY_H
#define ZIP_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

struct zip_directory_block {
    unsigned char *data; /* raw where it does not compress: bytes == raw */
    uint32_t bytes;
    uint32_t raw;
};

/* All zero at first. */
struct zip_directory {
    uint64_t bytes; /* of all records */
    struct zip_directory_block *blocks;
    size_t block_count;
    size_t block_capacity;
    struct libdeflate_compressor *compressor;
    unsigned char *open; /* the block that records are added to; the last one is always in it */
    size_t fill;
    size_t last;           /* where the last record starts in `open` */
    unsigned char *packed; /* room for a block */
};

/*
 * Room for a record of at most `bytes` (below 128 KiB) after all that are there, or NULL: no
 * memory. zip_directory_added() says how long it became.
 */
unsigned char *zip_directory_room(struct zip_directory *directory, size_t bytes);
void zip_directory_added(struct zip_directory *directory, size_t bytes);

/* The last record, to be changed in place; NULL: there is none. */
unsigned char *zip_directory_last(struct zip_directory *directory);
/* Makes the last record longer; the room was asked for with it. */
void zip_directory_extend(struct zip_directory *directory, size_t bytes);

/*
 * Part `number` of the records, in order, valid until the next call. NULL: after the last one, with
 * *bytes 0; or the memory is faulty, with *bytes 1.
 */
const unsigned char *zip_directory_part(struct zip_directory *directory, size_t number,
                                        size_t *bytes);

void zip_directory_free(struct zip_directory *directory);

#endif

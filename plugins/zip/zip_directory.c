/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the records of the central directory in blocks, all but the last one compressed. */
#include "zip_directory.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES = 256 << 10, /* twice the largest record */
    BLOCK_LEVEL = 1          /* the one thread that writes does it: 0.2 s for 400,000 records */
};

/* 0, or -1 without memory, as in all of this file. */
static int prepare(struct zip_directory *directory)
{
    if (directory->open == NULL)
        directory->open = malloc(BLOCK_BYTES);
    if (directory->packed == NULL)
        directory->packed = malloc(BLOCK_BYTES);
    if (directory->compressor == NULL)
        directory->compressor = libdeflate_alloc_compressor(BLOCK_LEVEL);
    return directory->open == NULL || directory->packed == NULL || directory->compressor == NULL
               ? -1
               : 0;
}

static int grow(struct zip_directory *directory)
{
    if (directory->block_count < directory->block_capacity)
        return 0;
    size_t capacity = directory->block_capacity == 0 ? 64 : directory->block_capacity * 2;
    struct zip_directory_block *blocks =
        reallocarray(directory->blocks, capacity, sizeof *directory->blocks);
    if (blocks == NULL)
        return -1;
    directory->blocks = blocks;
    directory->block_capacity = capacity;
    return 0;
}

/* Puts the open block away and starts another. */
static int close_block(struct zip_directory *directory)
{
    if (grow(directory) != 0)
        return -1;
    const unsigned char *from = directory->packed;
    size_t bytes =
        libdeflate_deflate_compress(directory->compressor, directory->open, directory->fill,
                                    directory->packed, directory->fill - 1);
    if (bytes == 0) {
        from = directory->open;
        bytes = directory->fill;
    }
    unsigned char *kept = malloc(bytes);
    if (kept == NULL)
        return -1;
    memcpy(kept, from, bytes);
    directory->blocks[directory->block_count++] = (struct zip_directory_block){
        .data = kept, .bytes = (uint32_t)bytes, .raw = (uint32_t)directory->fill};
    directory->fill = directory->last = 0;
    return 0;
}

unsigned char *zip_directory_room(struct zip_directory *directory, size_t bytes)
{
    if (prepare(directory) != 0)
        return NULL;
    if (BLOCK_BYTES - directory->fill < bytes && close_block(directory) != 0)
        return NULL;
    return directory->open + directory->fill;
}

void zip_directory_added(struct zip_directory *directory, size_t bytes)
{
    directory->last = directory->fill;
    zip_directory_extend(directory, bytes);
}

unsigned char *zip_directory_last(struct zip_directory *directory)
{
    return directory->bytes == 0 ? NULL : directory->open + directory->last;
}

void zip_directory_extend(struct zip_directory *directory, size_t bytes)
{
    directory->fill += bytes;
    directory->bytes += bytes;
}

const unsigned char *zip_directory_part(struct zip_directory *directory, size_t number,
                                        size_t *bytes)
{
    *bytes = 0;
    if (number > directory->block_count)
        return NULL;
    if (number == directory->block_count) {
        *bytes = directory->fill;
        return directory->fill == 0 ? NULL : directory->open;
    }
    const struct zip_directory_block *block = &directory->blocks[number];
    *bytes = block->raw;
    if (block->bytes == block->raw)
        return block->data;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    enum libdeflate_result result = LIBDEFLATE_BAD_DATA;
    if (decompressor != NULL)
        result = libdeflate_deflate_decompress(decompressor, block->data, block->bytes,
                                               directory->packed, block->raw, NULL);
    libdeflate_free_decompressor(decompressor);
    if (result == LIBDEFLATE_SUCCESS)
        return directory->packed;
    *bytes = 1;
    return NULL;
}

void zip_directory_free(struct zip_directory *directory)
{
    for (size_t i = 0; i < directory->block_count; i++)
        free(directory->blocks[i].data);
    free(directory->blocks);
    free(directory->open);
    free(directory->packed);
    libdeflate_free_compressor(directory->compressor);
    *directory = (struct zip_directory){0};
}

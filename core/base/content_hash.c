/* SPDX-License-Identifier: Apache-2.0 */
#include "base/content_hash.h"

#include "base/memory.h"
#include "base/xxh3.h"
#include <stdlib.h>

static uint64_t in_place(uint64_t hash, uint64_t block)
{
    if (block == 0)
        return hash;
    hash += block * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* both odd: nothing is lost */
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

uint64_t hb_content_part(const void *data, size_t bytes, uint64_t offset)
{
    uint64_t sum = 0, block = offset / HB_CONTENT_BLOCK;
    for (const unsigned char *at = data; bytes > 0; block++) {
        size_t part = bytes < HB_CONTENT_BLOCK ? bytes : HB_CONTENT_BLOCK;
        sum += in_place(XXH3_64bits(at, part), block);
        at += part;
        bytes -= part;
    }
    return sum;
}

void hb_content_begin(struct hb_content_hash *hash, uint64_t total)
{
    hash->sum = hash->at = 0;
    hash->total = total;
    hash->open = false;
}

static void close_block(struct hb_content_hash *hash, uint64_t block)
{
    hash->sum += in_place(XXH3_64bits_digest(hash->state), block);
    hash->open = false;
}

/* A part of a block that does not come at once. */
static void put_part(struct hb_content_hash *hash, const void *data, size_t bytes, bool ends)
{
    uint64_t block = hash->at / HB_CONTENT_BLOCK;
    if (hash->state == NULL)
        hash->state = hb_alloc_aligned(sizeof(XXH3_state_t), 64);
    if (!hash->open)
        XXH3_64bits_reset(hash->state);
    hash->open = true;
    XXH3_64bits_update(hash->state, data, bytes);
    if (ends)
        close_block(hash, block);
}

void hb_content_put(struct hb_content_hash *hash, const void *data, size_t bytes)
{
    for (const unsigned char *at = data; bytes > 0;) {
        size_t left = HB_CONTENT_BLOCK - (size_t)(hash->at % HB_CONTENT_BLOCK);
        size_t part = bytes < left ? bytes : left;
        bool ends = part == left || hash->at + part == hash->total;
        if (ends && !hash->open)
            hash->sum += hb_content_part(at, part, hash->at);
        else
            put_part(hash, at, part, ends);
        hash->at += part;
        at += part;
        bytes -= part;
    }
}

void hb_content_put_zeros(struct hb_content_hash *hash, uint64_t bytes)
{
    static const unsigned char zeros[HB_CONTENT_BLOCK];
    uint64_t whole = 0; /* XXH3 of a block of them */
    while (bytes > 0) {
        size_t left = HB_CONTENT_BLOCK - (size_t)(hash->at % HB_CONTENT_BLOCK);
        size_t part = bytes < left ? (size_t)bytes : left;
        if (part < HB_CONTENT_BLOCK) {
            hb_content_put(hash, zeros, part);
        } else {
            if (whole == 0)
                whole = XXH3_64bits(zeros, sizeof zeros);
            hash->sum += in_place(whole, hash->at / HB_CONTENT_BLOCK);
            hash->at += part;
        }
        bytes -= part;
    }
}

uint64_t hb_content_end(struct hb_content_hash *hash)
{
    if (hash->open)
        close_block(hash, hash->at / HB_CONTENT_BLOCK);
    return hash->sum;
}

void hb_content_clear(struct hb_content_hash *hash)
{
    free(hash->state);
    *hash = (struct hb_content_hash){0};
}

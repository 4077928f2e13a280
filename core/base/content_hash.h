/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum of an entry's content, which the trailer holds (archive/trailer.h): 64 bits, a sum
 * over its blocks of 64 KiB, the last of which may be shorter. A block contributes its XXH3-64,
 * the first one as it is, so that this is the checksum of a small file; any other one mixed with
 * its number, so that blocks which change places are noticed. Nothing has 0.
 *
 * A sum, because workers have the units of a large file in any order, and nobody shall wait or read
 * twice; of fixed blocks, so that it does not depend on how the content was cut into units, which
 * consist of whole blocks (host/format.c). Nobody who wants to deceive is kept from it: that is
 * what the seal is for (archive/origin.h).
 */
#ifndef HB_CONTENT_HASH_H
#define HB_CONTENT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HB_CONTENT_BLOCK = 64 << 10 };

/* What a part adds to the sum: whole blocks from `offset` on, or all up to the end. */
uint64_t hb_content_part(const void *data, size_t bytes, uint64_t offset);

/* Of content that comes piece by piece, front to back. All zero at first; for one thread. */
struct hb_content_hash {
    uint64_t sum;
    uint64_t at;    /* bytes so far */
    uint64_t total; /* what is expected; a hint */
    bool open;      /* a block has begun, and not ended */
    void *state;    /* of it; kept for the next ones */
};

/* Another content, of `total` bytes as far as is known. */
void hb_content_begin(struct hb_content_hash *hash, uint64_t total);
void hb_content_put(struct hb_content_hash *hash, const void *data, size_t bytes);
/* A gap, which is zero bytes. */
void hb_content_put_zeros(struct hb_content_hash *hash, uint64_t bytes);
uint64_t hb_content_end(struct hb_content_hash *hash);
void hb_content_clear(struct hb_content_hash *hash);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The fast codec: deflate by ISA-L, and its inflater, twice as fast as zlib's. */
#ifndef ZIP_ISAL_H
#define ZIP_ISAL_H

#include <stdbool.h>
#include <stddef.h>

struct inflate_state;

struct zip_isal *zip_isal_new(void); /* NULL: out of memory */
void zip_isal_free(struct zip_isal *isal);
/*
 * One deflate stream or, where it is not the last, the beginning of one, which ends on a byte. The
 * same for the same data, whatever came before. Returns its length; 0: it does not fit.
 */
size_t zip_isal_deflate(struct zip_isal *isal, const unsigned char *data, size_t bytes, void *to,
                        size_t room, bool last);

enum zip_inflating {
    ZIP_INFLATE_MORE,   /* data, or room */
    ZIP_INFLATE_ENDED,  /* the stream is complete */
    ZIP_INFLATE_REFUSED /* by ISA-L: another has to judge */
};

/* A piece of a stream, and where its content goes. Both move on. */
struct zip_inflow {
    const unsigned char *in;
    size_t in_bytes; /* less than 2 GiB, so is out_bytes; what is left, once it has ended */
    unsigned char *out;
    size_t out_bytes;
};

/* For a new stream of raw deflate. NULL: out of memory. Free with free(). */
struct inflate_state *zip_isal_inflater(struct inflate_state *reused);
/* MORE: all data was taken, or all room is used. */
enum zip_inflating zip_isal_inflate(struct inflate_state *state, struct zip_inflow *flow);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread needs to encode and to decode. */
#ifndef ZIP_WORKER_H
#define ZIP_WORKER_H

#include "zip_window.h"

/* Each part is made when it is first needed. */
struct zip_worker {
    struct libdeflate_compressor *compressor;
    struct libdeflate_compressor *sampler; /* level 1: is it worth the while? */
    struct zip_isal *isal;
    struct libdeflate_decompressor *decompressor;
    struct z_stream_s *inflater;
    struct inflate_state *fast_inflater; /* ISA-L's */
    unsigned char *packed;
    size_t packed_capacity;
    unsigned char *plain;
    size_t plain_capacity;
    struct zip_window members, central; /* decode */
};

void *zip_worker_create(void *self);
void zip_worker_destroy(void *self, void *worker);
/* An inflater for raw deflate, reset; NULL after host->fail(). */
struct z_stream_s *zip_inflater(const struct zip *zip, struct zip_worker *worker);

#endif

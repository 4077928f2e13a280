/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread needs to encode and to decode. */
#ifndef TAR_WORKER_H
#define TAR_WORKER_H

#include "tar_zstd.h"

/* Each part is made when it is first used. */
struct tar_worker {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    struct tar_buffer header;  /* encode: of all entries in the unit; decode: of one */
    struct tar_buffer lengths; /* size_t of each header in it */
    unsigned char *input;      /* ZSTD_DStreamInSize() */
    unsigned char *output;     /* ZSTD_DStreamOutSize() */
};

void *tar_worker_create(void *self);
void tar_worker_destroy(void *self, void *worker);

#endif

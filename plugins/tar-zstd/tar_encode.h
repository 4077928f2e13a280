/* SPDX-License-Identifier: Apache-2.0 */
/* Units: independent frames of zstd. */
#ifndef TAR_ENCODE_H
#define TAR_ENCODE_H

#include "tar_zstd.h"

int tar_encode(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out);
/* A compressor for one independent frame after another, with checksums; NULL: no memory. */
ZSTD_CCtx *tar_compressor(int level);

#endif

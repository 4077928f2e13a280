/* SPDX-License-Identifier: Apache-2.0 */
/* The tar stream out of frames of zstd. */
#ifndef TAR_SOURCE_ZSTD_H
#define TAR_SOURCE_ZSTD_H

#include "tar_source.h"

/* HB_OK or a failure. */
int tar_source_zstd(struct tar_source *source);

#endif

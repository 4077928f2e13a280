/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out how an archive is compressed. */
#ifndef TAR_SOURCE_OPEN_H
#define TAR_SOURCE_OPEN_H

#include "tar_source.h"

enum tar_packing { TAR_PLAIN, TAR_ZSTD, TAR_GZIP, TAR_FILTERED /* by libarchive */ };
/* By the first bytes of an archive. */
enum tar_packing tar_packing_of(const void *head, size_t bytes);

/* `source` is zero; HB_OK or a failure. Close it in either case. */
int tar_source_open(struct tar_source *source, const struct tar_zstd *tar,
                    const struct hb_input *input);
void tar_source_close(struct tar_source *source);

#endif

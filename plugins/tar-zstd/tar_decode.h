/* SPDX-License-Identifier: Apache-2.0 */
/* Members out of their frames. */
#ifndef TAR_DECODE_H
#define TAR_DECODE_H

#include "tar_zstd.h"

int tar_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs);

#endif

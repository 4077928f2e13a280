/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over any tar archive. */
#ifndef TAR_WALK_H
#define TAR_WALK_H

#include "tar_zstd.h"

int tar_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor);

#endif

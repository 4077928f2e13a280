/* SPDX-License-Identifier: Apache-2.0 */
/* What is in an archive of ours. */
#ifndef TAR_LIST_H
#define TAR_LIST_H

#include "tar_zstd.h"

int tar_list(void *self, const struct hb_input *input, const struct hb_lister *lister);

#endif

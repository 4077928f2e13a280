/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the archive. */
#ifndef ZIP_LIST_H
#define ZIP_LIST_H

#include "zip.h"

int zip_list(void *self, const struct hb_input *input, const struct hb_lister *lister);
int zip_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor);
int zip_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Members as they lie in an archive of ours, for a later one to take them over. */
#ifndef ZIP_SPAN_H
#define ZIP_SPAN_H

#include "zip.h"

int zip_span(void *self, const struct hb_member *first, const struct hb_member *next,
             struct hb_range *range);
int zip_locate(void *self, const struct hb_member *member, const struct hb_range *range,
               const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
               uint64_t *head);

#endif

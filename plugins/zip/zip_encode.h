/* SPDX-License-Identifier: Apache-2.0 */
/* Units of entries: deflate streams, and their joints. */
#ifndef ZIP_ENCODE_H
#define ZIP_ENCODE_H

#include "zip.h"

int zip_unit_policy(void *self, struct hb_unit_policy *policy);
int zip_encode(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out);
/* Can a zip hold it? HB_STATUS_ENTRY after host->fail(). */
int zip_check_entry(const struct zip *zip, const struct hb_entry *entry);

#endif

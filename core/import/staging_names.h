/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that fold names (upper and lower case, forms of Unicode) treat two names as one.
 * What becomes of a member whose name is another one there.
 */
#ifndef HB_STAGING_NAMES_H
#define HB_STAGING_NAMES_H

#include "import/staging_state.h"

/*
 * All is staged. A member whose name is treated as that of an existing file replaces that file, and
 * the report says so. It is not restored if the archive has that name, too, if an earlier member
 * goes there, or if the filters or this program keep the file. HB_OK or HB_STATUS_FATAL.
 */
int hb_staging_settle_names(struct hb_staging *staging, struct hb_error *error);

/* The path that a member is restored to. */
const char *hb_staging_path(const struct hb_staging *staging, size_t index);
void hb_staging_clear_names(struct hb_staging *staging);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Members whose names the home's file system takes for others that are there. */
#ifndef HB_STAGING_NAMES_H
#define HB_STAGING_NAMES_H

#include "import/staging_state.h"

/*
 * All is staged. A member that would replace what has another name here goes to that one, as the
 * file system sees it; but it is not restored where that name is also in the archive, where an
 * earlier member went there, or where the filters or this program keep it. HB_OK or HB_FATAL.
 */
int hb_staging_settle_names(struct hb_staging *staging, struct hb_error *error);

/* The path that a member is restored to. */
const char *hb_staging_path(const struct hb_staging *staging, size_t index);
void hb_staging_clear_names(struct hb_staging *staging);

#endif

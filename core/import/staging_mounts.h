/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other file systems below the home, and as root directories of others than its owner: what goes
 * there waits in a stage there, to be renamed.
 */
#ifndef HB_STAGING_MOUNTS_H
#define HB_STAGING_MOUNTS_H

#include "import/staging_state.h"

/* Moves what is staged, and says in the plan which stage each row is in then. HB_OK or HB_FATAL. */
int hb_staging_spread(struct hb_staging *staging, struct hb_error *error);

#endif

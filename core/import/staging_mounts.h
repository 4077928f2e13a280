/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename() works on one file system, and with the rights of one user. What goes to another file
 * system below the home, or as root to a directory of another owner, waits in a stage beside it.
 */
#ifndef HB_STAGING_MOUNTS_H
#define HB_STAGING_MOUNTS_H

#include "import/staging_state.h"

/* Moves what is staged, and says in the plan which stage each row is in then. HB_OK or
 * HB_STATUS_FATAL. */
int hb_staging_spread(struct hb_staging *staging, struct hb_error *error);

#endif

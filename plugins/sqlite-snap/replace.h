/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a database back by rename. */
#ifndef REPLACE_H
#define REPLACE_H

#include "restoring.h"

/* No target: removes what is left beside it. HB_RESTORE_RENAME, or HB_STATUS_ENTRY after fail(). */
int replace_missing(struct restoring *restoring);

/*
 * A target that SQLite cannot overwrite, `what` it is for the message: HB_RESTORE_RENAME if nobody
 * has it open and nothing beside it matters; else refused. No connection to it may be open.
 */
int replace_existing(struct restoring *restoring, const char *what);

/* What either would be refused for, and nothing is removed: HB_OK, or a failure after fail(). */
int missing_is_refused(const struct restoring *restoring);
int replace_is_refused(struct restoring *restoring, const char *what);

#endif

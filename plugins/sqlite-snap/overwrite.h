/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a database back through SQLite, into the file that is there. */
#ifndef OVERWRITE_H
#define OVERWRITE_H

#include "restoring.h"

enum { OVERWRITE_BROKEN = 100 }; /* SQLite cannot open the target: it is damaged */

/*
 * Into a target that is a database, or empty. HB_RESTORE_DONE; OVERWRITE_BROKEN, with SQLite's
 * words in `why`; or a failure, after fail().
 */
int overwrite_target(struct restoring *restoring, bool was_empty, char *why, size_t why_bytes);

#endif

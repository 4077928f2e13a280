/* SPDX-License-Identifier: Apache-2.0 */
/* Which snapshot is meant: by its id, or by its number in the list. */
#ifndef HB_SNAPSHOT_WANTED_H
#define HB_SNAPSHOT_WANTED_H

#include "host/run.h"

enum { HB_SNAPSHOTS_LISTED = 20 }; /* so many are listed unless more are asked for */

/*
 * The id that a number in the list of the open home stands for, or the id itself, which need not be
 * there; NULL after *error. Caller frees.
 */
char *hb_snapshot_wanted(struct hb_run *run, const char *wanted, struct hb_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Putting one database back: what the ways of doing so share. */
#ifndef RESTORING_H
#define RESTORING_H

#include "connection.h"
#include "live.h"

#include <sys/stat.h>

struct restoring {
    struct snap *snap;
    const struct hb_entry *entry;
    const struct hb_file *file; /* the staged copy */
    const struct hb_target *target;
    struct patience patience;
    struct stat there; /* the target, where it exists */
    bool in_doubt;     /* it may hold the new rows, though overwriting it failed */
};

/* HB_ENTRY: says why, and that nothing was done. */
int refuse(const struct restoring *restoring, const char *reason);
/* HB_LATER: the same, for what may pass. */
int refuse_for_now(const struct restoring *restoring, const char *reason);
/* HB_LATER or HB_ENTRY, by an errno. */
int status_for(int reason);

/* Makes changes of names in the target's directory durable; false: errno. */
bool flush_directory(const struct restoring *restoring);

/* ---- by rename (replace.c) -------------------------------------------------------- */

/* No target: removes what is left beside it. HB_RESTORE_RENAME, or HB_ENTRY after fail(). */
int replace_missing(const struct restoring *restoring);

/*
 * A target that SQLite cannot overwrite, `what` it is for the message: HB_RESTORE_RENAME if nobody
 * has it open and nothing beside it matters; else refused. No connection to it may be open.
 */
int replace_existing(const struct restoring *restoring, const char *what);

/* ---- through SQLite (overwrite.c) ------------------------------------------------- */

enum { OVERWRITE_BROKEN = 100 }; /* SQLite cannot open the target: it is damaged */

/*
 * Into a target that is a database, or empty. HB_RESTORED; OVERWRITE_BROKEN, with SQLite's words in
 * `why`; or a failure, after fail().
 */
int overwrite_target(struct restoring *restoring, bool was_empty, char *why, size_t why_bytes);

#endif

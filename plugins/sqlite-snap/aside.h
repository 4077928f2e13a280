/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a database made without SQLite, for those that cannot be opened where they are without
 * writing beside them or into them: the file and its log or journal are copied, and SQLite
 * recovers the copy. Only good if nothing changed meanwhile, which the caller finds out.
 */
#ifndef ASIDE_H
#define ASIDE_H

#include "connection.h"
#include "live.h"

/*
 * Into `file`. HB_OK: *result is SQLite's, SQLITE_OK for a recovered copy in one file;
 * HB_NOMATCH: a side file went away under way; else a failure.
 */
int copy_aside(struct snap *snap, const struct hb_entry *entry, const struct live *live,
               const struct look *look, const struct hb_file *file, struct patience *patience,
               int *result);

/*
 * Makes one file of a staged copy and the log or journal that lies beside it. SQLite's result:
 * SQLITE_CORRUPT, too, if something is left of them.
 */
int recover_staged(const struct hb_file *file, struct patience *patience);

/* No log and no journal with content lies beside it. */
bool no_side_is_left(const struct hb_file *file);

#endif

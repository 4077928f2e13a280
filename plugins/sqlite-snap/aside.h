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
 * Into `staged`. HB_OK: *result is SQLite's, SQLITE_OK for a recovered copy in one file;
 * HB_STATUS_NOMATCH: a side file went away under way; else a failure.
 */
int copy_aside(struct snap *snap, const struct hb_entry *entry, struct held *live,
               const struct look *look, struct held *staged, struct patience *patience,
               int *result);

/*
 * Makes one file of a staged copy and the log or journal that lies beside it. SQLite's result:
 * SQLITE_CORRUPT, too, if something is left of them. `origin`: what it is a copy of, for its
 * refusal and the rights of its directory's owner; the copy itself, where that is an archive.
 */
int recover_staged(struct held *staged, struct held *origin, struct patience *patience);

/* Does a log or journal with content lie beside it? 1, 0, or -errno: cannot tell. */
int sides_left(const struct held *staged);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which directory a path of a receipt was: a further root of the home (files/grafts.h), or what
 * was mounted there. Where that is another one now, or none, nothing of it is taken back, for it is
 * not what the import has changed; it waits until the directory is there again.
 *
 * A directory is known by its inode and the time of its birth; where inodes do not last, a root by
 * its path and a mount by being one.
 */
#ifndef HB_UNDO_ROOTS_H
#define HB_UNDO_ROOTS_H

#include "host/run.h"
#include "restore/undo_receipt.h"

/*
 * The one that a path goes through, whose directory is open (below 0: it is missing, and so is what
 * is mounted there); NULL: it is in the home itself. Of the receipt.
 */
const struct hb_undo_root *hb_undo_root_of(struct hb_undo_receipt *receipt,
                                           const struct hb_run *run, const char *path,
                                           int directory_fd);
/* Why the row is not where it was: the rest of a sentence, constant. NULL: it is. */
const char *hb_undo_root_problem(const struct hb_run *run, const struct hb_undo_row *row);

#endif

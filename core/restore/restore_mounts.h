/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an import that was killed is completed: is what is mounted below the home what was mounted
 * when its journal was written? Nothing is made, changed or kept beside on any other file system:
 * what is there is not what was noted, and what was noted lies below it.
 */
#ifndef HB_RESTORE_MOUNTS_H
#define HB_RESTORE_MOUNTS_H

#include "files/beneath.h"
#include "restore/restore_state.h"

extern const char hb_restore_why_covered[], hb_restore_why_no_stage[];

/* Does the path of a file, link or tree lead to another file system than its stage is on? */
bool hb_restore_is_covered(const struct hb_restoring *restore, const struct hb_journal_row *row);
/*
 * The same of a directory, and whether its stage is there. True: it is reported. Of one that was
 * there before, and is there, nothing is asked: nothing is done with it.
 */
bool hb_restore_directory_is_away(struct hb_restoring *restore, const struct hb_journal_row *row);
/* The same of a directory that is in a tree, and of the one at its place. */
bool hb_restore_is_mounted_over(const struct hb_restoring *restore, int staged_fd,
                                const struct hb_place *place);

#endif

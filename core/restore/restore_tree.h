/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes a tree (trees.h): by one rename, or in pieces where its directory has been made by now.
 * No directory was there when the import began: whatever has the name of one of its files has come
 * since, and who completes an import that was killed leaves it alone.
 */
#ifndef HB_RESTORE_TREE_H
#define HB_RESTORE_TREE_H

#include "restore/restore_state.h"

/* On one thread. HB_OK, whatever failed; HB_STATUS_CANCELLED: what was left is still staged. */
int hb_restore_tree(struct hb_restoring *restore, const struct hb_journal_row *row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One file or link of a journal: to its place, by the content plugin whose it is or by a rename; or
 * it is left alone. */
#ifndef HB_RESTORE_ENTRY_H
#define HB_RESTORE_ENTRY_H

#include "restore/restore_state.h"
#include "restore/target.h"

/*
 * Is it there to be published? Else it was published before, or is said why it cannot be: its file
 * system may not be mounted now, and nobody but ourselves takes a stage away.
 */
bool hb_restore_is_due(struct hb_restoring *restore, const struct hb_journal_row *row);
/* A row that is due, or with HB_NO_INDEX a file of a tree, staged as `name` in that directory. */
void hb_restore_file(struct hb_restoring *restore, const struct hb_journal_row *row, int from_fd,
                     const char *name, struct hb_last_target *last);
/* A row that waits under its own name, if it is due. */
void hb_restore_entry(struct hb_restoring *restore, const struct hb_journal_row *row,
                      struct hb_last_target *last);

#endif

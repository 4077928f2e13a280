/* SPDX-License-Identifier: Apache-2.0 */
/* One file or link of a journal: to its place, by the content plugin whose it is or by a rename; or
 * it is left alone. */
#ifndef HB_RESTORE_ENTRY_H
#define HB_RESTORE_ENTRY_H

#include "restore/restore_state.h"
#include "restore/target.h"

const struct hb_stage *hb_restore_stage_of(const struct hb_restoring *restore,
                                           const struct hb_journal_row *row);
/* 0: it is; ENOENT: it is not, so that it was published before; or why that cannot be told. */
int hb_restore_look_for_staged(const struct hb_restoring *restore,
                               const struct hb_journal_row *row);
/* What is there bears another name, which the file system takes for this one: it stays. */
bool hb_restore_is_folded(struct hb_restoring *restore, const struct hb_journal_row *row,
                          struct hb_last_target *last, const struct hb_place *place);
/*
 * It is not known what has become of it: its file system may not be mounted now, and nobody but
 * ourselves takes a stage away, which is once the journal is gone.
 */
void hb_restore_stage_is_missing(struct hb_restoring *restore, const struct hb_journal_row *row);
/*
 * Was it staged for another file system than the one that is mounted there now, or that lies bare?
 * What is there then is not what was noted, whatever it is.
 */
bool hb_restore_is_covered(const struct hb_restoring *restore, const struct hb_journal_row *row);
void hb_restore_skip_covered(struct hb_restoring *restore, const struct hb_journal_row *row);
void hb_restore_entry(struct hb_restoring *restore, const struct hb_journal_row *row,
                      struct hb_last_target *last);

#endif

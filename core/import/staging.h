/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staging: everything that a plan restores is decoded, verified and on the disk before the first
 * file of the home is replaced.
 *
 * What it promises
 *   - Until the journal is committed, the home is as it was. An archive that is damaged at its last
 *     byte, a full disk, a signal or a kill leave nothing behind but a stage, which this run
 *     removes, or the next one.
 *   - From that moment on the whole import will be carried through, by this run or by the next one,
 *     without the archive (restore/journal.h).
 *   - Only the members that the plan selects reach the home. Their names in the stage are numbers:
 *     no path of an archive is used there, but in trees (trees.h) and where names are tried out
 *     (staging_names.h), and those paths select has checked.
 *
 * What it must not do
 *   - Follow or replace anything in the home. It only looks, to note what each target is.
 *   - Link to a file of the home. Hard links become copies of a staged file.
 *   - Assume that the stage and a target lie on one file system: rename() would fail when half of
 *     the files are replaced. What goes elsewhere is moved to a stage there first.
 *
 * Why this way: writing each file beside its target would be simpler, but an archive that turns out
 * to be damaged would leave a home that is half new, with nobody to say which half. Staging costs
 * no second copy, since files are renamed out of the stage; only content that a plugin writes into
 * the file that is there (a database) takes its space twice, which is checked before anything is
 * replaced.
 *
 * The way of a row:
 *
 *      plan: HB_SELECTED, or HB_ORIGIN (only its data is needed)
 *        |  hb_staging_note_targets   what lies at its target now (staging_notes.h)
 *        |  copy_rows -> open, done   its data: "m<index>" in the stage, or its name in a tree
 *        |  hb_staging_complete       hard links are copied, symbolic links made (staging_links.h)
 *        v
 *      staged
 *        |  hb_staging_settle_names   the name that its file system gives it (staging_names.h),
 *        |                            or HB_DROPPED, with a line in the report
 *        |  hb_staging_spread         to a stage on the file system of its target
 *        |  hb_staging_write_journal  its turn, its mode (staging_journal.h); flushed
 *        v
 *      journaled   `before` runs: the last moment at which anything can say no; where it has made a
 *        |         way back, the receipt for an undo is written (undo_rows.h)
 *        |  hb_journal_commit
 *        v
 *      published, row by row (restore/restore.h)
 *
 * A stream cannot be read twice, so that all of it is staged before anything is planned; what is
 * not selected then is removed with the stage.
 *
 * Names: hb_staging_* works on all of an import, struct hb_staging. hb_staged_name() is the name of
 * one row's file in its stage; hb_stage_* (files/stage.h) is the directory itself.
 */
#ifndef HB_STAGING_H
#define HB_STAGING_H

#include "import/staging_state.h"
#include "restore/restore.h"

/*
 * Produces the data of rows, on as many threads as it likes: for each, hb_staging_open(), writes to
 * the descriptor, hb_staging_done(). HB_OK, or a failure: nothing is restored.
 */
typedef int (*hb_staging_copy_rows)(void *context, struct hb_staging *staging,
                                    struct hb_error *error);

/* Before all others. */
void hb_staging_init(struct hb_staging *staging);

/*
 * Stages all rows that are needed, as copy_rows() produces them; of a plan that has no rows yet (a
 * stream), whatever it produces.
 */
int hb_staging_fill(struct hb_staging *staging, hb_staging_copy_rows copy_rows, void *context,
                    struct hb_error *error);

/* For copy_rows(), with hb_staging_open(): are so many bytes free? `how` stands before their
 * number. HB_OK or HB_STATUS_FATAL. */
int hb_staging_check_space(const struct hb_staging *staging, uint64_t bytes, const char *how,
                           struct hb_error *error);
/* It is whole: gets its time, and is looked at by the content plugin that claims it. */
int hb_staging_done(void *staging, unsigned worker, size_t index, int fd, uint64_t bytes,
                    struct hb_error *error);

/*
 * All is staged and verified: writes the journal, calls `before` (may be NULL), and publishes.
 * HB_OK; a failure: nothing was changed, unless *begun, when the next run will go on by the
 * journal.
 */
int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error);
/* Removes the stages but the run's own, or leaves them for the next run. The plan is still there.
 */
void hb_staging_clear(struct hb_staging *staging, bool leave);

#endif

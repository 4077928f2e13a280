/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publication: staged files take their places in the home, by the rows of a journal.
 *
 * What it promises
 *   - Each file is the old one or the new one, whole, at every moment and after a kill or a power
 *     cut. When hb_restore() returns, what it has published is on the disk.
 *   - One row that cannot be published is named in the report, and all others go on.
 *   - A file that is replaced keeps its owner and, unless a filter says otherwise, its mode and
 *     access list; nobody can read a new file who could not read the old one (files/access.h).
 *
 * What it must not do
 *   - Reach anything outside the home, whatever links lie in it or are put there meanwhile. Every
 *     place is resolved below the home's descriptor (files/beneath.h) just before it is used.
 *   - Rename a file over a live database. Rows that a content plugin claims go through the plugin.
 *   - When it completes an import that was killed: replace what somebody has written since.
 *
 * Why on workers, and why in an order: plain files depend on nothing, and renaming them is the bulk
 * of the work, so that all workers take them in batches. All else is done by one thread, in the
 * order in which the journal has it: directories, claimed files, trees, what lies in trees, then
 * plain files, links last, since nothing may be written through a link that this import has made.
 *
 *      read a row --- another stage -----------------> passed over, the caller has opened it
 *        |
 *        |-- directory --> made, open to its owner alone; noted in "made" (made.h)
 *        |-- tree -------> one rename, or in pieces (restore_tree.h)
 *        |-- file, link -> is it due (restore_entry.h)?  no: it was published, or waits
 *        |                   resolve its place; is somebody's work there?
 *        |                   the plugin's restore(), or rename()
 *        v
 *      the end: directories get mode and time, the last row first; the file systems are flushed
 *
 * A signal ends it between two rows; the journal says what is left, and directories stay open to
 * their owner until a run gets to the end.
 */
#ifndef HB_RESTORE_H
#define HB_RESTORE_H

#include "restore/restore_request.h"

/*
 * What cannot be restored is reported and the rest goes on. Durable when it returns. HB_OK;
 * HB_STATUS_CANCELLED: the journal says what is left; HB_STATUS_FATAL: the journal cannot be read.
 */
int hb_restore(const struct hb_restore_request *request, struct hb_restored *result,
               struct hb_error *error);

/*
 * From here on a second signal says that the import is not complete and who completes it, until
 * the journal is dropped (hb_stage_drop_journal).
 */
void hb_restore_last_words(const struct hb_run *run);

#endif

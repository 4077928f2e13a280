/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an import, when all that its journal speaks of is published and the journal is still
 * there: its receipt becomes the last one of the home. An undo removes what was new then.
 *
 * Whoever is killed in it leaves the journal, so that the next run does it again: what is removed
 * is not there any more, and all else comes to the same.
 */
#ifndef HB_UNDO_FINISH_H
#define HB_UNDO_FINISH_H

#include "host/run.h"
#include "restore/undo_receipt.h"

/*
 * `stage`: the name of the one that the journal is in. An import without a receipt of its own
 * (NULL) makes the one before it void. What an undo could not remove is in the report; *removed, if
 * that is not NULL, are the files and links that it did.
 */
void hb_undo_finish(struct hb_run *run, const struct hb_chain *contents, const char *stage,
                    struct hb_undo_receipt *receipt, uint64_t *removed);

/*
 * The receipt that belongs to that stage. 0; -ENOENT: none that is to be believed does; or -errno:
 * there may be one that cannot be read now. hb_undo_receipt_clear in any case.
 */
int hb_undo_of_stage(struct hb_run *run, const char *stage, struct hb_undo_receipt *receipt);

/* A plugin has put the row's content to that place: what it says of it is noted. */
void hb_undo_note_claimed(struct hb_undo_receipt *receipt, const struct hb_instance *content,
                          const struct hb_place *place);

#endif

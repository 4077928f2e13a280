/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes staged members in the home, by the rows of a journal: each is the old file or the new
 * one, never torn. Nothing outside the home is ever reached (beneath.h).
 */
#ifndef HB_RESTORE_H
#define HB_RESTORE_H

#include "restore/restore_request.h"

/*
 * What cannot be restored is reported and the rest goes on. Durable when it returns. HB_OK;
 * HB_CANCELLED: the journal says what is left; HB_FATAL: the journal cannot be read.
 */
int hb_restore(const struct hb_restore_request *request, struct hb_restored *result,
               struct hb_error *error);

/*
 * From here on a second signal says that the import is not complete and who completes it, until
 * the journal is dropped (hb_stage_drop_journal).
 */
void hb_restore_last_words(const struct hb_run *run);

#endif

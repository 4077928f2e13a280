/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes staged members in the home, by the rows of a journal: each is the old file or the new
 * one, never torn. Nothing outside the home is ever reached (beneath.h).
 */
#ifndef HB_RESTORE_H
#define HB_RESTORE_H

#include "archive/claims.h"
#include "host/run.h"
#include "restore/journal.h"
#include <time.h>

struct hb_restore_request {
    struct hb_run *run; /* home is open */
    struct hb_journal *journal;
    struct hb_stage *const *stages; /* by number; NULL: it could not be opened */
    unsigned stage_count;
    const struct hb_chain *contents;
    struct hb_claims *claims; /* by index of a row: what they have said already; NULL: ask */
    unsigned workers;
    const bool *checked; /* by index of a row: hb_check_staged() has been called; may be NULL */
    /*
     * An interrupted import: what is not staged any more has been published, and what was written
     * to after its journal is newer than it: it is left alone. (Not yet what a content plugin puts
     * back.)
     */
    bool again;
    struct timespec since;
};

struct hb_restored {
    uint64_t files; /* restored */
    uint64_t bytes;
    uint64_t failed;    /* that could not be, and are reported */
    uint64_t postponed; /* of them, those that may work later: no space, a lock, an I/O error */
};

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

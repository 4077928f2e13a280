/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of hb_restore(), and what comes of it. */
#ifndef HB_RESTORE_REQUEST_H
#define HB_RESTORE_REQUEST_H

#include "archive/claims.h"
#include "host/run.h"
#include "restore/begun.h"
#include "restore/journal.h"
#include "restore/undo_receipt.h"
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
    /* An interrupted import: what is not staged any more has been published. */
    bool again;
    struct timespec since;        /* when it began to publish */
    const struct hb_begun *begun; /* which rows a plugin had begun to put back; or NULL */
    const struct hb_begun *left;  /* which a run had left alone that could not say so; or NULL */
    /* With `again`: where it is told what somebody has changed since, and is left alone. */
    struct hb_report *left_alone;
    /* What is not as it was noted stays, and nothing is put beside it: there is a way back. */
    bool leaves_changed;
    struct hb_undo_receipt *undo; /* of the import, which takes notes of claimed files; or NULL */
};

struct hb_restored {
    uint64_t files; /* restored */
    uint64_t bytes;
    uint64_t failed;    /* that could not be, and are reported */
    uint64_t postponed; /* of them, those that may work later: no space, a lock, an I/O error */
    uint64_t left;      /* that somebody has changed since, and that are left alone */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking back what the last import, snapshot restore or undo of a home did: what it replaced comes
 * back, what was new goes, and what somebody has changed since stays (import/undo_plan.h).
 *
 * It is an import of the way back, so that what holds for an import holds for it: nothing is
 * changed before all is staged, and what was begun will be carried through, by this run or the next
 * one.
 */
#ifndef HB_UNDO_H
#define HB_UNDO_H

#include "import/undo_plan.h"

struct hb_undo_request {
    struct hb_run *run; /* its home is open and locked */
    bool force;         /* also what has been changed since */
    bool dry_run;
    /* Asks. HB_OK to go on, HB_STATUS_NOMATCH: declined, or a failure. */
    int (*confirm)(void *context, const struct hb_undoing *undoing,
                   const struct hb_restore_plan *plan, struct hb_error *error);
    void *context;
};

struct hb_undo_result {
    bool none;      /* there is no receipt: HB_STATUS_FATAL */
    bool completed; /* an undo was interrupted, and is complete now: nothing else is done */
    bool locked;    /* HB_STATUS_NOMATCH: another machine is at work; else it was declined */
    bool nothing;   /* there was nothing to do */
    uint64_t files, bytes, removed, left;
    uint64_t failed;       /* of `left`: what the next undo tries again */
    uint64_t changed;      /* of `left`: what --force takes */
    char *what;            /* was taken back: "import", "snapshot restore", "undo"; or NULL */
    struct hb_undo_way of; /* what was there before it */
    char *way_back;        /* the archive that was made first, or NULL */
    unsigned swept;
};

/* As hb_import(). hb_undo_result_clear in any case. */
int hb_undo(const struct hb_undo_request *request, struct hb_undo_result *result,
            struct hb_error *error);
/* The user has been told: from here on the next undo takes this one back. */
void hb_undo_end(const struct hb_run *run);
void hb_undo_result_clear(struct hb_undo_result *result);

#endif

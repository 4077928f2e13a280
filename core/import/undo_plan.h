/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an undo is going to do with each row of a receipt (restore/undo_receipt.h), and which
 * members of its way back are restored for that.
 *
 * What was replaced comes back from the archive, or the snapshot, by the way of an import: staged,
 * verified, published by a journal. What was new is removed when that is done (undo_finish.h), by
 * the receipt of the undo, so that whoever completes an undo that was killed removes it, too.
 */
#ifndef HB_UNDO_PLAN_H
#define HB_UNDO_PLAN_H

#include "archive/archive_state.h"
#include "import/restore_plan.h"
#include "restore/undo_receipt.h"

enum hb_undo_fate {
    HB_UNDO_DONE,     /* it is as it was before already */
    HB_UNDO_PUT_BACK, /* what was there before comes back */
    HB_UNDO_REMOVE,   /* it was new */
    HB_UNDO_LEAVE,    /* it has been changed since: it stays, and --force takes it */
    HB_UNDO_NOT_NOW,  /* its directory is another one, or not there: it stays, and waits */
    HB_UNDO_CANNOT,   /* it stays, whatever is typed */
    HB_UNDO_FATES
};

struct hb_undo_part {
    uint8_t fate;    /* enum hb_undo_fate */
    const char *why; /* of HB_UNDO_LEAVE and HB_UNDO_CANNOT: the rest of a sentence, constant */
    size_t member;   /* that is put back, of the plan; or SIZE_MAX */
};

struct hb_undoing {
    struct hb_undo_receipt receipt; /* what is taken back */
    bool force;
    bool dry_run;
    bool again;                      /* it is what the last undo has left */
    struct hb_undo_part *parts;      /* one a row */
    const struct hb_chain *contents; /* of the import, when it is planned */
};

/*
 * What the receipt asks for: what an undo before has left, if it could not put something back or,
 * with `force`, has left anything; else all but that. Then each row is looked at.
 */
void hb_undoing_begin(struct hb_run *run, const struct hb_chain *contents,
                      struct hb_undoing *undoing);
void hb_undoing_clear(struct hb_undoing *undoing);
uint64_t hb_undoing_count(const struct hb_undoing *undoing, enum hb_undo_fate fate);

/*
 * The plan of a catalog that is listed, without rows yet; `archive` may be NULL. What the way back
 * does not have cannot be put back.
 */
void hb_undoing_plan(struct hb_undoing *undoing, struct hb_run *run,
                     const struct hb_archive *archive, const struct hb_chain *contents,
                     struct hb_restore_plan *plan);

/*
 * Once more, since somebody may have answered late, and programs go on: what has been changed
 * meanwhile is left, too, and not restored by the plan. With `plan` NULL, which is too late for
 * that, only the path of the first is told; caller frees. NULL: nothing has been changed.
 */
char *hb_undoing_look_again(struct hb_undoing *undoing, struct hb_run *run,
                            struct hb_restore_plan *plan);

/* Into the receipt of the undo: what it removes, what it leaves, and, spare, what it puts back. */
void hb_undoing_add_rows(const struct hb_undoing *undoing, const struct hb_restore_plan *plan,
                         struct hb_undo_receipt *receipt);
/* What stays is named: exit status 3. */
void hb_undoing_report(const struct hb_undoing *undoing, struct hb_report *report);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports that were killed while they published: the next run that works on the home carries them
 * through, by the journal in the stage that was left (journal.h says what becomes of each row).
 *
 * It happens at the beginning of a run: a backup must not store a home that is half old and half
 * new as if it were whole, and nothing of an old import may be published over a new one. A run that
 * only reads says what is waiting. A stage is completed by its own user alone, not while the
 * process that made it may be alive, on this machine or on another (files/stage_owner.h), and only
 * if nobody else can have written its journal (seal.h).
 */
#ifndef HB_RECOVER_H
#define HB_RECOVER_H

#include "host/run.h"

enum hb_recover_mode {
    HB_RECOVER_TELL,          /* changes nothing */
    HB_RECOVER,               /* what cannot be completed now waits for another run */
    HB_RECOVER_BEFORE_IMPORT, /* nothing may be left that is completed over the new import later */
};

/*
 * For a home that is open and locked. Lines of the report say what was done; what was not restored,
 * or cannot be now, is doubtful there: this run finds the home half old, half new. HB_OK,
 * HB_STATUS_CANCELLED, HB_STATUS_NOMATCH: before an import, another machine may be at work
 * (files/stage_owner.h), or HB_STATUS_FATAL: an import that was interrupted is in the way of the
 * one to come, or might be.
 */
int hb_recover(struct hb_run *run, const struct hb_chain *contents, enum hb_recover_mode mode,
               struct hb_error *error);

/*
 * Where machines share the home (stage_owner.h): two that begin at the same time both find nobody
 * and then make their stage, so each looks again once it has made its own. HB_OK,
 * HB_STATUS_NOMATCH: there is another, or HB_STATUS_FATAL.
 */
int hb_recover_look_again(struct hb_run *run, struct hb_error *error);

/*
 * An import has put everything to its place: what is left of one before it, which could not be
 * completed because nobody can tell who wrote its journal (restore/seal.h), is of no use any more.
 */
void hb_recover_discard(struct hb_run *run);

#endif

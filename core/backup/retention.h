/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several archives, or snapshots, stay. The one rule for both; it touches no file.
 *
 * What it promises: whatever happens, the newest one that is complete is there afterwards. So
 * nothing is removed on a guess. Every question about a file has three answers, for a file may be
 * there and yet tell nothing at this moment: no permission, an error of the disk, no descriptor
 * left, a limit of the configuration, a signal. "Cannot tell" is never taken for "no".
 *
 * Removed is only what
 *   - was read in this run, and is this home's: not another's, and not one that does not say whose;
 *   - was not made by this run;
 *   - lies beyond the newest `keep`, of which one that cannot be told is none: it stays beside
 * them;
 *   - is not needed any more: one that was read in this run as complete stays, and the one that
 * goes is older than that, or was itself read as incomplete. Where no complete one could be read
 * nothing goes at all. With `keep` 0, which only a person who says so gives, all goes that is this
 * home's and could be read.
 */
#ifndef HB_RETENTION_H
#define HB_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose is it? */
enum hb_whose {
    HB_HOME_OURS,
    HB_HOME_OTHERS,  /* it says that it is another home's */
    HB_HOME_UNKNOWN, /* it was read, and does not say: made by a release before, or by another tool
                      */
    HB_HOME_UNTOLD   /* it cannot be read now */
};

/* Is it complete? */
enum hb_answer { HB_NOT_ASKED, HB_YES, HB_NO, HB_CANNOT_TELL };

/* What becomes of it, and why. */
enum hb_fate {
    HB_GOES,
    HB_STAYS_NEW,      /* this run made it */
    HB_STAYS_KEPT,     /* one of the newest `keep` */
    HB_STAYS_COMPLETE, /* none of those is complete, this one is */
    HB_STAYS_NEEDED,   /* no complete one could be read */
    HB_STAYS_UNTOLD,   /* nothing can be told about it now */
    HB_STAYS_OTHERS,
    HB_STAYS_UNKNOWN
};

/* One of those that are there, the newest first. */
struct hb_kept {
    enum hb_whose whose;
    enum hb_answer complete; /* HB_NOT_ASKED: is_complete() tells; or known beforehand */
    bool just_made;          /* by this run */
    enum hb_fate fate;       /* the answer */
};

/* `is_complete` is asked about a row of ours, at most once, and only where it matters. */
void hb_retention(struct hb_kept *rows, size_t count, uint64_t keep,
                  enum hb_answer (*is_complete)(void *context, size_t row), void *context);

#endif

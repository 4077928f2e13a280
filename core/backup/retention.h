/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several archives, or snapshots, stay. The one rule for both; it touches no file.
 *
 * What it promises: whatever happens, the newest one that is complete is there afterwards. So
 * nothing is removed on a guess. Every question about a file has three answers, for a file may be
 * there and yet tell nothing at this moment: no permission, an error of the disk, no descriptor
 * left, a limit of the configuration, a signal. "Cannot tell" is never taken for "no".
 *
 * The order is that in which they were made. A number that counts up with each says most; else the
 * time at which it was begun, then the time in its name and the number behind that, then when it
 * was written. Clocks are set back, so each is asked only where all before it are the same.
 *
 * Removed is only what
 *   - was read in this run (in a store: it or its facts), and is this home's: not another's, and
 * not one that does not say whose;
 *   - was not made by this run;
 *   - lies beyond the newest `keep`, of which one that is unknown is none: it stays beside
 * them;
 *   - is not needed any more: one that was read in this run as complete stays, and the one that
 * goes is older than that, or was itself read as incomplete. Where no complete one could be read
 * nothing goes at all. With `keep` 0, which only a person who says so gives, all goes that is this
 * home's and could be read.
 */
#ifndef HB_RETENTION_H
#define HB_RETENTION_H

#include "host/archive_name.h"
#include <stdint.h>
#include <time.h>

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

/* When it was made, by what it says of that; what it does not say is zero. */
struct hb_when {
    uint64_t sequence; /* among those of this home */
    int64_t started;   /* nanoseconds since 1970 */
    struct hb_archive_name name;
    struct timespec written;
};

/* One of those that are there. What an archive or a snapshot is besides stands behind it. */
struct hb_kept {
    char *name;
    struct hb_when when;
    enum hb_whose whose;
    enum hb_answer complete; /* HB_NOT_ASKED: is_complete() tells; or known beforehand */
    bool just_made;          /* by this run */
    char *why;               /* nothing can be told, or it was to go and could not; or NULL */
    enum hb_fate fate;       /* the answer */
    bool removed;            /* by hb_prune_rows(), or would be */
};

/* For qsort() of rows that begin with a struct hb_kept. */
int hb_newest_first(const void *one, const void *other);

/*
 * Decides on rows of `row_bytes` each that begin with a struct hb_kept, the newest first.
 * `is_complete` is asked about a row of ours, at most once, and only where it matters.
 */
void hb_retention(void *rows, size_t row_bytes, size_t count, uint64_t keep,
                  enum hb_answer (*is_complete)(void *context, size_t row), void *context);

#endif

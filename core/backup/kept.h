/* SPDX-License-Identifier: Apache-2.0 */
/* An archive or a snapshot that is there, what is to stay, and what becomes of each; retention.h
 * decides it. */
#ifndef HB_KEPT_H
#define HB_KEPT_H

#include "host/archive_name.h"
#include <stdbool.h>
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
    HB_STAYS_KEPT,     /* by the rules: hb_kept.rules */
    HB_STAYS_COMPLETE, /* none of those is complete, this one is */
    HB_STAYS_NEEDED,   /* no complete one could be read */
    HB_STAYS_UNTOLD,   /* nothing can be told about it now */
    HB_STAYS_UNTIMED,  /* the rules are of time, and nobody knows its own */
    HB_STAYS_HELD,     /* a newer one is marked as shrunk */
    HB_STAYS_WAY_BACK, /* an undo goes back to it */
    HB_STAYS_OTHERS,
    HB_STAYS_UNKNOWN
};

enum hb_keep_period {
    HB_KEEP_HOURLY,
    HB_KEEP_DAILY,
    HB_KEEP_WEEKLY,
    HB_KEEP_MONTHLY,
    HB_KEEP_YEARLY,
    HB_KEEP_PERIODS,
    /* Not of periods, but rules, too. */
    HB_KEEP_NEWEST = HB_KEEP_PERIODS,
    HB_KEEP_WITHIN,
    HB_KEEP_RULES
};

/* What stays. All zero: nothing is to be kept. */
struct hb_keep {
    uint64_t newest;              /* so many */
    uint64_t in[HB_KEEP_PERIODS]; /* of so many of the last hours, days … the newest */
    int64_t within;               /* what was begun so many seconds before the newest; 0: no rule */
    int64_t now;                  /* seconds since 1970; only for rules of time */
};

static inline bool hb_keep_is_by_time(const struct hb_keep *keep)
{
    bool is = keep->within != 0;
    for (int period = 0; period < HB_KEEP_PERIODS; period++)
        is |= keep->in[period] != 0;
    return is;
}

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
    bool shrunk;             /* it is marked so (shrink.h), and nobody has accepted that */
    bool way_back;           /* an undo goes back to it (restore/undo_receipt.h) */
    char *why;               /* nothing can be told, or it was to go and could not; or NULL */
    enum hb_fate fate;       /* the answer */
    uint32_t rules;          /* those by which it stays: 1 << HB_KEEP_… */
    bool removed;            /* by hb_prune_rows(), or would be */
};

#endif

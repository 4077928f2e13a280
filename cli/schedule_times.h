/* SPDX-License-Identifier: Apache-2.0 */
/* When the jobs of a schedule run. */
#ifndef HB_SCHEDULE_TIMES_H
#define HB_SCHEDULE_TIMES_H

#include "base/error.h"
#include <stdbool.h>

enum hb_job { HB_JOB_BACKUP, HB_JOB_SAMPLE, HB_JOB_DRILL, HB_JOBS };

/* When each of them runs; hb_times_clear. */
struct hb_times {
    char *calendar[HB_JOBS]; /* OnCalendar= */
    char *cron[HB_JOBS];     /* the five fields; NULL: cron has no words for it */
    const char *delay;       /* RandomizedDelaySec= */
    char *told;              /* "every day at 03:00" */
};

/* As it was typed; at most one is not NULL, or true. None: every day at 03:00. */
struct hb_schedule_when {
    const char *daily, *weekly, *calendar;
    bool hourly;
};

/* HB_OK, or HB_STATUS_FATAL and *error: what was typed is no time. Clear *times in any case. */
int hb_times_of(const struct hb_schedule_when *when, struct hb_times *times,
                struct hb_error *error);
void hb_times_clear(struct hb_times *times);

#endif

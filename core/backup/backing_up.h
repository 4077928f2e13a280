/* SPDX-License-Identifier: Apache-2.0 */
/* A backup that is under way. */
#ifndef HB_BACKING_UP_H
#define HB_BACKING_UP_H

#include "backup/backup_request.h"
#include "files/state_key.h"
#include "pipeline/plan.h"
#include <time.h>

/* A backup that is under way, from its plan on. */
struct hb_backing_up {
    const struct hb_backup_request *request;
    struct hb_run *run;
    struct hb_backup_result *result;
    struct hb_error *error;
    struct hb_chain filters, contents;
    struct hb_plan plan;
    struct hb_stage destination_stage; /* when the run's own lies elsewhere (stage-dir) */
    int64_t latest;                    /* SOURCE_DATE_EPOCH, else INT64_MAX */
    struct hb_state_key key;           /* of this installation */
    int64_t started;                   /* nanoseconds since 1970 */
};

/* Nanoseconds since 1970. */
static inline int64_t hb_backup_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Must the same tree give the same archive, whoever makes it, and when? */
static inline bool hb_is_reproducible(const struct hb_backing_up *backup)
{
    return backup->latest != INT64_MAX;
}

#endif

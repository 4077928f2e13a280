/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that publish rows share: restore.c, and those whose names begin so. */
#ifndef HB_RESTORE_STATE_H
#define HB_RESTORE_STATE_H

#include "restore/made.h"
#include "restore/restore_request.h"
#include <pthread.h>

/* A row with its texts. */
struct hb_restoring_row {
    struct hb_journal_row row;
    char *path, *link;
    bool finished; /* a directory that has its mode */
};

struct hb_restoring {
    const struct hb_restore_request *request;
    struct hb_run *run;
    struct hb_restored *result;
    struct hb_restoring_row *made; /* directories that get mode and time at the end */
    size_t made_count;
    struct hb_made notes; /* about those */

    pthread_mutex_t lock;         /* of all below, and of *result */
    struct hb_restoring_row next; /* read from the journal, not yet worked on */
    int status;                   /* of `next`: HB_OK, HB_STATUS_END or a failure */
    bool interrupted;             /* rows were taken and not worked on */
    struct hb_error *error;
    bool mounts; /* something is mounted below the home */
    uint64_t home_mount;
    bool gives; /* owners that rows name: what a journal says is not enough (owner.h) */
};

/* Where the row waits; NULL: it is not there now. */
static inline const struct hb_stage *hb_restore_stage_of(const struct hb_restoring *restore,
                                                         const struct hb_journal_row *row)
{
    return row->stage < restore->request->stage_count ? restore->request->stages[row->stage] : NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Making a quick snapshot (snapshot.h): copies of what [snapshot] files names, and a manifest. */
#ifndef HB_SNAPSHOT_MAKE_H
#define HB_SNAPSHOT_MAKE_H

#include "host/run.h"

struct hb_snapshot_made {
    char *id; /* NULL: there was nothing to be copied */
    uint64_t files, bytes;
};

/* The home is open and locked. `label` may be NULL. HB_OK, HB_CANCELLED or HB_FATAL. */
int hb_snapshot_make(struct hb_run *run, const char *label, struct hb_snapshot_made *made,
                     struct hb_error *error);

/* What would be copied, and how much; nothing is written. As hb_snapshot_make. */
int hb_snapshot_plan(struct hb_run *run,
                     void (*would_copy)(void *context, const char *path, uint64_t bytes),
                     void *context, struct hb_snapshot_made *planned, struct hb_error *error);

/* Is the label fit to be a part of an id? NULL, or why not. */
const char *hb_snapshot_label_problem(const char *label);

#endif

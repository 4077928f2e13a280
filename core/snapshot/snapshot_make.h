/* SPDX-License-Identifier: Apache-2.0 */
/* Making a quick snapshot (snapshot.h): copies of what [snapshot] files names, and a manifest. */
#ifndef HB_SNAPSHOT_MAKE_H
#define HB_SNAPSHOT_MAKE_H

#include "host/run.h"
#include "pipeline/plan.h"

struct hb_snapshot_request {
    struct hb_run *run; /* the home is open and locked */
    const char *label;  /* or NULL */
    /* Set: nothing is written; one call a file that would be copied. */
    void (*would_copy)(void *context, const char *path, const struct hb_plan *plan,
                       const struct hb_planned *planned);
    void *context;
};

struct hb_snapshot_made {
    char *id;              /* NULL: there was nothing to be copied */
    uint64_t files, bytes; /* copied, or that would be */
    uint64_t too_large;    /* files that were left out for their size: no older snapshot may go */
};

/* HB_OK, HB_STATUS_CANCELLED or HB_STATUS_FATAL. */
int hb_snapshot_make(const struct hb_snapshot_request *request, struct hb_snapshot_made *made,
                     struct hb_error *error);

/* Is the label fit to be a part of an id? NULL, or why not. */
const char *hb_snapshot_label_problem(const char *label);

#endif

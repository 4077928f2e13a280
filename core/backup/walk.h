/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the plan of a backup: walks the home, asks the filters and the content plugins. */
#ifndef HB_WALK_H
#define HB_WALK_H

#include "files/home_id.h"
#include "pipeline/plan.h"

/* Files that are never stored: the archive itself, the key of this installation. */
struct hb_identity {
    uint64_t device;
    uint64_t inode;
};

struct hb_plan_request {
    struct hb_run *run;
    const struct hb_chain *filters;
    const struct hb_chain *contents;
    bool store_links;
    bool one_file_system;
    const struct hb_identity *excluded;
    size_t excluded_count;
    const struct hb_home_id *id; /* archives of this home that lie in it are left out */
    int64_t latest;              /* see hb_plan */
    unsigned *swept; /* grows by the left-overs of killed runs that were removed; NULL: none are */
};

/* HB_OK and *plan; HB_CANCELLED; HB_FATAL. What it passes over goes into the run's report. */
int hb_plan_make(const struct hb_plan_request *request, struct hb_plan *plan,
                 struct hb_error *error);

#endif

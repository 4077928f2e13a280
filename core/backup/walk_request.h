/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk through the home is asked for. */
#ifndef HB_WALK_REQUEST_H
#define HB_WALK_REQUEST_H

#include "base/choice.h"
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
    struct hb_choice *choice;     /* what of the home; NULL: everything */
    const struct hb_keeps *keeps; /* what the format keeps */
    bool store_links;
    bool one_file_system;
    const struct hb_identity *excluded;
    size_t excluded_count;
    const struct hb_home_id *id; /* archives of this home that lie in it are left out */
    int64_t latest;              /* see hb_plan */
    unsigned *swept; /* grows by the left-overs of killed runs that were removed; NULL: none are */
};

#endif

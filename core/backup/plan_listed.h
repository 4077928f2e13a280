/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a plan from a list of paths, instead of from a walk through the whole home. */
#ifndef HB_PLAN_LISTED_H
#define HB_PLAN_LISTED_H

#include "pipeline/plan.h"

struct hb_plan_listed_request {
    struct hb_run *run;
    const struct hb_chain *contents;
    const char *const *paths;   /* files and directories, ended by NULL; they may be missing */
    const char *const *without; /* names of directories that are left out below a listed one */
};

/* HB_OK and *plan; HB_STATUS_CANCELLED. What it passes over goes into the run's report. */
int hb_plan_listed(const struct hb_plan_listed_request *request, struct hb_plan *plan,
                   struct hb_error *error);

#endif

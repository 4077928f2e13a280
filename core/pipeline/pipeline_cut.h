/* SPDX-License-Identifier: Apache-2.0 */
/* Where the plan is cut into items. */
#ifndef HB_PIPELINE_CUT_H
#define HB_PIPELINE_CUT_H

#include "pipeline/plan.h"

/*
 * How many entries from `first` on (below `end`) form one item. One, unless the policy spans: then
 * small ones share it until it is full or, once there is something in it, until a path says so by
 * its hash. The cut depends on paths near it, so one changed file changes one or two items as a
 * rule, not all that follow.
 */
size_t hb_item_entries(const struct hb_plan *plan, const struct hb_unit_policy *policy,
                       size_t first, size_t end);

/* How many units an entry of so many bytes has. */
static inline uint64_t hb_units_of(const struct hb_unit_policy *policy, uint64_t bytes)
{
    return bytes == 0 ? 1 : bytes / policy->unit_bytes + (bytes % policy->unit_bytes != 0);
}

#endif

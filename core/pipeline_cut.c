/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline_cut.h"

#include "memory.h"
#include <string.h>
#include <xxhash.h>

enum { CUT_ONE_IN = 8 };

static bool path_cuts(const struct hb_plan *plan, const struct hb_planned *planned)
{
    HB_AUTO_FREE char *path = hb_plan_path(plan, planned);
    return XXH3_64bits(path, strlen(path)) % CUT_ONE_IN == 0;
}

size_t hb_item_entries(const struct hb_plan *plan, const struct hb_unit_policy *policy,
                       size_t first, size_t end)
{
    uint64_t filled = 0;
    if (!policy->spans || plan->entries[first].content != 0)
        return 1;
    for (size_t i = first; i < end; i++) {
        const struct hb_planned *planned = &plan->entries[i];
        uint64_t content = planned->type == HB_FILE ? planned->bytes : 0;
        bool big = planned->content != 0 || content > policy->unit_bytes / 2;
        uint64_t need = content + policy->overhead;
        if (i > first && (big || filled + need > policy->unit_bytes))
            return i - first;
        if (big)
            return 1;
        filled += need;
        if (filled >= policy->unit_bytes / CUT_ONE_IN && path_cuts(plan, planned))
            return i - first + 1;
    }
    return end - first;
}

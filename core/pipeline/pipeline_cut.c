/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_cut.h"

#include "base/memory.h"
#include <string.h>
#include <xxhash.h>

/*
 * The rarer a path's hash, the less need be in the item for it to end there. With one rule alone,
 * two ways to cut that got out of step (a file grew) would meet again by chance only, many items
 * later; the rare paths bring them together.
 *
 * Short items cost space, because each begins with nothing to refer to; long ones cost time when
 * one of their files has changed. On homes of small files these numbers take 3 % less space than
 * items of half the length, and a second backup, with 1 % of the files changed here and there,
 * takes a quarter to a half more processor time; it is still a third to a half of a first one.
 */
static const struct {
    uint64_t fill;        /* from one so-many-th of a unit on */
    uint64_t one_path_in; /* of so many paths one ends the item */
} cuts[] = {{4, 8}, {8, 64}, {64, 512}};

enum { CUTS = sizeof cuts / sizeof *cuts };

static bool path_cuts(const struct hb_plan *plan, const struct hb_planned *planned, uint64_t filled,
                      uint64_t unit_bytes)
{
    if (filled < unit_bytes / cuts[CUTS - 1].fill)
        return false;
    HB_AUTO_FREE char *path = hb_plan_path(plan, planned);
    uint64_t hash = XXH3_64bits(path, strlen(path));
    for (size_t i = 0; i < CUTS; i++)
        if (filled >= unit_bytes / cuts[i].fill && hash % cuts[i].one_path_in == 0)
            return true;
    return false;
}

size_t hb_item_entries(const struct hb_plan *plan, const struct hb_unit_policy *policy,
                       size_t first, size_t end)
{
    uint64_t filled = 0;
    if (!policy->spans)
        return 1;
    for (size_t i = first; i < end; i++) {
        struct hb_planned planned = hb_plan_entry(plan, i);
        uint64_t content = planned.type == HB_TYPE_FILE ? planned.bytes : 0;
        bool big = hb_plan_common(plan, &planned)->content != 0 || content > policy->unit_bytes / 2;
        uint64_t need = content + policy->overhead;
        if (i > first && (big || filled + need > policy->unit_bytes))
            return i - first;
        if (big)
            return 1;
        filled += need;
        if (path_cuts(plan, &planned, filled, policy->unit_bytes))
            return i - first + 1;
    }
    return end - first;
}

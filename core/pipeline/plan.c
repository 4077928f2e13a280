/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/plan.h"

#include "base/memory.h"
#include <string.h>

void hb_plan_clear(struct hb_plan *plan)
{
    free(plan->entries);
    free(plan->directories);
    free(plan->names);
    *plan = (struct hb_plan){0};
}

char *hb_plan_path(const struct hb_plan *plan, const struct hb_planned *planned)
{
    size_t bytes = planned->name_bytes;
    for (uint32_t at = planned->parent; at != UINT32_MAX; at = plan->directories[at].parent)
        bytes += plan->directories[at].name_bytes + 1;
    char *path = hb_alloc(bytes + 1), *end = path + bytes;
    end -= planned->name_bytes;
    memcpy(end, plan->names + planned->name, planned->name_bytes);
    for (uint32_t at = planned->parent; at != UINT32_MAX; at = plan->directories[at].parent) {
        *--end = '/';
        end -= plan->directories[at].name_bytes;
        memcpy(end, plan->names + plan->directories[at].name, plan->directories[at].name_bytes);
    }
    return path;
}

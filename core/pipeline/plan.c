/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/plan.h"

#include "base/memory.h"
#include <string.h>

_Static_assert(sizeof(struct hb_planned) == 56, "of each there may be millions");
_Static_assert(sizeof(struct hb_plan_common) == 12, "it is compared as bytes: without padding");

void hb_plan_forget_entries(struct hb_plan *plan)
{
    free(plan->entries);
    free(plan->directories);
    free(plan->names);
    plan->entries = plan->directories = NULL;
    plan->names = NULL;
    hb_interned_clear(&plan->commons);
}

void hb_plan_clear(struct hb_plan *plan)
{
    hb_plan_forget_entries(plan);
    *plan = (struct hb_plan){0};
}

void hb_plan_set_common(struct hb_plan *plan, struct hb_planned *planned,
                        const struct hb_plan_common *common)
{
    planned->common = hb_intern(&plan->commons, common, sizeof *common);
}

void hb_plan_set_mode(struct hb_plan *plan, struct hb_planned *planned, unsigned mode)
{
    struct hb_plan_common common = *hb_plan_common(plan, planned);
    common.mode = (uint16_t)mode;
    hb_plan_set_common(plan, planned, &common);
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

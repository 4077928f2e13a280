/* SPDX-License-Identifier: Apache-2.0 */
#include "import/settle_links.h"

#include "archive/hard_links.h"
#include "host/own_places.h"
#include <string.h>

bool hb_links_to_itself(const struct hb_restore_plan *plan, size_t index)
{
    const char *link = hb_catalog_link(plan->catalog, index);
    return plan->catalog->members[index].type == HB_TYPE_HARDLINK && link != NULL &&
           strcmp(link, hb_catalog_path(plan->catalog, index)) == 0;
}

/* Why the row does not get what `from` has; NULL: it does. */
static const char *problem_of(const struct hb_run *run, const struct hb_restore_plan *plan,
                              size_t index, uint32_t from)
{
    if (from == HB_LINKS_NOWHERE)
        return hb_links_to_itself(plan, index) ? "and the archive has no data for it"
                                               : "which is not in the archive";
    if (from == HB_LINKS_IN_RINGS)
        return "which leads back to it: the archive has no data for them";
    switch (plan->catalog->members[from].type) {
    case HB_TYPE_FILE:
    case HB_TYPE_SYMLINK:
        break;
    case HB_TYPE_DIRECTORY:
        return "which is a directory";
    default:
        return "which is a device, pipe or socket";
    }
    if (plan->rows[from].action == HB_KEPT_BACK)
        return "which an import never replaces";
    if (plan->rows[from].action == HB_DROPPED)
        return plan->catalog->members[from].type == HB_TYPE_SYMLINK
                   ? "a symbolic link, which is not restored"
                   : "which is not restored";
    if (plan->catalog->members[from].type == HB_TYPE_SYMLINK)
        return hb_own_problem(run->own, hb_planned_path(plan, index), true);
    return NULL;
}

static void drop(struct hb_run *run, struct hb_restore_plan *plan, size_t index,
                 const char *problem)
{
    struct hb_restore_row *row = &plan->rows[index];
    const char *target = hb_catalog_link(plan->catalog, index);
    if (row->action == HB_SELECTED)
        hb_report_add(&run->report, HB_FOUND_SKIPPED, hb_planned_path(plan, index),
                      "is a hard link to %s, %s",
                      hb_links_to_itself(plan, index) ? "itself"
                      : target == NULL                ? "nothing"
                                                      : target,
                      problem);
    row->action = HB_DROPPED;
}

void hb_settle_links(struct hb_run *run, struct hb_restore_plan *plan, const uint32_t *from)
{
    for (size_t i = 0; from != NULL && i < plan->count; i++) {
        struct hb_restore_row *row = &plan->rows[i];
        if (plan->catalog->members[i].type != HB_TYPE_HARDLINK || row->action != HB_SELECTED)
            continue;
        const char *problem = problem_of(run, plan, i, from[i]);
        if (problem != NULL) {
            drop(run, plan, i, problem);
            continue;
        }
        row->origin = from[i];
        uint8_t *action = &plan->rows[from[i]].action;
        if (*action == HB_REPLACED || *action == HB_UNWANTED)
            *action = HB_ORIGIN;
    }
}

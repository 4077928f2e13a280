/* SPDX-License-Identifier: Apache-2.0 */
#include "import/conflicts.h"

#include "base/memory.h"
#include <string.h>

/* A selected row. Sorted, those below a name follow it at once. */
struct name {
    const char *path;
    size_t index;
};

/* '/' comes before all other bytes, so that "a/b" stands in front of "a.b". */
static int in_order(const void *left, const void *right)
{
    const unsigned char *a = (const unsigned char *)((const struct name *)left)->path;
    const unsigned char *b = (const unsigned char *)((const struct name *)right)->path;
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    unsigned x = *a == '/' ? 1 : *a == '\0' ? 0 : *a + 1u;
    unsigned y = *b == '/' ? 1 : *b == '\0' ? 0 : *b + 1u;
    return (x > y) - (x < y);
}

static bool lies_below(const char *path, const char *above)
{
    size_t bytes = strlen(above);
    return strncmp(path, above, bytes) == 0 && path[bytes] == '/';
}

/* Its data may still be that of hard links; a directory of the name that stood before it is made.
 */
static void give_way(struct hb_report *report, struct hb_restore_plan *plan, size_t index)
{
    const struct hb_catalog_member *members = plan->catalog->members;
    size_t before = hb_planned_replaced(plan, index);
    plan->rows[index].action = HB_REPLACED;
    hb_report_add(report, HB_FOUND_SKIPPED, hb_planned_path(plan, index),
                  "a directory is in the way: the archive has other entries below this name");
    if (before != SIZE_MAX && members[before].type == HB_TYPE_DIRECTORY)
        plan->rows[before].action = HB_SELECTED;
}

/* As most archives are: then neighbours tell, and no table of the names is made. */
static bool is_sorted(const struct hb_restore_plan *plan)
{
    struct name before = {NULL, 0};
    for (size_t i = 0; i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i))
            continue;
        struct name name = {hb_planned_path(plan, i), i};
        if (before.path != NULL && in_order(&before, &name) >= 0)
            return false;
        before = name;
    }
    return true;
}

static size_t take_names(const struct hb_restore_plan *plan, struct name *names)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (hb_planned_is_selected(plan, i))
            names[count++] = (struct name){hb_planned_path(plan, i), i};
    qsort(names, count, sizeof *names, in_order);
    return count;
}

/* `next` is the name that follows. Does the first one give way to it? */
static bool settle(struct hb_report *report, struct hb_restore_plan *plan, const struct name *name,
                   const struct name *next)
{
    if (plan->catalog->members[name->index].type == HB_TYPE_DIRECTORY ||
        !lies_below(next->path, name->path))
        return false;
    give_way(report, plan, name->index);
    return true;
}

static bool settle_sorted(struct hb_report *report, struct hb_restore_plan *plan)
{
    struct name before = {NULL, 0};
    bool any = false;
    for (size_t i = 0; i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i))
            continue;
        struct name name = {hb_planned_path(plan, i), i};
        any |= before.path != NULL && settle(report, plan, &before, &name);
        before = name;
    }
    return any;
}

static bool settle_unsorted(struct hb_report *report, struct hb_restore_plan *plan)
{
    HB_AUTO_FREE struct name *names = hb_alloc((plan->count + 1) * sizeof *names);
    size_t count = take_names(plan, names);
    bool any = false;
    for (size_t i = 0; i + 1 < count; i++)
        any |= settle(report, plan, &names[i], &names[i + 1]);
    return any;
}

void hb_conflicts_settle(struct hb_report *report, struct hb_restore_plan *plan)
{
    bool any = is_sorted(plan) ? settle_sorted(report, plan) : settle_unsorted(report, plan);
    for (size_t i = 0; any && i < plan->count; i++) {
        struct hb_restore_row *origin = &plan->rows[plan->rows[i].origin];
        if (hb_planned_is_selected(plan, i) && origin->action == HB_REPLACED)
            origin->action = HB_ORIGIN;
    }
}

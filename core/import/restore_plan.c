/* SPDX-License-Identifier: Apache-2.0 */
#include "import/restore_plan.h"

#include "base/memory.h"
#include "files/access.h"
#include <string.h>

_Static_assert(sizeof(struct hb_restore_row) == 12, "of each there may be millions");

static void claimed_entry(const void *rows, size_t index, struct hb_entry *entry)
{
    hb_planned_entry(rows, index, entry);
}

void hb_restore_plan_begin(struct hb_restore_plan *plan, const struct hb_chain *contents)
{
    plan->count = plan->catalog->count;
    plan->rows = hb_alloc((plan->count + 1) * sizeof *plan->rows);
    for (size_t i = 0; i < plan->count; i++)
        plan->rows[i] = (struct hb_restore_row){.mode = HB_MODE_IS_OPEN, .origin = (uint32_t)i};
    hb_claims_init(&plan->claims, contents, plan, plan->count, claimed_entry);
}

void hb_restore_plan_clear(struct hb_restore_plan *plan)
{
    hb_claims_clear(&plan->claims);
    hb_path_table_clear(&plan->by_path);
    free(plan->rows);
    free(plan->replacements);
    free(plan->wrapper);
    *plan = (struct hb_restore_plan){.catalog = plan->catalog};
}

void hb_planned_entry(const struct hb_restore_plan *plan, size_t index, struct hb_entry *entry)
{
    const struct hb_restore_row *row = &plan->rows[index];
    hb_catalog_entry(plan->catalog, index, entry);
    entry->path += row->skip;
    entry->path_bytes -= row->skip;
    if (row->origin == index)
        return;
    struct hb_entry origin;
    hb_catalog_entry(plan->catalog, row->origin, &origin);
    entry->type = origin.type;
    entry->link = origin.link;
    entry->bytes = origin.bytes;
    entry->mtime = origin.mtime;
    entry->mode = origin.mode;
    entry->flags = origin.flags;
    entry->uid = origin.uid;
    entry->gid = origin.gid;
}

void hb_planned_drop(struct hb_restore_plan *plan, struct hb_report *report, size_t index,
                     const char *why)
{
    plan->rows[index].action = HB_DROPPED;
    hb_report_add(report, HB_FOUND_SKIPPED, hb_planned_path(plan, index),
                  "cannot be restored: it %s", why);
}

void hb_planned_drop_data(struct hb_restore_plan *plan, struct hb_report *report, size_t index,
                          const char *why)
{
    /* A directory has no data: the list alone says whether it is made, as the dry run has it. */
    if (!hb_planned_is_needed(plan, index) ||
        plan->catalog->members[index].type == HB_TYPE_DIRECTORY)
        return;
    if (hb_planned_is_selected(plan, index))
        hb_planned_drop(plan, report, index, why);
    plan->rows[index].action = HB_DROPPED;
}

void hb_planned_drop_links(struct hb_restore_plan *plan, struct hb_report *report)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_restore_row *row = &plan->rows[i];
        if (row->action != HB_SELECTED || plan->rows[row->origin].action != HB_DROPPED)
            continue;
        row->action = HB_DROPPED;
        hb_report_add(report, HB_FOUND_SKIPPED, hb_planned_path(plan, i),
                      "is a hard link to %s, which is not restored",
                      hb_planned_path(plan, row->origin));
    }
}

uint32_t hb_planned_mode(const struct hb_restore_plan *plan, size_t index, uint32_t umask)
{
    const struct hb_restore_row *row = &plan->rows[index];
    const struct hb_catalog_common *origin = hb_catalog_common(plan->catalog, row->origin);
    bool is_directory = plan->catalog->members[row->origin].type == HB_TYPE_DIRECTORY;
    if (row->mode != HB_MODE_IS_OPEN)
        return row->mode & 0777;
    if (origin->entry_flags & HB_ENTRY_HAS_MODE)
        return origin->mode & (is_directory ? HB_DIRECTORY_MODES : 0777);
    uint32_t nobodys = origin->entry_flags & HB_ENTRY_READ_ONLY ? 0222 : 0;
    return (is_directory ? 0777 : 0666) & ~umask & ~nobodys;
}

static const char *path_of(const void *rows, size_t index, size_t *bytes)
{
    *bytes = hb_planned_path_bytes(rows, index);
    return hb_planned_path(rows, index);
}

size_t hb_planned_enter(struct hb_restore_plan *plan, size_t index)
{
    hb_path_table_reserve(&plan->by_path, plan->count, path_of, plan);
    return hb_path_table_put(&plan->by_path, index, path_of, plan);
}

void hb_planned_replace(struct hb_restore_plan *plan, size_t index, size_t before)
{
    size_t count = plan->replacement_count++;
    plan->replacements = hb_resize(plan->replacements, count + 1, sizeof *plan->replacements);
    plan->replacements[count] = (struct hb_replacement){index, before};
}

size_t hb_planned_replaced(const struct hb_restore_plan *plan, size_t index)
{
    size_t low = 0, high = plan->replacement_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->replacements[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < plan->replacement_count && plan->replacements[low].index == index
               ? plan->replacements[low].before
               : SIZE_MAX;
}

size_t hb_planned_find(const struct hb_restore_plan *plan, const char *path)
{
    return hb_path_table_find(&plan->by_path, path, strlen(path), path_of, plan);
}

void hb_planned_forget_paths(struct hb_restore_plan *plan)
{
    hb_path_table_clear(&plan->by_path);
}

void hb_planned_enter_all(struct hb_restore_plan *plan)
{
    bool entered = plan->by_path.used > 0;
    for (size_t i = 0; !entered && i < plan->count; i++)
        if (hb_planned_is_selected(plan, i))
            hb_planned_enter(plan, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/plan.h"

#include "base/memory.h"
#include <string.h>

_Static_assert(sizeof(struct hb_plan_directory) == 16, "of each there may be millions");
_Static_assert(sizeof(struct hb_plan_common) == 12, "it is compared as bytes: without padding");

/* What a row holds. Of most files the times of both changes are the same. */
enum column {
    PARENT,
    COMMON,
    NAME,
    NAME_BYTES,
    TYPE_AND_FLAGS,
    BYTES,
    INODE,
    MTIME_SECONDS,
    MTIME_NANOSECONDS,
    CTIME_SECONDS, /* after the other */
    CTIME_NANOSECONDS,
    COLUMNS
};

/* At the end of a growing text; returns where. */
static size_t keep(char **text, size_t *bytes, size_t *capacity, const char *more, size_t count)
{
    size_t at = *bytes;
    if (*capacity - at < count) {
        *capacity = (at + count) * 3 / 2 + 4096;
        *text = hb_resize(*text, *capacity, 1);
    }
    memcpy(*text + at, more, count);
    *bytes += count;
    return at;
}

void hb_plan_add(struct hb_plan *plan, const struct hb_planned *planned, const char *name)
{
    const uint64_t row[COLUMNS] = {
        [PARENT] = planned->parent,
        [COMMON] = planned->common,
        [NAME] =
            keep(&plan->names, &plan->name_bytes, &plan->name_capacity, name, planned->name_bytes),
        [NAME_BYTES] = planned->name_bytes,
        [TYPE_AND_FLAGS] = (uint64_t)planned->type << 8 | planned->flags,
        [BYTES] = planned->bytes,
        [INODE] = planned->inode,
        [MTIME_SECONDS] = (uint64_t)planned->mtime_seconds,
        [MTIME_NANOSECONDS] = planned->mtime_nanoseconds,
        [CTIME_SECONDS] = (uint64_t)planned->ctime_seconds - (uint64_t)planned->mtime_seconds,
        [CTIME_NANOSECONDS] =
            (uint64_t)planned->ctime_nanoseconds - (uint64_t)planned->mtime_nanoseconds,
    };
    plan->entries.columns = COLUMNS;
    hb_numbers_add(&plan->entries, row);
    plan->count++;
}

struct hb_planned hb_plan_entry(const struct hb_plan *plan, size_t index)
{
    uint64_t row[COLUMNS];
    hb_numbers_get(&plan->entries, index, row);
    return (struct hb_planned){
        .index = index,
        .parent = (uint32_t)row[PARENT],
        .common = (uint32_t)row[COMMON],
        .name = row[NAME],
        .name_bytes = (uint32_t)row[NAME_BYTES],
        .type = (uint8_t)(row[TYPE_AND_FLAGS] >> 8),
        .flags = (uint8_t)row[TYPE_AND_FLAGS],
        .bytes = row[BYTES],
        .inode = row[INODE],
        .mtime_seconds = (int64_t)row[MTIME_SECONDS],
        .mtime_nanoseconds = (uint32_t)row[MTIME_NANOSECONDS],
        .ctime_seconds = (int64_t)(row[MTIME_SECONDS] + row[CTIME_SECONDS]),
        .ctime_nanoseconds = (uint32_t)(row[MTIME_NANOSECONDS] + row[CTIME_NANOSECONDS]),
    };
}

uint32_t hb_plan_add_directory(struct hb_plan *plan, const struct hb_plan_directory *directory,
                               const char *name)
{
    if (plan->directory_count == plan->directory_capacity) {
        plan->directory_capacity += plan->directory_capacity / 2 + 64;
        plan->directories =
            hb_resize(plan->directories, plan->directory_capacity, sizeof *plan->directories);
    }
    struct hb_plan_directory *made = &plan->directories[plan->directory_count];
    *made = *directory;
    made->name = keep(&plan->directory_names, &plan->directory_name_bytes,
                      &plan->directory_name_capacity, name, directory->name_bytes) &
                 ((1ULL << 44) - 1);
    return (uint32_t)plan->directory_count++;
}

void hb_plan_give_back(struct hb_plan *plan, size_t index)
{
    if (index >= plan->first_claimed)
        return;
    hb_numbers_give_back(&plan->entries, index);
    hb_give_back(plan->names, &plan->names_given_back, (size_t)hb_plan_entry(plan, index).name);
}

void hb_plan_forget_entries(struct hb_plan *plan)
{
    hb_numbers_clear(&plan->entries);
    free(plan->directories);
    free(plan->directory_names);
    free(plan->names);
    plan->directories = NULL;
    plan->names = plan->directory_names = NULL;
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
        memcpy(end, plan->directory_names + plan->directories[at].name,
               plan->directories[at].name_bytes);
    }
    return path;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/changes.h"

#include "base/memory.h"
#include "files/stage.h"
#include "host/own_places.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>

/* What is at the path, links in the home followed. 0, or -errno. */
static int look(const struct hb_run *run, struct hb_last_target *last, const char *path,
                bool is_link, struct stat *status)
{
    struct hb_place place;
    int result = hb_target_look(run, last, path, is_link, &place);
    if (result == 0 &&
        (hb_stage_on_path(place.path) || hb_own_problem(run->own, place.path, is_link) != NULL))
        result = -EXDEV;
    if (result == 0 && !place.exists)
        result = -ENOENT;
    *status = place.status;
    hb_place_clear(&place);
    return result;
}

static bool is_same(const struct hb_catalog_member *member, const struct stat *status)
{
    return member->type == HB_FILE && S_ISREG(status->st_mode) &&
           (member->entry_flags & HB_ENTRY_HAS_MTIME) &&
           (uint64_t)status->st_size == member->bytes &&
           status->st_mtim.tv_sec == member->mtime_seconds &&
           status->st_mtim.tv_nsec == (long)member->mtime_nanoseconds;
}

static enum hb_change change_of(const struct hb_run *run, struct hb_restore_plan *plan,
                                struct hb_last_target *last, size_t index)
{
    const struct hb_catalog_member *member = &plan->catalog->members[index];
    struct stat status;
    bool directory = member->type == HB_DIRECTORY;
    if (!hb_planned_is_selected(plan, index))
        return HB_CHANGE_NONE;
    if (run->home.fd < 0)
        return directory ? HB_CHANGE_NONE : HB_CHANGE_NEW;
    int result = look(run, last, hb_planned_path(plan, index),
                      hb_planned_type(plan, index) == HB_SYMLINK, &status);
    if (directory)
        return result != 0 || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode)
                   ? HB_CHANGE_NONE
                   : HB_CHANGE_REFUSED;
    if (result == -ENOENT)
        return HB_CHANGE_NEW;
    if (result != 0 || !(S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)))
        return HB_CHANGE_REFUSED;
    if (!is_same(member, &status))
        return HB_CHANGE_REPLACED;
    /* What is committed to a log beside a database leaves its size and time as they were. */
    return hb_claims_by_name(&plan->claims, index) ? HB_CHANGE_REPLACED : HB_CHANGE_UNCHANGED;
}

void hb_changes_find(const struct hb_run *run, struct hb_restore_plan *plan,
                     struct hb_changes *changes)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    *changes = (struct hb_changes){.rows = hb_alloc(plan->count + 1)};
    for (size_t i = 0; i < plan->count; i++) {
        enum hb_change change = change_of(run, plan, &last, i);
        changes->rows[i] = (uint8_t)change;
        changes->counts[change]++;
        changes->preserved +=
            plan->rows[i].action == HB_KEPT_BACK && plan->catalog->members[i].type != HB_DIRECTORY;
    }
    hb_last_target_clear(&last);
    changes->counts[HB_CHANGE_REFUSED] += run->report.kinds[HB_FOUND_SKIPPED]; /* by the plan */
}

void hb_changes_clear(struct hb_changes *changes)
{
    free(changes->rows);
    *changes = (struct hb_changes){0};
}

void hb_changes_report_refused(struct hb_run *run, const struct hb_restore_plan *plan,
                               const struct hb_changes *changes)
{
    for (size_t i = 0; i < plan->count; i++)
        if (changes->rows[i] == HB_CHANGE_REFUSED)
            hb_report_add(&run->report, HB_FOUND_SKIPPED, hb_planned_path(plan, i),
                          "would be refused: something is in the way, or it would lie outside the "
                          "home");
}

const char *hb_change_word(enum hb_change change)
{
    static const char *const words[HB_CHANGES] = {"", "new", "replaced", "unchanged", "refused"};
    return words[change];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/changes.h"

#include "base/memory.h"
#include "files/stage.h"
#include "host/own_places.h"
#include <errno.h>
#include <fcntl.h>

/* What is at the path, links in the home followed. 0, or -errno. */
static int look(const struct hb_run *run, const char *path, bool is_link, struct stat *status)
{
    const struct hb_root *home = &run->home;
    HB_AUTO_CLOSE int fd = hb_beneath_open(home, path, O_PATH, 0);
    if (fd >= 0 && fstat(fd, status) != 0)
        return -errno;
    if (fd >= 0 && (is_link || !S_ISLNK(status->st_mode)))
        return 0;
    if (fd < 0 && fd != -ELOOP)
        return fd;
    struct hb_place place; /* a link on the way, or at its end */
    int result = hb_beneath_resolve(home, path, is_link ? HB_KEEP_LAST : 0, &place, NULL);
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
                                size_t index)
{
    const struct hb_catalog_member *member = &plan->catalog->members[index];
    struct stat status;
    if (!hb_planned_is_selected(plan, index) || member->type == HB_DIRECTORY)
        return HB_CHANGE_NONE;
    if (run->home.fd < 0)
        return HB_CHANGE_NEW;
    int result = look(run, hb_planned_path(plan, index), member->type == HB_SYMLINK, &status);
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
    *changes = (struct hb_changes){.rows = hb_alloc(plan->count + 1)};
    for (size_t i = 0; i < plan->count; i++) {
        enum hb_change change = change_of(run, plan, i);
        changes->rows[i] = (uint8_t)change;
        changes->counts[change]++;
        changes->preserved +=
            plan->rows[i].action == HB_KEPT_BACK && plan->catalog->members[i].type != HB_DIRECTORY;
    }
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

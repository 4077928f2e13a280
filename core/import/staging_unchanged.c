/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_unchanged.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/regular.h"
#include "import/staging_names.h"
#include "restore/changed_since.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file is opened with the rights of its directory, as it is replaced with them. */
static int open_there(const struct hb_place *place)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &place->rights);
    return result == 0 ? hb_open_regular(place->directory_fd, place->name, O_RDONLY) : result;
}

/* What of it is in a log beside it, its plugin knows. */
static bool holds_database(const struct hb_staging *staging, size_t index,
                           const struct hb_instance *content, const struct hb_place *place)
{
    const struct hb_journal_row row = {.index = index};
    struct hb_since_question question = {
        .row = &row, .place = place, .content = content, .stage = &staging->run->stage};
    return S_ISREG(place->status.st_mode) && hb_holds_staged(&question);
}

static bool holds_file(const struct hb_staging *staging, size_t index, const struct hb_place *place)
{
    const struct hb_instance *content;
    char name[24];
    hb_staged_name(index, name);
    if (hb_claims_settle_at(&staging->plan->claims, index, staging->run->stage.fd, name,
                            &content) != 0)
        return false;
    if (content != NULL)
        return holds_database(staging, index, content, place);
    struct stat there, staged;
    HB_AUTO_CLOSE int one = open_there(place);
    HB_AUTO_CLOSE int another = hb_staging_open_staged(staging, index);
    return one >= 0 && another >= 0 && fstat(one, &there) == 0 && fstat(another, &staged) == 0 &&
           there.st_size == staged.st_size && hb_staging_holds_same(one, another);
}

static bool holds_link(const struct hb_staging *staging, size_t index, const struct hb_place *place)
{
    const char *wanted = hb_planned_link(staging->plan, index);
    char target[PATH_MAX];
    HB_AUTO_AS as = {.changed = false};
    if (!S_ISLNK(place->status.st_mode) || hb_as_begin(&as, &place->rights) != 0)
        return false;
    ssize_t bytes = readlinkat(place->directory_fd, place->name, target, sizeof target);
    return bytes >= 0 && strlen(wanted) == (size_t)bytes &&
           memcmp(wanted, target, (size_t)bytes) == 0;
}

/* A file that is there keeps its mode, unless a filter says otherwise. */
static bool keeps_mode(const struct hb_staging *staging, size_t index, const struct stat *there)
{
    const struct hb_restore_plan *plan = staging->plan;
    return plan->rows[index].mode == HB_MODE_IS_OPEN ||
           hb_planned_mode(plan, index, staging->umask) == (there->st_mode & 07777);
}

static bool keeps_owner(const struct hb_staging *staging, size_t index, const struct stat *there)
{
    struct hb_entry entry;
    hb_planned_entry(staging->plan, index, &entry);
    return !staging->keeps_owners || !(entry.flags & HB_ENTRY_HAS_OWNER) ||
           entry.uid == UINT32_MAX || entry.gid == UINT32_MAX ||
           (entry.uid == there->st_uid && entry.gid == there->st_gid);
}

/* Taking back an import brings the times back, too; a database has its own. */
static bool keeps_time(const struct hb_staging *staging, size_t index, const struct stat *there)
{
    struct hb_entry entry;
    hb_planned_entry(staging->plan, index, &entry);
    return !staging->exact || hb_claims_by_name(&staging->plan->claims, index) ||
           !(entry.flags & HB_ENTRY_HAS_MTIME) ||
           (entry.mtime.tv_sec == there->st_mtim.tv_sec &&
            entry.mtime.tv_nsec == there->st_mtim.tv_nsec);
}

static bool is_unchanged(const struct hb_staging *staging, size_t index,
                         struct hb_last_target *last)
{
    struct hb_place place;
    bool link = hb_planned_type(staging->plan, index) == HB_TYPE_SYMLINK;
    int result = hb_target_look(staging->run, last, hb_staging_path(staging, index),
                                link || staging->exact, &place);
    bool same = result == 0 && place.exists &&
                hb_target_refusal(staging->run, &place, link ? HB_KEEP_LAST : 0) == 0 &&
                keeps_owner(staging, index, &place.status);
    if (same && link)
        same = holds_link(staging, index, &place);
    else if (same)
        same = keeps_mode(staging, index, &place.status) &&
               keeps_time(staging, index, &place.status) && holds_file(staging, index, &place);
    hb_place_clear(&place);
    return same;
}

void hb_staging_leave_unchanged(struct hb_staging *staging)
{
    struct hb_restore_plan *plan = staging->plan;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    for (size_t i = 0; i < plan->count && !hb_run_cancelled(staging->run); i++) {
        uint8_t type = hb_planned_type(plan, i);
        if (!hb_planned_is_selected(plan, i) || hb_trees_hold(&staging->trees, i) ||
            (type != HB_TYPE_FILE && type != HB_TYPE_SYMLINK) || !is_unchanged(staging, i, &last))
            continue;
        plan->rows[i].action = HB_UNCHANGED;
        staging->unchanged++;
    }
    hb_last_target_clear(&last);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_links.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>

/*
 * A hard link becomes a file of its own, with the data of the member that it names; never a link to
 * something that is in the home.
 */
static int stage_hard_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    HB_AUTO_CLOSE int source = hb_staging_open_staged(staging, staging->plan->rows[index].origin);
    if (source < 0)
        return hb_staging_failed(staging, index, -source, error);
    HB_AUTO_CLOSE int copy = hb_staging_open(staging, 0, index, error);
    if (copy < 0)
        return HB_STATUS_FATAL;
    int result = hb_staging_copy(staging, index, source, copy);
    return result == 0 ? HB_OK : hb_staging_failed(staging, index, -result, error);
}

/* FAT and its like. The stage is ours: nothing else is refused there. */
bool hb_staging_lacks_links(int reason)
{
    return reason == EPERM || reason == ENOSYS || reason == EOPNOTSUPP;
}

void hb_staging_drop_link(struct hb_staging *staging, size_t index)
{
    staging->plan->rows[index].action = HB_DROPPED;
    hb_report_add(&staging->run->report, HB_FOUND_SKIPPED, hb_planned_path(staging->plan, index),
                  "is a symbolic link, and this file system has no symbolic links");
}

/* A link is made in the stage, like a file, and renamed. */
static int stage_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    const struct hb_restore_plan *plan = staging->plan;
    const struct hb_catalog_member *member = &plan->catalog->members[plan->rows[index].origin];
    const char *target = hb_planned_link(plan, index);
    int stage_fd = staging->run->stage.fd;
    char name[24];
    hb_staged_name(index, name);
    if (symlinkat(target, stage_fd, name) != 0) {
        if (errno == ENAMETOOLONG) { /* this file system's limit is the lower one */
            hb_planned_drop(staging->plan, &staging->run->report, index,
                            "is a symbolic link with a target that is too long here");
            return HB_OK;
        }
        if (!hb_staging_lacks_links(errno))
            return hb_staging_failed(staging, index, errno, error);
        hb_staging_drop_link(staging, index);
        return HB_OK;
    }
    if (hb_catalog_common(plan->catalog, plan->rows[index].origin)->entry_flags &
        HB_ENTRY_HAS_MTIME)
        hb_set_mtime_at(stage_fd, name,
                        hb_catalog_mtime_seconds(plan->catalog, plan->rows[index].origin),
                        member->mtime_nanoseconds);
    return HB_OK;
}

int hb_staging_complete(struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_restore_plan *plan = staging->plan;
    int status = HB_OK;
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &staging->run->stage.rights);
    if (begun != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s", staging->run->stage.path,
                            hb_rights_explain(-begun));
    for (size_t i = 0; status == HB_OK && i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i))
            continue;
        if (hb_planned_type(plan, i) == HB_TYPE_SYMLINK)
            status = stage_link(staging, i, error);
        else if (plan->catalog->members[i].type == HB_TYPE_HARDLINK)
            status = stage_hard_link(staging, i, error);
    }
    if (status == HB_OK)
        hb_trees_complete(&staging->trees);
    return status;
}

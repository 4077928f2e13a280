/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_links.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>

/* For reading: a descriptor or -errno. */
static int open_staged(const struct hb_staging *staging, size_t index)
{
    char name[24];
    if (hb_trees_hold(&staging->trees, index))
        return hb_trees_open(&staging->trees, index);
    hb_staged_name(index, name);
    int fd = openat(staging->run->stage.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/*
 * A hard link becomes a file of its own, with the data of the member that it names; never a link to
 * something that is in the home.
 */
static int stage_hard_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    struct hb_catalog *catalog = &staging->archive->catalog;
    struct hb_catalog_member *member = &catalog->members[index];
    size_t from = hb_link_origin(catalog, staging->selection->wrapper, index);
    if (from == SIZE_MAX) /* hb_select would have told */
        return hb_staging_failed(staging, index, ENOENT, error);
    const struct hb_catalog_member *origin = &catalog->members[from];
    HB_AUTO_CLOSE int source = open_staged(staging, from);
    if (source < 0)
        return hb_staging_failed(staging, index, -source, error);
    HB_AUTO_CLOSE int copy = hb_staging_open(staging, 0, index, error);
    if (copy < 0)
        return HB_FATAL;
    member->type = HB_FILE;
    member->bytes = origin->bytes;
    member->mtime_seconds = origin->mtime_seconds;
    member->mtime_nanoseconds = origin->mtime_nanoseconds;
    member->mode = origin->mode;
    member->entry_flags = origin->entry_flags;
    int result = hb_staging_copy(source, copy, member);
    return result == 0 ? HB_OK : hb_staging_failed(staging, index, -result, error);
}

/* FAT and its like; in a stage, which is ours, nothing else is refused. */
bool hb_staging_lacks_links(int reason)
{
    return reason == EPERM || reason == ENOSYS || reason == EOPNOTSUPP;
}

void hb_staging_drop_link(struct hb_staging *staging, size_t index)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    catalog->members[index].state = HB_DROPPED;
    hb_report_add(&staging->run->report, HB_FOUND_SKIPPED, hb_catalog_path(catalog, index),
                  "is a symbolic link, and this file system has no symbolic links");
}

/* A link is made in the stage, like a file, and renamed. */
static int stage_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    struct hb_catalog_member *member = &staging->archive->catalog.members[index];
    const char *target = hb_catalog_link(&staging->archive->catalog, index);
    int stage_fd = staging->run->stage.fd;
    char name[24];
    hb_staged_name(index, name);
    if (target == NULL || *target == '\0') {
        member->state = HB_DROPPED;
        hb_report_add(&staging->run->report, HB_FOUND_SKIPPED,
                      hb_catalog_path(&staging->archive->catalog, index), "is a link to nothing");
        return HB_OK;
    }
    if (symlinkat(target, stage_fd, name) != 0) {
        if (!hb_staging_lacks_links(errno))
            return hb_staging_failed(staging, index, errno, error);
        hb_staging_drop_link(staging, index);
        return HB_OK;
    }
    if (member->entry_flags & HB_ENTRY_HAS_MTIME)
        hb_set_mtime_at(stage_fd, name, member->mtime_seconds, member->mtime_nanoseconds);
    return HB_OK;
}

int hb_staging_complete(struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    int status = HB_OK;
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &staging->run->stage.rights);
    if (begun != 0)
        return hb_error_set(error, HB_FATAL, "%s: %s", staging->run->stage.path,
                            hb_rights_explain(-begun));
    for (size_t i = 0; status == HB_OK && i < catalog->count; i++) {
        if (!hb_staging_needs(&catalog->members[i]))
            continue;
        if (catalog->members[i].type == HB_HARDLINK)
            status = stage_hard_link(staging, i, error);
        else if (catalog->members[i].type == HB_SYMLINK)
            status = stage_link(staging, i, error);
    }
    if (status == HB_OK)
        hb_trees_complete(&staging->trees);
    return status;
}

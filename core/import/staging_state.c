/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_state.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* 0 or -errno. */
int hb_staging_set_time(int fd, const struct hb_catalog_member *member)
{
    return member->entry_flags & HB_ENTRY_HAS_MTIME
               ? hb_set_mtime(fd, member->mtime_seconds, member->mtime_nanoseconds)
               : 0;
}

/* A copy with the member's time. 0 or -errno. */
int hb_staging_copy(int from, int to, const struct hb_catalog_member *member)
{
    int result = hb_copy_all(from, to);
    return result == 0 ? hb_staging_set_time(to, member) : result;
}

/* A failure that concerns one member, but ends it all: nothing has been changed yet. */
int hb_staging_failed(const struct hb_staging *staging, size_t index, int reason,
                      struct hb_error *error)
{
    hb_error_set(error, HB_FATAL, "%s: cannot be staged: %s",
                 hb_catalog_path(&staging->archive->catalog, index), strerror(reason));
    hb_error_space(error, reason, " and try again; nothing was changed");
    return HB_FATAL;
}

/* Restored, or copied from. */
bool hb_staging_needs(const struct hb_catalog_member *member)
{
    return member->state == HB_SELECTED || member->state == HB_ORIGIN;
}

int hb_staging_open(struct hb_staging *staging, unsigned worker, size_t index,
                    struct hb_error *error)
{
    char name[24];
    hb_stage_refresh(&staging->run->stage);
    if (hb_trees_hold(&staging->trees, index)) {
        int fd = hb_trees_create(&staging->trees, &staging->places[worker], index);
        if (fd >= 0)
            return fd;
    }
    hb_staged_name(index, name);
    int fd = openat(staging->run->stage.fd, name,
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? hb_staging_failed(staging, index, errno, error) : fd;
}

bool hb_staging_is_missing(const struct hb_staging *staging, size_t index)
{
    const struct hb_tree_directory *parent = hb_trees_parent(&staging->trees, index);
    struct hb_place place;
    if (parent != NULL && parent->missing)
        return true;
    const char *path = hb_catalog_path(&staging->archive->catalog, index);
    int result = hb_beneath_resolve(&staging->run->home, path, 0, &place, NULL);
    bool missing = result == -ENOENT || (result == 0 && !place.exists);
    hb_place_clear(&place);
    return missing;
}

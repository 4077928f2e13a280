/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_state.h"

#include "base/memory.h"
#include "files/grafts.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { PIECE = 64 << 10 };

int hb_staging_open_staged(const struct hb_staging *staging, size_t index)
{
    char name[24];
    if (hb_trees_hold(&staging->trees, index))
        return hb_trees_open(&staging->trees, index);
    hb_staged_name(index, name);
    int fd = openat(staging->run->stage.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int hb_staging_set_time(const struct hb_staging *staging, size_t index, int fd)
{
    const struct hb_restore_plan *plan = staging->plan;
    size_t origin = plan->rows == NULL ? index : plan->rows[index].origin;
    const struct hb_catalog_member *member = &plan->catalog->members[origin];
    return hb_catalog_common(plan->catalog, origin)->entry_flags & HB_ENTRY_HAS_MTIME
               ? hb_set_mtime(fd, hb_catalog_mtime_seconds(plan->catalog, origin),
                              member->mtime_nanoseconds)
               : 0;
}

int hb_staging_copy(const struct hb_staging *staging, size_t index, int from, int to)
{
    int result = hb_copy_all(from, to);
    return result == 0 ? hb_staging_set_time(staging, index, to) : result;
}

int hb_staging_failed(const struct hb_staging *staging, size_t index, int reason,
                      struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be staged: %s",
                 hb_planned_path(staging->plan, index), strerror(reason));
    hb_error_space(error, reason, " and try again; nothing was changed");
    return HB_STATUS_FATAL;
}

int hb_staging_open(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    struct hb_staging *staging = context;
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
    int result = hb_beneath_resolve(&staging->run->home, hb_planned_path(staging->plan, index), 0,
                                    &place, NULL);
    bool missing = result == -ENOENT || (result == 0 && !place.exists);
    hb_place_clear(&place);
    return missing;
}

bool hb_staging_holds_same(int one, int other)
{
    HB_AUTO_FREE unsigned char *left = hb_alloc(PIECE), *right = hb_alloc(PIECE);
    for (uint64_t at = 0;; at += PIECE) {
        int64_t got = hb_read_all_at(one, left, PIECE, at);
        if (got < 0 || hb_read_all_at(other, right, PIECE, at) != got ||
            memcmp(left, right, (size_t)got) != 0)
            return false;
        if (got < PIECE)
            return true;
    }
}

bool hb_staging_uses_roots(const struct hb_staging *staging)
{
    const struct hb_restore_plan *plan = staging->plan;
    struct hb_grafts *grafts = &staging->run->grafts;
    const struct hb_root roots = {.fd = -1, .grafts = grafts};
    bool any = false;
    for (size_t i = 0; grafts->count > 0 && i < plan->count; i++) {
        const char *rest;
        const struct hb_graft *graft = hb_planned_is_selected(plan, i)
                                           ? hb_graft_of(&roots, hb_planned_path(plan, i), &rest)
                                           : NULL;
        if (graft != NULL)
            grafts->rows[graft - grafts->rows].used = any = true;
    }
    const struct hb_undoing *undoing = staging->undoing; /* it removes, too */
    for (size_t i = 0; undoing != NULL && grafts->count > 0 && i < undoing->receipt.count; i++) {
        const char *rest;
        const struct hb_graft *graft =
            undoing->parts[i].fate == HB_UNDO_REMOVE
                ? hb_graft_of(&roots, undoing->receipt.rows[i].path, &rest)
                : NULL;
        if (graft != NULL)
            grafts->rows[graft - grafts->rows].used = any = true;
    }
    return any;
}

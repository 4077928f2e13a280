/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_roots.h"

#include "base/memory.h"
#include "files/mounts.h"
#include "files/system_kind.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- which it is --------------------------------------------------------------------------- */

static void identify(int fd, struct hb_undo_root *root)
{
    struct statx status;
    if (!hb_inodes_last(fd) || statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return;
    root->inode = status.stx_ino;
    if ((status.stx_mask & STATX_BTIME) == 0)
        return;
    root->seconds = status.stx_btime.tv_sec;
    root->nanoseconds = status.stx_btime.tv_nsec;
}

static uint64_t mount_at(const struct hb_root *home, const char *path, size_t bytes,
                         struct hb_undo_root *found)
{
    struct hb_directory directory;
    HB_AUTO_FREE char *name = hb_copy_bytes(path, bytes);
    uint64_t mount = 0;
    if (hb_beneath_directory(home, name, 0, &directory) == 0) {
        mount = hb_mount_of(directory.fd);
        identify(directory.fd, found);
    }
    hb_directory_close(&directory);
    return mount;
}

/* The first directory on the way that is on this mount. */
static const struct hb_undo_root *find_mount(struct hb_undo_receipt *receipt,
                                             const struct hb_root *home, const char *path,
                                             size_t base, uint64_t mount)
{
    for (size_t end = base + 1; path[end] != '\0'; end++) {
        struct hb_undo_root found = {.is_mount = true, .path = (char *)""};
        if (path[end] != '/' || mount_at(home, path, end, &found) != mount)
            continue;
        found.name = hb_copy_bytes(path, end);
        const struct hb_undo_root *root = hb_undo_root_in(receipt, &found);
        free(found.name);
        return root;
    }
    return NULL;
}

const struct hb_undo_root *hb_undo_root_of(struct hb_undo_receipt *receipt,
                                           const struct hb_run *run, const char *path,
                                           int directory_fd)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(&run->home, path, &rest);
    int base = graft == NULL ? run->home.fd : graft->root.fd;
    uint64_t mount = directory_fd < 0 ? 0 : hb_mount_of(directory_fd);
    const struct hb_undo_root *root = NULL;
    if (directory_fd >= 0 && base >= 0 && mount != hb_mount_of(base))
        root =
            find_mount(receipt, &run->home, path, graft == NULL ? 0 : strlen(graft->name), mount);
    if (root != NULL || graft == NULL || graft->root.fd < 0)
        return root;
    struct hb_undo_root found = {.name = graft->name, .path = graft->root.path};
    identify(graft->root.fd, &found);
    return hb_undo_root_in(receipt, &found);
}

/* ---- is it still? -------------------------------------------------------------------------- */

static bool is_same(const struct hb_undo_root *then, int fd)
{
    struct hb_undo_root now = {.inode = 0};
    identify(fd, &now);
    return now.inode == then->inode && now.seconds == then->seconds &&
           now.nanoseconds == then->nanoseconds;
}

static const char *problem_of_mount(const struct hb_run *run, const struct hb_undo_root *root)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(&run->home, root->name, &rest);
    struct hb_directory directory;
    bool same =
        hb_beneath_directory(&run->home, root->name, 0, &directory) == 0 &&
        is_same(root, directory.fd) &&
        (root->inode != 0 ||
         hb_mount_of(directory.fd) != hb_mount_of(graft == NULL ? run->home.fd : graft->root.fd));
    hb_directory_close(&directory);
    return same ? NULL : "what was mounted there then is not mounted there now";
}

const char *hb_undo_root_problem(const struct hb_run *run, const struct hb_undo_row *row)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(&run->home, row->path, &rest);
    const struct hb_undo_root *root = row->root;
    if (root == NULL)
        return graft == NULL ? NULL : "it was in the home then, and is in a further root of it now";
    if (root->is_mount)
        return problem_of_mount(run, root);
    if (graft == NULL)
        return "it was in a further root of the home that the configuration does not have now";
    if (graft->root.fd < 0)
        return "it is in a further root of the home whose directory cannot be opened now";
    if (!is_same(root, graft->root.fd) ||
        (root->inode == 0 && strcmp(root->path, graft->root.path) != 0))
        return "it was in a further root of the home that was another directory then";
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "files/mounts.h"

#include "base/memory.h"
#include "files/grafts.h"
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_LINE = 1 << 14 };

bool hb_mounts_below(const char *directory)
{
    FILE *file = setmntent("/proc/self/mounts", "re");
    HB_AUTO_FREE char *buffer = hb_alloc(LONGEST_LINE);
    struct mntent entry;
    size_t bytes = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    bool below = file == NULL;
    while (!below && getmntent_r(file, &entry, buffer, LONGEST_LINE) != NULL)
        below = strncmp(entry.mnt_dir, directory, bytes) == 0 && entry.mnt_dir[bytes] == '/' &&
                entry.mnt_dir[bytes + 1] != '\0';
    if (file != NULL) {
        below = below || ferror(file) != 0;
        endmntent(file);
    }
    return below;
}

uint64_t hb_mount_of(int fd)
{
    struct statx status = {0};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0)
        return 0;
    uint64_t device = (uint64_t)status.stx_dev_major << 20 | status.stx_dev_minor;
    if (status.stx_mask & STATX_MNT_ID) /* since Linux 5.8 */
        return status.stx_mnt_id << 32 | device;
    return device;
}

bool hb_is_mounted(int directory_fd, const char *name)
{
    struct statx status;
    return statx(directory_fd, name, AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
           (status.stx_attributes & status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* Of a place that was resolved: the directory itself, or the one that it is in. */
static int look(const struct hb_place *found, struct hb_mount_place *place)
{
    place->rights = found->rights;
    if (found->exists && S_ISDIR(found->status.st_mode)) {
        HB_AUTO_AS as = {.changed = false};
        int result = hb_as_begin(&as, &found->rights);
        if (result != 0)
            return result;
        HB_AUTO_CLOSE int fd =
            openat(found->directory_fd, found->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        if (!found->led && (result = hb_rights_of(fd, &place->rights)) != 0)
            return result;
        place->mount = hb_mount_of(fd);
        place->directory = hb_copy_text(found->path);
        return 0;
    }
    const char *slash = strrchr(found->path, '/');
    place->mount = hb_mount_of(found->directory_fd);
    place->directory =
        hb_copy_bytes(found->path, slash == NULL ? 0 : (size_t)(slash - found->path));
    return 0;
}

/* The path is the name of a further root itself. */
static bool is_graft(const struct hb_root *root, const char *path, struct hb_mount_place *place)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(root, path, &rest);
    if (graft == NULL || *rest != '\0' || graft->root.fd < 0)
        return false;
    place->mount = hb_mount_of(graft->root.fd);
    place->rights = graft->root.rights;
    place->directory = hb_copy_text(path);
    return true;
}

int hb_mount_find(const struct hb_root *root, const char *path, struct hb_mount_place *place)
{
    HB_AUTO_FREE char *way = hb_copy_text(path);
    for (;;) {
        struct hb_place found;
        if (is_graft(root, way, place))
            return 0;
        int result = hb_beneath_resolve(root, way, 0, &found, NULL);
        if (result == 0)
            result = look(&found, place);
        hb_place_clear(&found);
        char *slash = strrchr(way, '/');
        if (result != -ENOENT && result != -ENOTDIR)
            return result;
        if (slash == NULL) { /* it would be made in the root itself */
            place->mount = hb_mount_of(root->fd);
            place->rights = root->rights;
            place->directory = hb_copy_text("");
            return 0;
        }
        *slash = '\0';
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "files/listed.h"

#include "base/memory.h"
#include "files/anywhere.h"
#include "files/grafts.h"
#include <errno.h>
#include <fcntl.h>

/* Only as root: for anybody else the kernel follows links no further than he may. */
static int find_place(const struct hb_root *home, const char *path, unsigned flags,
                      struct hb_place *place)
{
    int result = hb_beneath_resolve(home, path, flags, place, NULL);
    if (result != -EXDEV)
        return result;
    hb_place_clear(place);
    HB_AUTO_FREE char *full = hb_text("%s/%s", home->path, path);
    return hb_resolve(full, flags, place);
}

int hb_listed_look(const struct hb_root *home, const char *path, unsigned flags,
                   struct stat *status)
{
    struct hb_place place;
    home = hb_graft_root(home, &path);
    if (home->fd < 0)
        return -ENOENT;
    if (!hb_rights_matter())
        return fstatat(home->fd, path, status, flags & HB_KEEP_LAST ? AT_SYMLINK_NOFOLLOW : 0) != 0
                   ? -errno
                   : 0;
    int result = find_place(home, path, flags, &place);
    if (result == 0 && !place.exists)
        result = -ENOENT;
    *status = place.status;
    if (result == -EISDIR) { /* a directory that has no name of its own: "." */
        status->st_mode = S_IFDIR;
        result = 0;
    }
    hb_place_clear(&place);
    return result;
}

/* The rights to read what lies in a place: see beneath.h. */
static struct hb_rights reading_at(const struct hb_root *home, const struct hb_place *place)
{
    if (place->led)
        return place->rights;
    if (home->read_as_root)
        return (struct hb_rights){.other = false};
    return place->rights.other ? place->rights : home->rights;
}

int hb_listed_open(const struct hb_root *home, const char *path, int flags)
{
    struct hb_place place;
    home = hb_graft_root(home, &path);
    if (home->fd < 0)
        return -ENOENT;
    if (!hb_rights_matter()) {
        int fd = openat(home->fd, path, O_RDONLY | flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    int fd = find_place(home, path, 0, &place);
    if (fd == 0) {
        struct hb_rights rights = reading_at(home, &place);
        HB_AUTO_AS as = {.changed = false};
        fd = hb_as_begin(&as, &rights);
        if (fd == 0)
            fd = openat(place.directory_fd, place.name, O_RDONLY | O_NOFOLLOW | flags | O_CLOEXEC);
        if (fd == -1)
            fd = -errno;
    }
    hb_place_clear(&place);
    return fd;
}

int hb_listed_open_directory(const struct hb_root *home, const char *path)
{
    struct hb_directory directory;
    home = hb_graft_root(home, &path);
    if (home->fd < 0)
        return -ENOENT;
    if (!hb_rights_matter())
        return hb_listed_open(home, path, O_DIRECTORY);
    int result = hb_beneath_directory(home, path, 0, &directory);
    if (result == -EXDEV) {
        HB_AUTO_FREE char *full = hb_text("%s/%s", home->path, path);
        result = hb_directory_open(full, false, &directory);
    }
    return result == 0 ? directory.fd : result;
}

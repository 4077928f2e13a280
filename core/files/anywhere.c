/* SPDX-License-Identifier: Apache-2.0 */
#include "files/anywhere.h"

#include "base/memory.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The root of the system, which is open. 0 or -errno. */
static int take_all(int fd, struct hb_root *all)
{
    static char slash[] = "/";
    if (fd < 0)
        return -errno;
    *all = (struct hb_root){.fd = fd, .path = slash};
    return hb_rights_of(fd, &all->rights);
}

int hb_resolve(const char *path, unsigned flags, struct hb_place *place)
{
    HB_AUTO_CLOSE int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct hb_root all;
    *place = (struct hb_place){.directory_fd = -1};
    int result = take_all(fd, &all);
    return result == 0 ? hb_beneath_resolve(&all, path, flags | HB_KEEP_MADE, place, NULL) : result;
}

static int open_by_name(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    return fd < 0 ? -errno : fd;
}

int hb_open_followed(const char *path, int flags)
{
    struct hb_place place;
    if (!hb_rights_matter())
        return open_by_name(path, flags);
    HB_AUTO_FREE char *full = hb_absolute(path);
    if (full == NULL)
        return -errno;
    int fd = hb_resolve(full, 0, &place);
    if (!place.led && fd != -HB_NO_RIGHTS &&
        (fd != 0 || !place.exists)) { /* a link that only opens, as those in /proc are */
        fd = open_by_name(path, flags);
    } else if (fd == 0) {
        HB_AUTO_AS as = {.changed = false};
        fd = place.led ? hb_as_begin(&as, &place.rights) : hb_as_self(&as);
        if (fd == 0)
            fd = openat(place.directory_fd, place.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
        if (fd == -1)
            fd = -errno;
    }
    hb_place_clear(&place);
    return fd;
}

int hb_directory_open(const char *path, bool make, struct hb_directory *directory)
{
    struct hb_root all;
    *directory = (struct hb_directory)HB_DIRECTORY_NONE;
    if (!make && !hb_rights_matter()) {
        directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory->fd >= 0 || errno != ENAMETOOLONG) /* by steps it may be as long as it is */
            return directory->fd < 0 ? -errno : 0;
    }
    HB_AUTO_FREE char *full = hb_absolute(path);
    if (full == NULL)
        return -errno;
    HB_AUTO_CLOSE int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = take_all(fd, &all);
    return result == 0 ? hb_beneath_directory(
                             &all, full, make ? HB_MAKE_PARENTS | HB_FLUSH_MADE : 0u, directory)
                       : result;
}

/* ---- one that is held ---------------------------------------------------------------------- */

/* Where it may not be looked, it is believed: nothing else is reached by it. */
static bool leads_to(const char *name, int fd)
{
    struct stat held, there;
    if (fstat(fd, &held) != 0)
        return false;
    if (stat(name, &there) != 0)
        return errno == EACCES;
    return held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* The kernel has a name also for what was removed ("X (deleted)"), and in a file system that was
 * unmounted or covered: one that leads elsewhere, or nowhere. */
char *hb_path_of(int fd)
{
    char link[64], real[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, real, sizeof real - 1);
    real[bytes <= 0 ? 0 : bytes] = '\0';
    return *real == '/' && leads_to(real, fd) ? hb_copy_text(real) : NULL;
}

int hb_root_take(const struct hb_directory *directory, const char *path, struct hb_root *root)
{
    *root =
        (struct hb_root){.fd = directory->fd, .rights = directory->rights, .led = directory->led};
    root->path = hb_path_of(root->fd);
    if (root->path != NULL)
        return 0;
    HB_AUTO_FREE char *full = hb_absolute(path); /* no /proc: the next best */
    HB_AUTO_FREE char *real = full == NULL ? NULL : realpath(full, NULL);
    int error = real == NULL ? errno : leads_to(real, root->fd) ? 0 : ESTALE;
    if (error == 0)
        root->path = hb_copy_text(real);
    else
        hb_root_close(root);
    return -error;
}

int hb_root_open(const char *path, struct hb_root *root)
{
    struct hb_directory directory;
    *root = (struct hb_root){.fd = -1};
    int result = hb_directory_open(path, false, &directory);
    return result == 0 ? hb_root_take(&directory, path, root) : result;
}

int hb_root_copy(const struct hb_root *from, struct hb_root *root)
{
    *root = *from;
    root->path = NULL;
    root->fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 3);
    if (root->fd < 0)
        return -errno;
    root->path = hb_copy_text(from->path);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "files/beneath.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/owner.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum { MAXIMUM_LINKS = 40 };

int hb_root_open(const char *path, struct hb_root *root)
{
    char link[64], real[PATH_MAX];
    root->path = NULL;
    root->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0)
        return -errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", root->fd);
    ssize_t bytes = readlink(link, real, sizeof real - 1);
    if (bytes <= 0) { /* no /proc: the next best */
        if (realpath(path, real) == NULL) {
            int error = errno;
            hb_root_close(root);
            return -error;
        }
    } else {
        real[bytes] = '\0';
    }
    root->path = hb_copy_text(real);
    return 0;
}

void hb_root_close(struct hb_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    free(root->path);
    root->fd = -1;
    root->path = NULL;
}

/* Opens component by component; for kernels and sandboxes without openat2. */
static int open_by_steps(int root_fd, const char *path, int flags, unsigned mode)
{
    HB_AUTO_FREE char *copy = hb_copy_text(path);
    int at = root_fd;
    for (char *part = copy;;) {
        char *slash = strchr(part, '/');
        if (slash != NULL)
            *slash = '\0';
        if (strcmp(part, "..") == 0 || *part == '\0') {
            if (at != root_fd)
                close(at);
            return -EXDEV;
        }
        int fd = slash == NULL ? openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC, mode)
                               : openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (at != root_fd)
            close(at);
        if (fd < 0)
            return -error;
        if (slash == NULL)
            return fd;
        at = fd;
        part = slash + 1;
    }
}

int hb_beneath_open(const struct hb_root *root, const char *path, int flags, unsigned mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int attempt = 0; attempt < 8; attempt++) {
        long fd = syscall(SYS_openat2, root->fd, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        /* ENAMETOOLONG: the whole path is longer than the kernel takes at once. */
        if (errno == ENOSYS || errno == EPERM || errno == ENAMETOOLONG)
            return open_by_steps(root->fd, path, flags, mode);
        if (errno != EAGAIN && errno != EINTR) /* EAGAIN: a rename raced with the resolution */
            return -errno;
    }
    return open_by_steps(root->fd, path, flags, mode);
}

/* ---- resolution ---------------------------------------------------------------------------- */

/* The way from the root to where we are: descriptors and names, so that ".." needs no look-up. */
struct way {
    int fds[PATH_MAX / 2];
    char *names[PATH_MAX / 2];
    size_t depth; /* fds[0] is the root's, not ours to close */
    struct made_directory *made;
    size_t made_count;
};

/* A directory that was made on the way; if nothing comes of it, it goes again. */
struct made_directory {
    int parent_fd;
    char *name;
};

static void way_leave(struct way *way)
{
    close(way->fds[way->depth]);
    free(way->names[way->depth]);
    way->depth--;
}

static void way_clear(struct way *way)
{
    while (way->depth > 0)
        way_leave(way);
}

static void note_made(struct way *way, int parent_fd, const char *name)
{
    way->made = hb_resize(way->made, way->made_count + 1, sizeof *way->made);
    way->made[way->made_count++] = (struct made_directory){
        .parent_fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 3), .name = hb_copy_text(name)};
}

/* What was made stays, and is counted, or it goes, unless somebody put something into it. */
static void end_made(struct way *way, bool stays, unsigned *count)
{
    while (way->made_count > 0) {
        struct made_directory *made = &way->made[--way->made_count];
        bool gone = !stays && made->parent_fd >= 0 &&
                    unlinkat(made->parent_fd, made->name, AT_REMOVEDIR) == 0;
        if (!gone && count != NULL)
            (*count)++;
        if (made->parent_fd >= 0)
            close(made->parent_fd);
        free(made->name);
    }
    free(way->made);
}

/* What root makes belongs to the owner of the directory that it lies in. 0 or -errno. */
static int give_to_owner(int directory_fd, const char *name)
{
    struct hb_owner owner;
    int result = hb_owner_of(directory_fd, &owner);
    return result == 0 ? hb_owner_give_at(&owner, directory_fd, name) : result;
}

static int way_enter(struct way *way, const char *name, bool make)
{
    if (way->depth + 1 >= sizeof way->fds / sizeof *way->fds)
        return -ENAMETOOLONG;
    int at = way->fds[way->depth];
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        if (mkdirat(at, name, 0777) == 0) {
            note_made(way, at, name);
            int result = give_to_owner(at, name);
            if (result != 0)
                return result;
        }
        fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    way->depth++;
    way->fds[way->depth] = fd;
    way->names[way->depth] = hb_copy_text(name);
    return 0;
}

static char *way_path(const struct way *way, const char *name)
{
    size_t bytes = strlen(name) + 1;
    for (size_t i = 1; i <= way->depth; i++)
        bytes += strlen(way->names[i]) + 1;
    char *path = hb_alloc(bytes), *end = path;
    for (size_t i = 1; i <= way->depth; i++) {
        size_t length = strlen(way->names[i]);
        memcpy(end, way->names[i], length);
        end += length;
        *end++ = '/';
    }
    memcpy(end, name, strlen(name) + 1);
    return path;
}

/* What of an absolute path lies below the root, or NULL. */
static const char *below_root(const struct hb_root *root, const char *path)
{
    size_t length = strcmp(root->path, "/") == 0 ? 0 : strlen(root->path);
    if (strncmp(path, root->path, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return path + length;
}

/*
 * An absolute target as a path below the root. It may name the root by another way (a home that is
 * itself a link), so the longest part of it that exists is made canonical first. That only says
 * where to look: the look-up itself starts from the held root again. Caller frees; NULL: outside.
 */
static char *target_below_root(const struct hb_root *root, const char *target)
{
    const char *inside = below_root(root, target);
    if (inside != NULL)
        return hb_copy_text(inside);
    HB_AUTO_FREE char *known = hb_copy_text(target);
    for (char *slash = known + strlen(known); slash != NULL; slash = strrchr(known, '/')) {
        *slash = '\0';
        HB_AUTO_FREE char *real = realpath(*known == '\0' ? "/" : known, NULL);
        if (real == NULL)
            continue;
        inside = below_root(root, real);
        return inside == NULL ? NULL : hb_text("%s%s", inside, target + (slash - known));
    }
    return NULL;
}

/*
 * Replaces the link `name`, and what is still to be walked after it, by its target in `rest`. An
 * absolute one starts from the root again.
 */
static int follow_link(const struct hb_root *root, struct way *way, const char *name, char **rest)
{
    char target[PATH_MAX];
    ssize_t bytes = readlinkat(way->fds[way->depth], name, target, sizeof target - 1);
    if (bytes < 0)
        return -errno;
    target[bytes] = '\0';
    HB_AUTO_FREE char *inside =
        *target == '/' ? target_below_root(root, target) : hb_copy_text(target);
    if (inside == NULL)
        return -EXDEV;
    if (*target == '/')
        way_clear(way);
    char *joined = hb_text("%s/%s", inside, *rest);
    free(*rest);
    *rest = joined;
    return strlen(joined) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Takes the next component off `rest`; NULL when there is none. Caller frees. */
static char *next_component(char **rest)
{
    char *start = *rest + strspn(*rest, "/");
    if (*start == '\0')
        return NULL;
    size_t bytes = strcspn(start, "/");
    char *name = hb_copy_bytes(start, bytes);
    char *left = hb_copy_text(start + bytes + strspn(start + bytes, "/"));
    free(*rest);
    *rest = left;
    return name;
}

static int take_place(struct way *way, const char *name, bool through_link, struct hb_place *place)
{
    int at = way->fds[way->depth];
    place->exists = fstatat(at, name, &place->status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!place->exists && errno != ENOENT)
        return -errno;
    place->directory_fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->directory_fd < 0) /* may be entered and written to, but not listed */
        place->directory_fd = fcntl(at, F_DUPFD_CLOEXEC, 3);
    if (place->directory_fd < 0)
        return -errno;
    place->name = hb_copy_text(name);
    place->path = way_path(way, name);
    place->through_link = through_link;
    return 0;
}

static int resolve(const struct hb_root *root, struct way *way, char **rest, unsigned flags,
                   struct hb_place *place)
{
    int links = 0;
    for (;;) {
        HB_AUTO_FREE char *name = next_component(rest);
        if (name == NULL) /* a link led to a directory that has no name of its own */
            return -EISDIR;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            if (way->depth == 0)
                return -EXDEV;
            way_leave(way);
            continue;
        }
        struct stat status;
        bool is_link = fstatat(way->fds[way->depth], name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISLNK(status.st_mode);
        if (is_link && !(**rest == '\0' && (flags & HB_KEEP_LAST))) {
            if (++links > MAXIMUM_LINKS)
                return -ELOOP;
            int result = follow_link(root, way, name, rest);
            if (result != 0)
                return result;
            continue;
        }
        if (**rest == '\0')
            return take_place(way, name, links > 0, place);
        int result = way_enter(way, name, (flags & HB_MAKE_PARENTS) != 0);
        if (result != 0)
            return result;
    }
}

int hb_beneath_resolve(const struct hb_root *root, const char *path, unsigned flags,
                       struct hb_place *place, unsigned *made)
{
    *place = (struct hb_place){.directory_fd = -1};
    struct way *way = hb_alloc(sizeof *way);
    way->fds[0] = root->fd;
    char *rest = hb_copy_text(path);
    int result = resolve(root, way, &rest, flags, place);
    end_made(way, result == 0 || (flags & HB_KEEP_MADE) != 0, made);
    way_clear(way);
    free(way);
    free(rest);
    return result;
}

int hb_make_directories(const char *path)
{
    HB_AUTO_FREE char *full = hb_absolute(path);
    HB_AUTO_CLOSE int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char root[] = "/";
    struct hb_root all = {.fd = fd, .path = root};
    struct hb_place place;
    if (fd < 0)
        return -errno;
    int result = hb_beneath_resolve(&all, full, HB_MAKE_PARENTS | HB_KEEP_MADE, &place, NULL);
    if (result == 0 && !place.exists)
        result = mkdirat(place.directory_fd, place.name, 0777) != 0
                     ? -errno
                     : give_to_owner(place.directory_fd, place.name);
    else if (result == 0 && !S_ISDIR(place.status.st_mode))
        result = -ENOTDIR;
    hb_place_clear(&place);
    return result == -EISDIR || result == -EEXIST ? 0 : result; /* "/" and "x/.." are there */
}

void hb_place_clear(struct hb_place *place)
{
    if (place->directory_fd >= 0)
        close(place->directory_fd);
    free(place->name);
    free(place->path);
    *place = (struct hb_place){.directory_fd = -1};
}

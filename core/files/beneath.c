/* SPDX-License-Identifier: Apache-2.0 */
#include "files/beneath.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/grafts.h"
#include "files/way.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    MAXIMUM_LINKS = 40,
    LONGEST_PATH = 1 << 18 /* with the links on it */
};

void hb_directory_close(struct hb_directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    directory->fd = -1;
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

static int open_at_once(int root_fd, const char *path, int flags, unsigned mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        /* O_TMPFILE has the bit of O_DIRECTORY in it; a mode where nothing is made is an error. */
        .mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int attempt = 0; attempt < 8; attempt++) {
        long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        /* ENAMETOOLONG: the whole path is longer than the kernel takes at once. */
        if (errno == ENOSYS || errno == EPERM || errno == ENAMETOOLONG)
            return open_by_steps(root_fd, path, flags, mode);
        if (errno != EAGAIN && errno != EINTR) /* EAGAIN: a rename raced with the resolution */
            return -errno;
    }
    return open_by_steps(root_fd, path, flags, mode);
}

/* In one directory after the other, each with its owner's rights. */
static int open_by_owners(const struct hb_root *root, const char *path, int flags, unsigned mode)
{
    struct hb_rights rights = root->rights;
    int at = root->fd;
    for (;;) {
        const char *slash = strchr(path, '/');
        HB_AUTO_FREE char *part =
            slash == NULL ? hb_copy_text(path) : hb_copy_bytes(path, (size_t)(slash - path));
        HB_AUTO_AS as = {.changed = false};
        int fd = hb_as_begin(&as, &rights);
        if (fd == 0)
            fd = open_at_once(at, part, slash == NULL ? flags : O_PATH | O_DIRECTORY, mode);
        if (at != root->fd)
            close(at);
        if (fd < 0 || slash == NULL)
            return fd;
        struct hb_rights inner;
        int result = hb_rights_of(fd, &inner);
        if (result != 0) {
            close(fd);
            return result;
        }
        if (!root->led && (inner.other || !rights.other)) /* root's own do not come back here */
            rights = inner;
        at = fd;
        path = slash + 1;
    }
}

/* All of the path with those rights. */
static int open_as(const struct hb_root *root, const struct hb_rights *rights, const char *path,
                   int flags, unsigned mode)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, rights);
    return result == 0 ? open_at_once(root->fd, path, flags, mode) : result;
}

static int open_below(const struct hb_root *root, const char *path, int flags, unsigned mode)
{
    bool reading = (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY;
    struct hb_rights rights = hb_root_reading(root);
    if (!hb_rights_matter())
        return open_at_once(root->fd, path, flags, mode);
    if (!reading)
        return open_by_owners(root, path, flags, mode);
    if (rights.other) { /* what the home's owner can read, he may, whosever directory it is in */
        int fd = open_as(root, &rights, path, flags, mode);
        return fd == -EACCES ? open_by_owners(root, path, flags, mode) : fd;
    }
    /* O_PATH: nothing is read or changed by a look. */
    if (root->read_as_root || root->only_of_owner || (flags & O_PATH) != 0)
        return open_as(root, &rights, path, flags, mode);
    return open_by_owners(root, path, flags, mode);
}

/* The root of a graft, as it is used for the one that it is grafted to. 0 or -errno. */
static int take_graft(const struct hb_root *of, const struct hb_graft *graft, const char *path,
                      struct hb_root *root)
{
    if (graft->root.fd < 0)
        return -ENOENT;
    if (hb_graft_is_inner(graft, path))
        return -EXDEV;
    *root = graft->root;
    root->read_as_root = of->read_as_root;
    root->only_of_owner = of->only_of_owner;
    /* A mount may give it another name than `inner`. */
    struct stat home;
    root->avoids = of->fd >= 0 && fstat(of->fd, &home) == 0;
    if (root->avoids) {
        root->avoided_device = home.st_dev;
        root->avoided_inode = home.st_ino;
    }
    return 0;
}

int hb_beneath_open(const struct hb_root *root, const char *path, int flags, unsigned mode)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(root, path, &rest);
    struct hb_root below;
    if (graft == NULL)
        return open_below(root, path, flags, mode);
    int result = take_graft(root, graft, rest, &below);
    return result == 0 ? open_below(&below, *rest == '\0' ? "." : rest, flags, mode) : result;
}

/* ---- resolution ---------------------------------------------------------------------------- */

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

/* What is still to be walked: from `at` on. */
struct rest {
    char *text, *at;
};

/*
 * Replaces the link `name`, and what is still to be walked after it, by its target in `rest`. An
 * absolute one starts from the root again.
 */
static int follow_link(const struct hb_root *root, struct hb_way *way, const char *name,
                       struct rest *rest)
{
    char target[PATH_MAX];
    ssize_t bytes = readlinkat(hb_way_fd(way), name, target, sizeof target - 1);
    if (bytes < 0)
        return -errno;
    target[bytes] = '\0';
    HB_AUTO_FREE char *inside =
        *target == '/' ? target_below_root(root, target) : hb_copy_text(target);
    if (inside == NULL)
        return -EXDEV;
    if (*target == '/')
        hb_way_start_over(way);
    char *joined = hb_text("%s/%s", inside, rest->at);
    free(rest->text);
    *rest = (struct rest){joined, joined};
    return strlen(joined) >= LONGEST_PATH ? -ENAMETOOLONG : 0;
}

/* Takes the next component off `rest`; NULL when there is none. Caller frees. */
static char *next_component(struct rest *rest)
{
    char *start = rest->at + strspn(rest->at, "/");
    if (*start == '\0')
        return NULL;
    size_t bytes = strcspn(start, "/");
    rest->at = start + bytes + strspn(start + bytes, "/");
    return hb_copy_bytes(start, bytes);
}

/* The directory where we are, for reading; one that may not be listed, by name alone. */
static int reopen(const struct hb_way *way)
{
    int at = hb_way_fd(way);
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(at, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

static int take_place(struct hb_way *way, const char *name, bool through_link,
                      struct hb_place *place)
{
    int at = hb_way_fd(way);
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, hb_way_rights(way));
    if (result != 0)
        return result;
    place->exists = fstatat(at, name, &place->status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!place->exists && errno != ENOENT)
        return -errno;
    place->directory_fd = reopen(way);
    if (place->directory_fd < 0)
        return place->directory_fd;
    place->name = hb_copy_text(name);
    place->path = hb_way_path(way, name);
    place->through_link = through_link;
    place->rights = *hb_way_rights(way);
    place->led = way->led;
    return 0;
}

/* Follows the component if it is a link: 1; 0: it is none, or not there; or -errno. */
static int step_over_link(const struct hb_root *root, struct hb_way *way, const char *name,
                          struct rest *rest, int *links)
{
    struct stat status;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, hb_way_rights(way));
    if (!hb_may_look(result))
        return result;
    if (fstatat(hb_way_fd(way), name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISLNK(status.st_mode))
        return 0;
    if (result != 0) /* followed as he could, which is not to be known */
        return result;
    if (++*links > MAXIMUM_LINKS)
        return -ELOOP;
    hb_way_be_led(way, &status);
    result = follow_link(root, way, name, rest);
    return result == 0 ? 1 : result;
}

/* A name that may be given to what is made here: some file systems take no long ones. */
static int try_name(const struct hb_way *way, const char *name)
{
    struct stat status;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, hb_way_rights(way));
    return fstatat(hb_way_fd(way), name, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENAMETOOLONG
               ? -ENAMETOOLONG
               : 0;
}

/* Up from what is supposed. NULL: it ends where the way does. */
static char *suppose_above(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        free(path);
        return NULL;
    }
    *slash = '\0';
    return path;
}

/*
 * The directory `name` is missing, and all below it: no link is met until the rest leads out of it
 * again. 0: that is where the path ends; 1: it goes on from where we are; or -errno.
 */
static int suppose(struct hb_way *way, const char *name, struct rest *rest, bool through_link,
                   struct hb_place *place)
{
    char *path = hb_copy_text(name);
    bool named = false;
    int result = try_name(way, name);
    while (result == 0 && path != NULL) {
        HB_AUTO_FREE char *next = next_component(rest);
        if (next == NULL)
            break;
        named = strcmp(next, ".") != 0 && strcmp(next, "..") != 0;
        if (strcmp(next, "..") == 0)
            path = suppose_above(path);
        if (!named)
            continue;
        result = try_name(way, next);
        char *longer = hb_text("%s/%s", path, next);
        free(path);
        path = longer;
    }
    if (path == NULL)
        return result == 0 ? 1 : result;
    if (result == 0)
        result = named ? take_place(way, path, through_link, place) : -EISDIR;
    free(path);
    return result;
}

static int enter(const struct hb_root *root, struct hb_way *way, const char *name, bool make)
{
    struct stat status;
    int result = hb_way_enter(way, name, make);
    if (result == 0 && root->avoids && fstat(hb_way_fd(way), &status) == 0 &&
        status.st_dev == root->avoided_device && status.st_ino == root->avoided_inode)
        return -EXDEV;
    return result;
}

/* `place` NULL: all of it is a directory, which is where we are in the end. */
static int resolve(const struct hb_root *root, struct hb_way *way, struct rest *rest,
                   unsigned flags, struct hb_place *place)
{
    int links = 0;
    for (;;) {
        HB_AUTO_FREE char *name = next_component(rest);
        if (name == NULL) /* a link led to a directory that has no name of its own */
            return place == NULL ? 0 : -EISDIR;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            if (way->depth == 0 && strcmp(root->path, "/") != 0)
                return -EXDEV;
            int above = way->depth > 0 ? hb_way_up(way) : 0;
            if (above != 0)
                return above;
            continue;
        }
        bool last = *rest->at == '\0' && place != NULL;
        int result =
            last && (flags & HB_KEEP_LAST) ? 0 : step_over_link(root, way, name, rest, &links);
        if (result == 1)
            continue;
        if (result == 0 && last)
            return take_place(way, name, links > 0, place);
        if (result == 0)
            result = enter(root, way, name, (flags & HB_MAKE_PARENTS) != 0);
        bool missing = result == -ENOENT && (flags & HB_SUPPOSE_PARENTS) != 0;
        if (missing)
            result = suppose(way, name, rest, links > 0, place);
        if (result < 0 || (missing && result == 0))
            return result;
    }
}

/* The directory where we are becomes *directory. */
static int take_directory(const struct hb_way *way, struct hb_directory *directory)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, hb_way_rights(way));
    if (result != 0)
        return result;
    directory->rights = *hb_way_rights(way);
    directory->led = way->led;
    directory->fd = openat(hb_way_fd(way), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory->fd < 0 ? -errno : 0;
}

/* To a place, or into a directory. */
static int go_below(const struct hb_root *root, const char *path, unsigned flags,
                    struct hb_place *place, struct hb_directory *directory, unsigned *made)
{
    struct hb_way *way = hb_way_new(root->fd, &root->rights, root->led);
    struct rest rest = {.text = hb_copy_text(path)};
    rest.at = rest.text;
    int result = resolve(root, way, &rest, flags, place);
    if (place != NULL)
        place->led = way->led;
    else if (result == 0)
        result = take_directory(way, directory);
    int flushed = hb_way_end_made(way, result == 0 || (flags & HB_KEEP_MADE) != 0,
                                  (flags & HB_FLUSH_MADE) != 0, made);
    hb_way_free(way);
    free(rest.text);
    return result == 0 ? flushed : result;
}

/* Before anything is made: does a link in the graft lead to the root that it is grafted to? */
static int look_ahead(const struct hb_graft *graft, const struct hb_root *root, const char *path,
                      unsigned flags)
{
    struct hb_place place = {.directory_fd = -1};
    if ((flags & HB_MAKE_PARENTS) == 0 || graft->inner == NULL)
        return 0;
    int result =
        go_below(root, path, (flags & HB_KEEP_LAST) | HB_SUPPOSE_PARENTS, &place, NULL, NULL);
    bool inner = result == 0 && hb_graft_is_inner(graft, place.path);
    hb_place_clear(&place);
    return inner ? -EXDEV : 0;
}

static int settle_place(const struct hb_graft *graft, struct hb_place *place)
{
    if (hb_graft_is_inner(graft, place->path))
        return -EXDEV;
    char *path = hb_text("%s/%s", graft->name, place->path);
    free(place->path);
    place->path = path;
    return 0;
}

/* What a graft's name hides in the root itself is not reached by a link either. */
static bool is_hidden(const struct hb_root *root, const struct hb_place *place)
{
    const char *rest;
    return place->through_link && hb_graft_of(root, place->path, &rest) != NULL;
}

static int go_in_home(const struct hb_root *root, const char *path, unsigned flags,
                      struct hb_place *place, struct hb_directory *directory, unsigned *made)
{
    int result = go_below(root, path, flags, place, directory, made);
    return result == 0 && place != NULL && is_hidden(root, place) ? -EXDEV : result;
}

static int go(const struct hb_root *root, const char *path, unsigned flags, struct hb_place *place,
              struct hb_directory *directory, unsigned *made)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(root, path, &rest);
    struct hb_root below;
    if (graft == NULL)
        return go_in_home(root, path, flags, place, directory, made);
    int result = take_graft(root, graft, rest, &below);
    if (result == 0)
        result = look_ahead(graft, &below, rest, flags);
    if (result == 0)
        result = go_below(&below, rest, flags, place, directory, made);
    return result == 0 && place != NULL ? settle_place(graft, place) : result;
}

int hb_beneath_resolve(const struct hb_root *root, const char *path, unsigned flags,
                       struct hb_place *place, unsigned *made)
{
    *place = (struct hb_place){.directory_fd = -1};
    return go(root, path, flags, place, NULL, made);
}

int hb_beneath_directory(const struct hb_root *root, const char *path, unsigned flags,
                         struct hb_directory *directory)
{
    *directory = (struct hb_directory)HB_DIRECTORY_NONE;
    return go(root, path, flags | HB_KEEP_MADE, NULL, directory, NULL);
}

void hb_place_clear(struct hb_place *place)
{
    if (place->directory_fd >= 0)
        close(place->directory_fd);
    free(place->name);
    free(place->path);
    *place = (struct hb_place){.directory_fd = -1};
}

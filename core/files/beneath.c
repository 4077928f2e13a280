/* SPDX-License-Identifier: Apache-2.0 */
#include "files/beneath.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "files/owner.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    MAXIMUM_LINKS = 40,
    KEPT_OPEN = 64,        /* so many of the last directories on a way, whatever its length */
    LONGEST_PATH = 1 << 18 /* with the links on it */
};

void hb_root_close(struct hb_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    free(root->path);
    root->fd = -1;
    root->path = NULL;
}

struct hb_rights hb_root_reading(const struct hb_root *root)
{
    return root->read_as_root ? (struct hb_rights){.other = false} : root->rights;
}

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

int hb_beneath_open(const struct hb_root *root, const char *path, int flags, unsigned mode)
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

/* ---- resolution ---------------------------------------------------------------------------- */

/* A directory on the way. */
struct step {
    int fd; /* -1: closed again; see KEPT_OPEN */
    char *name;
    struct hb_rights rights; /* of its owner */
};

/* The way from the root to where we are: descriptors and names, so that ".." needs no look-up. */
struct way {
    struct step *steps; /* the descriptor of [0] is the root's, not ours to close */
    size_t depth, capacity;
    bool led;                /* a link of another user's was followed: what is reached by it… */
    struct hb_rights leader; /* …is reached with his rights */
    struct made_directory *made;
    size_t made_count;
};

/* A directory that was made on the way; if nothing comes of it, it goes again. */
struct made_directory {
    int parent_fd;
    char *name;
    struct hb_rights rights;
};

static void way_leave(struct way *way)
{
    struct step *step = &way->steps[way->depth--];
    if (step->fd >= 0)
        close(step->fd);
    free(step->name);
}

/* Where we are, which was closed. Its names are walked again, links not followed. 0 or -errno. */
static int way_open_again(struct way *way)
{
    int at = way->steps[0].fd;
    for (size_t i = 1; i <= way->depth; i++) {
        HB_AUTO_AS as = {.changed = false};
        (void)hb_as_begin(&as, way->led ? &way->leader : &way->steps[i - 1].rights);
        int fd = openat(at, way->steps[i].name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (i > 1)
            close(at);
        if (fd < 0)
            return -error;
        at = fd;
    }
    way->steps[way->depth].fd = at;
    return 0;
}

/* To the directory above. 0 or -errno. */
static int way_up(struct way *way)
{
    way_leave(way);
    return way->steps[way->depth].fd >= 0 ? 0 : way_open_again(way);
}

static void way_start_over(struct way *way)
{
    while (way->depth > 0)
        way_leave(way);
}

/* Those that hold in the directory where we are. */
static const struct hb_rights *way_rights(const struct way *way)
{
    return way->led ? &way->leader : &way->steps[way->depth].rights;
}

/*
 * Where its owner's rights cannot be taken on, a name is only looked up, with our own: a directory
 * there is what its own owner makes of it. In a user namespace "/" belongs to nobody that is known.
 */
static bool may_look(int begun)
{
    return begun == 0 || begun == -HB_NO_RIGHTS;
}

static void note_made(struct way *way, int parent_fd, const char *name)
{
    way->made = hb_resize(way->made, way->made_count + 1, sizeof *way->made);
    way->made[way->made_count++] =
        (struct made_directory){.parent_fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 3),
                                .name = hb_copy_text(name),
                                .rights = *way_rights(way)};
}

static bool remove_made(const struct made_directory *made)
{
    HB_AUTO_AS as = {.changed = false};
    return made->parent_fd >= 0 && hb_as_begin(&as, &made->rights) == 0 &&
           unlinkat(made->parent_fd, made->name, AT_REMOVEDIR) == 0;
}

/* Its name, down to the disk. Where the directory above may not be read, all of the file system. */
static int flush_made(const struct made_directory *made)
{
    HB_AUTO_AS as = {.changed = false};
    int result = made->parent_fd < 0 ? -EMFILE : hb_as_begin(&as, &made->rights);
    if (result == 0)
        result = hb_flush_directory(made->parent_fd);
    if (result != -EACCES)
        return result;
    HB_AUTO_CLOSE int fd = openat(made->parent_fd, made->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || syncfs(fd) != 0 ? -errno : 0;
}

/*
 * What was made stays, and is counted, or it goes, unless somebody put something into it. 0; or
 * -errno: it stays, and could not be flushed.
 */
static int end_made(struct way *way, bool stays, bool flushed, unsigned *count)
{
    int result = 0;
    while (way->made_count > 0) {
        struct made_directory *made = &way->made[--way->made_count];
        if (stays && flushed && result == 0)
            result = flush_made(made);
        bool gone = !stays && remove_made(made);
        if (!gone && count != NULL)
            (*count)++;
        if (made->parent_fd >= 0)
            close(made->parent_fd);
        free(made->name);
    }
    free(way->made);
    return result;
}

/* What root makes belongs to the owner of the directory that it lies in. 0 or -errno. */
static int inherit(int directory_fd, const char *name)
{
    struct hb_owner owner;
    int result = hb_owner_of(directory_fd, &owner);
    return result == 0 ? hb_owner_inherit(directory_fd, &owner, name) : result;
}

static int make_on_way(struct way *way, int at, const char *name)
{
    if (mkdirat(at, name, 0777) != 0)
        return errno == EEXIST ? 0 : -errno;
    note_made(way, at, name);
    return way->led ? 0 : inherit(at, name);
}

static void way_add(struct way *way, const struct step *step)
{
    if (++way->depth == way->capacity) {
        way->capacity *= 2;
        way->steps = hb_resize(way->steps, way->capacity, sizeof *way->steps);
    }
    way->steps[way->depth] = *step;
    if (way->depth <= KEPT_OPEN)
        return;
    struct step *far = &way->steps[way->depth - KEPT_OPEN];
    if (far->fd >= 0)
        close(far->fd);
    far->fd = -1;
}

static int way_enter(struct way *way, const char *name, bool make)
{
    int at = way->steps[way->depth].fd;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, way_rights(way)), rights = result;
    if (!may_look(result))
        return result;
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        result = rights == 0 ? make_on_way(way, at, name) : rights;
        if (result != 0)
            return result;
        fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    struct step step = {.fd = fd};
    result = hb_rights_of(fd, &step.rights);
    if (result != 0) {
        close(fd);
        return result;
    }
    step.name = hb_copy_text(name);
    way_add(way, &step);
    return 0;
}

static char *way_path(const struct way *way, const char *name)
{
    size_t bytes = strlen(name) + 1;
    for (size_t i = 1; i <= way->depth; i++)
        bytes += strlen(way->steps[i].name) + 1;
    char *path = hb_alloc(bytes), *end = path;
    for (size_t i = 1; i <= way->depth; i++) {
        size_t length = strlen(way->steps[i].name);
        memcpy(end, way->steps[i].name, length);
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
 * Whose link is it? That of the directory's owner, who can put any there; in one of root's where
 * others may write, of who made it. From there on we go as he.
 */
static void be_led(struct way *way, const struct stat *link)
{
    struct stat directory;
    if (way->led || !hb_rights_matter())
        return;
    way->leader = way->steps[way->depth].rights;
    way->led = way->leader.other;
    if (!way->led && link->st_uid != 0 && fstat(way->steps[way->depth].fd, &directory) == 0 &&
        (directory.st_mode & 022) != 0) {
        way->leader = hb_rights_from(link);
        way->led = true;
    }
}

/* What is still to be walked: from `at` on. */
struct rest {
    char *text, *at;
};

/*
 * Replaces the link `name`, and what is still to be walked after it, by its target in `rest`. An
 * absolute one starts from the root again.
 */
static int follow_link(const struct hb_root *root, struct way *way, const char *name,
                       struct rest *rest)
{
    char target[PATH_MAX];
    ssize_t bytes = readlinkat(way->steps[way->depth].fd, name, target, sizeof target - 1);
    if (bytes < 0)
        return -errno;
    target[bytes] = '\0';
    HB_AUTO_FREE char *inside =
        *target == '/' ? target_below_root(root, target) : hb_copy_text(target);
    if (inside == NULL)
        return -EXDEV;
    if (*target == '/')
        way_start_over(way);
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
static int reopen(const struct way *way)
{
    int at = way->steps[way->depth].fd;
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(at, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

static int take_place(struct way *way, const char *name, bool through_link, struct hb_place *place)
{
    int at = way->steps[way->depth].fd;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, way_rights(way));
    if (result != 0)
        return result;
    place->exists = fstatat(at, name, &place->status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!place->exists && errno != ENOENT)
        return -errno;
    place->directory_fd = reopen(way);
    if (place->directory_fd < 0)
        return place->directory_fd;
    place->name = hb_copy_text(name);
    place->path = way_path(way, name);
    place->through_link = through_link;
    place->rights = *way_rights(way);
    place->led = way->led;
    return 0;
}

/* Follows the component if it is a link: 1; 0: it is none, or not there; or -errno. */
static int step_over_link(const struct hb_root *root, struct way *way, const char *name,
                          struct rest *rest, int *links)
{
    struct stat status;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, way_rights(way));
    if (!may_look(result))
        return result;
    if (fstatat(way->steps[way->depth].fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISLNK(status.st_mode))
        return 0;
    if (result != 0) /* followed as he could, which is not to be known */
        return result;
    if (++*links > MAXIMUM_LINKS)
        return -ELOOP;
    be_led(way, &status);
    result = follow_link(root, way, name, rest);
    return result == 0 ? 1 : result;
}

/* `place` NULL: all of it is a directory, which is where we are in the end. */
static int resolve(const struct hb_root *root, struct way *way, struct rest *rest, unsigned flags,
                   struct hb_place *place)
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
            int above = way->depth > 0 ? way_up(way) : 0;
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
            result = way_enter(way, name, (flags & HB_MAKE_PARENTS) != 0);
        if (result != 0)
            return result;
    }
}

static void way_free(struct way *way)
{
    way_start_over(way);
    free(way->steps);
    free(way);
}

static struct way *way_new(const struct hb_root *root)
{
    struct way *way = hb_alloc(sizeof *way);
    way->capacity = 16;
    way->steps = hb_alloc(way->capacity * sizeof *way->steps);
    way->steps[0] = (struct step){.fd = root->fd, .rights = root->rights};
    way->leader = root->rights;
    way->led = root->led;
    return way;
}

int hb_beneath_resolve(const struct hb_root *root, const char *path, unsigned flags,
                       struct hb_place *place, unsigned *made)
{
    *place = (struct hb_place){.directory_fd = -1};
    struct way *way = way_new(root);
    struct rest rest = {.text = hb_copy_text(path)};
    rest.at = rest.text;
    int result = resolve(root, way, &rest, flags, place);
    place->led = way->led;
    int flushed = end_made(way, result == 0 || (flags & HB_KEEP_MADE) != 0,
                           (flags & HB_FLUSH_MADE) != 0, made);
    if (result == 0)
        result = flushed;
    way_free(way);
    free(rest.text);
    return result;
}

/* The directory where we are becomes *directory. */
static int take_directory(const struct way *way, struct hb_directory *directory)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, way_rights(way));
    if (result != 0)
        return result;
    directory->rights = *way_rights(way);
    directory->led = way->led;
    directory->fd = openat(way->steps[way->depth].fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory->fd < 0 ? -errno : 0;
}

int hb_beneath_directory(const struct hb_root *root, const char *path, unsigned flags,
                         struct hb_directory *directory)
{
    *directory = (struct hb_directory)HB_DIRECTORY_NONE;
    struct way *way = way_new(root);
    struct rest rest = {.text = hb_copy_text(path)};
    rest.at = rest.text;
    int result = resolve(root, way, &rest, flags, NULL);
    if (result == 0)
        result = take_directory(way, directory);
    int flushed = end_made(way, true, (flags & HB_FLUSH_MADE) != 0, NULL);
    if (result == 0)
        result = flushed;
    way_free(way);
    free(rest.text);
    return result;
}

void hb_place_clear(struct hb_place *place)
{
    if (place->directory_fd >= 0)
        close(place->directory_fd);
    free(place->name);
    free(place->path);
    *place = (struct hb_place){.directory_fd = -1};
}

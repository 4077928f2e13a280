/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite takes a name, and opens up to four files by it, at moments of its own: the database, then
 * name-journal, name-wal and name-shm, which it makes where they are missing, gives to the owner of
 * the database where it is root, cuts to nothing (the -shm), and removes. It compares none of them
 * with anything. Whoever can write to a directory on the way can, between any two of these calls,
 *
 *   - put a link in the place of that directory, and back: the log of another database is opened,
 *     and its pages are written into
 *   - let name-wal be a link, or one more hard link, to the log of another database
 *   - move a file of root's there, which a root that runs SQLite then gives to him, or empties
 *   - make it a pipe, on which open() waits for ever
 *
 * What is promised here: only files of the directory that is held are opened; the database is the
 * one that was pinned; a side file is a regular file with one link, and where we are root it
 * belongs to the owner of the database. No open() waits for somebody else. Anything else is a
 * refusal with words.
 *
 * How: a name is opened with O_PATH first, which touches nothing, follows nothing and waits for
 * nobody. What it leads to is looked at, and then that very file is opened by its descriptor,
 *
 *      name --O_PATH|O_NOFOLLOW--> inode --fstat: fit?--> /proc/self/fd/N --open--> descriptor
 *
 * so that there is no moment between the look and the use. The number of links alone can deceive: a
 * second link that is taken away between the first two steps leaves a file with one link, which is
 * somewhere else. But an O_PATH descriptor keeps the very directory entry that was followed, and
 * the kernel says so for ever when that was removed. One link, and the entry still there
 * afterwards: then it was the one link. (Opening first and looking afterwards would wake up
 * devices, and closing what is not wanted would drop the POSIX locks that another thread has on
 * that file.) SQLite is handed the name /proc/self/fd/N/NAME, N being the directory; held_vfs.c
 * makes it open files through held_open_side_here().
 *
 * Another program can make open() of a regular file wait, by a lease. O_NONBLOCK has the kernel ask
 * for the lease and say so; it is tried again for a while.
 *
 * Without a /proc the same inode cannot be opened again: then the name is opened and compared, and
 * SQLite gets to open staged copies only, by their path, as these lie in a directory of our own.
 */
#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 16, LEASE_TRIES = 300, LEASE_NAP_NS = 10000000 };

const char *const side_suffixes[SIDES] = {"", "-wal", "-shm", "-journal"};

void held_side_name(const char *name, enum side side, char out[HELD_NAME_BYTES])
{
    snprintf(out, HELD_NAME_BYTES, "%s%s", name, side_suffixes[side]);
}

/* ---- taking hold ----------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool proc_leads_to(int fd, const struct stat *there)
{
    char link[32];
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return stat(link, &found) == 0 && is_same(&found, there);
}

/* Did nothing happen to the file between two looks, and does its name lead to it? */
static bool has_kept_still(int directory_fd, int pin, const char *name, const struct stat *before)
{
    struct stat named, after;
    return fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_same(&named, before) && fstat(pin, &after) == 0 &&
           after.st_nlink == before->st_nlink && after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           after.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

static ssize_t path_of(int fd, char text[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, text, PATH_MAX);
    return bytes < PATH_MAX ? bytes : -1;
}

/*
 * Has the entry of that name, by which the pin was opened, been there since? Read from what /proc
 * calls the pin: DIRECTORY/NAME, with " (deleted)" behind it if not. Whoever removes an entry takes
 * the link off first and marks it then, both under a lock of the directory. Renaming a name to
 * itself if that is free takes the same lock, and does nothing. Where /proc calls the pin nothing,
 * since the path is too long for it, times have to do.
 */
static bool is_still_named(int directory_fd, int pin, const char *name, const struct stat *before)
{
    char file[PATH_MAX], directory[PATH_MAX];
    size_t length = strlen(name);
    (void)renameat2(directory_fd, name, directory_fd, name, RENAME_NOREPLACE);
    ssize_t above = path_of(directory_fd, directory), bytes = path_of(pin, file);
    if (above < 0 || bytes < 0)
        return has_kept_still(directory_fd, pin, name, before);
    if (above == 1) /* "/" */
        above = 0;
    return (size_t)bytes == (size_t)above + 1 + length &&
           memcmp(file, directory, (size_t)above) == 0 && file[above] == '/' &&
           memcmp(file + above + 1, name, length) == 0;
}

/*
 * The database of that name. `count`: its links are counted while the name is there; what is only
 * read is this inode, whatever else it is called.
 */
static int take_pin(struct held *held, bool count)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        if (held->pin >= 0)
            close(held->pin);
        held->pin = openat(held->directory_fd, held->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (held->pin < 0 || fstat(held->pin, &held->status) != 0)
            return -errno;
        if (!count || !S_ISREG(held->status.st_mode) ||
            is_still_named(held->directory_fd, held->pin, held->name, &held->status))
            return 0;
    }
    return -EAGAIN;
}

/* `held` has its directory. */
static int take_hold(struct held *held, const char *name, bool count)
{
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(held->name, name, strlen(name) + 1);
    int result = take_pin(held, count);
    if (result != 0)
        return result;
    if (!S_ISREG(held->status.st_mode))
        return -ENOTSUP;
    held->by_descriptor = proc_leads_to(held->pin, &held->status);
    if (held->by_descriptor)
        snprintf(held->path, sizeof held->path, "/proc/self/fd/%d/%s", held->directory_fd, name);
    return 0;
}

int held_open(struct held *held, int directory_fd, const char *name)
{
    *held = (struct held){.directory_fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3), .pin = -1};
    return held->directory_fd < 0 ? -errno : take_hold(held, name, true);
}

int held_open_to_read(struct held *held, int directory_fd, const char *name)
{
    *held = (struct held){.directory_fd = directory_fd, .pin = -1};
    return take_hold(held, name, false);
}

void held_begin_staged(const struct held *staged, struct as_owner *owner)
{
    (void)as_owner_begin(owner, staged->directory_fd);
}

int held_open_staged(struct held *held, const struct hb_file *file)
{
    AS_OWNER_AUTO owner = {0};
    char directory[PATH_MAX];
    struct stat staged;
    const char *slash = strrchr(file->path, '/');
    *held = (struct held){.directory_fd = -1, .pin = -1};
    if (slash == NULL || (size_t)(slash - file->path) >= sizeof directory)
        return -ENAMETOOLONG;
    memcpy(directory, file->path, (size_t)(slash - file->path));
    directory[slash - file->path] = '\0';
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)as_owner_begin(&owner, fd); /* he may not get to it by its path, but may enter it */
    int result = held_open_to_read(held, fd, slash + 1);
    if (result == 0 && (fstat(file->fd, &staged) != 0 || !is_same(&staged, &held->status)))
        result = -ESTALE;
    if (result == 0 && !held->by_descriptor && strlen(file->path) < sizeof held->path)
        memcpy(held->path, file->path, strlen(file->path) + 1);
    return result;
}

void held_close(struct held *held)
{
    if (held->pin >= 0)
        close(held->pin);
    if (held->directory_fd >= 0)
        close(held->directory_fd);
    held->pin = held->directory_fd = -1;
}

bool held_begin(struct held *held, struct as_owner *owner)
{
    struct stat directory = {0};
    int result = as_owner_begin(owner, held->directory_fd);
    if (result == 0)
        return true;
    (void)fstat(held->directory_fd, &directory);
    snprintf(held->refusal, sizeof held->refusal,
             "its directory belongs to user %u, and hbcore cannot take on the rights of that user "
             "(%s): run hbcore as that user",
             (unsigned)directory.st_uid, strerror(-result));
    return false;
}

/*
 * With root's rights, SQLite would treat whatever its names lead to as its own files: cut a -shm to
 * nothing, give a -wal to the group of the database, remove a journal. The owner of the directory
 * can make those names lead to any file of root's that he can move there. So with root's rights
 * there are only descriptors for reading (here), and no call that changes a file (held_vfs.c). To
 * SQLite that looks like a directory that cannot be written to. What the owner can read is read
 * with the owner's rights, as ever.
 */
void held_read_as_root(struct held *held)
{
    AS_OWNER_AUTO owner = {0};
    int result = as_owner_begin(&owner, held->directory_fd);
    held->with_own_rights = result != 0;
    for (enum side side = SIDE_MAIN; side < SIDES && owner.acting; side++) {
        char name[HELD_NAME_BYTES];
        held_side_name(held->name, side, name);
        if (faccessat(held->directory_fd, name, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0 &&
            errno == EACCES)
            held->with_own_rights = true;
    }
}

bool held_begin_reading(struct held *held, struct as_owner *owner)
{
    return held->with_own_rights || held_begin(held, owner);
}

bool held_is_here(const struct held *held)
{
    struct stat here;
    return fstatat(held->directory_fd, held->name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_same(&here, &held->status);
}

/* ---- what may be opened ---------------------------------------------------------- */

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK:
        return "a symbolic link";
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

/* False: `refusal`. One that has no link any more is the caller's business. */
static bool is_fit(struct held *held, enum side side, const struct stat *found)
{
    const char *what = side_suffixes[side];
    char *text = held->refusal;
    size_t room = sizeof held->refusal;
    if (!S_ISREG(found->st_mode))
        snprintf(text, room, "its %s is %s, which SQLite never makes: move it away", what,
                 kind_of(found->st_mode));
    else if (found->st_nlink > 1)
        snprintf(text, room,
                 "its %s has another hard link and may belong to another database: remove one of "
                 "the two names",
                 what);
    else if (geteuid() == 0 && found->st_uid != held->status.st_uid)
        snprintf(text, room,
                 "its %s belongs to user %u, the database to user %u: give both the same owner, or "
                 "move the %s away if the database is complete without it",
                 what, (unsigned)found->st_uid, (unsigned)held->status.st_uid, what);
    else
        return true;
    return false;
}

bool held_sides_are_fit(struct held *held)
{
    for (enum side side = SIDE_WAL; side < SIDES; side++) {
        char name[HELD_NAME_BYTES];
        struct stat found;
        held_side_name(held->name, side, name);
        if (fstatat(held->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue;
            snprintf(held->refusal, sizeof held->refusal, "its %s cannot be looked at: %s",
                     side_suffixes[side], strerror(errno));
            return false;
        }
        if (!is_fit(held, side, &found))
            return false;
    }
    return true;
}

/* ---- opening --------------------------------------------------------------------- */

/* Opens the file unless another program has a lease on it and does not give it up. */
static int open_patiently(int directory_fd, const char *name, int flags)
{
    const struct timespec nap = {.tv_nsec = LEASE_NAP_NS};
    for (int i = 0; i < LEASE_TRIES; i++) {
        int fd = openat(directory_fd, name, flags | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 || (errno != EWOULDBLOCK && errno != EINTR))
            return fd >= 0 ? fd : -errno;
        nanosleep(&nap, NULL);
    }
    return -EBUSY;
}

/* Opens the inode that an O_PATH descriptor holds. */
static int open_pinned(const struct held *held, int pin, const char *name, int flags)
{
    struct stat pinned, opened;
    char link[32];
    flags &= ~(O_CREAT | O_EXCL | O_NOFOLLOW);
    if (held->by_descriptor) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", pin);
        return open_patiently(AT_FDCWD, link, flags);
    }
    int fd = open_patiently(held->directory_fd, name, flags | O_NOFOLLOW);
    if (fd < 0 ||
        (fstat(pin, &pinned) == 0 && fstat(fd, &opened) == 0 && is_same(&pinned, &opened)))
        return fd;
    close(fd);
    return -ESTALE;
}

/*
 * Would a new file beside the database have the database's group, or could it be given that group?
 */
static bool can_have_group(const struct held *held)
{
    gid_t groups[AS_OWNER_GROUPS], wanted = held->status.st_gid;
    struct stat directory;
    if (fstat(held->directory_fd, &directory) == 0 && (directory.st_mode & S_ISGID) != 0 &&
        directory.st_gid == wanted)
        return true;
    if ((gid_t)setfsgid((gid_t)-1) == wanted || (geteuid() == 0 && setfsuid((uid_t)-1) == 0))
        return true;
    int count = getgroups(AS_OWNER_GROUPS, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

/*
 * For a file with another group: a user who is in one group and not in the other counts among the
 * others.
 */
static mode_t in_common(mode_t mode)
{
    mode_t both = mode & mode >> 3 & 07;
    return (mode & ~(mode_t)077) | both << 3 | both;
}

mode_t held_mode_of_sides(const struct held *held, mode_t mode)
{
    return can_have_group(held) ? mode : in_common(mode);
}

/*
 * A side file holds the same rows: nobody may do more with it than with the database. Its mode is
 * the database's, but where that has an access list its group bits are the mask of the list, and
 * its group may be another one.
 */
static void limit_side(const struct held *held, int fd)
{
    static const char list[] = "system.posix_acl_access";
    char link[32], value[4096];
    struct stat made;
    snprintf(link, sizeof link, "/proc/self/fd/%d", held->pin);
    if (fstat(fd, &made) != 0 || (made.st_mode & 077) == 0)
        return;
    ssize_t bytes = getxattr(link, list, value, sizeof value);
    bool none = bytes < 0 && (errno == ENODATA || errno == ENOTSUP);
    bool grouped =
        made.st_gid == held->status.st_gid || fchown(fd, (uid_t)-1, held->status.st_gid) == 0;
    if (grouped && (none || (bytes > 0 && fsetxattr(fd, list, value, (size_t)bytes, 0) == 0)))
        return;
    int refused = fchmod(fd, in_common(made.st_mode & 0777));
    (void)refused; /* by a file system without modes, which has no lists either */
}

/* A new side file is the database owner's, or is not made. */
static int make_side(struct held *held, enum side side, const char *name, int flags, mode_t mode)
{
    struct stat made;
    int fd =
        openat(held->directory_fd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    if (geteuid() != 0 ||
        (fstat(fd, &made) == 0 && (made.st_uid == held->status.st_uid ||
                                   fchown(fd, held->status.st_uid, held->status.st_gid) == 0))) {
        limit_side(held, fd);
        return fd;
    }
    close(fd);
    unlinkat(held->directory_fd, name, 0);
    snprintf(held->refusal, sizeof held->refusal,
             "SQLite needs a %s beside it, which would belong to user %u, but the database belongs "
             "to user %u: give the database and its directory the same owner",
             side_suffixes[side], (unsigned)made.st_uid, (unsigned)held->status.st_uid);
    return -EPERM;
}

/* The pinned inode, while its name leads to it. */
static int open_main(struct held *held, int flags)
{
    struct stat found;
    if (fstatat(held->directory_fd, held->name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? -ESTALE : -errno;
    return is_same(&found, &held->status) ? open_pinned(held, held->pin, held->name, flags)
                                          : -ESTALE;
}

/* -EAGAIN: it vanished or appeared meanwhile. */
static int try_to_open(struct held *held, enum side side, int flags, mode_t mode)
{
    char name[HELD_NAME_BYTES];
    struct stat found;
    if (held->with_own_rights && (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != O_RDONLY)
        return -EACCES;
    if (side == SIDE_MAIN)
        return open_main(held, flags);
    held_side_name(held->name, side, name);
    int pin = openat(held->directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (pin < 0 && errno == ENOENT && (flags & O_CREAT) != 0) {
        int made = make_side(held, side, name, flags, mode);
        return made == -EEXIST && (flags & O_EXCL) == 0 ? -EAGAIN : made;
    }
    if (pin < 0)
        return -errno;
    int fd = -EPERM;
    if (fstat(pin, &found) != 0)
        fd = -errno;
    else if ((flags & O_EXCL) != 0)
        fd = -EEXIST;
    else if (S_ISREG(found.st_mode) && found.st_nlink == 0)
        fd = -EAGAIN;
    else if (is_fit(held, side, &found))
        fd = is_still_named(held->directory_fd, pin, name, &found)
                 ? open_pinned(held, pin, name, flags)
                 : -EAGAIN;
    close(pin);
    return fd;
}

int held_open_side_here(struct held *held, enum side side, int flags, mode_t mode)
{
    int fd = -EAGAIN;
    for (int i = 0; i < ATTEMPTS && fd == -EAGAIN; i++)
        fd = try_to_open(held, side, flags, mode);
    return fd;
}

int held_open_side(struct held *held, enum side side, int flags)
{
    AS_OWNER_AUTO owner = {0};
    return held_begin_reading(held, &owner) ? held_open_side_here(held, side, flags, 0600) : -EPERM;
}

int held_mode(const struct held *held, enum side side)
{
    char name[HELD_NAME_BYTES];
    struct stat found;
    held_side_name(held->name, side, name);
    if (fstatat(held->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    return (int)(found.st_mode & 07777);
}

int held_set_mode(struct held *held, enum side side, mode_t mode)
{
    AS_OWNER_AUTO owner = {0};
    char name[HELD_NAME_BYTES], link[32];
    struct stat found = {0};
    held_side_name(held->name, side, name);
    if (!held_begin(held, &owner))
        return -EPERM;
    int pin = openat(held->directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int result = pin >= 0 && fstat(pin, &found) == 0 ? 0 : -errno;
    if (result == 0 && side == SIDE_MAIN && !is_same(&found, &held->status))
        result = -ESTALE;
    else if (result == 0 && side != SIDE_MAIN && !is_fit(held, side, &found))
        result = -EPERM;
    else if (result == 0 && side != SIDE_MAIN &&
             !is_still_named(held->directory_fd, pin, name, &found))
        result = -EAGAIN;
    if (side != SIDE_MAIN && found.st_gid != held->status.st_gid)
        mode = in_common(mode);
    snprintf(link, sizeof link, "/proc/self/fd/%d", pin);
    if (result == 0 && chmod(link, mode) != 0)
        result = -errno;
    if (pin >= 0)
        close(pin);
    return result;
}

void held_remove_sides(struct held *held)
{
    AS_OWNER_AUTO owner = {0};
    if (!held_begin(held, &owner))
        return;
    for (enum side side = SIDE_WAL; side < SIDES; side++) {
        char name[HELD_NAME_BYTES];
        held_side_name(held->name, side, name);
        unlinkat(held->directory_fd, name, 0);
    }
}

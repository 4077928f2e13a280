/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of an alias: whose it is, and how it gets its content.
 *
 * What it promises. After alias_write() the name has the whole script, or is what it was, with the
 * reason. A killed run leaves at most a temporary file, which the next one removes.
 *
 * What it must not do. The directory lies outside the home and belongs to the user: nothing in it
 * is replaced but a regular file that contains our mark. A link is not followed, for it may lead
 * anywhere. Root, with sudo, does nothing in a user's directory that the user could not do.
 *
 *      look(): the file of that name
 *        none ------------> temporary --> RENAME_NOREPLACE     somebody else may take the name:
 *        ours, the same --> nothing to do                      skipped
 *        ours, another ---> temporary --> still that inode? --> rename
 *        anything else ---> skipped                      `no: skipped
 *
 * A temporary is locked (flock) by the run that writes it, so an unlocked one is a dead run's. Why
 * not O_TMPFILE: linkat() cannot replace a name, and not every file system has it.
 */
#include "alias_file.h"

#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

enum {
    ALIAS_MODE = 0755,
    LARGEST_ALIAS = 64 * 1024, /* a larger file is not an alias of ours */
    RANDOM_DIGITS = 16
};

static const char temporary_prefix[] = ".hbcore-alias-";

struct temporary {
    int fd;
    char name[sizeof temporary_prefix + RANDOM_DIGITS];
};

char *alias_expand(const char *path)
{
    if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
        return strdup(path);
    const char *user = getenv("HOME");
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if ((user == NULL || *user != '/') &&
        getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        user = found->pw_dir;
    return hermes_format("%s%s", user == NULL ? "/" : user, path + 1);
}

/* ---- the directory -------------------------------------------------------------------------- */

/*
 * What root makes is given to the owner of the directory that it lies in: on some systems sudo
 * keeps HOME. A file system without owners does not matter.
 */
static void give_to_owner_of(int directory_fd, int fd)
{
    struct stat status;
    if (geteuid() == 0 && fstat(directory_fd, &status) == 0 &&
        fchown(fd, status.st_uid, status.st_gid) != 0)
        return;
}

/*
 * At the first directory on the way that belongs to another user, root begins to act as that user,
 * and does so to the end: the user's links must lead root no further than they lead the user.
 */
static int act_from(int directory_fd, struct as_owner *owner)
{
    return owner->acting ? 0 : as_owner_begin(owner, directory_fd);
}

/* Flushes the name of a directory that was made, where that is possible. */
static void flush_names(int directory_fd)
{
    HERMES_AUTO_CLOSE int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0)
        return;
}

/* Opens the directory step by step; with `make`, missing ones are made. */
static int open_by_steps(const char *path, bool make, struct as_owner *owner)
{
    HERMES_AUTO_FREE char *copy = strdup(path);
    int at = copy == NULL ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = at < 0 ? -errno : act_from(at, owner);
    char *save = NULL;
    for (char *part = copy == NULL ? NULL : strtok_r(copy, "/", &save); part != NULL && result == 0;
         part = strtok_r(NULL, "/", &save)) {
        bool made = make && mkdirat(at, part, 0777) == 0;
        int made_error = make && !made ? errno : ENOENT;
        if (made)
            flush_names(at);
        /* O_PATH: a directory on the way may be closed to reading. */
        int next = openat(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            result = -(errno == ENOENT ? made_error : errno);
        close(at);
        at = next;
        if (result == 0)
            result = act_from(at, owner);
    }
    int fd = result == 0 ? openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (result == 0 && fd < 0)
        result = -errno;
    if (at >= 0)
        close(at);
    return result == 0 ? fd : result;
}

/*
 * On NFS, SMB, FUSE and others another machine may hold a lock that is not seen here: a file that
 * is younger than a day is left there. Wrong clocks do no harm: the worst is a small file that
 * stays, or an alias that the next import makes.
 */
static bool may_be_anothers(int directory_fd, const struct stat *status)
{
    static const uint32_t local[] = {0xef53,     0x58465342, 0x9123683e, 0x01021994,
                                     0x794c7630, 0xf2f52010, 0x2fc12fc1};
    struct statfs system;
    struct timespec now;
    if (fstatfs(directory_fd, &system) != 0)
        return true;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if ((uint32_t)system.f_type == local[i]) /* ext4, xfs, btrfs, tmpfs, overlayfs, f2fs, zfs */
            return false;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - status->st_mtim.tv_sec < (time_t)24 * 60 * 60;
}

/* Removes temporaries that nobody holds a lock on: their runs are dead. */
static void sweep(int directory_fd)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL && fd >= 0)
        close(fd);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (strncmp(entry->d_name, temporary_prefix, sizeof temporary_prefix - 1) != 0)
            continue;
        HERMES_AUTO_CLOSE int left =
            openat(fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (left >= 0 && fstat(left, &status) == 0 && S_ISREG(status.st_mode) &&
            !may_be_anothers(fd, &status) && flock(left, LOCK_EX | LOCK_NB) == 0)
            unlinkat(fd, entry->d_name, 0);
    }
    if (directory != NULL)
        closedir(directory);
}

int alias_open_directory(const char *path, bool make, struct as_owner *owner)
{
    int fd = open_by_steps(path, make, owner);
    if (fd >= 0 && make)
        sweep(fd);
    return fd;
}

/* ---- what is there ------------------------------------------------------------------- */

enum found { NOTHING, OURS, OTHERS };

/* Reads it, if it is a regular file and small enough to be an alias. -errno, or its bytes. */
static ssize_t read_alias(int fd, char *text)
{
    struct stat status;
    size_t used = 0;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size > LARGEST_ALIAS)
        return -EFBIG;
    while (used < LARGEST_ALIAS) {
        ssize_t got = read(fd, text + used, LARGEST_ALIAS - used);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

/* Whose is the file of that name? *same: it is ours and is already as it should be. */
static enum found look(const struct alias_place *place, const char *name, const char *script,
                       bool *same, struct stat *status)
{
    HERMES_AUTO_CLOSE int fd =
        openat(place->directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NOTHING : OTHERS; /* a link is not ours either */
    HERMES_AUTO_FREE char *text = malloc(LARGEST_ALIAS);
    ssize_t bytes = text == NULL ? -ENOMEM : read_alias(fd, text);
    if (bytes < 0 || fstat(fd, status) != 0 ||
        memmem(text, (size_t)bytes, place->mark, strlen(place->mark)) == NULL)
        return OTHERS;
    *same = (size_t)bytes == strlen(script) && memcmp(text, script, (size_t)bytes) == 0 &&
            (status->st_mode & 07777) == ALIAS_MODE;
    return OURS;
}

/* ---- writing ------------------------------------------------------------------------- */

static int write_all(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, text, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text += written;
        bytes -= (size_t)written;
    }
    return 0;
}

/*
 * Until the file is locked, another run may take it for a dead run's and remove it: then another
 * name is tried.
 */
static int make_temporary(int directory_fd, struct temporary *made)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        uint64_t number;
        struct stat status;
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return -errno;
        snprintf(made->name, sizeof made->name, "%s%0*" PRIx64, temporary_prefix, RANDOM_DIGITS,
                 number);
        made->fd = openat(directory_fd, made->name,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (made->fd < 0 && errno != EEXIST)
            return -errno;
        if (made->fd < 0)
            continue;
        if (flock(made->fd, LOCK_EX | LOCK_NB) == 0 && fstat(made->fd, &status) == 0 &&
            status.st_nlink > 0)
            return 0;
        unlinkat(directory_fd, made->name, 0);
        close(made->fd);
    }
    return -EBUSY;
}

static int fill_temporary(int directory_fd, const struct temporary *made, const char *script)
{
    int result = write_all(made->fd, script, strlen(script));
    if (result != 0)
        return result;
    give_to_owner_of(directory_fd, made->fd);
    return fchmod(made->fd, ALIAS_MODE) != 0 || fsync(made->fd) != 0 ? -errno : 0;
}

/* A new name must not be taken meanwhile, and an old one must still be that of our file. */
static int give_name(int directory_fd, const struct temporary *made, const char *name,
                     const struct stat *replaced)
{
    struct stat there;
    if (replaced == NULL) {
        if (renameat2(directory_fd, made->name, directory_fd, name, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS)
            return -errno;
        /* This file system cannot do that; a link never replaces anything. */
        if (linkat(directory_fd, made->name, directory_fd, name, 0) != 0)
            return -errno;
        unlinkat(directory_fd, made->name, 0);
        return 0;
    }
    if (fstatat(directory_fd, name, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        there.st_ino != replaced->st_ino || there.st_dev != replaced->st_dev)
        return -ESTALE;
    return renameat(directory_fd, made->name, directory_fd, name) == 0 ? 0 : -errno;
}

static int publish(const struct alias_place *place, const char *script, const char *name,
                   const struct stat *replaced)
{
    struct temporary made;
    int result = make_temporary(place->directory_fd, &made);
    if (result != 0)
        return result;
    result = fill_temporary(place->directory_fd, &made, script);
    if (result == 0)
        result = give_name(place->directory_fd, &made, name, replaced);
    if (result != 0)
        unlinkat(place->directory_fd, made.name, 0);
    close(made.fd);
    return result == 0 && fsync(place->directory_fd) != 0 ? -errno : result;
}

static const char *failure(int error)
{
    if (error == -EEXIST || error == -ESTALE)
        return "another file took the name meanwhile";
    return strerror(-error);
}

void alias_write(const struct alias_place *place, const char *script, struct alias *alias)
{
    bool same = false;
    struct stat status;
    HERMES_AUTO_FREE char *shown = hermes_printable(place->directory);
    enum found found = look(place, alias->name, script, &same, &status);
    alias->status = same ? ALIAS_UNCHANGED : ALIAS_MADE;
    if (found == OTHERS) {
        snprintf(alias->reason, sizeof alias->reason, "%s/%s is another program's file",
                 shown == NULL ? "" : shown, alias->name);
        alias->status = ALIAS_SKIPPED;
    }
    if (alias->status != ALIAS_MADE || place->dry_run)
        return;
    int result = publish(place, script, alias->name, found == OURS ? &status : NULL);
    if (result == 0)
        return;
    alias->status = ALIAS_SKIPPED;
    snprintf(alias->reason, sizeof alias->reason, "%s/%s: %s", shown == NULL ? "" : shown,
             alias->name, failure(result));
}

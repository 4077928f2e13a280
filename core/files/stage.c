/* SPDX-License-Identifier: Apache-2.0 */
#include "files/stage.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/listing.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

static const char prefix[] = ".hbcore-stage-";
enum { RANDOM_DIGITS = 16 };

bool hb_stage_is_name(const char *name)
{
    size_t length = sizeof prefix - 1;
    if (strncmp(name, prefix, length) != 0)
        return false;
    size_t digits = strspn(name + length, "0123456789abcdef");
    return digits == RANDOM_DIGITS && name[length + digits] == '\0';
}

bool hb_stage_on_path(const char *path)
{
    HB_AUTO_FREE char *copy = hb_copy_text(path);
    for (char *component = copy, *rest; component != NULL; component = rest) {
        rest = strchr(component, '/');
        if (rest != NULL)
            *rest++ = '\0';
        if (hb_stage_is_name(component))
            return true;
    }
    return false;
}

static void empty_directory(int fd);

static int remove_entry(void *context, const char *name)
{
    int fd = *(const int *)context;
    if (unlinkat(fd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
        return 0;
    HB_AUTO_CLOSE int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner >= 0)
        empty_directory(inner);
    unlinkat(fd, name, AT_REMOVEDIR);
    return 0;
}

/* Removes all entries of the directory; goes on after a failure. */
static void empty_directory(int fd)
{
    hb_listing_each(fd, remove_entry, &fd);
}

/*
 * Also when that cannot be told: what is in it may be all that there is. An empty one is a mark
 * that was not written any more; a journal gets its name when it is whole.
 */
static bool may_have_journal(int fd)
{
    struct stat status;
    if (fstatat(fd, HB_STAGE_JOURNAL, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno != ENOENT;
    return !S_ISREG(status.st_mode) || status.st_size > 0;
}

/* What stands in a mark, up to the number of the directory and the path. */
static const char belongs[] = "hbcore-stage-of ";

static bool read_mark(int fd, char *text, size_t bytes)
{
    struct stat status;
    HB_AUTO_CLOSE int mark =
        openat(fd, HB_STAGE_JOURNAL, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = mark < 0 || fstat(mark, &status) != 0 || !S_ISREG(status.st_mode)
                      ? -1
                      : pread(mark, text, bytes - 1, 0);
    if (got < 0 || (uint64_t)got != (uint64_t)status.st_size) /* or longer than a path */
        return false;
    text[got] = '\0';
    return strncmp(text, belongs, sizeof belongs - 1) == 0;
}

/*
 * Does it belong to a stage that has no journal? Only if the directory that one was in can be
 * looked at, and still is the same: it may have been moved with all that is in it.
 */
static bool is_orphan(int fd)
{
    char text[PATH_MAX + 64], *path;
    struct stat status;
    if (!read_mark(fd, text, sizeof text))
        return false;
    uint64_t inode = strtoull(text + sizeof belongs - 1, &path, 10);
    char *slash = strrchr(path, '/');
    if (path[0] != ' ' || path[1] != '/' || !hb_stage_is_name(slash + 1))
        return false;
    *slash = '\0';
    HB_AUTO_FREE char *journal = hb_text("%s/%s", slash + 1, HB_STAGE_JOURNAL);
    HB_AUTO_CLOSE int parent =
        open(slash == path + 1 ? "/" : path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return parent >= 0 && fstat(parent, &status) == 0 && status.st_ino == inode &&
           fstatat(parent, journal, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

int hb_stage_mark(struct hb_stage *stage, const struct hb_stage *belongs_to)
{
    struct stat status;
    if (fstat(belongs_to->parent_fd, &status) != 0)
        return -errno;
    HB_AUTO_FREE char *text =
        hb_text("%s%" PRIu64 " %s", belongs, (uint64_t)status.st_ino, belongs_to->path);
    HB_AUTO_CLOSE int mark =
        openat(stage->fd, HB_STAGE_JOURNAL, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return mark < 0 ? -errno : hb_write_all(mark, text, strlen(text));
}

void hb_stage_drop_journal(struct hb_stage *stage)
{
    if (stage->fd >= 0 && unlinkat(stage->fd, HB_STAGE_JOURNAL, 0) == 0)
        fsync(stage->fd);
}

/* Removes one stage if its lock is free, that is, if its run is dead. */
bool hb_stage_sweep_one(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || (may_have_journal(fd) && !is_orphan(fd))) {
        close(fd);
        return false;
    }
    empty_directory(fd);
    bool removed = unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
    close(fd);
    return removed;
}

struct sweep {
    int parent_fd;
    unsigned swept;
};

static int sweep_entry(void *context, const char *name)
{
    struct sweep *sweep = context;
    if (hb_stage_is_name(name) && hb_stage_sweep_one(sweep->parent_fd, name))
        sweep->swept++;
    return 0;
}

unsigned hb_stage_sweep(int parent_fd)
{
    struct sweep sweep = {.parent_fd = parent_fd};
    HB_AUTO_CLOSE int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        hb_listing_each(fd, sweep_entry, &sweep);
    return sweep.swept;
}

static int random_name(struct hb_stage *stage)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return -1;
    snprintf(stage->name, sizeof stage->name, "%s%0*" PRIx64, prefix, RANDOM_DIGITS, number);
    return 0;
}

/* Locks the directory that was just made. */
static int lock_made(struct hb_stage *stage)
{
    struct stat held, there;
    stage->fd =
        openat(stage->parent_fd, stage->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* fchmod: a umask may have taken even our own bits away. */
    if (stage->fd < 0 || fchmod(stage->fd, 0700) != 0 || flock(stage->fd, LOCK_EX | LOCK_NB) != 0 ||
        fstat(stage->fd, &held) != 0 ||
        fstatat(stage->parent_fd, stage->name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    return held.st_ino == there.st_ino ? 0 : -ENOENT;
}

/*
 * Makes the directory and locks it. Another run's sweep may take the lock in between and remove
 * it: then there is no such name any more, and we try again.
 */
static int make_locked(struct hb_stage *stage)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        if (random_name(stage) != 0)
            return -errno;
        if (mkdirat(stage->parent_fd, stage->name, 0700) != 0) {
            if (errno == EEXIST)
                continue;
            return -errno;
        }
        int result = lock_made(stage);
        if (result == 0)
            return 0;
        if (stage->fd >= 0)
            close(stage->fd);
        stage->fd = -1;
        if (result != -EWOULDBLOCK && result != -ENOENT) {
            unlinkat(stage->parent_fd, stage->name, AT_REMOVEDIR);
            return result;
        }
    }
    return -EBUSY;
}

int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error)
{
    *stage = (struct hb_stage)HB_STAGE_NONE;
    stage->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stage->parent_fd < 0)
        return hb_error_set(error, HB_FATAL, "%s: cannot open the directory: %s", parent,
                            strerror(errno));
    unsigned removed = hb_stage_sweep(stage->parent_fd);
    if (swept != NULL)
        *swept += removed;
    int result = make_locked(stage);
    if (result != 0) {
        hb_stage_close(stage);
        hb_error_set(error, HB_FATAL, "%s: cannot make a staging directory: %s", parent,
                     strerror(-result));
        hb_error_hint(error, "choose a directory that you can write to, or set backup.stage-dir");
        return HB_FATAL;
    }
    stage->path = hb_text("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, stage->name);
    return HB_OK;
}

int hb_stage_adopt(const char *parent, const char *name, struct hb_stage *stage)
{
    struct stat status;
    *stage = (struct hb_stage)HB_STAGE_NONE;
    if (!hb_stage_is_name(name))
        return HB_NOMATCH;
    stage->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stage->parent_fd >= 0)
        stage->fd = openat(stage->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (stage->fd < 0 || fstat(stage->fd, &status) != 0 || status.st_uid != geteuid() ||
        (status.st_mode & 077) != 0 || flock(stage->fd, LOCK_EX | LOCK_NB) != 0) {
        hb_stage_leave(stage);
        return HB_NOMATCH;
    }
    snprintf(stage->name, sizeof stage->name, "%s", name);
    stage->path = hb_text("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
    return HB_OK;
}

int hb_stage_file(struct hb_stage *stage, const char *hint, char **name, struct hb_error *error)
{
    char *made = hb_text("%u-%.40s", atomic_fetch_add(&stage->serial, 1), hint);
    for (char *at = made; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-' && *at != '_')
            *at = '_';
    int fd = openat(stage->fd, made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        int result = hb_error_set(error, HB_FATAL, "%s/%s: cannot make a staged file: %s",
                                  stage->path, made, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(made);
        return result;
    }
    *name = made;
    return fd;
}

void hb_stage_close(struct hb_stage *stage)
{
    if (stage->fd >= 0) {
        unlinkat(stage->fd, HB_STAGE_JOURNAL, 0);
        empty_directory(stage->fd);
        unlinkat(stage->parent_fd, stage->name, AT_REMOVEDIR);
    }
    hb_stage_leave(stage);
}

void hb_stage_leave(struct hb_stage *stage)
{
    if (stage->fd >= 0)
        close(stage->fd);
    if (stage->parent_fd >= 0)
        close(stage->parent_fd);
    free(stage->path);
    *stage = (struct hb_stage)HB_STAGE_NONE;
}

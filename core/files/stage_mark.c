/* SPDX-License-Identifier: Apache-2.0 */
#include "files/stage_mark.h"

#include "base/memory.h"
#include "files/as_owner.h"
#include "files/listing.h"
#include "files/removal.h"
#include "files/stage_owner.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void hb_stage_name(uint64_t number, char name[HB_STAGE_NAME_BYTES])
{
    snprintf(name, HB_STAGE_NAME_BYTES, "%s%0*" PRIx64, prefix, RANDOM_DIGITS, number);
}

/* ---- what is not left over ----------------------------------------------------------------- */

/*
 * Yes as well if that is unknown: the journal may be all that is left of the user's files. An empty
 * file is a mark that a kill cut short; a journal gets its name when it is whole.
 */
static bool may_have_journal(int fd)
{
    struct stat status;
    if (fstatat(fd, HB_STAGE_JOURNAL, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno != ENOENT;
    return !S_ISREG(status.st_mode) || status.st_size > 0;
}

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
    return strncmp(text, HB_STAGE_BELONGS_TO, sizeof HB_STAGE_BELONGS_TO - 1) == 0;
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
    uint64_t inode = strtoull(text + sizeof HB_STAGE_BELONGS_TO - 1, &path, 10);
    char *slash = strrchr(path, '/');
    if (path[0] != ' ' || path[1] != '/' || !hb_stage_is_name(slash + 1))
        return false;
    *slash = '\0';
    HB_AUTO_FREE char *journal = hb_text("%s/%s", slash + 1, HB_STAGE_JOURNAL);
    HB_AUTO_AS as = {.changed = false}; /* its owner may not see where the other one is */
    if (hb_as_self(&as) != 0)
        return false;
    HB_AUTO_CLOSE int parent =
        open(slash == path + 1 ? "/" : path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return parent >= 0 && fstat(parent, &status) == 0 && status.st_ino == inode &&
           fstatat(parent, journal, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool hb_stage_is_kept(int fd)
{
    return may_have_journal(fd) && !is_orphan(fd);
}

/* ---- whose it is --------------------------------------------------------------------------- */

void hb_stage_own_mark_name(const struct stat *stage, char name[HB_STAGE_OWN_MARK_BYTES])
{
    snprintf(name, HB_STAGE_OWN_MARK_BYTES, ".hbcore-stage.%" PRIu64, (uint64_t)stage->st_ino);
}

bool hb_stage_others_can_rename(const struct stat *parent)
{
    bool theirs = (parent->st_mode & 022) != 0 && (parent->st_mode & S_ISVTX) == 0;
    return hb_rights_matter() && (parent->st_uid != 0 || theirs);
}

static bool has_own_mark(int fd, const struct stat *stage)
{
    char name[HB_STAGE_OWN_MARK_BYTES];
    struct stat mark;
    hb_stage_own_mark_name(stage, name);
    return (stage->st_mode & 077) == 0 && fstatat(fd, name, &mark, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(mark.st_mode) && mark.st_uid == 0;
}

/*
 * Does the file system keep no modes, as those of sticks do (exFAT, NTFS)? Then a stage is open to
 * all, which says nothing about who made it. Whoever may write there may remove it as well. A file
 * that is made here tells, by its descriptor: a name might have been given to another one.
 */
static bool keeps_no_modes(int fd)
{
    static const char probe[] = ".hbcore-modes";
    struct stat made = {0};
    unlinkat(fd, probe, 0); /* left by a sweep that was killed */
    HB_AUTO_CLOSE int file =
        openat(fd, probe, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool none = fstat(file, &made) == 0 && (made.st_mode & 077) != 0;
    unlinkat(fd, probe, 0);
    return none;
}

/* A mark of any number: some of those file systems give new ones when they are mounted. */
static int find_any_mark(void *context, const char *name)
{
    static const char mark[] = ".hbcore-stage.";
    struct stat status;
    return strncmp(name, mark, sizeof mark - 1) == 0 &&
           fstatat(*(const int *)context, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode) && status.st_size == 0;
}

/* A stage where nobody can be kept out. */
static bool is_open_to_all(int fd, const struct stat *stage)
{
    return (stage->st_mode & 077) != 0 &&
           (hb_stage_has_owner(fd) || hb_listing_each(fd, find_any_mark, &fd) > 0) &&
           keeps_no_modes(fd);
}

int hb_stage_make_own_mark(int fd, const struct stat *stage)
{
    char name[HB_STAGE_OWN_MARK_BYTES];
    hb_stage_own_mark_name(stage, name);
    HB_AUTO_CLOSE int mark =
        openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return mark < 0 ? -errno : 0;
}

void hb_stage_empty(int fd)
{
    char mark[HB_STAGE_OWN_MARK_BYTES] = "";
    struct stat status;
    if (fstat(fd, &status) == 0)
        hb_stage_own_mark_name(&status, mark);
    hb_remove_below(fd, mark);
    unlinkat(fd, mark, 0);
}

static int stop_at_once(void *context, const char *name)
{
    (void)context;
    (void)name;
    return 1;
}

int hb_stage_look_inside(int fd)
{
    return hb_listing_each(fd, stop_at_once, NULL);
}

bool hb_stage_is_of_root(int fd, const struct stat *stage)
{
    return hb_stage_look_inside(fd) == 0 || has_own_mark(fd, stage) || is_open_to_all(fd, stage);
}

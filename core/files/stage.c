/* SPDX-License-Identifier: Apache-2.0 */
#include "files/stage.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "files/access.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/listing.h"
#include "files/removal.h"
#include "files/stage_owner.h"
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
#include <time.h>

static const char prefix[] = ".hbcore-stage-";
enum { RANDOM_DIGITS = 16, REFRESH_SECONDS = 60 * 60 };

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
    HB_AUTO_AS as = {.changed = false}; /* its owner may not see where the other one is */
    if (hb_as_self(&as) != 0)
        return false;
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
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    if (result != 0)
        return result;
    HB_AUTO_CLOSE int mark =
        openat(stage->fd, HB_STAGE_JOURNAL, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return mark < 0 ? -errno : hb_write_all(mark, text, strlen(text));
}

void hb_stage_drop_journal(struct hb_stage *stage)
{
    HB_AUTO_AS as = {.changed = false};
    if (stage->fd < 0 || hb_as_begin(&as, &stage->rights) != 0)
        return;
    if (unlinkat(stage->fd, HB_STAGE_JOURNAL, 0) == 0)
        fsync(stage->fd);
    else if (errno != ENOENT)
        return;
    hb_interrupt_last_words(NULL);
}

/* ---- whose it is --------------------------------------------------------------------------- */

/*
 * In root's stage, where another user can give its name to another directory of root's: a file that
 * is called after the number of the stage. He cannot make it, and root makes one nowhere else.
 */
static void own_mark_name(const struct stat *stage, char name[64])
{
    snprintf(name, 64, ".hbcore-stage.%" PRIu64, (uint64_t)stage->st_ino);
}

static bool others_can_rename(const struct stat *parent)
{
    bool theirs = (parent->st_mode & 022) != 0 && (parent->st_mode & S_ISVTX) == 0;
    return hb_rights_matter() && (parent->st_uid != 0 || theirs);
}

static bool has_own_mark(int fd, const struct stat *stage)
{
    char name[64];
    struct stat mark;
    own_mark_name(stage, name);
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

static int make_own_mark(int fd, const struct stat *stage)
{
    char name[64];
    own_mark_name(stage, name);
    HB_AUTO_CLOSE int mark =
        openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return mark < 0 ? -errno : 0;
}

/* All that is in a stage, the mark last: without it, nobody would remove what is left. */
static void empty_stage(int fd)
{
    char mark[64] = "";
    struct stat status;
    if (fstat(fd, &status) == 0)
        own_mark_name(&status, mark);
    hb_remove_below(fd, mark);
    unlinkat(fd, mark, 0);
}

static int stop_at_once(void *context, const char *name)
{
    (void)context;
    (void)name;
    return 1;
}

/* 0: it is empty; 1: it is not; -errno. */
static int look_inside(int fd)
{
    return hb_listing_each(fd, stop_at_once, NULL);
}

/* ---- sweeping ------------------------------------------------------------------------------ */

/*
 * Whose rights empty it: those that we have in its directory, or root's own, if it is one of root's
 * and bears the mark. False: it is not ours.
 */
static bool find_sweeper(int parent_fd, const char *name, struct hb_rights *rights)
{
    struct stat parent, stage;
    if (!hb_rights_matter())
        return true;
    if (fstat(parent_fd, &parent) != 0 ||
        fstatat(parent_fd, name, &stage, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *rights = hb_rights_from(&parent);
    if (stage.st_uid == 0)
        rights->other = false;
    return stage.st_uid == 0 || (rights->other && stage.st_uid == rights->user);
}

/* What is left over in it goes, if nobody holds it. */
static bool sweep_open(int fd, bool marked)
{
    struct stat stage;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || (may_have_journal(fd) && !is_orphan(fd)))
        return false;
    if (hb_rights_matter() && (fstat(fd, &stage) != 0 || stage.st_uid != hb_rights_user() ||
                               (marked && look_inside(fd) != 0 && !has_own_mark(fd, &stage) &&
                                !is_open_to_all(fd, &stage))))
        return false;
    empty_stage(fd);
    return true;
}

/* Removes one stage if its lock is free, that is, if its run is dead. */
bool hb_stage_sweep_one(int parent_fd, const char *name)
{
    struct hb_rights sweeper = {.other = false}, owner;
    struct stat parent;
    if (!find_sweeper(parent_fd, name, &sweeper) || hb_rights_of(parent_fd, &owner) != 0 ||
        fstat(parent_fd, &parent) != 0)
        return false;
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &sweeper) != 0)
        return false;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct hb_stage_claim claim;
    bool gone = !hb_stage_is_claimed(parent_fd, fd, true, &claim) &&
                sweep_open(fd, !sweeper.other && others_can_rename(&parent));
    HB_AUTO_AS remover = {.changed = false};
    if (gone)
        gone = hb_as_begin(&remover, &owner) == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
    close(fd);
    return gone;
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
    struct hb_rights rights;
    HB_AUTO_AS as = {.changed = false};
    if (hb_rights_of(parent_fd, &rights) != 0 || hb_as_begin(&as, &rights) != 0)
        return 0;
    HB_AUTO_CLOSE int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        hb_listing_each(fd, sweep_entry, &sweep);
    return sweep.swept;
}

/* ---- making one ---------------------------------------------------------------------------- */

static int random_name(struct hb_stage *stage)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return -1;
    snprintf(stage->name, sizeof stage->name, "%s%0*" PRIx64, prefix, RANDOM_DIGITS, number);
    return 0;
}

/* What is open under its name: is it what was just made? Somebody may have put another there. */
static int check_made(const struct hb_stage *stage, struct stat *held)
{
    if (fstat(stage->fd, held) != 0)
        return -errno;
    if (hb_rights_matter() && held->st_uid != hb_rights_user())
        return -ENOENT;
    int inside = look_inside(stage->fd);
    return inside > 0 ? -ENOENT : inside;
}

/* Cheap, and of no other use than to see that time has passed. */
static int64_t seconds_now(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

/* Locks the directory that was just made. */
static int lock_made(struct hb_stage *stage)
{
    struct stat held, there, parent;
    stage->fd =
        openat(stage->parent_fd, stage->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (stage->fd < 0)
        return -errno;
    int result = check_made(stage, &held);
    if (result != 0)
        return result;
    /* A umask may have taken even our own bits away; and nothing of its directory's is handed down,
     * but what its place gives it, when it goes there. */
    unsigned lost = 0;
    hb_access_bequeath_nothing(stage->fd);
    result = hb_access_set_mode(stage->fd, 0700, &lost);
    if (result != 0)
        return result;
    if (flock(stage->fd, LOCK_EX | LOCK_NB) != 0 || fstat(stage->parent_fd, &parent) != 0 ||
        fstatat(stage->parent_fd, stage->name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (held.st_ino != there.st_ino)
        return -ENOENT;
    if (hb_rights_user() == 0 && others_can_rename(&parent))
        result = make_own_mark(stage->fd, &held);
    /* Without it, on a full disk say, the stage counts as somebody's for a day where it matters. */
    (void)hb_stage_owner_write(stage->fd, HB_STAGE_OWNER);
    stage->refreshed = seconds_now();
    return result;
}

/*
 * Its name may lead elsewhere by now: only an empty directory goes, as its parent's owner could.
 * 0 or -errno.
 */
static int remove_name(const struct hb_stage *stage)
{
    struct hb_rights owner;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_rights_of(stage->parent_fd, &owner);
    if (result == 0)
        result = hb_as_begin(&as, &owner);
    if (result == 0 && unlinkat(stage->parent_fd, stage->name, AT_REMOVEDIR) != 0)
        result = errno == ENOENT ? 0 : -errno;
    return result;
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
            remove_name(stage);
            return result;
        }
    }
    return -EBUSY;
}

static char *path_in(const char *parent, const char *name)
{
    return hb_text("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
}

static int cannot_open(const char *parent, int reason, struct hb_error *error)
{
    return hb_error_set(error, HB_FATAL, "%s: cannot open the directory: %s", parent,
                        hb_rights_explain(reason));
}

int hb_stage_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                     struct hb_stage *stage, unsigned *swept, struct hb_error *error)
{
    *stage = (struct hb_stage)HB_STAGE_NONE;
    stage->rights = *rights;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, rights);
    if (result == 0) {
        stage->parent_fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        result = stage->parent_fd < 0 ? -errno : 0;
    }
    if (result != 0)
        return cannot_open(parent, -result, error);
    unsigned removed = hb_stage_sweep(stage->parent_fd);
    if (swept != NULL)
        *swept += removed;
    result = make_locked(stage);
    if (result != 0) {
        hb_stage_close(stage);
        hb_error_set(error, HB_FATAL, "%s: cannot make a staging directory: %s", parent,
                     strerror(-result));
        hb_error_hint(error, "choose a directory that you can write to");
        return HB_FATAL;
    }
    stage->path = path_in(parent, stage->name);
    return HB_OK;
}

int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error)
{
    struct hb_directory directory;
    *stage = (struct hb_stage)HB_STAGE_NONE;
    int result = hb_directory_open(parent, false, &directory);
    if (result != 0)
        return cannot_open(parent, -result, error);
    int status = hb_stage_open_in(directory.fd, &directory.rights, parent, stage, swept, error);
    hb_directory_close(&directory);
    return status;
}

/* Is there none, or can that not be told? errno stays. */
static int not_adopted(int reason)
{
    errno = reason;
    return reason == ENOENT || reason == ENOTDIR || reason == ELOOP ? HB_NOMATCH : HB_LATER;
}

/* `others`: permission bits that others may have. */
static int hold_stage(int parent_fd, const char *name, mode_t others, struct hb_stage *stage)
{
    struct stat status;
    stage->parent_fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stage->parent_fd < 0)
        return not_adopted(errno);
    stage->fd = openat(stage->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (stage->fd < 0 || fstat(stage->fd, &status) != 0)
        return not_adopted(errno);
    if (status.st_uid != hb_rights_user() || (status.st_mode & 077 & ~others) != 0)
        return HB_NOMATCH;
    return flock(stage->fd, LOCK_EX | LOCK_NB) != 0 ? not_adopted(errno) : HB_OK;
}

static int adopt(int parent_fd, const struct hb_rights *rights, const char *parent,
                 const char *name, mode_t others, struct hb_stage *stage)
{
    *stage = (struct hb_stage)HB_STAGE_NONE;
    stage->rights = *rights;
    HB_AUTO_AS as = {.changed = false};
    if (!hb_stage_is_name(name))
        return HB_NOMATCH;
    int begun = hb_as_begin(&as, rights);
    int status = begun != 0 ? not_adopted(EACCES) : hold_stage(parent_fd, name, others, stage);
    if (status != HB_OK) {
        int reason = errno;
        hb_stage_leave(stage);
        errno = reason;
        return status;
    }
    (void)hb_stage_owner_write(stage->fd, HB_STAGE_OWNER); /* from here on it is ours */
    stage->refreshed = seconds_now();
    snprintf(stage->name, sizeof stage->name, "%s", name);
    stage->path = path_in(parent, name);
    return HB_OK;
}

int hb_stage_adopt_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                      const char *name, struct hb_stage *stage)
{
    return adopt(parent_fd, rights, parent, name, 0, stage);
}

int hb_stage_adopt_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                           const char *name, struct hb_stage *stage)
{
    return adopt(parent_fd, rights, parent, name, 077, stage);
}

bool hb_stage_is_held(int parent_fd, const char *name)
{
    HB_AUTO_CLOSE int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

int hb_stage_adopt(const char *parent, const char *name, struct hb_stage *stage)
{
    struct hb_directory directory;
    *stage = (struct hb_stage)HB_STAGE_NONE;
    int result = hb_directory_open(parent, false, &directory);
    if (result != 0)
        return not_adopted(result == -HB_NO_RIGHTS ? EACCES : -result);
    int status = hb_stage_adopt_in(directory.fd, &directory.rights, parent, name, stage);
    int reason = errno;
    hb_directory_close(&directory);
    errno = reason;
    return status;
}

int hb_stage_file(struct hb_stage *stage, const char *hint, char **name, struct hb_error *error)
{
    hb_stage_refresh(stage);
    char *made = hb_text("%u-%.40s", atomic_fetch_add(&stage->serial, 1), hint);
    for (char *at = made; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-' && *at != '_')
            *at = '_';
    HB_AUTO_AS as = {.changed = false};
    int reason = -hb_as_begin(&as, &stage->rights), fd = -1;
    if (reason == 0)
        fd = openat(stage->fd, made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    unsigned lost = 0;
    if (reason == 0 && fd < 0)
        reason = errno;
    if (fd >= 0)
        reason = -hb_access_set_mode(fd, 0600, &lost);
    if (reason != 0) {
        int result = hb_error_set(error, HB_FATAL, "%s/%s: cannot make a staged file: %s",
                                  stage->path, made, hb_rights_explain(reason));
        if (fd >= 0)
            close(fd);
        free(made);
        return result;
    }
    *name = made;
    return fd;
}

void hb_stage_refresh(struct hb_stage *stage)
{
    long long before = atomic_load_explicit(&stage->refreshed, memory_order_relaxed);
    long long now = seconds_now();
    if (stage->fd < 0 || now - before < REFRESH_SECONDS ||
        !atomic_compare_exchange_strong(&stage->refreshed, &before, now))
        return;
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &stage->rights) == 0)
        (void)hb_stage_owner_write(stage->fd, stage->apart ? HB_STAGE_OWNER_APART : HB_STAGE_OWNER);
}

void hb_stage_make_room(struct hb_stage *stage)
{
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &stage->rights) == 0 &&
        renameat(stage->fd, HB_STAGE_OWNER, stage->fd, HB_STAGE_OWNER_APART) != 0)
        unlinkat(stage->fd, HB_STAGE_OWNER, 0);
    stage->apart = true;
}

void hb_stage_unlink(const struct hb_stage *stage, const char *name)
{
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &stage->rights) == 0)
        unlinkat(stage->fd, name, 0);
}

void hb_stage_become(const struct hb_stage *stage)
{
    char name[64];
    struct stat status;
    if (fstat(stage->fd, &status) != 0)
        return;
    own_mark_name(&status, name);
    hb_stage_unlink(stage, name);
    hb_stage_unlink(stage, stage->apart ? HB_STAGE_OWNER_APART : HB_STAGE_OWNER);
}

int hb_stage_close(struct hb_stage *stage)
{
    HB_AUTO_AS as = {.changed = false};
    int result = stage->fd < 0 ? 0 : hb_as_begin(&as, &stage->rights);
    if (stage->fd >= 0 && result == 0) {
        unlinkat(stage->fd, HB_STAGE_JOURNAL, 0);
        empty_stage(stage->fd);
        result = remove_name(stage);
    }
    hb_stage_leave(stage);
    return result;
}

char *hb_stage_staying(const char *path, int reason)
{
    const char *slash = strrchr(path, '/');
    HB_AUTO_FREE char *parent =
        hb_copy_bytes(path, slash == NULL || slash == path ? 1 : (size_t)(slash - path));
    HB_AUTO_FREE char *directory = hb_shell_word(parent);
    HB_AUTO_FREE char *word = hb_shell_word(path);
    struct statx status = {0};
    bool append = statx(AT_FDCWD, parent, 0, 0, &status) == 0 &&
                  (status.stx_attributes & STATX_ATTR_APPEND) != 0;
    if (append)
        return hb_text("%s: what the run staged there stays, for the directory is append-only: "
                       "chattr -a %s, then rm -r %s",
                       path, directory, word);
    return hb_text("%s: what the run staged there cannot be removed: %s; remove it: rm -r %s", path,
                   hb_rights_explain(reason), word);
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

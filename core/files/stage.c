/* SPDX-License-Identifier: Apache-2.0 */
#include "files/stage.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "files/access.h"
#include "files/anywhere.h"
#include "files/io.h"
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

enum { REFRESH_SECONDS = 60 * 60 };

int hb_stage_mark(struct hb_stage *stage, const struct hb_stage *belongs_to)
{
    struct stat status;
    if (fstat(belongs_to->parent_fd, &status) != 0)
        return -errno;
    HB_AUTO_FREE char *text =
        hb_text("%s%" PRIu64 " %s", HB_STAGE_BELONGS_TO, (uint64_t)status.st_ino, belongs_to->path);
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

/* Is what is open the directory that was just made? Somebody may have put another there. */
static int check_made(const struct hb_stage *stage, struct stat *held)
{
    if (fstat(stage->fd, held) != 0)
        return -errno;
    if (hb_rights_matter() && held->st_uid != hb_rights_user())
        return -ENOENT;
    int inside = hb_stage_look_inside(stage->fd);
    return inside > 0 ? -ENOENT : inside;
}

/* A cheap clock, good enough to see that an hour has passed. */
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
    /* A umask may have taken even our own bits away. What is staged inherits from its place when it
     * goes there, and not from the stage's directory. */
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
    if (hb_rights_user() == 0 && hb_stage_others_can_rename(&parent))
        result = hb_stage_make_own_mark(stage->fd, &held);
    /* Without it, on a full disk say, the stage counts as somebody's for a day where it matters. */
    (void)hb_stage_owner_write(stage->fd, HB_STAGE_OWNER);
    stage->refreshed = seconds_now();
    return result;
}

/*
 * Its name may lead elsewhere by now, so this removes an empty directory alone, with the rights of
 * the parent's owner. 0 or -errno.
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
 * it: then the name is gone, and we try again.
 */
static int make_locked(struct hb_stage *stage)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        uint64_t number = 0;
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return -errno;
        hb_stage_name(number, stage->name);
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
    return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot open the directory: %s", parent,
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
        hb_error_set(error, HB_STATUS_FATAL, "%s: cannot make a staging directory: %s", parent,
                     strerror(-result));
        hb_error_hint(error, "choose a directory that you can write to");
        return HB_STATUS_FATAL;
    }
    stage->path = path_in(parent, stage->name);
    return HB_OK;
}

/* HB_STATUS_NOMATCH: there is none; HB_STATUS_LATER: that is unknown. errno stays. */
static int not_adopted(int reason)
{
    errno = reason;
    return reason == ENOENT || reason == ENOTDIR || reason == ELOOP ? HB_STATUS_NOMATCH
                                                                    : HB_STATUS_LATER;
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
        return HB_STATUS_NOMATCH;
    return flock(stage->fd, LOCK_EX | LOCK_NB) != 0 ? not_adopted(errno) : HB_OK;
}

static int adopt(int parent_fd, const struct hb_rights *rights, const char *parent,
                 const char *name, mode_t others, struct hb_stage *stage)
{
    *stage = (struct hb_stage)HB_STAGE_NONE;
    stage->rights = *rights;
    HB_AUTO_AS as = {.changed = false};
    if (!hb_stage_is_name(name))
        return HB_STATUS_NOMATCH;
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
        int result = hb_error_set(error, HB_STATUS_FATAL, "%s/%s: cannot make a staged file: %s",
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
    char name[HB_STAGE_OWN_MARK_BYTES];
    struct stat status;
    if (fstat(stage->fd, &status) != 0)
        return;
    hb_stage_own_mark_name(&status, name);
    hb_stage_unlink(stage, name);
    hb_stage_unlink(stage, stage->apart ? HB_STAGE_OWNER_APART : HB_STAGE_OWNER);
}

int hb_stage_close(struct hb_stage *stage)
{
    HB_AUTO_AS as = {.changed = false};
    int result = stage->fd < 0 ? 0 : hb_as_begin(&as, &stage->rights);
    if (stage->fd >= 0 && result == 0) {
        unlinkat(stage->fd, HB_STAGE_JOURNAL, 0);
        hb_stage_empty(stage->fd);
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
        return hb_text("%s: this staging directory stays, because its parent directory is "
                       "append-only: chattr -a %s, then rm -r %s",
                       path, directory, word);
    return hb_text("%s: this staging directory cannot be removed: %s; remove it: rm -r %s", path,
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a database back: which way, by what the target and the staged copy are. */
#include "restore.h"
#include "live.h"
#include "overwrite.h"
#include "refusal.h"
#include "replace.h"
#include "soundness.h"
#include "super_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int stopped(const struct hb_host *host)
{
    return host->fail(host, HB_CANCELLED, "the restore was stopped; the database is as it was");
}

static int staged_kind(const struct restoring *restoring, enum bytes_kind *kind)
{
    const struct hb_host *host = restoring->snap->host;
    int status = bytes_kind_of(host, restoring->file->fd, kind);
    if (status == HB_CANCELLED)
        return stopped(host);
    if (status != HB_OK)
        return host->fail(host, HB_LATER, "its staged copy cannot be read: %s", strerror(errno));
    return HB_OK;
}

/* The target exists: what is it? Plain reads, before SQLite opens it. */
static int look_at_target(const struct restoring *restoring, enum bytes_kind *kind)
{
    const struct hb_host *host = restoring->snap->host;
    const struct hb_target *target = restoring->target;
    int fd =
        openat(target->directory_fd, target->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return host->fail(host, status_for(errno),
                          "the existing file cannot be read: %s; it is left as it was",
                          strerror(errno));
    int status = bytes_kind_of(host, fd, kind);
    int reason = errno;
    close(fd);
    if (status == HB_CANCELLED)
        return stopped(host);
    if (status != HB_OK)
        return host->fail(host, status_for(reason),
                          "the existing file cannot be read: %s; it is left as it was",
                          strerror(reason));
    return HB_OK;
}

static int refuse_unsound(const struct restoring *restoring, const char *reason)
{
    char text[320];
    snprintf(text, sizeof text, "the database in the archive is unsound: %s", reason);
    return refuse(restoring, text);
}

/* Found out without SQLite, which would lay a log and an index beside it and leave them there. */
static bool is_writable(const struct restoring *restoring)
{
    return faccessat(restoring->target->directory_fd, restoring->target->name, W_OK, AT_EACCESS) ==
               0 ||
           (errno != EACCES && errno != EROFS && errno != EPERM);
}

/* What is written into the file appears under its other names too, and those may lie anywhere. */
static bool is_shared(const struct restoring *restoring)
{
    return restoring->there.st_nlink > 1;
}

/* Sound, over a target that is a database or may become one. */
static int over_database(struct restoring *restoring, bool was_empty)
{
    uint32_t soundness;
    char reason[256], text[320];
    if (!is_writable(restoring))
        return refuse(restoring, "database cannot be written");
    int status = soundness_of(restoring->snap, restoring->file, &soundness, reason, sizeof reason);
    if (status != HB_OK)
        return status == HB_ENTRY ? HB_LATER : status; /* it could not be looked at */
    if (soundness == HB_UNSOUND)
        return refuse_unsound(restoring, reason);
    if (is_shared(restoring))
        return replace_existing(restoring, "the existing database has another hard link, which "
                                           "must not change with it");
    status = overwrite_target(restoring, was_empty, reason, sizeof reason);
    if (status != OVERWRITE_BROKEN)
        return status;
    snprintf(text, sizeof text, "the existing database is damaged (%s)", reason);
    return replace_existing(restoring, text);
}

/*
 * The mode that the host wants: a rename brings it along, a file that stays has to be given it, and
 * so its side files, which hold the same rows.
 */
static void set_modes(const struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    const struct hb_target *target = restoring->target;
    for (int side = SIDE_MAIN; side < SIDES; side++) {
        char name[NAME_MAX + 16];
        struct stat found;
        snprintf(name, sizeof name, "%s%s", target->name, live_suffixes[side]);
        if (fstatat(target->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(found.st_mode) || (found.st_mode & 07777) == target->mode)
            continue;
        if (fchmodat(target->directory_fd, name, target->mode, AT_SYMLINK_NOFOLLOW) != 0 &&
            errno != ENOENT)
            host->doubtful(host, restoring->entry,
                           "restored, but mode %03o cannot be set on %s: %s", target->mode, name,
                           strerror(errno));
    }
}

/*
 * What comes in may be more secret than what is there: nobody else may read it for a moment, in
 * the file or in the log that it comes through. *before: the modes that were there; 0: unchanged.
 */
static void close_to_others(const struct restoring *restoring, mode_t before[SIDES])
{
    const struct hb_target *target = restoring->target;
    for (int side = SIDE_MAIN; side < SIDES; side++) {
        char name[NAME_MAX + 16];
        struct stat found;
        snprintf(name, sizeof name, "%s%s", target->name, live_suffixes[side]);
        before[side] = 0;
        if (fstatat(target->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(found.st_mode) || (found.st_mode & 07777 & ~(target->mode | 0700)) == 0)
            continue;
        /* Where it fails set_modes tells about it. */
        if (fchmodat(target->directory_fd, name, found.st_mode & (target->mode | 0700), 0) == 0)
            before[side] = found.st_mode & 07777;
    }
}

static void open_again(const struct restoring *restoring, const mode_t before[SIDES])
{
    const struct hb_target *target = restoring->target;
    for (int side = SIDE_MAIN; side < SIDES; side++) {
        char name[NAME_MAX + 16];
        snprintf(name, sizeof name, "%s%s", target->name, live_suffixes[side]);
        if (before[side] != 0 && fchmodat(target->directory_fd, name, before[side], 0) != 0 &&
            errno != ENOENT)
            restoring->snap->host->note(restoring->snap->host, restoring->entry,
                                        "mode %03o cannot be given back to %s: %s",
                                        (unsigned)before[side], name, strerror(errno));
    }
}

static int over_existing(struct restoring *restoring)
{
    enum bytes_kind staged, there = BYTES_EMPTY;
    int status = staged_kind(restoring, &staged);
    if (status == HB_OK)
        status = look_at_target(restoring, &there);
    if (status != HB_OK)
        return status;
    if (there == BYTES_EMPTY && staged == BYTES_EMPTY)
        return HB_RESTORED;
    if (there == BYTES_DATABASE && staged != BYTES_DATABASE)
        return refuse(restoring, "the file in the archive is no database");
    /* An empty file is an empty database, which a program may have open. */
    if (staged == BYTES_DATABASE && (there == BYTES_DATABASE || there == BYTES_EMPTY))
        return over_database(restoring, there == BYTES_EMPTY);
    return replace_existing(restoring, "the existing file is no database");
}

/*
 * As SQLite would roll back a journal of the target, and delete what it names: with our rights.
 */
static bool journal_names_another(const struct restoring *restoring)
{
    char name[NAME_MAX + 16];
    snprintf(name, sizeof name, "%s%s", restoring->target->name, live_suffixes[SIDE_JOURNAL]);
    int fd = openat(restoring->target->directory_fd, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool named = fd >= 0 && super_journal_is_named(fd);
    if (fd >= 0)
        close(fd);
    return named;
}

static int restore_over(struct restoring *restoring)
{
    struct inode_holder holder;
    struct inode_guard *guard = &restoring->snap->guard;
    if (!S_ISREG(restoring->there.st_mode))
        return refuse(restoring, "there is no regular file in its place");
    if (journal_names_another(restoring))
        return refuse(restoring, "its -journal is of a transaction over several databases: let a "
                                 "program that uses it open it first");
    inode_guard_enter(guard, &holder, restoring->there.st_dev, restoring->there.st_ino);
    mode_t before[SIDES] = {0};
    bool shared = is_shared(restoring);
    if (!shared)
        close_to_others(restoring, before);
    int status = over_existing(restoring);
    if (status == HB_RESTORED && !shared)
        set_modes(restoring);
    else if (status != HB_RESTORED && status != HB_RESTORE_RENAME &&
             !restoring->in_doubt) /* it is as it was */
        open_again(restoring, before);
    inode_guard_leave(guard, &holder);
    return status;
}

int snap_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 const struct hb_target *target)
{
    struct snap *snap = self;
    struct restoring restoring = {.snap = snap, .entry = entry, .file = file, .target = target};
    char reason[256];
    patience_init(&restoring.patience, snap);
    int merged = merge_log(snap, file, reason, sizeof reason);
    if (merged == HB_CANCELLED)
        return merged;
    if (fstatat(target->directory_fd, target->name, &restoring.there, AT_SYMLINK_NOFOLLOW) == 0)
        return merged == HB_OK ? restore_over(&restoring) : refuse_unsound(&restoring, reason);
    if (errno == ENOENT)
        return replace_missing(&restoring);
    return snap->host->fail(snap->host, status_for(errno),
                            "the existing file cannot be looked at: %s", strerror(errno));
}

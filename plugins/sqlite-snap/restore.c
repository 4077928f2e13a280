/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a database back over what is there: which way, by what the target and the copy are.
 *
 * What it promises. After HB_RESTORE_DONE the target holds the staged copy, and that is durable.
 * Programs that have the database open see the old rows and then the new ones, never a mixture.
 * After a refusal the target is as it was. Only after an I/O error may it be the old or the new
 * database (in_doubt), complete in both cases; the message says so.
 *
 * What it must not do.
 *  - Put something bad in the place of something good: only a copy in which a full check found no
 *    fault goes over a database.
 *  - Rename a file over one that a program has open: the program would go on writing to a file
 *    without a name, and its log would be applied to the new one. The same for a log that lies
 *    beside a database that has gone.
 *  - Put a database where a program still has the deleted one open (look_for_holders()).
 *  - Write through another hard link into a file that lies anywhere.
 *  - Let SQLite roll back a journal that names a super-journal: it deletes the file of that name.
 *  - Show the new rows to somebody for a moment who may not read them (close_to_others()).
 *
 * Why through SQLite and not as a file: only SQLite's locks keep programs away from a database that
 * they have open, and only its journal or log undoes what a killed restore has written.
 *
 *      target                the copy               way
 *      -------------------   --------------------   ----------------------------------------
 *      missing               any                    rename: replace_missing()
 *      link, directory ...   any                    refused
 *      with a super-journal  any                    refused
 *      empty                 empty                  only the mode is set
 *      database              not a database         refused
 *      database or empty     unsound                refused
 *      database or empty     cannot be checked      refused for now: HB_STATUS_LATER
 *      the same, two links   sound                  rename: replace_existing(), or refused
 *      the same              sound                  overwritten: overwrite.c
 *      `- SQLite cannot open it                     rename: replace_existing(), or refused
 *      anything else         any                    rename: replace_existing(), or refused
 *
 * A log or journal that was staged beside the copy becomes part of it first (merge_log()).
 */
#include "restore.h"
#include "holders.h"
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
    return host->fail(host, HB_STATUS_CANCELLED,
                      "the restore was stopped; the database is as it was");
}

static int staged_kind(const struct restoring *restoring, enum bytes_kind *kind)
{
    const struct hb_host *host = restoring->snap->host;
    int status = bytes_kind_of(host, restoring->file->fd, kind);
    if (status == HB_STATUS_CANCELLED)
        return stopped(host);
    if (status != HB_OK)
        return host->fail(host, HB_STATUS_LATER, "its staged copy cannot be read: %s",
                          strerror(errno));
    return HB_OK;
}

/* The target exists: what is it? Plain reads, before SQLite opens it. */
static int look_at_target(struct restoring *restoring, enum bytes_kind *kind)
{
    const struct hb_host *host = restoring->snap->host;
    int fd = held_open_side(&restoring->live, SIDE_MAIN, O_RDONLY);
    int status = fd < 0 ? HB_STATUS_NOMATCH : bytes_kind_of(host, fd, kind);
    int reason = fd < 0 ? -fd : errno;
    if (fd >= 0)
        close(fd);
    if (status == HB_STATUS_CANCELLED)
        return stopped(host);
    if (status != HB_OK && restoring->live.refusal[0] != '\0')
        return refuse(restoring, restoring->live.refusal);
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

/* The existing database may be good; of the copy nobody can tell now. */
static int refuse_unchecked(const struct restoring *restoring, const char *reason)
{
    char text[320];
    snprintf(text, sizeof text, "the database in the archive could not be checked: %s", reason);
    return refuse_for_now(restoring, text);
}

/* Found out without SQLite, which would lay a log and an index beside it and leave them there. */
static bool is_writable(struct restoring *restoring)
{
    struct held *live = &restoring->live;
    AS_OWNER_AUTO owner = {0};
    return held_begin(live, &owner) &&
           (faccessat(live->directory_fd, live->name, W_OK, AT_EACCESS) == 0 ||
            (errno != EACCES && errno != EROFS && errno != EPERM));
}

/* What is written into the file appears under its other names too, and those may lie anywhere. */
static bool is_shared(const struct restoring *restoring)
{
    return restoring->live.status.st_nlink > 1;
}

/* ---- modes ----------------------------------------------------------------------- */

/*
 * The mode that the host wants: a rename brings it along, a file that stays has to be given it, and
 * so its side files, which hold the same rows.
 */
static void set_modes(struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    mode_t mode = restoring->target->mode;
    for (enum side side = SIDE_MAIN; side < SIDES; side++) {
        int there = held_mode(&restoring->live, side);
        if (there == -ENOENT || there == (int)mode)
            continue;
        int result = there < 0 ? there : held_set_mode(&restoring->live, side, mode);
        bool refused = result == -EPERM || result == -ENOTSUP; /* the file system keeps no modes */
        if (result != 0 && result != -ENOENT)
            (refused ? host->note : host->doubtful)(
                host, restoring->entry, "restored, but mode %03o cannot be set on %s%s: %s",
                (unsigned)mode, restoring->target->name, side_suffixes[side], strerror(-result));
    }
}

/*
 * What comes in may be more secret than what is there: nobody else may read it for a moment, in
 * the file or in the log that it comes through. *before: the modes that were there; -1: unchanged.
 */
static void close_to_others(struct restoring *restoring, int before[SIDES])
{
    int wanted = (int)restoring->target->mode | 0700;
    for (enum side side = SIDE_MAIN; side < SIDES; side++) {
        int there = held_mode(&restoring->live, side);
        before[side] = -1;
        /* Where it fails set_modes tells about it. */
        if (there >= 0 && (there & ~wanted) != 0 &&
            held_set_mode(&restoring->live, side, (mode_t)(there & wanted)) == 0)
            before[side] = there;
    }
}

static void open_again(struct restoring *restoring, const int before[SIDES])
{
    const struct hb_host *host = restoring->snap->host;
    for (enum side side = SIDE_MAIN; side < SIDES; side++) {
        int result =
            before[side] < 0 ? 0 : held_set_mode(&restoring->live, side, (mode_t)before[side]);
        if (result != 0 && result != -ENOENT)
            host->note(host, restoring->entry, "mode %03o cannot be restored on %s%s: %s",
                       (unsigned)before[side], restoring->target->name, side_suffixes[side],
                       strerror(-result));
    }
}

/* ---- over one that exists -------------------------------------------------------- */

static int overwrite(struct restoring *restoring, bool was_empty)
{
    char reason[256], text[320];
    int before[SIDES];
    close_to_others(restoring, before);
    int status = overwrite_target(restoring, was_empty, reason, sizeof reason);
    if (status == OVERWRITE_BROKEN) {
        snprintf(text, sizeof text, "the existing database is damaged (%s)", reason);
        status = replace_existing(restoring, text);
    }
    if (status == HB_RESTORE_DONE)
        set_modes(restoring);
    else if (status != HB_RESTORE_RENAME && !restoring->in_doubt) /* it is as it was */
        open_again(restoring, before);
    return status;
}

static const char shared[] =
    "the existing database has another hard link, which must stay as it is";
static const char no_database_comes[] = "the file in the archive is not a database";
static const char no_database[] = "the existing file is not a database";

static int write_is_refused(struct restoring *restoring)
{
    if (is_writable(restoring))
        return HB_OK;
    return refuse(restoring, restoring->live.refusal[0] != '\0' ? restoring->live.refusal
                                                                : "database cannot be written");
}

static int no_proc_is_refused(const struct restoring *restoring)
{
    return restoring->live.by_descriptor
               ? HB_OK
               : refuse(restoring, "there is no /proc, and without it hbcore cannot keep SQLite "
                                   "inside the directory of the database");
}

/* Over a target that is a database or may become one. */
static int over_database(struct restoring *restoring, bool was_empty)
{
    struct verdict verdict;
    int status = write_is_refused(restoring);
    if (status == HB_OK)
        status =
            soundness_of(restoring->snap, restoring->entry, restoring->file, CHECK_FULL, &verdict);
    if (status != HB_OK)
        return status;
    if (verdict.soundness == HB_SOUNDNESS_UNSOUND)
        return refuse_unsound(restoring, verdict.reason);
    if (verdict.soundness == HB_SOUNDNESS_UNKNOWN)
        return refuse_unchecked(restoring, verdict.reason);
    soundness_note(restoring->snap, restoring->entry, &verdict);
    if (is_shared(restoring))
        return replace_existing(restoring, shared);
    status = no_proc_is_refused(restoring);
    return status == HB_OK ? overwrite(restoring, was_empty) : status;
}

static int over_existing(struct restoring *restoring)
{
    enum bytes_kind staged, there = BYTES_EMPTY;
    int status = staged_kind(restoring, &staged);
    if (status == HB_OK)
        status = look_at_target(restoring, &there);
    if (status != HB_OK)
        return status;
    if (there == BYTES_EMPTY && staged == BYTES_EMPTY) {
        set_modes(restoring);
        return HB_RESTORE_DONE;
    }
    if (there == BYTES_DATABASE && staged != BYTES_DATABASE)
        return refuse(restoring, no_database_comes);
    /* An empty file is an empty database, which a program may have open. */
    if (staged == BYTES_DATABASE && (there == BYTES_DATABASE || there == BYTES_EMPTY))
        return over_database(restoring, there == BYTES_EMPTY);
    return replace_existing(restoring, no_database);
}

/*
 * The same of a copy that is only known by its size. An empty target may get the one or the other,
 * and is only refused what both refuse.
 */
static int existing_is_refused(struct restoring *restoring)
{
    enum bytes_kind there = BYTES_EMPTY;
    enum { LEAST_BYTES = 16 /* of a database: its first words */ };
    int status = look_at_target(restoring, &there);
    if (status != HB_OK)
        return status;
    if (there == BYTES_EMPTY)
        return HB_OK;
    if (there != BYTES_DATABASE) {
        status = replace_is_refused(restoring, no_database);
        return status == HB_OK ? HB_RESTORE_RENAME : status;
    }
    if (restoring->entry->bytes < LEAST_BYTES)
        return refuse(restoring, no_database_comes);
    status = write_is_refused(restoring);
    if (status == HB_OK && is_shared(restoring)) {
        status = replace_is_refused(restoring, shared);
        return status == HB_OK ? HB_RESTORE_RENAME : status;
    }
    return status == HB_OK ? no_proc_is_refused(restoring) : status;
}

/* As SQLite would roll back a journal of the target, and delete what it names: with our rights. */
static int look_at_journal(struct restoring *restoring)
{
    struct held *live = &restoring->live;
    int fd = held_open_side(live, SIDE_JOURNAL, O_RDONLY);
    int named = fd == -ENOENT ? 0 : fd;
    if (fd >= 0) {
        named = super_journal_is_named(fd);
        close(fd);
    }
    if (named == 0)
        return HB_OK;
    if (named < 0)
        return refuse(restoring,
                      live->refusal[0] != '\0' ? live->refusal : "its -journal cannot be read");
    return refuse(restoring, "its -journal belongs to a transaction over several databases: open "
                             "the database with a program that uses it, then import again");
}

/* What is put there now would be invisible to them, and what they write is lost. */
static int look_for_holders(const struct restoring *restoring)
{
    const struct hb_target *target = restoring->target;
    const struct hb_host *host = restoring->snap->host;
    char names[256];
    if (restoring->snap->force_held)
        return HB_OK;
    int found = holders_of_deleted(&restoring->snap->lost, target->directory_fd, target->name,
                                   names, sizeof names);
    if (found == 0)
        return HB_OK;
    if (found < 0)
        return host->fail(host, HB_STATUS_LATER,
                          "hbcore cannot tell whether a program has the deleted database open: %s; "
                          "nothing was restored",
                          strerror(-found));
    return host->fail(
        host, HB_STATUS_ENTRY,
        "%s still has the deleted database or its log open and would not see the restored one: "
        "stop it and import again, or set force-held = yes; nothing was restored",
        names);
}

/* `over` what exists, while no other thread closes a descriptor of it. */
static int with_existing(struct restoring *restoring, int (*over)(struct restoring *restoring))
{
    struct inode_holder holder;
    struct inode_guard *guard = &restoring->snap->guard;
    struct held *live = &restoring->live;
    if (!held_sides_are_fit(live))
        return refuse(restoring, live->refusal);
    inode_guard_enter(guard, &holder, live->status.st_dev, live->status.st_ino);
    int status = look_at_journal(restoring);
    if (status == HB_OK)
        status = over(restoring);
    inode_guard_leave(guard, &holder);
    return status;
}

static int open_target(struct restoring *restoring)
{
    return held_open(&restoring->live, restoring->target->directory_fd, restoring->target->name);
}

static int open_failed(const struct restoring *restoring, int result)
{
    const struct hb_host *host = restoring->snap->host;
    return result == -ENOTSUP
               ? refuse(restoring, "the target is not a regular file")
               : host->fail(host, status_for(-result), "the existing file cannot be looked at: %s",
                            strerror(-result));
}

int snap_foresee(void *self, const struct hb_entry *entry, const struct hb_target *target)
{
    struct snap *snap = self;
    struct restoring restoring = {.snap = snap, .entry = entry, .target = target};
    int status = look_for_holders(&restoring), result;
    if (status != HB_OK)
        return status;
    result = open_target(&restoring);
    if (result == -ENOENT)
        status = missing_is_refused(&restoring);
    else if (result < 0)
        status = open_failed(&restoring, result);
    else
        status = with_existing(&restoring, existing_is_refused);
    held_close(&restoring.live);
    return result == -ENOENT && status == HB_OK ? HB_RESTORE_RENAME : status;
}

int snap_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 const struct hb_target *target)
{
    struct snap *snap = self;
    struct restoring restoring = {.snap = snap, .entry = entry, .file = file, .target = target};
    char reason[256];
    patience_init(&restoring.patience, snap);
    int status = look_for_holders(&restoring);
    if (status != HB_OK)
        return status;
    status = merge_log(snap, file, reason, sizeof reason);
    if (status != HB_OK && status != HB_STATUS_NOMATCH)
        return status == HB_STATUS_ENTRY ? HB_STATUS_LATER : status; /* it could not be looked at */
    bool merged = status == HB_OK;
    int result = open_target(&restoring);
    if (result == -ENOENT)
        status = replace_missing(&restoring);
    else if (result < 0)
        status = open_failed(&restoring, result);
    else
        status =
            merged ? with_existing(&restoring, over_existing) : refuse_unsound(&restoring, reason);
    held_close(&restoring.live);
    return status;
}

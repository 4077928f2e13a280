/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent state of a database that programs may be writing to, in place or as a copy.
 *
 * What it promises. The source that the host gets is one state of the database: all that had been
 * committed at one moment, and nothing that was committed later. Commits during the copy neither
 * show in it nor make it start again. If there is no such copy, that is said: the host stores the
 * raw bytes and calls them doubtful (HB_STATUS_NOMATCH), or stores nothing (HB_STATUS_ENTRY).
 *
 * What it must not do.
 *  - Write in the home. SQLite recovers a journal, makes a -wal and a -shm, and checkpoints, each
 *    time it believes that it may. Only the -shm of a log that is in use already is written to.
 *  - Lose the locks of anybody's connection in this process. POSIX locks on a file go when any of
 *    its descriptors is closed. So the file is read plainly only before SQLite opens it, by one
 *    thread at a time (inode_guard.h).
 *  - Hold up a writer for longer than `wait`. In rollback-journal mode our read lock does that.
 *  - Store plain bytes of a database in use because it could not be opened just now: cannot_read().
 *  - Believe a name. Another user may swap the files between two calls of SQLite: held.c.
 *
 * How: where it is in use, and it is safe, it is read where it lies: in_place.c says when. Else it
 * is copied, in one way of three, by what lies beside the database.
 *
 *      found                                         way
 *      ------------------------------------------    ----------
 *      rollback-journal mode; -wal and -shm          live
 *      WAL mode, no -wal: nobody has it open         immutable
 *      -wal without -shm; no /proc                   aside
 *      SQLite cannot open it where it is             aside (a hot journal, a read-only home)
 *
 *  live       SQLite's online backup from a read-only connection that holds one read transaction.
 *  immutable  the same without locks. A connection with locks would leave a -wal and a -shm behind.
 *  aside      the file and its log or journal are copied, and SQLite recovers the copy: aside.h.
 *
 * Why not the last one always: it reads everything again whenever a program has written meanwhile,
 * and in a busy database that never ends. Why not the first one always: SQLite would write.
 *
 *      stage a file
 *           |
 *      try_once() <----------------------- AGAIN, up to ATTEMPTS times, then as if locked
 *           |  open and pin the file, look at its bytes ---- no database: HB_STATUS_NOMATCH
 *           |  choose() ---- live, or no room, and in_place_open() has it: nothing is copied
 *           |  copy ----- live: another file has the name now -------------- AGAIN
 *           |       `---- immutable, aside: a file has changed meanwhile --- AGAIN
 *      outcome() ---- locked: `locked` decides; damaged: HB_STATUS_NOMATCH; stage full:
 * HB_STATUS_ENTRY
 *           |
 *      snap_judge() - sound: the copy; unsound: the copy or HB_STATUS_NOMATCH, and doubtful
 *
 * The last two ways hold no lock, so what they made counts only if no size or time has changed
 * from before the copy until after it, with times old enough to tell (settle()).
 *
 * Rights: what is done beside the database is done as the owner of its directory, and what is done
 * in the staging directory as the owner of that. So the staged copy is opened first, and is not
 * opened by name again while SQLite is let at the database.
 */
#include "snapshot.h"
#include "aside.h"
#include "attempt.h"
#include "checking.h"
#include "in_place.h"
#include "snapshot_copy.h"
#include "soundness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 6 };

enum way { WAY_LIVE, WAY_IMMUTABLE, WAY_ASIDE };

/* ---- one attempt ----------------------------------------------------------------- */

static enum way choose(const struct attempt *attempt, const unsigned char header[2])
{
    const struct look *look = &attempt->before;
    const struct trace *wal = &look->side[SIDE_WAL], *shm = &look->side[SIDE_SHM];
    bool has_log = wal->exists && wal->bytes > 0;
    if (!attempt->live.by_descriptor)
        return WAY_ASIDE;
    if (!has_log && header[0] != 2 && header[1] != 2)
        return WAY_LIVE;
    if (wal->exists && shm->exists)
        return WAY_LIVE;
    return has_log ? WAY_ASIDE : WAY_IMMUTABLE;
}

/* Without locks only times tell of a change, and only once their clock has moved on. */
static void settle(struct attempt *attempt)
{
    const struct timespec tick = {.tv_nsec = 5000000};
    live_look(&attempt->live, &attempt->before);
    /* Two seconds are the coarsest tick that there is. */
    for (int i = 0; i < 450 && attempt->before.untold; i++) {
        nanosleep(&tick, NULL);
        live_look(&attempt->live, &attempt->before);
    }
}

static bool has_changed(const struct attempt *attempt)
{
    struct look after;
    live_look(&attempt->live, &after);
    return !held_is_here(&attempt->live) || attempt->before.untold ||
           !live_same(&attempt->before, &after);
}

static bool cannot_be_opened(const struct attempt *attempt)
{
    int primary = attempt->result & 0xff;
    return !attempt->staging && attempt->live.refusal[0] == '\0' &&
           (primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_PERM ||
            primary == SQLITE_AUTH);
}

static int copy_unlocked(struct attempt *attempt, enum way way)
{
    settle(attempt);
    int status = attempt_start_over(attempt);
    if (status == HB_OK && way == WAY_IMMUTABLE) {
        status = copy_with_sqlite(attempt, false);
    } else if (status == HB_OK) {
        attempt->written = true;
        status = copy_aside(attempt->snap, attempt->entry, &attempt->live, &attempt->before,
                            &attempt->staged, &attempt->patience, &attempt->result);
        attempt->staging = staging_failed(attempt->result);
    }
    if (attempt->message[0] == '\0')
        snprintf(attempt->message, sizeof attempt->message, "%s", sqlite3_errstr(attempt->result));
    if (status == HB_STATUS_NOMATCH)
        return AGAIN;
    if (status != HB_STATUS_CANCELLED && has_changed(attempt))
        return AGAIN;
    return status;
}

/*
 * Keeps the last program that has a database in WAL mode open from taking its log away between our
 * look at it and SQLite's, which would make a new one and leave it there: that program needs an
 * exclusive lock for it. As a lock of this descriptor it is none of SQLite's business. *way: what
 * is to be done by a look under the lock. -1: not held, or not needed.
 */
static int hold_log(struct attempt *attempt, const unsigned char header[2], enum way *way)
{
    const struct hb_host *host = attempt->snap->host;
    const struct timespec nap = {.tv_nsec = 2000000};
    int fd = held_open_side(&attempt->live, SIDE_MAIN, O_RDONLY);
    while (fd >= 0) {
        bool held = live_lock_shared(fd);
        bool in_the_way = errno == EAGAIN || errno == EACCES;
        live_look(&attempt->live, &attempt->before);
        *way = choose(attempt, header);
        if (held && *way == WAY_LIVE)
            return fd;
        if (held || *way != WAY_LIVE || !in_the_way || patience_is_over(&attempt->patience) ||
            host->cancelled(host))
            break; /* also where the file system has no such locks */
        patience_nap(&attempt->patience, &nap);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static int copy_live(struct attempt *attempt)
{
    int status = copy_with_sqlite(attempt, true);
    if (status == HB_OK && attempt->result == SQLITE_OK && !held_is_here(&attempt->live))
        return AGAIN;
    return status;
}

/* True: there is nothing to copy. */
static bool try_in_place(struct attempt *attempt, enum way way)
{
    char *why = attempt->why_copied;
    size_t room = sizeof attempt->why_copied;
    *why = '\0';
    if (!attempt->may_be_in_place)
        return false;
    if (way == WAY_LIVE || (way == WAY_IMMUTABLE && in_place_has_no_room(attempt)))
        return in_place_open(attempt, way == WAY_IMMUTABLE);
    if (!attempt->live.by_descriptor)
        snprintf(why, room, "there is no /proc");
    else if (way == WAY_IMMUTABLE)
        snprintf(why, room, "no program has it open, so that nothing would tell of a change");
    else
        snprintf(why, room, "its log has no index (-shm)");
    return false;
}

static int copy_database(struct attempt *attempt, const unsigned char header[2])
{
    int held = -1;
    int status = attempt_start_over(attempt);
    if (status != HB_OK)
        return status;
    live_look(&attempt->live, &attempt->before);
    if (try_in_place(attempt, choose(attempt, header)))
        return HB_OK;
    live_look(&attempt->live, &attempt->before);
    enum way way = choose(attempt, header);
    if (way == WAY_LIVE && attempt->before.side[SIDE_WAL].exists)
        held = hold_log(attempt, header, &way);
    status = way == WAY_LIVE ? copy_live(attempt) : copy_unlocked(attempt, way);
    if (held >= 0)
        close(held); /* no connection of ours is open any more */
    if (status == HB_OK && way != WAY_ASIDE && cannot_be_opened(attempt))
        status = copy_unlocked(attempt, WAY_ASIDE);
    return status;
}

/* A journal that begins with a zero byte is spent, as SQLite sees it. Cannot tell: it has some. */
static bool journal_has_content(struct attempt *attempt)
{
    char first = '\0';
    int fd = held_open_side(&attempt->live, SIDE_JOURNAL, O_RDONLY);
    if (fd < 0)
        return fd != -ENOENT;
    int64_t got = read_fully(fd, &first, 1, 0);
    close(fd);
    return got < 0 || first != '\0';
}

/*
 * The files beside one that is not a database to SQLite are left out all the same, and with them
 * what the file lacks: it may be encrypted, or have been cut to nothing by a crash.
 */
static const char *lost_beside(struct attempt *attempt, enum bytes_kind kind)
{
    struct look look;
    live_look(&attempt->live, &look);
    if (look.side[SIDE_WAL].bytes > 0)
        return side_suffixes[SIDE_WAL];
    /* The journal of an empty file is that of a transaction that had not written anything yet. */
    return kind == BYTES_OTHER && journal_has_content(attempt) ? side_suffixes[SIDE_JOURNAL] : NULL;
}

static void say_no_database(struct attempt *attempt, enum bytes_kind kind)
{
    const struct hb_host *host = attempt->snap->host;
    const char *lost = lost_beside(attempt, kind);
    const char *what = kind == BYTES_ZERO    ? "all its bytes are zero"
                       : kind == BYTES_EMPTY ? "it is empty"
                                             : "its header is not that of an SQLite database";
    if (lost != NULL)
        host->doubtful(host, attempt->entry,
                       "stored raw: %s, and the content of the %s beside it is not stored", what,
                       lost);
    else if (kind == BYTES_ZERO)
        host->doubtful(host, attempt->entry, "stored raw: %s", what);
    else if (kind == BYTES_OTHER)
        host->note(host, attempt->entry, "%s; stored as an ordinary file", what);
}

/*
 * The file could not be read, for an errno. If it is gone, the host finds that out itself. If the
 * reason may pass, or is only in our way, the host must not store plain bytes of a database that a
 * program writes to.
 */
static int cannot_read(const struct attempt *attempt, int reason)
{
    const struct held *live = &attempt->live;
    const struct hb_host *host = attempt->snap->host;
    if (live->refusal[0] != '\0')
        return attempt_refused(attempt);
    if (reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == ESTALE ||
        reason == ENOTSUP)
        return HB_STATUS_NOMATCH;
    if (geteuid() == 0 && (reason == EACCES || reason == EPERM))
        return host->fail(
            host, HB_STATUS_ENTRY,
            "it belongs to user %u, and the owner of its directory may not read it: give it to "
            "that owner with chown, or set read-as = root in [home]; stored nothing for it",
            (unsigned)live->status.st_uid);
    return host->fail(host, HB_STATUS_ENTRY, "cannot be read: %s; stored nothing for it",
                      strerror(reason));
}

/* Is it a database at all? Plain reads, while no connection of ours has it open. */
static int look_at_bytes(struct attempt *attempt, enum bytes_kind *kind, unsigned char header[2])
{
    const struct hb_host *host = attempt->snap->host;
    int fd = held_open_side(&attempt->live, SIDE_MAIN, O_RDONLY);
    if (fd < 0)
        return cannot_read(attempt, -fd);
    unsigned char whole[SQLITE_SNAP_HEADER_BYTES];
    int status = bytes_kind_of(host, fd, kind);
    int64_t got = status == HB_STATUS_NOMATCH ? -errno : read_fully(fd, whole, sizeof whole, 0);
    close(fd);
    if (status == HB_STATUS_CANCELLED)
        return host->fail(host, HB_STATUS_CANCELLED, "the snapshot was stopped");
    if (got < 0)
        return cannot_read(attempt, (int)-got);
    if (*kind == BYTES_DATABASE && (size_t)got == sizeof whole) {
        memcpy(header, whole + 18, 2);
        return HB_OK;
    }
    if (*kind == BYTES_DATABASE) { /* SQLite would take it for an empty one */
        host->doubtful(host, attempt->entry, "stored raw: it ends within its header");
        return HB_STATUS_NOMATCH;
    }
    say_no_database(attempt, *kind);
    return HB_STATUS_NOMATCH;
}

/* HB_OK: the attempt has a result. AGAIN: something changed under way. */
static int try_once(struct attempt *attempt)
{
    struct inode_holder holder;
    enum bytes_kind kind;
    unsigned char header[2];
    struct snap *snap = attempt->snap;
    int status, result = live_open(snap->host, attempt->entry, &attempt->live);
    if (result != 0) {
        status = cannot_read(attempt, -result);
        held_close(&attempt->live);
        return status;
    }
    inode_guard_enter(&snap->guard, &holder, attempt->live.status.st_dev,
                      attempt->live.status.st_ino);
    status = look_at_bytes(attempt, &kind, header);
    if (status == HB_OK && !held_sides_are_fit(&attempt->live))
        status = attempt_refused(attempt);
    if (status == HB_OK)
        status = copy_database(attempt, header);
    inode_guard_leave(&snap->guard, &holder);
    held_close(&attempt->live);
    return status;
}

/* ---- outcome --------------------------------------------------------------------- */

static int locked(struct attempt *attempt, const char *how)
{
    const struct snap *snap = attempt->snap;
    int64_t seconds = (attempt->patience.waited_ms + 500) / 1000;
    if (!snap->locked_raw)
        return snap->host->fail(snap->host, HB_STATUS_ENTRY,
                                "database %s (waited %" PRId64 " s); stored nothing for it", how,
                                seconds);
    attempt->untold = true;
    snap->host->doubtful(snap->host, attempt->entry,
                         "stored raw: database %s (waited %" PRId64
                         " s); commits that are only in its log are missing",
                         how, seconds);
    return HB_STATUS_NOMATCH;
}

static int outcome(struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    int primary = attempt->result & 0xff;
    if (attempt->result == SQLITE_OK)
        return HB_OK;
    if (primary == SQLITE_INTERRUPT || host->cancelled(host))
        return host->fail(host, HB_STATUS_CANCELLED, "the snapshot was stopped");
    if (attempt->live.refusal[0] != '\0')
        return attempt_refused(attempt);
    if (attempt->held_up)
        return locked(attempt, "was needed by a writer before it was copied");
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL)
        return locked(attempt, "is locked");
    if (primary == SQLITE_NOMEM)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory for its snapshot");
    if (attempt->staging)
        return host->fail(host, HB_STATUS_ENTRY, "its snapshot cannot be staged: %s; %s",
                          attempt->message,
                          primary == SQLITE_READONLY || primary == SQLITE_PERM
                              ? "set stage-dir to a directory that hbcore can write to"
                              : "free space there or set stage-dir");
    attempt->untold = !is_damage(attempt->result);
    host->doubtful(host, attempt->entry, "stored raw: SQLite cannot read it: %s", attempt->message);
    return HB_STATUS_NOMATCH;
}

static int snapshot(struct attempt *attempt)
{
    int status = AGAIN;
    for (int i = 0; i < ATTEMPTS && status == AGAIN; i++)
        status = try_once(attempt);
    if (status == AGAIN)
        return locked(attempt, "was changed again and again while it was copied");
    return status == HB_OK ? outcome(attempt) : status;
}

/* ---- the source ------------------------------------------------------------------ */

struct staged_source {
    const struct hb_host *host;
    struct hb_file file;
    struct in_place *in_place; /* NULL: the file is the copy */
    char *path;                /* of the entry, for messages; NULL: no memory for it */
    bool had_log;              /* so there is more in it than in the file alone */
};

const struct hb_file *snapshot_file(const struct hb_source *source)
{
    const struct staged_source *staged = source->self;
    return &staged->file;
}

struct in_place *snapshot_in_place(const struct hb_source *source)
{
    const struct staged_source *staged = source->self;
    return staged->in_place;
}

static int64_t source_read_at(const struct hb_source *source, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct staged_source *staged = source->self;
    if (staged->in_place != NULL)
        return in_place_read(staged->in_place, buffer, bytes, offset);
    int64_t got = offset > INT64_MAX ? -EINVAL : read_fully(staged->file.fd, buffer, bytes, offset);
    return got >= 0 ? got
                    : staged->host->fail(staged->host, HB_STATUS_ENTRY,
                                         "its snapshot cannot be read: %s", strerror((int)-got));
}

/* A note of the run, not of the entry: it is not to be told again when the entry is taken over. */
static void say_how_it_was_read(const struct staged_source *staged)
{
    const struct hb_host *host = staged->host;
    const char *name = staged->path == NULL ? "a database" : staged->path;
    const char *why = in_place_handed_over(staged->in_place);
    int64_t overdue_ms = in_place_overdue_ms(staged->in_place);
    if (why != NULL)
        host->log(host, HB_LOG_DEBUG, "%s: not read in place to its end: %s", name, why);
    if (overdue_ms > 0)
        host->note(host, NULL,
                   "%s was read in place for %" PRId64
                   " s while a program wrote to it, longer than "
                   "hold: there was no room for a copy of the rest",
                   name, (overdue_ms + 500) / 1000);
}

static void source_close(struct hb_source *source)
{
    struct staged_source *staged = source->self;
    const struct hb_host *host = staged->host;
    if (staged->in_place != NULL) {
        say_how_it_was_read(staged);
        in_place_close(staged->in_place);
    }
    host->stage_release(host, &staged->file);
    free(staged->path);
    free(staged);
    source->self = NULL;
}

static int make_source(const struct attempt *attempt, struct hb_source *source)
{
    const struct hb_host *host = attempt->snap->host;
    struct stat now;
    struct staged_source *staged = malloc(sizeof *staged);
    if (staged == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory for its snapshot");
    if (fstat(attempt->file.fd, &now) != 0) {
        free(staged);
        return host->fail(host, HB_STATUS_ENTRY, "its snapshot cannot be read: %s",
                          strerror(errno));
    }
    *staged =
        (struct staged_source){host, attempt->file, attempt->in_place, strdup(attempt->entry->path),
                               attempt->before.side[SIDE_WAL].bytes > 0};
    *source = (struct hb_source){
        .size = sizeof *source,
        .soundness = HB_SOUNDNESS_NOT_CHECKED,
        .self = staged,
        .bytes =
            attempt->in_place != NULL ? in_place_bytes(attempt->in_place) : (uint64_t)now.st_size,
        .method = "snapshot",
        .fd = attempt->in_place != NULL ? -1 : attempt->file.fd,
        .flags = attempt->in_place != NULL ? HB_SOURCE_IN_PLACE : 0,
        .read_at = source_read_at,
        .close = source_close,
    };
    return HB_OK;
}

static int hold_staged(struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    int result = held_open_staged(&attempt->staged, &attempt->file);
    return result == 0 ? HB_OK
                       : host->fail(host, HB_STATUS_ENTRY, "its snapshot cannot be staged: %s",
                                    strerror(-result));
}

/* What was done, for whoever wants to know. */
static void say_way(const struct attempt *attempt)
{
    const struct snap *snap = attempt->snap;
    const struct hb_host *host = snap->host;
    const char *why = attempt->why_copied;
    if (attempt->in_place != NULL)
        host->log(host, HB_LOG_DEBUG, "%s: read in place", attempt->entry->path);
    else if (*why != '\0' && snap->ways == SNAPSHOT_IN_PLACE)
        host->note(host, attempt->entry, "copied, not read in place: %s", why);
    else if (*why != '\0')
        host->log(host, HB_LOG_DEBUG, "%s: copied, not read in place: %s", attempt->entry->path,
                  why);
}

static int open_source(struct snap *snap, const struct hb_entry *entry, struct hb_source *source,
                       bool may_be_in_place)
{
    const struct hb_host *host = snap->host;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory for its snapshot");
    attempt->snap = snap;
    attempt->entry = entry;
    attempt->may_be_in_place = may_be_in_place;
    patience_init(&attempt->patience, snap);
    bool judged = (source->flags & HB_SOURCE_JUDGED) != 0;
    int status = host->stage_file(host, "snapshot.db", &attempt->file);
    if (status == HB_OK) {
        status = hold_staged(attempt);
        if (status == HB_OK)
            status = snapshot(attempt);
        held_close(&attempt->staged);
        if (status == HB_OK)
            status = make_source(attempt, source);
        if (status == HB_OK)
            say_way(attempt);
        else if (attempt->in_place != NULL)
            in_place_close(attempt->in_place);
        if (status != HB_OK)
            host->stage_release(host, &attempt->file);
    }
    if (status == HB_STATUS_NOMATCH && attempt->untold)
        source->soundness = HB_SOUNDNESS_UNKNOWN;
    free(attempt);
    if (status != HB_OK || judged)
        return status;
    status = snap_judge(snap, entry, source);
    if (status != HB_OK)
        source_close(source);
    return status;
}

int snap_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct snap *snap = self;
    return open_source(snap, entry, source, snap->ways != SNAPSHOT_COPY);
}

int snapshot_copy(struct snap *snap, const struct hb_entry *entry, struct hb_source *source)
{
    return open_source(snap, entry, source, false);
}

/* In place, all that the check has read has to be of the view. */
static int find_soundness(struct snap *snap, const struct hb_entry *entry,
                          const struct staged_source *staged, struct verdict *verdict)
{
    enum thoroughness how = snap->check_full ? CHECK_FULL : CHECK_QUICK;
    if (staged->in_place == NULL)
        return soundness_of(snap, entry, &staged->file, how, verdict);
    int status = soundness_of_view(snap, entry, in_place_source(staged->in_place), how, verdict);
    return status == HB_OK ? in_place_confirm(staged->in_place) : status;
}

/* A copy that SQLite finds wrong is stored all the same, and the fault is reported. */
int snap_judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct snap *snap = self;
    const struct hb_host *host = snap->host;
    const struct staged_source *staged = source->self;
    struct verdict verdict;
    int status = find_soundness(snap, entry, staged, &verdict);
    if (status != HB_OK)
        return status;
    if (staged->in_place != NULL && snap->count->list_count == 0)
        in_place_looked_at(staged->in_place);
    source->soundness = verdict.soundness;
    soundness_note(snap, entry, &verdict);
    if (verdict.soundness == HB_SOUNDNESS_UNKNOWN)
        host->doubtful(host, entry, "could not be checked, stored as it is: %s", verdict.reason);
    if (verdict.soundness != HB_SOUNDNESS_UNSOUND)
        return HB_OK;
    if (staged->had_log || verdict.pages_are_sound) {
        host->doubtful(host, entry, "unsound, stored as it is: %s", verdict.reason);
        return HB_OK;
    }
    host->doubtful(host, entry, "unsound, stored raw: %s", verdict.reason);
    return HB_STATUS_NOMATCH;
}

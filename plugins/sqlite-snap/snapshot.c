/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent copy of a database that may be in use. There are three ways:
 *
 *  live       SQLite's online backup from a read-only connection that holds one read transaction,
 *             so that commits meanwhile neither show nor restart it. For rollback-journal
 *             databases, and for those whose log and index (-wal, -shm) are both there.
 *  immutable  the same without locks, for a WAL database that nobody has open (there is no log):
 *             a normal connection would leave a -wal and a -shm behind.
 *  aside      see aside.h: a log without its index, a hot journal, a directory that cannot be
 *             written, a system without /proc (held.c).
 *
 * The last two hold no lock, so what they made counts only if nothing has changed meanwhile.
 *
 * What is done beside the database is done as the owner of its directory, what is done in the
 * staging directory as whose that is: so the staged copy is open, and needs no name any more, when
 * SQLite is let at the database.
 */
#include "snapshot.h"
#include "aside.h"
#include "bulk_vfs.h"
#include "checking.h"
#include "connection.h"
#include "live.h"
#include "soundness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 6, AGAIN = 100, STEP_BYTES = 4 << 20 };

enum way { WAY_LIVE, WAY_IMMUTABLE, WAY_ASIDE };

/* One try to copy one database. */
struct attempt {
    struct snap *snap;
    const struct hb_entry *entry;
    struct held live;
    struct look before;
    struct hb_file file;
    struct held staged; /* the same file */
    struct patience patience;
    bool written;      /* the staged file may hold something, or have something beside it */
    int result;        /* SQLite's */
    bool held_up;      /* a writer had waited for us for too long */
    bool staging;      /* it is the staged side that failed */
    bool untold;       /* stored raw, and nobody knows whether that is sound */
    char message[256]; /* SQLite's words for `result` */
};

static void say(struct attempt *attempt, const struct connection *connection, int result)
{
    attempt->result = result;
    snprintf(attempt->message, sizeof attempt->message, "%s",
             connection_message(connection, result));
}

static int refused(const struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    return host->fail(host, HB_ENTRY, "%s; stored nothing for it", attempt->live.refusal);
}

/* ---- copying with SQLite --------------------------------------------------------- */

/* In rollback-journal mode our read lock holds up a writer: has one waited past the bound? */
static bool writer_is_held_up(const struct attempt *attempt, sqlite3 *db, int64_t *since)
{
    sqlite3_file *file = NULL;
    int reserved = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL ||
        file->pMethods->xCheckReservedLock(file, &reserved) != SQLITE_OK || !reserved) {
        *since = -1;
        return false;
    }
    if (*since < 0)
        *since = monotonic_ms();
    return monotonic_ms() - *since >= attempt->patience.limit_ms;
}

/* Each of the copies that were begun may have kept him waiting. */
static void count_waiting(struct attempt *attempt, int64_t since)
{
    attempt->patience.waited_ms += monotonic_ms() - since;
}

static int copy_pages(struct attempt *attempt, const struct connection *source,
                      sqlite3_backup *backup, int64_t page_bytes, bool locks)
{
    const struct hb_host *host = attempt->snap->host;
    int pages = page_bytes > 0 ? (int)(STEP_BYTES / page_bytes) : 1024;
    int64_t since = -1;
    for (;;) {
        int result = sqlite3_backup_step(backup, pages);
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        uint64_t rest = (uint64_t)sqlite3_backup_remaining(backup);
        host->progress(host, attempt->entry, (total - rest) * (uint64_t)page_bytes,
                       total * (uint64_t)page_bytes);
        if (result != SQLITE_OK)
            return result;
        if (host->cancelled(host))
            return SQLITE_INTERRUPT;
        if (locks && writer_is_held_up(attempt, source->db, &since)) {
            attempt->held_up = true;
            count_waiting(attempt, since);
            return SQLITE_BUSY;
        }
    }
}

/*
 * The staged file is nobody else's: it needs no journal (OFF is not for defensive connections). The
 * lock is taken here, since SQLite looks for a journal by name when it takes it.
 */
static int open_staged(struct attempt *attempt, struct connection *staged)
{
    AS_OWNER_AUTO owner = {0};
    held_begin_staged(&attempt->staged, &owner);
    int result = connection_open(staged, &attempt->staged, SQLITE_OPEN_READWRITE, "vfs=" BULK_VFS,
                                 &attempt->patience);
    if (result == SQLITE_OK)
        result = connection_run(staged, "PRAGMA locking_mode = EXCLUSIVE", NULL);
    if (result == SQLITE_OK)
        result = connection_run(staged, "PRAGMA journal_mode = MEMORY", NULL);
    if (result == SQLITE_OK)
        result = connection_run(staged, "PRAGMA synchronous = OFF", NULL);
    if (result == SQLITE_OK)
        result = connection_run(staged, "BEGIN EXCLUSIVE", NULL);
    if (result == SQLITE_OK)
        result = connection_run(staged, "COMMIT", NULL);
    return result;
}

/* SQLite opened a name: is it the file that the entry is? */
static bool opened_the_right_one(const struct attempt *attempt, const struct connection *source)
{
    int moved = 1;
    return sqlite3_file_control(source->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           !moved && held_is_here(&attempt->live);
}

/*
 * Opens the source and pins what it shows: from here on one state of it, whoever commits. Reading
 * it may make side files, so it is looked at before that, and once more when it is pinned. *moved:
 * it was the wrong one.
 */
static int open_pinned(struct attempt *attempt, struct connection *source, bool locks, bool *moved)
{
    int64_t ignored;
    int result =
        connection_open(source, &attempt->live, SQLITE_OPEN_READONLY,
                        locks ? "vfs=" BULK_VFS "&mode=ro" : "vfs=" BULK_VFS "&mode=ro&immutable=1",
                        &attempt->patience);
    *moved = result == SQLITE_OK && !opened_the_right_one(attempt, source);
    if (result == SQLITE_OK && !*moved)
        result = connection_run(source, "BEGIN", NULL);
    if (result == SQLITE_OK && !*moved)
        result = connection_run(source, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK && !*moved)
        *moved = !opened_the_right_one(attempt, source);
    if (result == SQLITE_OK && !*moved)
        result = bulk_read_ahead(source->db);
    *moved = *moved || !held_is_here(&attempt->live);
    return result;
}

/* Once the source is open and pinned: is it what was read that failed, or what was written? */
static bool staging_failed(int result)
{
    int primary = result & 0xff;
    if (primary == SQLITE_IOERR)
        return result != SQLITE_IOERR_READ && result != SQLITE_IOERR_SHORT_READ &&
               result != SQLITE_IOERR_CORRUPTFS;
    return primary == SQLITE_FULL || primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY ||
           primary == SQLITE_PERM;
}

static int copy_with_sqlite(struct attempt *attempt, bool locks)
{
    /* In reverse order, they are closed. */
    CONNECTION_AUTO staged = {NULL, NULL};
    AS_OWNER_AUTO owner = {0};
    CONNECTION_AUTO source = {NULL, NULL};
    int64_t page_bytes = 0;
    attempt->written = true;
    int result = open_staged(attempt, &staged);
    if (result != SQLITE_OK) {
        attempt->staging = true;
        say(attempt, &staged, result);
        return HB_OK;
    }
    bool moved;
    if (!held_begin_reading(&attempt->live, &owner))
        return refused(attempt);
    result = open_pinned(attempt, &source, locks, &moved);
    if (moved)
        return AGAIN;
    if (result == SQLITE_OK)
        result = connection_run(&source, "PRAGMA page_size", &page_bytes);
    if (result != SQLITE_OK) {
        say(attempt, &source, result);
        return HB_OK;
    }
    sqlite3_backup *backup = sqlite3_backup_init(staged.db, "main", source.db, "main");
    if (backup == NULL) {
        say(attempt, &staged, sqlite3_extended_errcode(staged.db));
        return HB_OK;
    }
    int copied = copy_pages(attempt, &source, backup, page_bytes, locks);
    int ended = sqlite3_backup_finish(backup);
    if (ended == SQLITE_OK)
        ended = bulk_flush(staged.db);
    if (copied == SQLITE_DONE && ended == SQLITE_OK)
        return HB_OK;
    result = copied == SQLITE_DONE ? ended : copied;
    attempt->staging = staging_failed(result);
    say(attempt, &staged, result);
    return HB_OK;
}

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
    for (int i = 0; i < 20 && attempt->before.racy; i++) {
        nanosleep(&tick, NULL);
        live_look(&attempt->live, &attempt->before);
    }
}

static bool has_changed(const struct attempt *attempt)
{
    struct look after;
    live_look(&attempt->live, &after);
    return !held_is_here(&attempt->live) || !live_same(&attempt->before, &after);
}

static int start_over(struct attempt *attempt)
{
    bool again = attempt->written;
    attempt->result = SQLITE_OK;
    attempt->staging = attempt->held_up = false;
    attempt->message[0] = '\0';
    if (!again)
        return HB_OK;
    held_remove_sides(&attempt->staged);
    attempt->written = false;
    if (ftruncate(attempt->file.fd, 0) != 0)
        return attempt->snap->host->fail(attempt->snap->host, HB_ENTRY,
                                         "its snapshot cannot be staged: %s", strerror(errno));
    return HB_OK;
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
    int status = start_over(attempt);
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
    if (status == HB_NOMATCH)
        return AGAIN;
    if (status != HB_CANCELLED && has_changed(attempt))
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

static int copy_database(struct attempt *attempt, const unsigned char header[2])
{
    int held = -1;
    int status = start_over(attempt);
    if (status != HB_OK)
        return status;
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
 * What lies beside a file that SQLite makes nothing of is left out all the same: with it goes
 * what the file lacks. So it is where a database is encrypted, or was cut to nothing by a crash.
 */
static const char *lost_beside(struct attempt *attempt, enum bytes_kind kind)
{
    struct look look;
    live_look(&attempt->live, &look);
    if (look.side[SIDE_WAL].bytes > 0)
        return side_suffixes[SIDE_WAL];
    /* An empty file's is that of a transaction that had not written anything yet. */
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
 * Not read, for an errno. The host finds out for itself that it is gone; what may pass, or is only
 * in our way, must not end in plain bytes of a database that a program writes to.
 */
static int cannot_read(const struct attempt *attempt, int reason)
{
    const struct held *live = &attempt->live;
    const struct hb_host *host = attempt->snap->host;
    if (live->refusal[0] != '\0')
        return refused(attempt);
    if (reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == ESTALE ||
        reason == ENOTSUP)
        return HB_NOMATCH;
    if (geteuid() == 0 && (reason == EACCES || reason == EPERM))
        return host->fail(
            host, HB_ENTRY,
            "it belongs to user %u, and the owner of its directory may not read it: give it to "
            "that owner with chown, or set read-as = root in [home]; stored nothing for it",
            (unsigned)live->status.st_uid);
    return host->fail(host, HB_ENTRY, "cannot be read: %s; stored nothing for it",
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
    int64_t got = status == HB_NOMATCH ? -errno : read_fully(fd, whole, sizeof whole, 0);
    close(fd);
    if (status == HB_CANCELLED)
        return host->fail(host, HB_CANCELLED, "the snapshot was stopped");
    if (got < 0)
        return cannot_read(attempt, (int)-got);
    if (*kind == BYTES_DATABASE && (size_t)got == sizeof whole) {
        memcpy(header, whole + 18, 2);
        return HB_OK;
    }
    if (*kind == BYTES_DATABASE) { /* SQLite would take it for an empty one */
        host->doubtful(host, attempt->entry, "stored raw: it ends within its header");
        return HB_NOMATCH;
    }
    say_no_database(attempt, *kind);
    return HB_NOMATCH;
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
        status = refused(attempt);
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
        return snap->host->fail(snap->host, HB_ENTRY,
                                "database %s (waited %" PRId64 " s); stored nothing for it", how,
                                seconds);
    attempt->untold = true;
    snap->host->doubtful(snap->host, attempt->entry,
                         "stored raw: database %s (waited %" PRId64
                         " s); commits that are only in its log are missing",
                         how, seconds);
    return HB_NOMATCH;
}

static int outcome(struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    int primary = attempt->result & 0xff;
    if (attempt->result == SQLITE_OK)
        return HB_OK;
    if (primary == SQLITE_INTERRUPT || host->cancelled(host))
        return host->fail(host, HB_CANCELLED, "the snapshot was stopped");
    if (attempt->live.refusal[0] != '\0')
        return refused(attempt);
    if (attempt->held_up)
        return locked(attempt, "was needed by a writer before it was copied");
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL)
        return locked(attempt, "is locked");
    if (primary == SQLITE_NOMEM)
        return host->fail(host, HB_ENTRY, "out of memory for its snapshot");
    if (attempt->staging)
        return host->fail(host, HB_ENTRY, "its snapshot cannot be staged: %s; %s", attempt->message,
                          primary == SQLITE_READONLY || primary == SQLITE_PERM
                              ? "set stage-dir to a directory that hbcore can write to"
                              : "free space there or set stage-dir");
    attempt->untold = !is_damage(attempt->result);
    host->doubtful(host, attempt->entry, "stored raw: SQLite cannot read it: %s", attempt->message);
    return HB_NOMATCH;
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
    bool had_log; /* so there is more in it than in the file alone */
};

static int64_t source_read_at(const struct hb_source *source, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct staged_source *staged = source->self;
    if (offset > INT64_MAX)
        return -EINVAL;
    return read_fully(staged->file.fd, buffer, bytes, offset);
}

static void source_close(struct hb_source *source)
{
    struct staged_source *staged = source->self;
    staged->host->stage_release(staged->host, &staged->file);
    free(staged);
    source->self = NULL;
}

static int make_source(const struct attempt *attempt, struct hb_source *source)
{
    const struct hb_host *host = attempt->snap->host;
    struct stat now;
    struct staged_source *staged = malloc(sizeof *staged);
    if (staged == NULL)
        return host->fail(host, HB_ENTRY, "out of memory for its snapshot");
    if (fstat(attempt->file.fd, &now) != 0) {
        free(staged);
        return host->fail(host, HB_ENTRY, "its snapshot cannot be read: %s", strerror(errno));
    }
    *staged = (struct staged_source){host, attempt->file, attempt->before.side[SIDE_WAL].bytes > 0};
    *source = (struct hb_source){
        .size = sizeof *source,
        .soundness = HB_NOT_CHECKED,
        .self = staged,
        .bytes = (uint64_t)now.st_size,
        .method = "snapshot",
        .fd = attempt->file.fd,
        .read_at = source_read_at,
        .close = source_close,
    };
    return HB_OK;
}

static int hold_staged(struct attempt *attempt)
{
    const struct hb_host *host = attempt->snap->host;
    int result = held_open_staged(&attempt->staged, &attempt->file);
    return result == 0
               ? HB_OK
               : host->fail(host, HB_ENTRY, "its snapshot cannot be staged: %s", strerror(-result));
}

int snap_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct snap *snap = self;
    const struct hb_host *host = snap->host;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL)
        return host->fail(host, HB_ENTRY, "out of memory for its snapshot");
    attempt->snap = snap;
    attempt->entry = entry;
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
        if (status != HB_OK)
            host->stage_release(host, &attempt->file);
    }
    if (status == HB_NOMATCH && attempt->untold)
        source->soundness = HB_SOUNDNESS_UNKNOWN;
    free(attempt);
    if (status != HB_OK || judged)
        return status;
    status = snap_judge(self, entry, source);
    if (status != HB_OK)
        source_close(source);
    return status;
}

/* What SQLite finds wrong is stored all the same, and said. */
int snap_judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct snap *snap = self;
    const struct hb_host *host = snap->host;
    const struct staged_source *staged = source->self;
    struct verdict verdict;
    int status = soundness_of(snap, entry, &staged->file,
                              snap->check_full ? CHECK_FULL : CHECK_QUICK, &verdict);
    if (status != HB_OK)
        return status;
    source->soundness = verdict.soundness;
    soundness_note(snap, entry, &verdict);
    if (verdict.soundness == HB_SOUNDNESS_UNKNOWN)
        host->doubtful(host, entry, "could not be checked, stored as it is: %s", verdict.reason);
    if (verdict.soundness != HB_UNSOUND)
        return HB_OK;
    if (staged->had_log || verdict.pages_are_sound) {
        host->doubtful(host, entry, "unsound, stored as it is: %s", verdict.reason);
        return HB_OK;
    }
    host->doubtful(host, entry, "unsound, stored raw: %s", verdict.reason);
    return HB_NOMATCH;
}

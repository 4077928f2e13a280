/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a database back into one that programs may have open: through SQLite, page by page
 * into the same file, in one write transaction. They see the old rows until it commits and the
 * new ones after. Renaming a file over it would leave them writing to an unlinked
 * one, and its log would be taken for the log of the new one.
 */
#include "connection.h"
#include "live.h"
#include "soundness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEP_BYTES = 16 << 20 };

struct restoring {
    struct snap *snap;
    const struct hb_entry *entry;
    const struct hb_file *file;
    const struct hb_target *target;
    struct patience patience;
    struct stat there; /* the target, where it exists */
};

static int refuse(const struct restoring *restoring, const char *reason)
{
    const struct hb_host *host = restoring->snap->host;
    return host->fail(host, HB_ENTRY, "%s; the existing one is left as it was", reason);
}

/* The descriptor that the host lends may be one that only names the directory (O_PATH). */
static bool flush_directory(const struct restoring *restoring)
{
    int fd = openat(restoring->target->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool flushed = fd >= 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return flushed;
}

/* ---- by rename ------------------------------------------------------------------- */

/* A log or journal without its database would be applied to the new one. */
static int remove_stale_sides(const struct restoring *restoring)
{
    const struct hb_target *target = restoring->target;
    const struct hb_host *host = restoring->snap->host;
    bool removed = false;
    for (int i = SIDE_WAL; i < SIDES; i++) {
        char name[NAME_MAX + 16];
        snprintf(name, sizeof name, "%s%s", target->name, live_suffixes[i]);
        if (unlinkat(target->directory_fd, name, 0) == 0)
            removed = true;
        else if (errno != ENOENT)
            return host->fail(host, HB_ENTRY,
                              "the stale %s beside it cannot be removed: %s; nothing was restored",
                              live_suffixes[i], strerror(errno));
    }
    if (removed && !flush_directory(restoring))
        return host->fail(host, HB_ENTRY, "its directory cannot be flushed: %s", strerror(errno));
    return HB_RESTORE_RENAME;
}

static bool has_log_beside(const struct restoring *restoring)
{
    static const enum side logs[] = {SIDE_WAL, SIDE_JOURNAL};
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char name[NAME_MAX + 16];
        struct stat found;
        snprintf(name, sizeof name, "%s%s", restoring->target->name, live_suffixes[logs[i]]);
        if (fstatat(restoring->target->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            found.st_size > 0)
            return true;
    }
    return false;
}

/*
 * The kernel grants a write lease only if no other descriptor of the file is open anywhere. Only a
 * clear no counts: not every file system has leases, and then nothing is known.
 */
static bool others_have_it_open(int fd)
{
    /* Somebody opens it between the two calls: a signal that is ignored unless handled. */
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return false;
    }
    return errno == EAGAIN || errno == EBUSY;
}

/* ---- through SQLite -------------------------------------------------------------- */

static int trouble(const struct restoring *restoring, const struct connection *connection,
                   int result)
{
    const struct hb_host *host = restoring->snap->host;
    int primary = result & 0xff;
    char text[320];
    if (primary == SQLITE_INTERRUPT || host->cancelled(host))
        return host->fail(host, HB_CANCELLED, "the restore was stopped; the database is as it was");
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL)
        snprintf(text, sizeof text,
                 "database is locked by another program (waited %" PRId64
                 " s): stop it, or set a longer wait",
                 (restoring->patience.limit_ms + 500) / 1000);
    else if (primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN || primary == SQLITE_PERM)
        snprintf(text, sizeof text, "database or its directory cannot be written: %s",
                 connection_message(connection, result));
    else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        snprintf(text, sizeof text,
                 "SQLite cannot open the existing database (%s): stop the programs that use it, "
                 "move it and its -wal away and import again",
                 connection_message(connection, result));
    else
        snprintf(text, sizeof text, "database cannot be overwritten: %s",
                 connection_message(connection, result));
    return refuse(restoring, text);
}

static bool target_is_the_same(const struct restoring *restoring, const struct connection *live)
{
    struct stat beneath, named;
    int moved = 1;
    return fstatat(restoring->target->directory_fd, restoring->target->name, &beneath,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           lstat(restoring->target->path, &named) == 0 && beneath.st_dev == named.st_dev &&
           beneath.st_ino == named.st_ino && beneath.st_ino == restoring->there.st_ino &&
           beneath.st_dev == restoring->there.st_dev &&
           sqlite3_file_control(live->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           !moved;
}

static int is_wal(const struct connection *live, bool *wal)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(live->db, "PRAGMA journal_mode", -1, &statement, NULL);
    if (result != SQLITE_OK)
        return result;
    *wal = false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        *wal = mode != NULL && strcmp(mode, "wal") == 0;
    }
    return sqlite3_finalize(statement);
}

static int open_target(const struct restoring *restoring, struct patience *patience,
                       struct connection *live, bool *wal)
{
    int64_t ignored;
    int result =
        connection_open(live, restoring->target->path, SQLITE_OPEN_READWRITE, "", patience);
    if (result != SQLITE_OK)
        return result;
    /* A target that is cut short can still be overwritten; SQLite asks for this to open it. */
    sqlite3_db_config(live->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    sqlite3_db_config(live->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    /* EXTRA: the directory is flushed as well, so that the journal cannot come back. */
    result = connection_run(live, "PRAGMA synchronous = EXTRA", NULL);
    if (result == SQLITE_OK)
        result = connection_run(live, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK)
        result = is_wal(live, wal);
    if (result == SQLITE_OK && sqlite3_db_readonly(live->db, "main") == 1)
        result = SQLITE_READONLY;
    return result;
}

/* The first step takes the write lock and the last one commits; in between nobody else writes. */
static int overwrite(struct restoring *restoring, const struct connection *live,
                     const struct connection *copy, int64_t page_bytes)
{
    const struct hb_host *host = restoring->snap->host;
    sqlite3_backup *backup = sqlite3_backup_init(live->db, "main", copy->db, "main");
    if (backup == NULL)
        return sqlite3_extended_errcode(live->db);
    int result;
    do {
        result = sqlite3_backup_step(backup, (int)(STEP_BYTES / page_bytes));
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        uint64_t rest = (uint64_t)sqlite3_backup_remaining(backup);
        host->progress(host, restoring->entry, (total - rest) * (uint64_t)page_bytes,
                       total * (uint64_t)page_bytes);
        if (result != SQLITE_DONE && host->cancelled(host))
            result = SQLITE_INTERRUPT;
    } while (result == SQLITE_OK);
    int ended = sqlite3_backup_finish(backup); /* rolls back what is not done */
    return result == SQLITE_DONE ? ended : result;
}

/* The copy as a source; its own journal mode gives way to the target's. */
static int overwrite_from_copy(struct restoring *restoring, const struct connection *live, bool wal)
{
    int64_t copy_page = 0, live_page = 0, ignored;
    CONNECTION_AUTO copy = {NULL};
    int result = connection_open(&copy, restoring->file->path, SQLITE_OPEN_READONLY, "immutable=1",
                                 &restoring->patience);
    if (result == SQLITE_OK)
        result = connection_run(&copy, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK)
        result = connection_run(&copy, "PRAGMA page_size", &copy_page);
    if (result != SQLITE_OK || copy_page <= 0)
        return trouble(restoring, &copy, result);
    result = connection_run(live, "PRAGMA page_size", &live_page);
    if (result != SQLITE_OK)
        return trouble(restoring, live, result);
    if (wal && live_page != copy_page) {
        char text[256];
        snprintf(text, sizeof text,
                 "its page size is %" PRId64 ", that of the existing WAL database %" PRId64
                 ": stop the programs that use it, move it away and import again",
                 copy_page, live_page);
        return refuse(restoring, text);
    }
    result = overwrite(restoring, live, &copy, copy_page);
    return result == SQLITE_OK ? HB_RESTORED : trouble(restoring, live, result);
}

static int through_sqlite(struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    unsigned char own[2];
    static const unsigned char rollback[2] = {1, 1};
    bool wal = false;
    CONNECTION_AUTO live = {NULL};
    int result = open_target(restoring, &restoring->patience, &live, &wal);
    if (result != SQLITE_OK)
        return trouble(restoring, &live, result);
    if (!target_is_the_same(restoring, &live))
        return refuse(restoring, "database was replaced by another file under way");
    /* In WAL mode SQLite sets the two bytes itself. */
    int fd = restoring->file->fd;
    if (!wal && (read_fully(fd, own, 2, 18) != 2 || !write_fully(fd, rollback, 2, 18)))
        return host->fail(host, HB_ENTRY, "its staged copy cannot be prepared: %s",
                          strerror(errno));
    int status = overwrite_from_copy(restoring, &live, wal);
    if (!wal)
        write_fully(fd, own, 2, 18);
    if (status == HB_RESTORED)
        flush_directory(restoring); /* SQLite has done so where its journal mode needs it */
    return status;
}

/* ---- which of them --------------------------------------------------------------- */

static int staged_kind(const struct restoring *restoring, enum bytes_kind *kind)
{
    const struct hb_host *host = restoring->snap->host;
    int status = bytes_kind_of(host, restoring->file->fd, kind);
    if (status == HB_CANCELLED)
        return host->fail(host, status, "the restore was stopped; the database is as it was");
    if (status != HB_OK)
        return host->fail(host, HB_ENTRY, "its staged copy cannot be read: %s", strerror(errno));
    return HB_OK;
}

static int over_database(struct restoring *restoring)
{
    uint32_t soundness;
    char reason[256], text[320];
    int status = soundness_of(restoring->snap, restoring->file, &soundness, reason, sizeof reason);
    if (status != HB_OK)
        return status;
    if (soundness == HB_UNSOUND) {
        snprintf(text, sizeof text, "the database in the archive is unsound: %s", reason);
        return refuse(restoring, text);
    }
    return through_sqlite(restoring);
}

/* The target exists: what is it, and does anybody have it open? Before SQLite opens it. */
static int look_at_target(struct restoring *restoring, enum bytes_kind *kind, bool *in_use)
{
    const struct hb_host *host = restoring->snap->host;
    const struct hb_target *target = restoring->target;
    int fd =
        openat(target->directory_fd, target->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return host->fail(host, HB_ENTRY,
                          "the existing file cannot be read: %s; it is left as it was",
                          strerror(errno));
    int status = bytes_kind_of(host, fd, kind);
    int reason = errno;
    if (status == HB_OK)
        *in_use = others_have_it_open(fd);
    close(fd);
    if (status == HB_CANCELLED)
        return host->fail(host, status, "the restore was stopped; the database is as it was");
    if (status != HB_OK)
        return host->fail(host, HB_ENTRY,
                          "the existing file cannot be read: %s; it is left as it was",
                          strerror(reason));
    return HB_OK;
}

static int over_existing(struct restoring *restoring)
{
    enum bytes_kind staged, there = BYTES_EMPTY;
    bool in_use = false;
    int status = staged_kind(restoring, &staged);
    if (status == HB_OK)
        status = look_at_target(restoring, &there, &in_use);
    if (status != HB_OK)
        return status;
    if (there == BYTES_DATABASE && staged != BYTES_DATABASE)
        return refuse(restoring, "the file in the archive is no database");
    if (there == BYTES_DATABASE)
        return over_database(restoring);
    /* An empty file is an empty database: one that is open can take the new content. */
    if (there == BYTES_EMPTY && in_use && staged == BYTES_DATABASE)
        return over_database(restoring);
    if (in_use)
        return refuse(restoring, "the existing file is no database, but a program has it open");
    if (has_log_beside(restoring))
        return refuse(restoring, "the existing file is no database, but has a -wal or -journal "
                                 "beside it, which would spoil the new one: move them away");
    return HB_RESTORE_RENAME;
}

int snap_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 const struct hb_target *target)
{
    struct snap *snap = self;
    struct inode_holder holder;
    struct restoring restoring = {.snap = snap, .entry = entry, .file = file, .target = target};
    patience_init(&restoring.patience, snap);
    if (fstatat(target->directory_fd, target->name, &restoring.there, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return remove_stale_sides(&restoring);
        return snap->host->fail(snap->host, HB_ENTRY, "the existing file cannot be looked at: %s",
                                strerror(errno));
    }
    if (!S_ISREG(restoring.there.st_mode))
        return refuse(&restoring, "there is no regular file in its place");
    inode_guard_enter(&snap->guard, &holder, restoring.there.st_dev, restoring.there.st_ino);
    int status = over_existing(&restoring);
    inode_guard_leave(&snap->guard, &holder);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overwriting a database that programs may have open: through SQLite, page by page into the same
 * file, in one write transaction.
 *
 * What it promises. Programs see the old rows until the transaction commits, and the new ones after
 * it. Inode, owner and journal mode stay. A restore that is stopped rolls back; one that is killed
 * leaves a journal or log, which the next program to open the database rolls back.
 *
 * What it must not do: checkpoint a log that others use; write into another file that was put in
 * the place of this one; say that nothing has changed when the commit may have taken effect
 * (in_doubt).
 *
 * The journal mode stays the target's, and SQLite cannot change the page size of a database in WAL
 * mode. If the copy has another page size, the target leaves WAL mode for the restore, which SQLite
 * permits only while nobody else has it open:
 *
 *      rollback journal ----------------------------------------> copy and commit
 *      WAL, the same page size ---------------------------------> copy and commit, in the -wal
 *      WAL, another page size -- leave_wal() -> rollback journal -> copy and commit -> enter_wal()
 *                                    `-- a program has it open, or the -wal stays: refused
 */
#include "overwrite.h"
#include "fewer.h"
#include "live.h"
#include "refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STEP_BYTES = 16 << 20, PAGE_BYTES_AT = 16, MODE_BYTES_AT = 18 };

/* A database that is being overwritten. */
struct overwriting {
    struct restoring *restoring;
    struct connection live, *copy;
    bool had_log;   /* a -wal lay beside it */
    bool wal;       /* it is in WAL mode now */
    bool shall_wal; /* and is to end in WAL mode */
};

static bool is_locked(int primary)
{
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL;
}

static int64_t waited_s(const struct restoring *restoring)
{
    return (restoring->patience.waited_ms + 500) / 1000;
}

static int trouble(struct restoring *restoring, const struct connection *connection, int result)
{
    const struct hb_host *host = restoring->snap->host;
    int primary = result & 0xff;
    char text[320];
    /* The commit itself may have taken effect, and only what comes after it have failed. */
    restoring->in_doubt = primary == SQLITE_IOERR;
    if (!restoring->in_doubt && restoring->live.refusal[0] != '\0')
        return refuse(restoring, restoring->live.refusal);
    if (primary == SQLITE_INTERRUPT || host->cancelled(host))
        return host->fail(host, HB_STATUS_CANCELLED, "the restore was stopped; the database is %s",
                          restoring->in_doubt
                              ? "complete, but may be the old or the new one: check which"
                              : "as it was");
    if (restoring->in_doubt)
        return host->fail(host, HB_STATUS_LATER,
                          "database cannot be overwritten: %s; what is there is complete, but may "
                          "be the old or the new database: check which",
                          connection_message(connection, result));
    if (is_locked(primary))
        snprintf(text, sizeof text,
                 "database is locked by another program (waited %" PRId64
                 " s): stop that program, or set a longer wait",
                 waited_s(restoring));
    else if (primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN || primary == SQLITE_PERM)
        snprintf(text, sizeof text, "database or its directory cannot be written: %s",
                 connection_message(connection, result));
    else
        snprintf(text, sizeof text, "database cannot be overwritten: %s",
                 connection_message(connection, result));
    bool may_pass = is_locked(primary) || primary == SQLITE_FULL || primary == SQLITE_NOMEM;
    return may_pass ? refuse_for_now(restoring, text) : refuse(restoring, text);
}

static bool has_log(const struct restoring *restoring)
{
    return held_mode(&restoring->live, SIDE_WAL) != -ENOENT;
}

/* ---- journal modes --------------------------------------------------------------- */

/* Runs a PRAGMA journal_mode; *wal: the mode afterwards. */
static int journal_mode(const struct connection *live, const char *sql, bool *wal)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(live->db, sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        return result;
    *wal = false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        *wal = mode != NULL && strcmp(mode, "wal") == 0;
    }
    return sqlite3_finalize(statement);
}

/* SQLite does not ask the busy handler for the exclusive lock that a change of mode takes. */
static int change_mode(struct overwriting *overwriting, const char *sql)
{
    struct patience *patience = &overwriting->restoring->patience;
    const struct timespec nap = {.tv_nsec = 20000000};
    for (;;) {
        int result = journal_mode(&overwriting->live, sql, &overwriting->wal);
        if (!is_locked(result & 0xff) || patience_is_over(patience))
            return result;
        if (patience->host->cancelled(patience->host))
            return SQLITE_INTERRUPT;
        patience_nap(patience, &nap);
    }
}

/*
 * The log goes into the file and away: nobody else has it open, or SQLite refuses. That is the one
 * checkpoint that we make, of rows that are about to be overwritten.
 */
static int leave_wal(struct overwriting *overwriting)
{
    int keep = 0;
    sqlite3_file_control(overwriting->live.db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    return change_mode(overwriting, "PRAGMA journal_mode = DELETE");
}

/* A log without a commit: closing takes it away, unless another program has it open. */
static void drop_log(const struct overwriting *overwriting)
{
    int keep = 0;
    sqlite3_file_control(overwriting->live.db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    sqlite3_db_config(overwriting->live.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

/* Whatever became of the restore. Programs that want WAL mode set it when they open a database. */
static void enter_wal(struct overwriting *overwriting)
{
    const struct hb_host *host = overwriting->restoring->snap->host;
    if (!overwriting->shall_wal || overwriting->wal)
        return;
    journal_mode(&overwriting->live, "PRAGMA journal_mode = WAL", &overwriting->wal);
    if (!overwriting->wal)
        host->note(host, overwriting->restoring->entry,
                   "is now in rollback-journal mode: a program opened it before hbcore could set "
                   "it back to WAL mode");
    drop_log(overwriting);
}

/* ---- copying --------------------------------------------------------------------- */

/* Reading it may make side files beside it: only once it is known to be the right one. */
static int prepare_target(struct overwriting *overwriting)
{
    struct connection *live = &overwriting->live;
    int64_t ignored;
    /* A target that is cut short can still be overwritten; SQLite asks for this to open it. */
    sqlite3_db_config(live->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    sqlite3_db_config(live->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    /* EXTRA: the directory is flushed as well, so that the journal cannot come back. */
    int result = connection_run(live, "PRAGMA synchronous = EXTRA", NULL);
    if (result == SQLITE_OK)
        result = connection_run(live, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK)
        result = journal_mode(live, "PRAGMA journal_mode", &overwriting->wal);
    if (result == SQLITE_OK && sqlite3_db_readonly(live->db, "main") == 1)
        result = SQLITE_READONLY;
    return result;
}

/* The first step takes the write lock and the last one commits; in between nobody else writes. */
static int copy_pages(const struct overwriting *overwriting, const struct connection *copy,
                      int64_t page_bytes)
{
    const struct hb_host *host = overwriting->restoring->snap->host;
    sqlite3_backup *backup = sqlite3_backup_init(overwriting->live.db, "main", copy->db, "main");
    if (backup == NULL)
        return sqlite3_extended_errcode(overwriting->live.db);
    int result;
    do {
        result = sqlite3_backup_step(backup, (int)(STEP_BYTES / page_bytes));
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        uint64_t rest = (uint64_t)sqlite3_backup_remaining(backup);
        host->progress(host, overwriting->restoring->entry, (total - rest) * (uint64_t)page_bytes,
                       total * (uint64_t)page_bytes);
        if (result == SQLITE_OK && host->cancelled(host))
            result = SQLITE_INTERRUPT;
    } while (result == SQLITE_OK);
    int ended = sqlite3_backup_finish(backup); /* rolls back what is not done */
    return result == SQLITE_DONE ? ended : result;
}

static int make_room_for_page_size(struct overwriting *overwriting, int64_t live_page,
                                   int64_t copy_page)
{
    struct restoring *restoring = overwriting->restoring;
    char text[320];
    int result = leave_wal(overwriting);
    /*
     * SQLite does not look whether it could remove the log. Where it could not, it goes on in WAL
     * mode without knowing it, and would write pages of the old size for those of the new one.
     */
    if (result == SQLITE_OK && !overwriting->wal && has_log(restoring))
        return refuse(restoring,
                      "its -wal cannot be removed, which a change of the page size requires");
    if (result == SQLITE_OK && !overwriting->wal)
        return HB_OK;
    if (result != SQLITE_OK && !is_locked(result & 0xff))
        return trouble(restoring, &overwriting->live, result);
    snprintf(text, sizeof text,
             "its page size is %" PRId64 ", that of the existing WAL database is %" PRId64
             "; SQLite can change it only while no program has the database open (waited %" PRId64
             " s): stop the programs that use it and import again",
             copy_page, live_page, waited_s(restoring));
    return refuse_for_now(restoring, text);
}

/* sqlite.org/fileformat.html 1.3.2; 0 where it cannot be read. */
static int64_t page_bytes_of(const struct restoring *restoring)
{
    unsigned char size[2];
    if (read_fully(restoring->file->fd, size, 2, PAGE_BYTES_AT) != 2)
        return 0;
    int64_t bytes = size[0] << 8 | size[1];
    return bytes == 1 ? 65536 : bytes;
}

static int copy_from(struct overwriting *overwriting, int64_t page_bytes)
{
    int result = copy_pages(overwriting, overwriting->copy, page_bytes);
    return result == SQLITE_OK ? HB_RESTORE_DONE
                               : trouble(overwriting->restoring, &overwriting->live, result);
}

/* In WAL mode SQLite sets the mode of what it copied by itself; else the copy has to show it. */
static int copy_from_rollback(struct overwriting *overwriting, int64_t page_bytes)
{
    static const unsigned char rollback[2] = {1, 1};
    const struct hb_host *host = overwriting->restoring->snap->host;
    unsigned char own[2];
    int fd = overwriting->restoring->file->fd;
    if (read_fully(fd, own, 2, MODE_BYTES_AT) != 2 || !write_fully(fd, rollback, 2, MODE_BYTES_AT))
        return host->fail(host, HB_STATUS_LATER, "its staged copy cannot be prepared: %s",
                          strerror(errno));
    int status = copy_from(overwriting, page_bytes);
    write_fully(fd, own, 2, MODE_BYTES_AT);
    return status;
}

static int copy_into_live(struct overwriting *overwriting)
{
    struct restoring *restoring = overwriting->restoring;
    int64_t live_page = 0, copy_page = page_bytes_of(restoring);
    if (copy_page < 512)
        return refuse(restoring, "the page size of the database in the archive cannot be read");
    int result = connection_run(&overwriting->live, "PRAGMA page_size", &live_page);
    if (result != SQLITE_OK)
        return trouble(restoring, &overwriting->live, result);
    if (overwriting->wal && live_page != copy_page) {
        int status = make_room_for_page_size(overwriting, live_page, copy_page);
        if (status != HB_OK)
            return status;
    }
    return overwriting->wal ? copy_from(overwriting, copy_page)
                            : copy_from_rollback(overwriting, copy_page);
}

/* An empty file has no mode of its own: it takes the copy's. */
static bool copy_has_wal_mode(const struct restoring *restoring)
{
    unsigned char mode[2];
    return read_fully(restoring->file->fd, mode, 2, MODE_BYTES_AT) == 2 && mode[0] == 2;
}

static int overwrite_live(struct overwriting *overwriting, bool was_empty, char *why,
                          size_t why_bytes)
{
    struct restoring *restoring = overwriting->restoring;
    struct connection *live = &overwriting->live;
    struct row_counts before, now;
    int result =
        connection_open(live, &restoring->live, SQLITE_OPEN_READWRITE, "", &restoring->patience);
    /* SQLite has opened the inode that is held: has the name led to another one since? */
    bool moved = !held_is_here(&restoring->live);
    if (result == SQLITE_OK && !moved)
        result = prepare_target(overwriting);
    if ((result & 0xff) == SQLITE_CORRUPT || result == SQLITE_NOTADB) {
        snprintf(why, why_bytes, "%s", connection_message(live, result));
        return OVERWRITE_BROKEN;
    }
    if (moved || !held_is_here(&restoring->live))
        return refuse_for_now(restoring, "another file replaced the database during the restore");
    if (result != SQLITE_OK)
        return trouble(restoring, live, result);
    overwriting->shall_wal = was_empty ? copy_has_wal_mode(restoring) : overwriting->wal;
    row_counts_take(&before, restoring->snap, live);
    row_counts_take(&now, restoring->snap, overwriting->copy);
    int status = copy_into_live(overwriting);
    if (status == HB_RESTORE_DONE)
        row_counts_compare(restoring->snap, restoring->entry, &before, &now);
    if (status != HB_RESTORE_DONE && !overwriting->had_log)
        drop_log(overwriting); /* ours, with what was not committed */
    enter_wal(overwriting);
    if (status == HB_RESTORE_DONE)
        flush_directory(restoring); /* SQLite has done so where its journal mode needs it */
    return status;
}

/*
 * The copy lies in the staging directory, the target in a directory that may be another user's. The
 * copy is opened with the rights of its own owner, and is not opened by name again when the target
 * is written to with the rights of its directory's owner.
 */
int overwrite_target(struct restoring *restoring, bool was_empty, char *why, size_t why_bytes)
{
    struct held staged;
    CONNECTION_AUTO copy = {NULL, NULL};
    AS_OWNER_AUTO owner = {0};
    struct overwriting overwriting = {
        .restoring = restoring, .copy = &copy, .had_log = has_log(restoring)};
    int held = held_open_staged(&staged, restoring->file);
    held_begin_staged(&staged, &owner);
    int result = held != 0 ? SQLITE_CANTOPEN
                           : connection_open(&copy, &staged, SQLITE_OPEN_READONLY, "immutable=1",
                                             &restoring->patience);
    as_owner_end(&owner);
    int status;
    if (result != SQLITE_OK)
        status = trouble(restoring, &copy, result);
    else if (!held_begin(&restoring->live, &owner))
        status = refuse(restoring, restoring->live.refusal);
    else
        status = overwrite_live(&overwriting, was_empty, why, why_bytes);
    connection_close(&overwriting.live);
    as_owner_end(&owner);
    connection_close(&copy);
    held_close(&staged);
    return status;
}

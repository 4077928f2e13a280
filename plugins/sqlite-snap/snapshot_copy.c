/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's online backup of one database, from one read transaction to the staged file. */
#include "snapshot_copy.h"
#include "bulk_vfs.h"

enum { STEP_BYTES = 4 << 20 };

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

/* Each copy that was begun may have kept a writer waiting. */
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
bool staging_failed(int result)
{
    int primary = result & 0xff;
    if (primary == SQLITE_IOERR)
        return result != SQLITE_IOERR_READ && result != SQLITE_IOERR_SHORT_READ &&
               result != SQLITE_IOERR_CORRUPTFS;
    return primary == SQLITE_FULL || primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY ||
           primary == SQLITE_PERM;
}

int copy_with_sqlite(struct attempt *attempt, bool locks)
{
    /* They are closed in reverse order. */
    CONNECTION_AUTO staged = {NULL, NULL};
    AS_OWNER_AUTO owner = {0};
    CONNECTION_AUTO source = {NULL, NULL};
    int64_t page_bytes = 0;
    attempt->written = true;
    int result = open_staged(attempt, &staged);
    if (result != SQLITE_OK) {
        attempt->staging = true;
        attempt_say(attempt, &staged, result);
        return HB_OK;
    }
    bool moved;
    if (!held_begin_reading(&attempt->live, &owner))
        return attempt_refused(attempt);
    result = open_pinned(attempt, &source, locks, &moved);
    if (moved)
        return AGAIN;
    if (result == SQLITE_OK)
        result = connection_run(&source, "PRAGMA page_size", &page_bytes);
    if (result != SQLITE_OK) {
        attempt_say(attempt, &source, result);
        return HB_OK;
    }
    sqlite3_backup *backup = sqlite3_backup_init(staged.db, "main", source.db, "main");
    if (backup == NULL) {
        attempt_say(attempt, &staged, sqlite3_extended_errcode(staged.db));
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
    attempt_say(attempt, &staged, result);
    return HB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "history/database.h"

#include "base/memory.h"
#include "files/state_key.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

static const char file_name[] = HB_HISTORY_NAME;

/* Nobody waits for a cache longer than that. */
enum { WAIT_MILLISECONDS = 100, MOST_BYTES = 64 << 20, PAGE_BYTES = 4096 };
enum { APPLICATION = 0x48424869, VERSION = 1 };

static const char schema[] =
    "CREATE TABLE strand (id INTEGER PRIMARY KEY, place TEXT NOT NULL, home TEXT NOT NULL,"
    " reader BLOB NOT NULL, next INTEGER NOT NULL, checksum INTEGER NOT NULL);"
    "CREATE TABLE archive (strand INTEGER NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL,"
    " incomplete INTEGER NOT NULL, PRIMARY KEY (strand, number)) WITHOUT ROWID;"
    "CREATE TABLE name (strand INTEGER NOT NULL, id INTEGER NOT NULL, path TEXT NOT NULL,"
    " PRIMARY KEY (strand, id)) WITHOUT ROWID;"
    "CREATE TABLE span (strand INTEGER NOT NULL, name INTEGER NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER, bytes INTEGER NOT NULL, hash INTEGER, mtime INTEGER NOT NULL,"
    " type INTEGER NOT NULL, PRIMARY KEY (strand, name, first)) WITHOUT ROWID;";

/* ---- the file ------------------------------------------------------------------------------ */

/* Whose it is; with `make` one that is missing is made, empty. */
static enum hb_database_state look_at_file(int directory, bool make)
{
    struct stat status;
    if (fstatat(directory, file_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0 ||
            status.st_nlink != 1)
            return HB_DATABASE_UNUSABLE;
        return status.st_size > MOST_BYTES + (1 << 20) ? HB_DATABASE_WRONG : HB_DATABASE_RIGHT;
    }
    if (errno != ENOENT || !make)
        return errno == ENOENT ? HB_DATABASE_NONE : HB_DATABASE_UNUSABLE;
    int fd =
        openat(directory, file_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return HB_DATABASE_UNUSABLE;
    close(fd); /* now: a later close would end the library's locks */
    return HB_DATABASE_RIGHT;
}

/* The library would wait for whoever writes to a pipe of that name. */
static bool is_plain_beside(int directory)
{
    static const char *const sides[] = {HB_HISTORY_NAME "-journal", HB_HISTORY_NAME "-wal",
                                        HB_HISTORY_NAME "-shm"};
    bool plain = true;
    for (size_t i = 0; plain && i < sizeof sides / sizeof *sides; i++) {
        struct stat status;
        plain = fstatat(directory, sides[i], &status, AT_SYMLINK_NOFOLLOW) != 0
                    ? errno == ENOENT
                    : S_ISREG(status.st_mode);
    }
    return plain;
}

/* It opens by name: by one without links, that leads to the directory that was looked at. */
static char *path_of(int directory)
{
    struct stat held, named;
    HB_AUTO_FREE char *given = hb_state_directory();
    HB_AUTO_FREE char *real = given == NULL ? NULL : realpath(given, NULL);
    if (real == NULL || fstat(directory, &held) != 0 || stat(real, &named) != 0 ||
        held.st_dev != named.st_dev || held.st_ino != named.st_ino)
        return NULL;
    return hb_text("%s/%s", real, file_name);
}

/* What an answer of the library means for the file. */
static enum hb_database_state judge(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return HB_DATABASE_RIGHT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR: /* a table is not as it was made */
    case SQLITE_CONSTRAINT:
        return HB_DATABASE_WRONG;
    default: /* busy, full, not to be read or written, no memory: */
        return HB_DATABASE_UNUSABLE;
    }
}

static bool run(sqlite3 *db, const char *text, int *code)
{
    *code = sqlite3_exec(db, text, NULL, NULL, NULL);
    return *code == SQLITE_OK;
}

static int64_t ask(sqlite3 *db, const char *text, int *code)
{
    sqlite3_stmt *statement = NULL;
    int64_t answer = 0;
    *code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
    if (*code == SQLITE_OK && (*code = sqlite3_step(statement)) == SQLITE_ROW) {
        answer = sqlite3_column_int64(statement, 0);
        *code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return answer;
}

/* Is it a history of this version, or nothing yet? */
static enum hb_database_state look_into(sqlite3 *db)
{
    int code, codes;
    int64_t application = ask(db, "PRAGMA application_id", &code);
    if (code != SQLITE_OK)
        return judge(code);
    int64_t version = ask(db, "PRAGMA user_version", &code);
    int64_t tables = ask(db, "SELECT count(*) FROM sqlite_schema", &codes);
    int64_t others = ask(db, "SELECT count(*) FROM sqlite_schema WHERE type <> 'table'", &code);
    if (code != SQLITE_OK || codes != SQLITE_OK)
        return judge(code != SQLITE_OK ? code : codes);
    if (application == 0 && version == 0 && tables == 0)
        return HB_DATABASE_NONE;
    if (application != APPLICATION || version < VERSION || (version == VERSION && others > 0))
        return HB_DATABASE_WRONG; /* a view would answer whatever it likes, or never */
    return version > VERSION ? HB_DATABASE_UNUSABLE : HB_DATABASE_RIGHT;
}

static enum hb_database_state open_file(struct hb_database *database, int directory)
{
    static const char settings[] =
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
        "PRAGMA secure_delete = ON; PRAGMA max_page_count = 16384;"; /* MOST_BYTES */
    sqlite3 *db = NULL;
    HB_AUTO_FREE char *path = path_of(directory);
    if (path == NULL || !is_plain_beside(directory))
        return HB_DATABASE_UNUSABLE;
    int code = sqlite3_open_v2(
        path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE, NULL);
    database->handle = db;
    if (code != SQLITE_OK)
        return judge(code);
    sqlite3_busy_timeout(db, WAIT_MILLISECONDS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!run(db, settings, &code))
        return judge(code);
    return look_into(db);
}

void hb_database_close(struct hb_database *database)
{
    sqlite3_close(database->handle);
    database->handle = NULL;
}

static void open_with(struct hb_database *database, bool make)
{
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(make, &why);
    hb_database_close(database);
    if (directory < 0)
        database->state = why == NULL && !make ? HB_DATABASE_NONE : HB_DATABASE_UNUSABLE;
    else
        database->state = look_at_file(directory, make);
    if (database->state == HB_DATABASE_RIGHT)
        database->state = open_file(database, directory);
    if (database->state == HB_DATABASE_UNUSABLE || database->state == HB_DATABASE_WRONG)
        hb_database_close(database);
}

void hb_database_open(struct hb_database *database)
{
    *database = (struct hb_database){.handle = NULL};
    open_with(database, false);
}

/* Removes what is wrong; open, and empty, is what comes in its place. */
static void make_anew(struct hb_database *database)
{
    static const char *const behind[] = {"", "-journal", "-wal", "-shm"};
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(true, &why);
    hb_database_close(database);
    if (database->made_anew || directory < 0 ||
        look_at_file(directory, false) == HB_DATABASE_UNUSABLE) {
        database->state = HB_DATABASE_UNUSABLE;
        return;
    }
    database->made_anew = true;
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        HB_AUTO_FREE char *name =
            hb_text("%s%s", file_name, behind[i]); /* as the library names them */
        unlinkat(directory, name, 0);
    }
    open_with(database, true);
}
/* ---- reading and writing ----------------------------------------------------------------- */

void hb_database_read(struct hb_database *database, struct hb_history_rows *rows)
{
    sqlite3 *db = database->handle;
    int code, ended;
    if (database->state != HB_DATABASE_RIGHT || !run(db, "BEGIN", &code))
        return;
    code = hb_history_rows_read(db, rows);
    database->state = judge(code);
    run(db, "ROLLBACK", &ended);
    if (database->state != HB_DATABASE_RIGHT) {
        hb_history_rows_forget(rows);
        hb_database_close(database);
    }
}
/* Within a transaction. False: not now, or see *code. */
static bool write_all(sqlite3 *db, bool empty, struct hb_history_rows *rows, int *code)
{
    enum hb_database_state now = look_into(db); /* another run may have made it meanwhile */
    if (now != (empty ? HB_DATABASE_NONE : HB_DATABASE_RIGHT))
        return false;
    HB_AUTO_FREE char *marks = hb_text("PRAGMA application_id = %d; PRAGMA user_version = %d;",
                                       (int)APPLICATION, (int)VERSION);
    if (empty && (!run(db, schema, code) || !run(db, marks, code)))
        return false;
    return hb_history_rows_write(db, rows, code) && run(db, "COMMIT", code);
}

/* Of places that nobody asks for any more, say; else it is the disk that is full. */
static bool is_full(sqlite3 *db)
{
    int code;
    int64_t pages = ask(db, "PRAGMA page_count", &code);
    return code == SQLITE_OK && pages > MOST_BYTES / PAGE_BYTES / 2;
}

static void try_to_write(struct hb_database *database, struct hb_history_rows *rows)
{
    int code, ended;
    if (database->handle == NULL && database->state == HB_DATABASE_NONE)
        open_with(database, true);
    if (database->handle == NULL)
        return;
    bool empty = database->state == HB_DATABASE_NONE;
    sqlite3 *db = database->handle;
    if (run(db, "BEGIN IMMEDIATE", &code) && write_all(db, empty, rows, &code)) {
        hb_history_rows_were_written(db, rows);
        database->state = HB_DATABASE_RIGHT;
        return;
    }
    run(db, "ROLLBACK", &ended);
    bool wrong = judge(code) == HB_DATABASE_WRONG || ((code & 0xff) == SQLITE_FULL && is_full(db));
    database->state = wrong ? HB_DATABASE_WRONG : HB_DATABASE_UNUSABLE;
    hb_database_close(database);
}

void hb_database_write(struct hb_database *database, struct hb_history_rows *rows)
{
    if (database->state != HB_DATABASE_WRONG)
        try_to_write(database, rows);
    if (database->state != HB_DATABASE_WRONG)
        return;
    make_anew(database);
    for (size_t i = 0; i < rows->count; i++)
        hb_strand_is_stored(rows->strands[i], false);
    rows->stale_count = 0;
    if (database->state == HB_DATABASE_NONE)
        try_to_write(database, rows);
}

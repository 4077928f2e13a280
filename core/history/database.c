/* SPDX-License-Identifier: Apache-2.0 */
#include "history/database.h"

#include "base/memory.h"
#include "files/state_key.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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
    if (code != SQLITE_OK || codes != SQLITE_OK)
        return judge(code != SQLITE_OK ? code : codes);
    if (application == 0 && version == 0 && tables == 0)
        return HB_DATABASE_NONE;
    if (application != APPLICATION || version < VERSION)
        return HB_DATABASE_WRONG;
    return version > VERSION ? HB_DATABASE_UNUSABLE : HB_DATABASE_RIGHT;
}

static enum hb_database_state open_file(struct hb_database *database, int directory)
{
    static const char settings[] =
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
        "PRAGMA secure_delete = ON; PRAGMA max_page_count = 16384;"; /* MOST_BYTES */
    sqlite3 *db = NULL;
    HB_AUTO_FREE char *path = path_of(directory);
    if (path == NULL)
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

/* ---- statements ---------------------------------------------------------------------------- */

/*
 * Binds the values, one a letter: i int64_t, t text that stays, b bytes that stay (two: pointer and
 * size_t), n nothing.
 */
static void bind(sqlite3_stmt *statement, const char *kinds, va_list values)
{
    for (int at = 1; kinds[at - 1] != '\0'; at++) {
        const void *bytes;
        switch (kinds[at - 1]) {
        case 'i':
            sqlite3_bind_int64(statement, at, va_arg(values, int64_t));
            break;
        case 't':
            sqlite3_bind_text(statement, at, va_arg(values, const char *), -1, SQLITE_STATIC);
            break;
        case 'b':
            bytes = va_arg(values, const void *);
            sqlite3_bind_blob64(statement, at, bytes, va_arg(values, size_t), SQLITE_STATIC);
            break;
        default:
            sqlite3_bind_null(statement, at);
        }
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, int *code, const char *text, const char *kinds, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    *code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
    if (*code != SQLITE_OK)
        return NULL;
    va_start(values, kinds);
    bind(statement, kinds, values);
    va_end(values);
    return statement;
}

/* A row of a statement that is used again and again. NULL: an earlier step has failed. */
static void put(sqlite3_stmt *statement, int *code, const char *kinds, ...)
{
    va_list values;
    if (*code != SQLITE_OK)
        return;
    va_start(values, kinds);
    bind(statement, kinds, values);
    va_end(values);
    *code = sqlite3_step(statement);
    *code = *code == SQLITE_DONE ? sqlite3_reset(statement) : *code;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool is_number(sqlite3_stmt *row, int column, int64_t least, int64_t most)
{
    return sqlite3_column_type(row, column) == SQLITE_INTEGER &&
           sqlite3_column_int64(row, column) >= least && sqlite3_column_int64(row, column) <= most;
}

static bool take_archive(struct hb_strand *strand, sqlite3_stmt *row)
{
    struct hb_strand_archive archive = {.position = SIZE_MAX};
    const struct hb_strand_archive *before =
        strand->archive_count == 0 ? NULL : &strand->archives[strand->archive_count - 1];
    if (!is_number(row, 0, 1, (int64_t)strand->next - 1) || !is_number(row, 2, 0, 1) ||
        sqlite3_column_type(row, 1) != SQLITE_BLOB ||
        sqlite3_column_bytes(row, 1) != HB_HISTORY_KEY)
        return false;
    archive.number = (uint32_t)sqlite3_column_int64(row, 0);
    archive.incomplete = sqlite3_column_int64(row, 2) != 0;
    memcpy(archive.key, sqlite3_column_blob(row, 1), HB_HISTORY_KEY);
    if (before != NULL && before->number >= archive.number)
        return false;
    hb_strand_put_archive(strand, &archive);
    return true;
}

static bool take_name(struct hb_strand *strand, sqlite3_stmt *row)
{
    if (!is_number(row, 0, 1, UINT32_MAX - 1) || sqlite3_column_type(row, 1) != SQLITE_TEXT)
        return false;
    uint32_t id = (uint32_t)sqlite3_column_int64(row, 0);
    const char *path = (const char *)sqlite3_column_text(row, 1);
    if (path == NULL ||
        (strand->name_count > 0 && strand->names[strand->name_count - 1].id >= id) ||
        strlen(path) != (size_t)sqlite3_column_bytes(row, 1))
        return false;
    hb_strand_put_name(strand, path, strlen(path), id);
    return true;
}

/* They come in the order of the names, as those have. */
static bool take_span(struct hb_strand *strand, sqlite3_stmt *row)
{
    struct hb_span span = {.last = HB_SPAN_GOES_ON};
    const struct hb_span *before =
        strand->span_count == 0 ? NULL : &strand->spans[strand->span_count - 1];
    int64_t newest = (int64_t)strand->next - 1;
    bool ends = sqlite3_column_type(row, 2) != SQLITE_NULL;
    size_t name = before == NULL ? 0 : before->name;
    if (!is_number(row, 0, 1, UINT32_MAX - 1) || !is_number(row, 1, 1, newest) ||
        (ends && !is_number(row, 2, sqlite3_column_int64(row, 1), newest)) ||
        !is_number(row, 3, INT64_MIN, INT64_MAX) || !is_number(row, 5, INT64_MIN, INT64_MAX) ||
        !is_number(row, 6, 0, UINT8_MAX))
        return false;
    while (name < strand->name_count &&
           strand->names[name].id < (uint32_t)sqlite3_column_int64(row, 0))
        name++;
    if (name == strand->name_count || strand->names[name].id != sqlite3_column_int64(row, 0))
        return false;
    span.name = (uint32_t)name;
    span.first = (uint32_t)sqlite3_column_int64(row, 1);
    if (ends)
        span.last = (uint32_t)sqlite3_column_int64(row, 2);
    if (before != NULL && before->name == span.name && before->last >= span.first)
        return false;
    span.content = (struct hb_history_content){
        .bytes = (uint64_t)sqlite3_column_int64(row, 3),
        .hash = (uint64_t)sqlite3_column_int64(row, 4),
        .mtime = sqlite3_column_int64(row, 5),
        .type = (uint8_t)sqlite3_column_int64(row, 6),
        .hashed = sqlite3_column_type(row, 4) != SQLITE_NULL,
    };
    hb_strand_put_span(strand, &span);
    return true;
}

static int take_rows(sqlite3 *db, struct hb_strand *strand, const char *text,
                     bool (*take)(struct hb_strand *strand, sqlite3_stmt *row))
{
    int code;
    sqlite3_stmt *statement = prepare(db, &code, text, "i", strand->row);
    while (statement != NULL && (code = sqlite3_step(statement)) == SQLITE_ROW)
        if (!take(strand, statement)) {
            code = SQLITE_CORRUPT;
            break;
        }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int take_strand(sqlite3 *db, struct hb_history_rows *rows, sqlite3_stmt *row)
{
    const char *home = (const char *)sqlite3_column_text(row, 1);
    if (sqlite3_column_bytes(row, 2) != HB_READER_BYTES ||
        memcmp(sqlite3_column_blob(row, 2), rows->reader, HB_READER_BYTES) != 0) {
        rows->stale = hb_resize(rows->stale, rows->stale_count + 1, sizeof *rows->stale);
        rows->stale[rows->stale_count++] = sqlite3_column_int64(row, 0);
        return SQLITE_OK;
    }
    if (home == NULL || !is_number(row, 3, 1, HB_SPAN_GOES_ON - 1))
        return SQLITE_CORRUPT;
    struct hb_strand *strand = hb_strand_new(home);
    rows->strands = hb_resize(rows->strands, rows->count + 1, sizeof(struct hb_strand *));
    rows->strands[rows->count++] = strand;
    strand->row = sqlite3_column_int64(row, 0);
    strand->next = (uint32_t)sqlite3_column_int64(row, 3);
    strand->stored = (uint64_t)sqlite3_column_int64(row, 4);
    int code = take_rows(db, strand,
                         "SELECT number, key, incomplete FROM archive WHERE strand = ? "
                         "ORDER BY number",
                         take_archive);
    if (code == SQLITE_OK)
        code = take_rows(db, strand, "SELECT id, path FROM name WHERE strand = ? ORDER BY id",
                         take_name);
    if (code == SQLITE_OK)
        code = take_rows(db, strand,
                         "SELECT name, first, last, bytes, hash, mtime, type FROM span "
                         "WHERE strand = ? ORDER BY name, first",
                         take_span);
    if (code == SQLITE_OK && hb_strand_checksum(strand, rows->place) != strand->stored)
        code = SQLITE_CORRUPT;
    return code;
}

static void forget_strands(struct hb_history_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        hb_strand_free(rows->strands[i]);
    free(rows->strands);
    free(rows->stale);
    rows->strands = NULL;
    rows->stale = NULL;
    rows->count = rows->stale_count = 0;
}

void hb_history_rows_clear(struct hb_history_rows *rows)
{
    forget_strands(rows);
    free(rows->place);
    *rows = (struct hb_history_rows){.place = NULL};
}

void hb_database_read(struct hb_database *database, struct hb_history_rows *rows)
{
    sqlite3 *db = database->handle;
    int code, ended;
    if (database->state != HB_DATABASE_RIGHT || !run(db, "BEGIN", &code))
        return;
    sqlite3_stmt *statement =
        prepare(db, &code, "SELECT id, home, reader, next, checksum FROM strand WHERE place = ?",
                "t", rows->place);
    while (statement != NULL && (code = sqlite3_step(statement)) == SQLITE_ROW)
        if ((code = take_strand(db, rows, statement)) != SQLITE_OK)
            break;
    sqlite3_finalize(statement);
    database->state = judge(code);
    run(db, "ROLLBACK", &ended);
    if (database->state != HB_DATABASE_RIGHT) {
        forget_strands(rows);
        hb_database_close(database);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static void forget_rows(sqlite3 *db, int64_t strand, bool itself, int *code)
{
    static const char *const each[] = {
        "DELETE FROM archive WHERE strand = ?", "DELETE FROM name WHERE strand = ?",
        "DELETE FROM span WHERE strand = ?", "DELETE FROM strand WHERE id = ?"};
    for (int i = 0; i < (itself ? 4 : 3) && *code == SQLITE_OK; i++) {
        sqlite3_stmt *statement = prepare(db, code, each[i], "");
        put(statement, code, "i", strand);
        sqlite3_finalize(statement);
    }
}

/* Has nobody else written to it since it was read? */
static bool is_as_it_was(sqlite3 *db, const struct hb_history_rows *rows,
                         const struct hb_strand *strand, int *code)
{
    sqlite3_stmt *statement =
        prepare(db, code, "SELECT id, checksum FROM strand WHERE place = ? AND home = ?", "tt",
                rows->place, strand->home);
    bool as_it_was = true, there = false;
    while (statement != NULL && (*code = sqlite3_step(statement)) == SQLITE_ROW) {
        there = true;
        as_it_was = as_it_was && sqlite3_column_int64(statement, 0) == strand->row &&
                    (uint64_t)sqlite3_column_int64(statement, 1) == strand->stored;
    }
    *code = *code == SQLITE_DONE ? SQLITE_OK : *code;
    sqlite3_finalize(statement);
    return as_it_was && there == (strand->row != 0);
}

static void write_archives(sqlite3 *db, struct hb_strand *strand, int64_t id, int *code)
{
    sqlite3_stmt *clear = prepare(db, code, "DELETE FROM archive WHERE strand = ?", "");
    put(clear, code, "i", id);
    sqlite3_finalize(clear);
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *add = prepare(db, code, "INSERT INTO archive VALUES (?, ?, ?, ?)", "");
    for (size_t i = 0; i < strand->archive_count; i++) {
        const struct hb_strand_archive *archive = &strand->archives[i];
        put(add, code, "iibi", id, (int64_t)archive->number, archive->key, sizeof archive->key,
            (int64_t)archive->incomplete);
    }
    sqlite3_finalize(add);
}

static void write_names(sqlite3 *db, struct hb_strand *strand, int64_t id, int *code)
{
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *add = prepare(db, code, "INSERT INTO name VALUES (?, ?, ?)", "");
    for (size_t i = 0; i < strand->name_count; i++)
        if (strand->names[i].used && strand->names[i].is_new)
            put(add, code, "iit", id, (int64_t)strand->names[i].id, strand->names[i].path);
    sqlite3_finalize(add);
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *drop = prepare(db, code, "DELETE FROM name WHERE strand = ? AND id = ?", "");
    for (size_t i = 0; i < strand->name_count; i++)
        if (!strand->names[i].used && !strand->names[i].is_new)
            put(drop, code, "ii", id, (int64_t)strand->names[i].id);
    sqlite3_finalize(drop);
}

static void write_span(sqlite3_stmt *add, const struct hb_strand *strand,
                       const struct hb_span *span, int64_t id, int *code)
{
    const struct hb_history_content *content = &span->content;
    bool ends = span->last != HB_SPAN_GOES_ON;
    sqlite3_bind_int64(add, 4, span->last);
    sqlite3_bind_int64(add, 6, (int64_t)content->hash);
    if (!ends)
        sqlite3_bind_null(add, 4);
    if (!content->hashed)
        sqlite3_bind_null(add, 6);
    sqlite3_bind_int64(add, 5, (int64_t)content->bytes);
    sqlite3_bind_int64(add, 7, content->mtime);
    sqlite3_bind_int64(add, 8, content->type);
    put(add, code, "iii", id, (int64_t)strand->names[span->name].id, (int64_t)span->first);
}

static void write_spans(sqlite3 *db, struct hb_strand *strand, int64_t id, int *code)
{
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *add =
        prepare(db, code, "INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "");
    for (size_t i = 0; i < strand->span_count && *code == SQLITE_OK; i++)
        if (strand->spans[i].changed && !strand->spans[i].gone)
            write_span(add, strand, &strand->spans[i], id, code);
    sqlite3_finalize(add);
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *drop =
        prepare(db, code, "DELETE FROM span WHERE strand = ? AND name = ? AND first = ?", "");
    for (size_t i = 0; i < strand->span_count; i++)
        if (strand->spans[i].gone)
            put(drop, code, "iii", id, (int64_t)strand->names[strand->spans[i].name].id,
                (int64_t)strand->spans[i].first);
    sqlite3_finalize(drop);
}

/* The row of a strand; a new one gets it, and nothing of an older one is left below its number. */
static int64_t row_of(sqlite3 *db, const struct hb_history_rows *rows,
                      const struct hb_strand *strand, int *code)
{
    if (strand->row != 0)
        return strand->row;
    sqlite3_stmt *add = prepare(db, code, "INSERT INTO strand VALUES (NULL, ?, ?, ?, 0, 0)", "ttb",
                                rows->place, strand->home, rows->reader, sizeof rows->reader);
    put(add, code, "");
    sqlite3_finalize(add);
    int64_t id = sqlite3_last_insert_rowid(db);
    forget_rows(db, id, false, code);
    return id;
}

static void write_strand(sqlite3 *db, const struct hb_history_rows *rows, struct hb_strand *strand,
                         int *code)
{
    uint64_t checksum = hb_strand_checksum(strand, rows->place);
    int64_t id = row_of(db, rows, strand, code);
    write_archives(db, strand, id, code);
    write_names(db, strand, id, code);
    write_spans(db, strand, id, code);
    if (*code != SQLITE_OK)
        return;
    sqlite3_stmt *update =
        prepare(db, code, "UPDATE strand SET next = ?, checksum = ? WHERE id = ?", "");
    put(update, code, "iii", (int64_t)strand->next, (int64_t)checksum, id);
    sqlite3_finalize(update);
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
    for (size_t i = 0; i < rows->stale_count; i++)
        forget_rows(db, rows->stale[i], true, code);
    for (size_t i = 0; i < rows->count && *code == SQLITE_OK; i++) {
        struct hb_strand *strand = rows->strands[i];
        if (!strand->changed)
            continue;
        if (!is_as_it_was(db, rows, strand, code))
            return false;
        if (strand->archive_count > 0)
            write_strand(db, rows, strand, code);
        else if (strand->row != 0)
            forget_rows(db, strand->row, true, code);
    }
    return *code == SQLITE_OK && run(db, "COMMIT", code);
}

static void was_written(sqlite3 *db, struct hb_history_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct hb_strand *strand = rows->strands[i];
        int code;
        if (!strand->changed)
            continue;
        sqlite3_stmt *statement =
            prepare(db, &code, "SELECT id FROM strand WHERE place = ? AND home = ?", "tt",
                    rows->place, strand->home);
        bool found = statement != NULL && sqlite3_step(statement) == SQLITE_ROW;
        hb_strand_is_stored(strand, true);
        strand->row = found ? sqlite3_column_int64(statement, 0) : 0;
        strand->stored = hb_strand_checksum(strand, rows->place);
        sqlite3_finalize(statement);
    }
    rows->stale_count = 0;
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
        was_written(db, rows);
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

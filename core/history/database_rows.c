/* SPDX-License-Identifier: Apache-2.0 */
#include "history/database_rows.h"

#include "base/memory.h"
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
void hb_history_rows_forget(struct hb_history_rows *rows)
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
    hb_history_rows_forget(rows);
    free(rows->place);
    *rows = (struct hb_history_rows){.place = NULL};
}
int hb_history_rows_read(sqlite3 *db, struct hb_history_rows *rows)
{
    int code;
    sqlite3_stmt *statement =
        prepare(db, &code, "SELECT id, home, reader, next, checksum FROM strand WHERE place = ?",
                "t", rows->place);
    while (statement != NULL && (code = sqlite3_step(statement)) == SQLITE_ROW)
        if ((code = take_strand(db, rows, statement)) != SQLITE_OK)
            break;
    sqlite3_finalize(statement);
    return code;
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
bool hb_history_rows_write(sqlite3 *db, struct hb_history_rows *rows, int *code)
{
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
    return *code == SQLITE_OK;
}

void hb_history_rows_were_written(sqlite3 *db, struct hb_history_rows *rows)
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

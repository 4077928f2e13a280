/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's own checks see the tables in which a virtual table keeps its data as ordinary ones: rows
 * that are gone from them are no damage (before SQLite 3.44, which looks at some). Each of the
 * modules that come with SQLite has a check of its own,
 *
 *   fts3, fts4   INSERT INTO t(t) VALUES('integrity-check'): the words of all rows against the
 *                index. Where the rows are another table's (content=), that is a comparison
 *                with a table that a program may rightly have changed before the index: a note
 *   fts5         the same; with rank = 0 without, with rank = 1 also with the rows of another table
 *   rtree        rtreecheck('main', 't')
 *
 * The INSERT needs a transaction that could write, and changes nothing; it is rolled back, the
 * cache does not spill, and the file is kept from being written to all the same (bulk_set_watch()),
 * since the host reads the copy meanwhile.
 *
 * What the checks of the modules do not see: whether the tables are there at all, of which they
 * then say "SQL logic error"; and an FTS5 index whose list of first words is gone, by which a
 * search finds nothing.
 */
#include "indexes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which there are ------------------------------------------------------------- */

static char *copy(const unsigned char *text)
{
    return strdup(text == NULL ? "" : (const char *)text);
}

int indexes_list(struct checking *checking, struct index_table **tables)
{
    sqlite3_stmt *statement = NULL;
    *tables = NULL;
    int result = sqlite3_prepare_v2(checking->connection.db,
                                    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND "
                                    "sql LIKE 'create virtual table%' ORDER BY name DESC",
                                    -1, &statement, NULL);
    while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct index_table *table = calloc(1, sizeof *table);
        result = table == NULL ? SQLITE_NOMEM : SQLITE_OK;
        if (table == NULL)
            break;
        table->next = *tables;
        *tables = table;
        table->name = copy(sqlite3_column_text(statement, 0));
        table->sql = copy(sqlite3_column_text(statement, 1));
        if (table->name == NULL || table->sql == NULL)
            result = SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

void indexes_free(struct index_table *tables)
{
    while (tables != NULL) {
        struct index_table *next = tables->next;
        free(tables->name);
        free(tables->sql);
        free(tables);
        tables = next;
    }
}

/* ---- what a declaration says ----------------------------------------------------- */

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* Behind a name, which may be quoted. */
static const char *skip_name(const char *at)
{
    const char *quotes = strchr("\"'`[", *at);
    if (*at == '\0' || quotes == NULL) {
        while (isalnum((unsigned char)*at) || *at == '_' || *at == '$' || (*at & 0x80) != 0)
            at++;
        return at;
    }
    char end = *at == '[' ? ']' : *at;
    for (at++; *at != '\0'; at++) {
        if (*at != end)
            continue;
        if (at[1] != end || end == ']')
            return at + 1;
        at++;
    }
    return at;
}

/*
 * The word after USING; SQLite itself has parsed it, and writes the beginning in one way. What
 * comes behind it, the arguments, is returned.
 */
static const char *module_of(const char *sql, char *module, size_t room)
{
    const char *at = skip_blanks(sql + strlen("create virtual table"));
    module[0] = '\0';
    at = skip_blanks(skip_name(at));
    if (*at == '.')
        at = skip_blanks(skip_name(skip_blanks(at + 1)));
    if (strncasecmp(at, "using", 5) != 0)
        return "";
    at = skip_blanks(at + 5);
    const char *behind = skip_name(at), *end = behind;
    if (*at != '\0' && strchr("\"'`[", *at) != NULL && end > at + 1) {
        at++;
        end--;
    }
    size_t length = (size_t)(end - at) < room - 1 ? (size_t)(end - at) : room - 1;
    memcpy(module, at, length);
    module[length] = '\0';
    return skip_blanks(behind);
}

/* Is there an option "content" among the arguments? Only in front of a '=', outside of quotes. */
static bool has_content_option(const char *sql)
{
    char module[8];
    const char *at = module_of(sql, module, sizeof module);
    while (*at != '\0') {
        at = skip_blanks(at + 1); /* behind a '(' or ',' */
        const char *end = skip_name(at);
        if (end - at == 7 && strncasecmp(at, "content", 7) == 0 && *skip_blanks(end) == '=')
            return true;
        while (*at != '\0' && *at != ',')
            at = strchr("\"'`[", *at) != NULL ? skip_name(at) : at + 1;
    }
    return false;
}

/* ---- asking ---------------------------------------------------------------------- */

enum { TEXT_BYTES = 200 };

struct answer {
    int result;
    int64_t number;
    char text[TEXT_BYTES]; /* the first column of the first row, or the error */
};

/* One statement, with %w and %Q for names. */
static void ask(struct checking *checking, struct answer *answer, const char *format, ...)
{
    sqlite3 *db = checking->connection.db;
    sqlite3_stmt *statement = NULL;
    *answer = (struct answer){.result = SQLITE_NOMEM};
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (sql == NULL)
        return;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        answer->number = sqlite3_column_int64(statement, 0);
        sqlite3_snprintf(TEXT_BYTES, answer->text, "%s", text == NULL ? "" : (const char *)text);
        result = sqlite3_errcode(db) == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_OK;
    } else if (result != SQLITE_DONE) {
        sqlite3_snprintf(TEXT_BYTES, answer->text, "%s",
                         connection_message(&checking->connection, result));
    }
    answer->result = result == SQLITE_DONE ? SQLITE_OK : result;
    sqlite3_finalize(statement);
    sqlite3_free(sql);
}

/*
 * Is there this table, in which the module keeps its data? 1, 0, or -1: cannot tell, and says so.
 */
static int has_table(struct checking *checking, const char *name, const char *suffix)
{
    struct answer answer;
    ask(checking, &answer,
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower('%q%q')",
        name, suffix);
    if (answer.result == SQLITE_OK)
        return answer.number > 0;
    checking_add_result(checking, name, answer.result);
    return -1;
}

/* Are all of them there? If not, says so. */
static bool has_tables(struct checking *checking, const char *name, const char *const *suffixes)
{
    for (; *suffixes != NULL; suffixes++) {
        int there = has_table(checking, name, *suffixes);
        if (there == 0)
            checking_add(checking, HB_SOUNDNESS_UNSOUND, "the index %s lacks its table %s%s", name,
                         name, *suffixes);
        if (there <= 0)
            return false;
    }
    return true;
}

/* What the check of a module came to. */
static void add(struct checking *checking, const char *name, const struct answer *answer)
{
    if (answer->result == SQLITE_OK)
        return;
    if (is_damage(answer->result))
        checking_add(checking, HB_SOUNDNESS_UNSOUND, "the index %s is damaged: %s", name,
                     answer->text);
    else
        checking_add_result(checking, name, answer->result);
}

static bool says_about_itself(const struct answer *answer)
{
    return is_damage(answer->result) || (answer->result & 0xff) == SQLITE_ERROR;
}

static void note_mismatch(struct checking *checking, const char *name)
{
    const struct hb_host *host = checking->snap->host;
    host->note(host, checking->entry,
               "the index %s differs from the table that it indexes, or cannot be compared with "
               "it; 'rebuild' makes it anew",
               name);
}

/* ---- full-text search ------------------------------------------------------------ */

static void ask_fts5(struct checking *checking, const char *name, bool rows, struct answer *answer)
{
    ask(checking, answer, "INSERT INTO main.\"%w\"(\"%w\", rank) VALUES('integrity-check', %d)",
        name, name, (int)rows);
}

/* A table says of which version it is: zero if it does not, higher than ours if it is newer. */
static bool is_other_version(const struct answer *answer)
{
    return (answer->result & 0xff) == SQLITE_ERROR &&
           strstr(answer->text, "invalid fts5 file format") != NULL;
}

/* Each segment of the index has its first words in _idx (fts5_index.c: segid << 37). */
static void look_at_first_words(struct checking *checking, const char *name)
{
    struct answer answer;
    ask(checking, &answer,
        "SELECT count(*) FROM (SELECT DISTINCT id >> 37 AS segment FROM main.\"%w_data\" WHERE id "
        "> "
        "10) WHERE segment < 65536 AND segment NOT IN (SELECT segid FROM main.\"%w_idx\")",
        name, name);
    add(checking, name, &answer);
    if (answer.result == SQLITE_OK && answer.number > 0)
        checking_add(checking, HB_SOUNDNESS_UNSOUND,
                     "the index %s is damaged: rows are missing in its table %s_idx", name, name);
}

static void check_fts5(struct checking *checking, const struct index_table *table)
{
    static const char *const needed[] = {"_data", "_idx", "_config", NULL};
    static const char *const rows[] = {"_content", NULL};
    const char *name = table->name;
    struct answer answer;
    bool elsewhere = has_content_option(table->sql);
    if (!has_tables(checking, name, needed) || (!elsewhere && !has_tables(checking, name, rows)))
        return;
    ask_fts5(checking, name, elsewhere, &answer);
    if (is_other_version(&answer)) {
        bool none = strstr(answer.text, "(found 0,") != NULL;
        checking->lacks += !none;
        checking_add(checking, none ? HB_SOUNDNESS_UNSOUND : HB_SOUNDNESS_NOT_CHECKED,
                     "the index %s: %s", name, answer.text);
        return;
    }
    if (elsewhere && says_about_itself(&answer) && !is_lack(answer.result, answer.text)) {
        ask_fts5(checking, name, false, &answer); /* is it the index, or only the difference? */
        if (answer.result == SQLITE_OK)
            note_mismatch(checking, name);
    }
    add(checking, name, &answer);
    if (answer.result == SQLITE_OK)
        look_at_first_words(checking, name);
}

/* Of an index over another's rows: at least all of it can be read. */
static void walk_fts4(struct checking *checking, const char *name)
{
    struct answer answer;
    ask(checking, &answer, "CREATE VIRTUAL TABLE temp.hbcore_terms USING fts4aux(main, %Q)", name);
    if (answer.result == SQLITE_OK)
        ask(checking, &answer, "SELECT count(*) FROM temp.hbcore_terms");
    add(checking, name, &answer);
    if (!checking->stopped)
        ask(checking, &answer, "DROP TABLE IF EXISTS temp.hbcore_terms");
}

static void check_fts4(struct checking *checking, const struct index_table *table)
{
    static const char *const needed[] = {"_segments", "_segdir", NULL};
    static const char *const rows[] = {"_content", NULL};
    const char *name = table->name;
    struct answer answer;
    bool elsewhere = has_content_option(table->sql);
    if (!has_tables(checking, name, needed) || (!elsewhere && !has_tables(checking, name, rows)))
        return;
    ask(checking, &answer, "INSERT INTO main.\"%w\"(\"%w\") VALUES('integrity-check')", name, name);
    if (!elsewhere || answer.result == SQLITE_OK || is_lack(answer.result, answer.text) ||
        !says_about_itself(&answer)) {
        add(checking, name, &answer);
        return;
    }
    note_mismatch(checking, name);
    walk_fts4(checking, name);
}

/* ---- R-trees --------------------------------------------------------------------- */

static void check_rtree(struct checking *checking, const struct index_table *table)
{
    static const char *const needed[] = {"_node", "_rowid", "_parent", NULL};
    struct answer answer;
    if (!has_tables(checking, table->name, needed))
        return;
    ask(checking, &answer, "SELECT rtreecheck('main', %Q)", table->name);
    add(checking, table->name, &answer);
    if (answer.result == SQLITE_OK && strcmp(answer.text, "ok") != 0)
        checking_add(checking, HB_SOUNDNESS_UNSOUND, "the index %s is damaged: %s", table->name,
                     answer.text);
}

/* ---- all ------------------------------------------------------------------------- */

/* Modules that have no data of their own to check, or that show data from elsewhere. */
static bool keeps_nothing(const char *module)
{
    static const char *const views[] = {"fts3tokenize",  "fts4aux",  "fts5vocab",  "dbstat",
                                        "sqlite_dbpage", "bytecode", "tables_used"};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (strcasecmp(module, views[i]) == 0)
            return true;
    return false;
}

static void check_one(struct checking *checking, const struct index_table *table)
{
    char module[64];
    (void)module_of(table->sql, module, sizeof module);
    if (strcasecmp(module, "fts5") == 0)
        check_fts5(checking, table);
    else if (strcasecmp(module, "fts4") == 0 || strcasecmp(module, "fts3") == 0)
        check_fts4(checking, table);
    else if (strcasecmp(module, "rtree") == 0 || strcasecmp(module, "rtree_i32") == 0)
        check_rtree(checking, table);
    else if (!keeps_nothing(module)) {
        checking->lacks++;
        checking_add(checking, HB_SOUNDNESS_NOT_CHECKED,
                     "table %s: there is no check for the module %s", table->name, module);
    }
}

void indexes_check(struct checking *checking, const struct index_table *tables)
{
    const struct connection *connection = &checking->connection;
    if (tables == NULL)
        return;
    int result = connection_run(connection, "PRAGMA cache_spill = OFF", NULL);
    if (result == SQLITE_OK)
        result = connection_run(connection, "BEGIN", NULL);
    if (result != SQLITE_OK) {
        checking_add_result(checking, "", result);
        return;
    }
    for (; tables != NULL && !checking->stopped && checking->watch.failure == SQLITE_OK &&
           checking->verdict->soundness != HB_SOUNDNESS_UNKNOWN;
         tables = tables->next)
        check_one(checking, tables);
    connection_run(connection, "ROLLBACK", NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens connections that trust no schema, wait for other programs only so long, and can be stopped.
 */
#include "connection.h"
#include "held_vfs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void patience_init(struct patience *patience, const struct snap *snap)
{
    int64_t limit = snap->wait_s * 1000; /* the option has a maximum */
    int64_t rest = snap->host->remaining_ms(snap->host);
    *patience = (struct patience){.host = snap->host, .started_ms = monotonic_ms()};
    patience->limit_ms = rest < limit ? (rest < 0 ? 0 : rest) : limit;
}

bool patience_is_over(const struct patience *patience)
{
    return monotonic_ms() - patience->started_ms >= patience->limit_ms;
}

void patience_nap(struct patience *patience, const struct timespec *nap)
{
    int64_t before = monotonic_ms();
    nanosleep(nap, NULL);
    patience->waited_ms += monotonic_ms() - before;
}

/* SQLite asks: shall I try again? */
static int on_busy(void *self, int times)
{
    struct patience *patience = self;
    if (patience->host->cancelled(patience->host) || patience_is_over(patience))
        return 0;
    int64_t rest = patience->limit_ms - (monotonic_ms() - patience->started_ms);
    int64_t pause = times < 10 ? 1 + times : 20;
    if (pause > rest)
        pause = rest > 0 ? rest : 1;
    const struct timespec nap = {.tv_nsec = (long)pause * 1000000};
    patience_nap(patience, &nap);
    return 1;
}

static int on_progress(void *self)
{
    const struct patience *patience = self;
    return patience->host->cancelled(patience->host);
}

/* RFC 3986: all but the unreserved characters and '/' as %XX, so any byte may be in a name. */
static bool make_uri(char *uri, size_t room, const char *path, const char *query)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/";
    static const char hex[] = "0123456789ABCDEF";
    size_t at = 7, tail = strlen(query);
    memcpy(uri, "file://", at);
    for (; *path != '\0'; path++) {
        if (at + tail + 8 > room)
            return false;
        unsigned char byte = (unsigned char)*path;
        if (strchr(plain, byte) != NULL) {
            uri[at++] = (char)byte;
            continue;
        }
        uri[at++] = '%';
        uri[at++] = hex[byte >> 4];
        uri[at++] = hex[byte & 15];
    }
    uri[at++] = '?';
    memcpy(uri + at, query, tail + 1);
    return true;
}

static void restrict_database(sqlite3 *db)
{
    int persist = 1;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

int connection_open(struct connection *connection, struct held *held, int flags, const char *query,
                    struct patience *patience)
{
    char uri[3 * HELD_PATH_BYTES + 64];
    *connection = (struct connection){NULL, NULL};
    if (held->path[0] == '\0' || !make_uri(uri, sizeof uri, held->path, query))
        return SQLITE_CANTOPEN;
    connection->held = held;
    held_vfs_enter(held);
    int result = sqlite3_open_v2(uri, &connection->db,
                                 flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW |
                                     SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_FULLMUTEX,
                                 HELD_VFS);
    if (result != SQLITE_OK)
        return connection->db == NULL ? result : sqlite3_extended_errcode(connection->db);
    restrict_database(connection->db);
    sqlite3_busy_handler(connection->db, on_busy, patience);
    sqlite3_progress_handler(connection->db, 10000, on_progress, patience);
    connection_run(connection, "PRAGMA temp_store = MEMORY", NULL);
    connection_run(connection, "PRAGMA wal_autocheckpoint = 0", NULL);
    return SQLITE_OK;
}

void connection_close(struct connection *connection)
{
    sqlite3_close(connection->db);
    if (connection->held != NULL)
        held_vfs_leave(connection->held);
    *connection = (struct connection){NULL, NULL};
}

int connection_run(const struct connection *connection, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        return result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (value != NULL)
            *value = sqlite3_column_int64(statement, 0);
    int ended = sqlite3_finalize(statement);
    return result == SQLITE_DONE ? ended : result;
}

const char *connection_message(const struct connection *connection, int result)
{
    if (connection->db != NULL && sqlite3_extended_errcode(connection->db) == result)
        return sqlite3_errmsg(connection->db);
    return sqlite3_errstr(result);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "soundness.h"
#include "aside.h"
#include "connection.h"
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_zero(const unsigned char *bytes, size_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* From `offset` to the end: *zero. HB_OK, HB_CANCELLED, or HB_NOMATCH and errno. */
static int rest_is_zero(const struct hb_host *host, int fd, uint64_t offset, bool *zero)
{
    unsigned char buffer[16 * 1024];
    *zero = false;
    for (;;) {
        off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        if (data >= 0)
            offset = (uint64_t)data;
        int64_t got = read_fully(fd, buffer, sizeof buffer, offset);
        if (got < 0) {
            errno = (int)-got;
            return HB_NOMATCH;
        }
        if (got == 0)
            break;
        if (!is_zero(buffer, (size_t)got))
            return HB_OK;
        if (host->cancelled(host))
            return HB_CANCELLED;
        offset += (uint64_t)got;
    }
    *zero = true;
    return HB_OK;
}

int bytes_kind_of(const struct hb_host *host, int fd, enum bytes_kind *kind)
{
    static const char magic[16] = "SQLite format 3";
    unsigned char head[SQLITE_SNAP_HEADER_BYTES];
    int64_t got = read_fully(fd, head, sizeof head, 0);
    if (got < 0) {
        errno = (int)-got;
        return HB_NOMATCH;
    }
    *kind = BYTES_OTHER;
    if (got == 0)
        *kind = BYTES_EMPTY;
    else if ((size_t)got >= sizeof magic && memcmp(head, magic, sizeof magic) == 0)
        *kind = BYTES_DATABASE;
    else if (is_zero(head, (size_t)got)) {
        bool zero;
        int status = rest_is_zero(host, fd, (uint64_t)got, &zero);
        if (status != HB_OK)
            return status;
        *kind = zero ? BYTES_ZERO : BYTES_OTHER;
    }
    return HB_OK;
}

/* What SQLite's result says about the file; false where it says nothing about it. */
static bool is_damage(int result)
{
    int primary = result & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_CANTOPEN ||
           result == SQLITE_IOERR_SHORT_READ;
}

/* The first row of a check is "ok" or the first problem. */
static int run_check(const struct connection *connection, const char *sql, char *reason,
                     size_t room)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        bool ok = text != NULL && strcmp(text, "ok") == 0;
        snprintf(reason, room, "%s", ok || text == NULL ? "" : text);
        /* SQLite puts a heading and line ends in some of its findings. */
        for (char *at = reason; *at != '\0'; at++)
            if (*at == '\n')
                *at = ' ';
        result = ok ? SQLITE_OK : SQLITE_CORRUPT;
    } else if (result != SQLITE_DONE) {
        snprintf(reason, room, "%s", connection_message(connection, result));
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int judge(const struct snap *snap, int result, uint32_t *soundness, const char *reason)
{
    const struct hb_host *host = snap->host;
    if (result == SQLITE_INTERRUPT || host->cancelled(host))
        return host->fail(host, HB_CANCELLED, "the check of a database was stopped");
    if (result == SQLITE_NOMEM)
        return host->fail(host, HB_ENTRY, "cannot be checked: out of memory");
    if ((result & 0xff) == SQLITE_IOERR && !is_damage(result))
        return host->fail(host, HB_ENTRY, "the staged copy cannot be read: %s", reason);
    if (result == SQLITE_OK)
        *soundness = HB_SOUND;
    else
        *soundness = is_damage(result) ? HB_UNSOUND : HB_NOT_CHECKED;
    return HB_OK;
}

static int check_database(struct snap *snap, struct held *staged, bool whole, uint32_t *soundness,
                          char *reason, size_t room)
{
    struct patience patience;
    AS_OWNER_AUTO owner = {0};
    CONNECTION_AUTO connection = {NULL, NULL};
    patience_init(&patience, snap);
    int result = SQLITE_PERM;
    if (held_begin(staged, &owner))
        result =
            connection_open(&connection, staged, SQLITE_OPEN_READONLY, "immutable=1", &patience);
    if (result != SQLITE_OK) {
        snprintf(reason, room, "%s", connection_message(&connection, result));
        return judge(snap, result, soundness, reason);
    }
    connection_run(&connection, "PRAGMA cell_size_check = ON", NULL);
    /* Opening compares the header's page count with the file; the rest parses the schema. */
    const char *sql =
        whole ? "PRAGMA quick_check(1)" : "SELECT 'ok' FROM (SELECT count(*) FROM sqlite_schema)";
    result = run_check(&connection, sql, reason, room);
    return judge(snap, result, soundness, reason);
}

static int hold(const struct snap *snap, const struct hb_file *file, struct held *staged)
{
    int result = held_open_staged(staged, file);
    return result == 0 ? HB_OK
                       : snap->host->fail(snap->host, HB_ENTRY,
                                          "the staged copy cannot be read: %s", strerror(-result));
}

int soundness_of(struct snap *snap, const struct hb_file *file, uint32_t *soundness, char *reason,
                 size_t reason_bytes)
{
    enum bytes_kind kind;
    struct stat now;
    if (reason_bytes > 0)
        *reason = '\0';
    int status = bytes_kind_of(snap->host, file->fd, &kind);
    if (status == HB_CANCELLED)
        return snap->host->fail(snap->host, HB_CANCELLED, "the check of a database was stopped");
    if (status != HB_OK || fstat(file->fd, &now) != 0)
        return snap->host->fail(snap->host, HB_ENTRY, "the staged copy cannot be read: %s",
                                strerror(errno));
    *soundness = HB_SOUND;
    if (kind == BYTES_EMPTY)
        return HB_OK;
    if (kind == BYTES_ZERO) {
        *soundness = HB_UNSOUND;
        snprintf(reason, reason_bytes, "all its bytes are zero");
        return HB_OK;
    }
    if (kind == BYTES_OTHER) {
        *soundness = HB_NOT_CHECKED;
        snprintf(reason, reason_bytes, "no SQLite database by its header");
        return HB_OK;
    }
    bool whole = (uint64_t)now.st_size <= snap->check_limit;
    struct held staged;
    status = hold(snap, file, &staged);
    if (status == HB_OK)
        status = check_database(snap, &staged, whole, soundness, reason, reason_bytes);
    held_close(&staged);
    if (status == HB_OK && *soundness == HB_SOUND && !whole) {
        *soundness = HB_NOT_CHECKED;
        snprintf(reason, reason_bytes,
                 "larger than check-limit: header, page count and schema are right, the pages were "
                 "not read");
    }
    return status;
}

int merge_log(struct snap *snap, const struct hb_file *file, char *reason, size_t reason_bytes)
{
    struct patience patience;
    struct held staged;
    int status = hold(snap, file, &staged);
    int result = SQLITE_OK;
    if (status == HB_OK && !no_side_is_left(&staged)) {
        patience_init(&patience, snap);
        result = recover_staged(&staged, &staged, &patience);
    }
    held_close(&staged);
    if (result == SQLITE_OK)
        return status;
    if (result == SQLITE_INTERRUPT || snap->host->cancelled(snap->host))
        return snap->host->fail(snap->host, HB_CANCELLED, "the check of a database was stopped");
    snprintf(reason, reason_bytes, "its log cannot be applied to it: %s",
             staged.refusal[0] != '\0' ? staged.refusal : sqlite3_errstr(result));
    return HB_NOMATCH;
}

int snap_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
               uint32_t *soundness, char *reason, size_t reason_bytes)
{
    struct snap *snap = self;
    int status = merge_log(snap, file, reason, reason_bytes);
    *soundness = HB_UNSOUND;
    if (status != HB_OK)
        return status == HB_NOMATCH ? HB_OK : status;
    status = soundness_of(snap, file, soundness, reason, reason_bytes);
    if (status == HB_OK && *soundness == HB_NOT_CHECKED)
        snap->host->note(snap->host, entry, "not checked as a database: %s", reason);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which checks a database gets, by its size and its schema, and the verdict on it. */
#include "soundness.h"
#include "aside.h"
#include "checking.h"
#include "indexes.h"
#include "live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_zero(const unsigned char *bytes, size_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* From `offset` to the end: *zero. HB_OK, HB_STATUS_CANCELLED, or HB_STATUS_NOMATCH and errno. */
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
            return HB_STATUS_NOMATCH;
        }
        if (got == 0)
            break;
        if (!is_zero(buffer, (size_t)got))
            return HB_OK;
        if (host->cancelled(host))
            return HB_STATUS_CANCELLED;
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
        return HB_STATUS_NOMATCH;
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

/* ---- SQLite's own checks ---------------------------------------------------------- */

/*
 * From 3.44 on these also look at the indexes of modules, and take one over another table's rows
 * for damaged where that table has changed. indexes.c judges those.
 */
static bool is_about_a_module(const char *finding)
{
    return strncmp(finding, "malformed inverted index for FTS", 32) == 0 ||
           strncmp(finding, "unable to validate the inverted index for FTS", 45) == 0;
}

/*
 * A page that SQLite did not get is a finding for it, whatever the reason. An I/O error is seen
 * where it happens (checking_close()), so here the reason is lack of memory.
 */
static bool is_about_the_machine(const char *finding)
{
    const char *code = strstr(finding, "error code=");
    if (code != NULL)
        return !is_damage((int)strtol(code + strlen("error code="), NULL, 10));
    return strstr(finding, "failed to get page") != NULL;
}

static void take_finding(struct checking *checking, const char *finding)
{
    if (strcmp(finding, "ok") == 0)
        return;
    if (is_about_a_module(finding))
        checking->doubted = true;
    else if (is_about_the_machine(finding))
        checking_add(checking, HB_SOUNDNESS_UNKNOWN, "SQLite failed: %s", finding);
    else
        checking_add(checking, HB_SOUNDNESS_UNSOUND, "%s", finding);
}

/* Each row of a check is "ok" or a problem. SQLite's result; the findings are added. */
static int run_check(struct checking *checking, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(checking->connection.db, sql, -1, &statement, NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            if (text != NULL)
                take_finding(checking, text);
            else
                result = SQLITE_NOMEM;
        }
    }
    /* The message is the connection's, and lasts until after this. */
    int ended = sqlite3_finalize(statement);
    return result == SQLITE_DONE ? ended : result;
}

/*
 * A missing collation or function ends the check of the whole database: then each table is checked
 * by itself.
 */
static void check_each_table(struct checking *checking, const char *pragma)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = checking->connection.db;
    int result = sqlite3_prepare_v2(db,
                                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                    "rootpage > 0 UNION ALL SELECT 'sqlite_schema'",
                                    -1, &statement, NULL);
    bool on = result == SQLITE_OK;
    while (on && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        char what[100];
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        char *sql = name == NULL ? NULL : sqlite3_mprintf("PRAGMA %s(%Q)", pragma, name);
        result = sql == NULL ? SQLITE_NOMEM : run_check(checking, sql);
        sqlite3_free(sql);
        snprintf(what, sizeof what, "table %s", name == NULL ? "" : name);
        on = result == SQLITE_OK || checking_add_result(checking, what, result);
    }
    if (on && result != SQLITE_DONE)
        checking_add_result(checking, "", result);
    else if (!on && statement == NULL)
        checking_add_result(checking, "", result);
    sqlite3_finalize(statement);
}

static void check_indexes(struct checking *checking)
{
    struct index_table *tables;
    int result = indexes_list(checking, &tables);
    if (result == SQLITE_OK)
        indexes_check(checking, tables);
    else
        checking_add_result(checking, "", result);
    indexes_free(tables);
    checking->verdict->pages_are_sound = true;
}

static void check_pages(struct checking *checking, enum thoroughness how)
{
    const char *pragma = how == CHECK_FULL ? "integrity_check" : "quick_check";
    int result = run_check(checking, how == CHECK_FULL ? "PRAGMA main.integrity_check"
                                                       : "PRAGMA main.quick_check");
    if (result == SQLITE_OK)
        return;
    if (is_lack(result, connection_message(&checking->connection, result)))
        check_each_table(checking, pragma);
    else
        checking_add_result(checking, "", result);
}

/* Is what a full check found damage that a quick one sees, too? */
static void look_at_pages_alone(struct checking *checking)
{
    struct verdict full = *checking->verdict;
    *checking->verdict = (struct verdict){.soundness = HB_SOUNDNESS_SOUND};
    check_pages(checking, CHECK_QUICK);
    full.pages_are_sound = !checking->stopped && checking->watch.failure == SQLITE_OK &&
                           (checking->verdict->soundness == HB_SOUNDNESS_SOUND ||
                            checking->verdict->soundness == HB_SOUNDNESS_NOT_CHECKED);
    *checking->verdict = full;
}

/* ---- one database ----------------------------------------------------------------- */

/* A schema in words that only a later SQLite knows looks damaged to an earlier one. */
static bool is_by_a_newer_one(const struct checking *checking, int fd)
{
    unsigned char by[4];
    int64_t got = checking->view == NULL ? read_fully(fd, by, sizeof by, 96)
                                         : checking->view->read(checking->view, by, sizeof by, 96);
    return got == sizeof by &&
           ((uint32_t)by[0] << 24 | (uint32_t)by[1] << 16 | (uint32_t)by[2] << 8 | by[3]) >
               (uint32_t)sqlite3_libversion_number();
}

static bool goes_on(const struct checking *checking)
{
    uint32_t soundness = checking->verdict->soundness;
    return !checking->stopped && soundness != HB_SOUNDNESS_UNSOUND &&
           soundness != HB_SOUNDNESS_UNKNOWN;
}

/* SQLite fills up a last page that is cut off with zeros, and then finds nothing wrong with it. */
static int check_length(struct checking *checking)
{
    int64_t pages = 0, page = 0, bytes = (int64_t)checking->staged->status.st_size;
    int result = connection_run(&checking->connection, "PRAGMA page_count", &pages);
    if (result == SQLITE_OK)
        result = connection_run(&checking->connection, "PRAGMA page_size", &page);
    if (result == SQLITE_OK && page > 0 && bytes % page != 0 && bytes / page < pages)
        checking_add(checking, HB_SOUNDNESS_UNSOUND,
                     "its last page is cut off: it has %" PRId64 " bytes, and should have %" PRId64
                     " pages of %" PRId64,
                     bytes, pages, page);
    return result;
}

/*
 * SQLite looks at CHECK constraints only if it could write, and so do the checks of modules. In WAL
 * mode that makes a log beside the copy, which is removed again.
 */
static bool open_copy(struct checking *checking, enum thoroughness how)
{
    bool full = how == CHECK_FULL;
    const char *query = checking->view != NULL ? "vfs=" VIEW_VFS
                        : full                 ? "vfs=" BULK_VFS
                                               : "vfs=" BULK_VFS "&immutable=1";
    int off = 0, result = checking_open(checking,
                                        full ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, query);
    if (result == SQLITE_OK && full && checking->view != NULL)
        result = connection_run(&checking->connection, "PRAGMA journal_mode = MEMORY", NULL);
    if (result == SQLITE_OK && full) {
        sqlite3_file_control(checking->connection.db, "main", SQLITE_FCNTL_PERSIST_WAL, &off);
        result = connection_run(&checking->connection, "PRAGMA locking_mode = EXCLUSIVE", NULL);
    }
    /* Opening compares the header's page count with the file; the rest parses the schema. */
    if (result == SQLITE_OK)
        result = connection_run(&checking->connection, "SELECT count(*) FROM sqlite_schema", NULL);
    if (result == SQLITE_OK)
        result = check_length(checking);
    if (result != SQLITE_OK)
        checking_add_result(checking, "", result);
    return result == SQLITE_OK && goes_on(checking);
}

static void close_copy(struct checking *checking, enum thoroughness how)
{
    checking_close(checking);
    if (how == CHECK_FULL && checking->view == NULL)
        held_remove_sides(checking->staged);
}

static void check_database(struct checking *checking, bool pages, enum thoroughness how)
{
    AS_OWNER_AUTO owner = {0};
    if (checking->view == NULL && !held_begin(checking->staged, &owner)) {
        checking_add(checking, HB_SOUNDNESS_UNKNOWN, "%s", checking->staged->refusal);
        return;
    }
    if (open_copy(checking, how) && pages) {
        check_pages(checking, how);
        if (how == CHECK_FULL && checking->verdict->soundness == HB_SOUNDNESS_UNSOUND)
            look_at_pages_alone(checking);
        else if (how == CHECK_FULL && goes_on(checking))
            check_indexes(checking);
    }
    close_copy(checking, how);
    if (how == CHECK_QUICK && checking->doubted && goes_on(checking)) {
        if (open_copy(checking, CHECK_FULL))
            check_indexes(checking);
        close_copy(checking, CHECK_FULL);
    }
}

static int hold(const struct hb_file *file, struct held *staged)
{
    int result = held_open_staged(staged, file);
    if (result != 0)
        held_close(staged);
    return result;
}

static int stopped(const struct snap *snap)
{
    return snap->host->fail(snap->host, HB_STATUS_CANCELLED, "the check of a database was stopped");
}

static int check_held(struct checking *checking, uint64_t bytes, enum thoroughness how, int fd)
{
    struct snap *snap = checking->snap;
    const struct hb_host *host = snap->host;
    bool small = bytes <= snap->check_limit, wanted_full = how == CHECK_FULL;
    checking->tells = wanted_full;
    if (!small)
        how = CHECK_QUICK;
    checking->total = how == CHECK_FULL ? 2 * bytes : bytes;
    check_database(checking, small || wanted_full, how);
    if (checking->stopped)
        return stopped(snap);
    if (checking->tells)
        host->progress(host, checking->entry, checking->total, checking->total);
    struct verdict *verdict = checking->verdict;
    if (verdict->soundness == HB_SOUNDNESS_UNSOUND &&
        strstr(verdict->reason, "malformed database schema") && is_by_a_newer_one(checking, fd)) {
        verdict->soundness = HB_SOUNDNESS_SOUND;
        checking_add(checking, HB_SOUNDNESS_UNKNOWN,
                     "it was written by a newer SQLite, and this one does not know its schema");
    }
    if (!small)
        checking_add(checking, HB_SOUNDNESS_NOT_CHECKED,
                     wanted_full ? "larger than check-limit: its pages are right, its indexes were "
                                   "not compared with its tables"
                                 : "larger than check-limit: header, page count and schema are "
                                   "right, the pages were not read");
    size_t used = strlen(verdict->reason);
    if (verdict->soundness == HB_SOUNDNESS_NOT_CHECKED && checking->lacks > 1)
        snprintf(verdict->reason + used, sizeof verdict->reason - used, ", and %u more",
                 checking->lacks - 1);
    return HB_OK;
}

static int cannot_tell(struct verdict *verdict, int reason)
{
    verdict->soundness = HB_SOUNDNESS_UNKNOWN;
    snprintf(verdict->reason, sizeof verdict->reason, "the staged copy cannot be read: %s",
             strerror(reason));
    return HB_OK;
}

int soundness_of(struct snap *snap, const struct hb_entry *entry, const struct hb_file *file,
                 enum thoroughness how, struct verdict *verdict)
{
    enum bytes_kind kind;
    struct stat now;
    *verdict = (struct verdict){.soundness = HB_SOUNDNESS_SOUND};
    int status = bytes_kind_of(snap->host, file->fd, &kind);
    if (status == HB_STATUS_CANCELLED)
        return stopped(snap);
    if (status != HB_OK || fstat(file->fd, &now) != 0)
        return cannot_tell(verdict, errno);
    if (kind == BYTES_EMPTY)
        return HB_OK;
    if (kind == BYTES_ZERO) {
        verdict->soundness = HB_SOUNDNESS_UNSOUND;
        snprintf(verdict->reason, sizeof verdict->reason, "all its bytes are zero");
        return HB_OK;
    }
    if (kind == BYTES_OTHER) {
        verdict->soundness = HB_SOUNDNESS_NOT_CHECKED;
        verdict->no_database = true;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "its header is not that of an SQLite database");
        return HB_OK;
    }
    struct held staged;
    int held = hold(file, &staged);
    if (held != 0)
        return cannot_tell(verdict, -held);
    struct checking checking = {
        .snap = snap, .entry = entry, .staged = &staged, .verdict = verdict};
    patience_init(&checking.patience, snap);
    AS_OWNER_AUTO owner = {0};
    held_begin_staged(&staged, &owner);
    status = check_held(&checking, (uint64_t)now.st_size, how, file->fd);
    as_owner_end(&owner);
    held_close(&staged);
    return status;
}

int soundness_of_view(struct snap *snap, const struct hb_entry *entry,
                      const struct view_source *view, enum thoroughness how,
                      struct verdict *verdict)
{
    struct held named;
    struct checking checking = {
        .snap = snap, .entry = entry, .staged = &named, .view = view, .verdict = verdict};
    *verdict = (struct verdict){.soundness = HB_SOUNDNESS_SOUND};
    view_vfs_name(view, &named);
    patience_init(&checking.patience, snap);
    return check_held(&checking, view->bytes, how, -1);
}

void soundness_note(const struct snap *snap, const struct hb_entry *entry,
                    const struct verdict *verdict)
{
    if (verdict->soundness == HB_SOUNDNESS_NOT_CHECKED)
        snap->host->note(snap->host, entry, "not checked %s: %s",
                         verdict->no_database ? "as a database" : "in full", verdict->reason);
}

int merge_log(struct snap *snap, const struct hb_file *file, char *reason, size_t reason_bytes)
{
    const struct hb_host *host = snap->host;
    struct patience patience;
    struct held staged;
    int held = hold(file, &staged);
    if (held != 0)
        return host->fail(host, HB_STATUS_ENTRY, "the staged copy cannot be read: %s",
                          strerror(-held));
    int result = SQLITE_OK;
    AS_OWNER_AUTO owner = {0};
    held_begin_staged(&staged, &owner);
    if (sides_left(&staged) != 0) {
        patience_init(&patience, snap);
        result = recover_staged(&staged, &staged, &patience);
    }
    as_owner_end(&owner);
    held_close(&staged);
    if (result == SQLITE_OK)
        return HB_OK;
    if (result == SQLITE_INTERRUPT || host->cancelled(host))
        return stopped(snap);
    const char *why = staged.refusal[0] != '\0' ? staged.refusal : sqlite3_errstr(result);
    if (!is_damage(result))
        return host->fail(host, HB_STATUS_ENTRY, "its log could not be applied to it: %s", why);
    snprintf(reason, reason_bytes, "its log cannot be applied to it: %s", why);
    return HB_STATUS_NOMATCH;
}

int snap_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
               uint32_t *soundness, char *reason, size_t reason_bytes)
{
    struct snap *snap = self;
    struct verdict verdict;
    int status = merge_log(snap, file, reason, reason_bytes);
    *soundness = HB_SOUNDNESS_UNSOUND;
    if (status != HB_OK)
        return status == HB_STATUS_NOMATCH ? HB_OK : status;
    status = soundness_of(snap, entry, file, CHECK_FULL, &verdict);
    if (status != HB_OK)
        return status;
    *soundness = verdict.soundness;
    snprintf(reason, reason_bytes, "%s", verdict.reason);
    soundness_note(snap, entry, &verdict);
    return HB_OK;
}

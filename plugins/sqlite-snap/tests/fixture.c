/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

void fixture_start(struct fixture *fixture, const char *settings)
{
    const char *way = getenv("HBCORE_TEST_SNAPSHOT");
    char all[500];
    snprintf(all, sizeof all, "%s%s%s%s", way == NULL ? "" : "snapshot=", way == NULL ? "" : way,
             way == NULL ? "" : "\n", settings);
    fake_host_init(&fixture->fake);
    fixture->mode = 0;
    fixture->plugin = hb_plugin_v1();
    fixture->ops = fixture->plugin->ops;
    assert_int_equal(
        fake_create(&fixture->fake, fixture->plugin, all, &fixture->self, &fixture->settings),
        HB_OK);
}

void fixture_stop(struct fixture *fixture)
{
    fake_destroy(fixture->plugin, fixture->self, fixture->settings);
    fake_host_finish(&fixture->fake);
}

const char *home_file(const struct fixture *fixture, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", fixture->fake.home, name);
    return path;
}

struct hb_entry entry_of(const char *name)
{
    return (struct hb_entry){.size = sizeof(struct hb_entry),
                             .type = HB_TYPE_FILE,
                             .path = name,
                             .path_bytes = strlen(name),
                             .bytes = HB_SIZE_UNKNOWN};
}

char *read_file(const char *path, size_t *bytes)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0)
        fail_msg("%s cannot be opened", path);
    *bytes = (size_t)found.st_size;
    char *data = malloc(*bytes + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, *bytes), (ssize_t)*bytes);
    close(fd);
    return data;
}

void write_file(const char *path, const void *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
}

void copy_file(const char *from, const char *to)
{
    size_t bytes;
    char *data = read_file(from, &bytes);
    write_file(to, data, bytes);
    free(data);
}

bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *names_like(const struct fixture *fixture, const char *start)
{
    struct dirent **found;
    int count = scandir(fixture->fake.home, &found, NULL, alphasort);
    char *names = calloc(1, 4096);
    assert_true(count >= 0 && names != NULL);
    for (int i = 0; i < count; i++) {
        if (strncmp(found[i]->d_name, start, strlen(start)) == 0) {
            size_t at = strlen(names);
            snprintf(names + at, 4096 - at, "%s%s", at == 0 ? "" : " ", found[i]->d_name);
        }
        free(found[i]);
    }
    free(found);
    return names;
}

void make_database(const char *path, const char *journal_mode, int page_size, int filler_kib)
{
    sqlite3 *db;
    char sql[1024];
    /* A page or so for each account, half of them before the filler and half behind it, so that a
       copy that is not of one moment shows in the sum. */
    snprintf(sql, sizeof sql,
             "PRAGMA page_size = %d; PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
             "BEGIN; CREATE TABLE account(id INTEGER PRIMARY KEY, money INTEGER, pad BLOB);"
             "CREATE TABLE filler(data BLOB);"
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
             " INSERT INTO account SELECT i, 1000, zeroblob(2500) FROM n;"
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO filler SELECT randomblob(1000) FROM n;"
             "WITH n(i) AS (SELECT 51 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
             " INSERT INTO account SELECT i, 1000, zeroblob(2500) FROM n; COMMIT;",
             page_size, journal_mode, filler_kib < 1 ? 1 : filler_kib);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", path, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void make_hot_journal(const struct fixture *fixture, const char *name)
{
    struct actor actor;
    make_database(home_file(fixture, name), "delete", 4096, 2000);
    actor_start(&actor, home_file(fixture, name));
    actor_ask(&actor, "PRAGMA cache_size = 2");
    actor_ask(&actor, "BEGIN IMMEDIATE");
    actor_ask(&actor, "UPDATE account SET money = 0");
    actor_ask(&actor, "UPDATE filler SET data = zeroblob(1000)");
    actor_kill(&actor);
}

static void put_number(unsigned char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(number >> (24 - 8 * i));
}

void name_super_journal(const struct fixture *fixture, const char *journal, const char *super)
{
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char record[PATH_MAX + 20];
    const char *name = super[0] == '.' ? super : home_file(fixture, super);
    size_t length = strlen(name);
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)name[i];         /* SQLite sums signed ones: ASCII only */
    put_number(record, 0x40000000 / 4096 + 1); /* the page that is never journalled */
    memcpy(record + 4, name, length);
    put_number(record + 4 + length, (uint32_t)length);
    put_number(record + 8 + length, sum);
    memcpy(record + 12 + length, magic, sizeof magic);
    int fd = open(home_file(fixture, journal), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, record, 20 + length), (ssize_t)(20 + length));
    close(fd);
}

const char *value_in(const char *path, const char *sql)
{
    static char value[512];
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 30000);
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        snprintf(value, sizeof value, "%s", (const char *)sqlite3_column_text(statement, 0));
    else
        snprintf(value, sizeof value, "%s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

int open_judged(const struct fixture *fixture, const struct hb_entry *entry,
                struct hb_source *source)
{
    source->flags = HB_SOURCE_JUDGED;
    int status = fixture->ops->open(fixture->self, entry, source);
    if (status != HB_OK)
        return status;
    status = fixture->ops->judge(fixture->self, entry, source);
    if (status != HB_OK)
        source->close(source);
    return status;
}

int take(struct fixture *fixture, const char *name, const char *out)
{
    struct hb_entry entry = entry_of(name);
    struct hb_source source = {.size = sizeof source};
    int status = open_judged(fixture, &entry, &source);
    if (status != HB_OK)
        return status;
    char *data = malloc(source.bytes + 1);
    assert_non_null(data);
    assert_int_equal(source.read_at(&source, data, source.bytes + 1, 0), (int64_t)source.bytes);
    assert_string_equal(source.method, "snapshot");
    write_file(home_file(fixture, out), data, source.bytes);
    free(data);
    source.close(&source);
    return HB_OK;
}

static bool put_log_beside(const struct fixture *fixture, const char *from, const char *staged)
{
    char log[PATH_MAX], beside[PATH_MAX];
    snprintf(log, sizeof log, "%s/%s-wal", fixture->fake.home, from);
    snprintf(beside, sizeof beside, "%s-wal", staged);
    bool there = exists(log);
    if (there)
        copy_file(log, beside);
    return there;
}

int put_back(struct fixture *fixture, const char *from, const char *name)
{
    struct fake_host *fake = &fixture->fake;
    struct hb_file file;
    size_t bytes;
    char path[PATH_MAX];
    char *data = read_file(home_file(fixture, from), &bytes);
    assert_int_equal(fake->host.stage_file(&fake->host, "restore", &file), HB_OK);
    assert_int_equal(pwrite(file.fd, data, bytes, 0), (ssize_t)bytes);
    bool logged = put_log_beside(fixture, from, file.path);
    snprintf(path, sizeof path, "%s/%s", fake->home, name);
    struct hb_entry entry = entry_of(name);
    struct hb_target target = {.size = sizeof target,
                               .directory_fd = open(fake->home, O_PATH | O_DIRECTORY | O_CLOEXEC),
                               .name = name,
                               .path = path,
                               .mode = fixture->mode != 0 ? fixture->mode : 0600,
                               .exists = exists(path)};
    int status = fixture->ops->restore(fixture->self, &entry, &file, &target);
    /* The staged copy is as it was: the host may still publish or report it. */
    char *after = malloc(bytes + 1);
    assert_non_null(after);
    if (!logged) {
        assert_int_equal(pread(file.fd, after, bytes + 1, 0), (ssize_t)bytes);
        assert_memory_equal(after, data, bytes);
    } else if (status != HB_RESTORE_DONE) {
        copy_file(file.path, home_file(fixture, "merged"));
    }
    close(target.directory_fd);
    fake->host.stage_release(&fake->host, &file);
    free(after);
    free(data);
    return status;
}

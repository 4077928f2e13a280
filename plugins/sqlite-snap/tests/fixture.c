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
    fake_host_init(&fixture->fake);
    fixture->plugin = hb_plugin_v1();
    fixture->ops = fixture->plugin->ops;
    assert_int_equal(
        fake_create(&fixture->fake, fixture->plugin, settings, &fixture->self, &fixture->settings),
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
                             .type = HB_FILE,
                             .path = name,
                             .path_bytes = strlen(name),
                             .bytes = HB_UNKNOWN};
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

int take(struct fixture *fixture, const char *name, const char *out)
{
    struct hb_entry entry = entry_of(name);
    struct hb_source source = {.size = sizeof source};
    int status = fixture->ops->open(fixture->self, &entry, &source);
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

int put_back(struct fixture *fixture, const char *from, const char *name)
{
    struct fake_host *fake = &fixture->fake;
    struct hb_file file;
    size_t bytes;
    char path[PATH_MAX];
    char *data = read_file(home_file(fixture, from), &bytes);
    assert_int_equal(fake->host.stage_file(&fake->host, "restore", &file), HB_OK);
    assert_int_equal(pwrite(file.fd, data, bytes, 0), (ssize_t)bytes);
    snprintf(path, sizeof path, "%s/%s", fake->home, name);
    struct hb_entry entry = entry_of(name);
    struct hb_target target = {.size = sizeof target,
                               .directory_fd = open(fake->home, O_PATH | O_DIRECTORY | O_CLOEXEC),
                               .name = name,
                               .path = path,
                               .mode = 0600,
                               .exists = exists(path)};
    int status = fixture->ops->restore(fixture->self, &entry, &file, &target);
    /* The staged copy is as it was: the host may still publish or report it. */
    char *after = malloc(bytes + 1);
    assert_non_null(after);
    assert_int_equal(pread(file.fd, after, bytes + 1, 0), (ssize_t)bytes);
    assert_memory_equal(after, data, bytes);
    close(target.directory_fd);
    fake->host.stage_release(&fake->host, &file);
    free(after);
    free(data);
    return status;
}

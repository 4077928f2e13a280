/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check says of a staged copy: of indexes that were destroyed, of what this SQLite lacks,
 * and when SQLite cannot work. No copy is ever changed by it.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REASON = 256 };

/* ---- making them ----------------------------------------------------------------- */

#define ROWS(n) "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #n ")"
#define WORDS   ROWS(4000) " INSERT INTO f SELECT 'common ' || i || ' w' || (i * 7919 % 4000) FROM n;"
#define BOXES   ROWS(2000) " INSERT INTO r SELECT i, i % 71, i % 71 + 1, i % 83, i % 83 + 2 FROM n;"
#define SCHEMA  "PRAGMA writable_schema = ON;"

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct subject {
    const char *made, *then;
    uint32_t expected;
    const char *words; /* in the reason, or in the note of one that is sound */
};

static const struct subject subjects[] = {
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS,
     "UPDATE f_data SET block = zeroblob(length(block)) WHERE id > 10", HB_SOUNDNESS_UNSOUND,
     "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DELETE FROM f_data", HB_SOUNDNESS_UNSOUND,
     "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS,
     "DELETE FROM f_data WHERE id = (SELECT max(id) FROM f_data)", HB_SOUNDNESS_UNSOUND,
     "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DELETE FROM f_idx", HB_SOUNDNESS_UNSOUND,
     "f_idx"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DROP TABLE f_idx", HB_SOUNDNESS_UNSOUND,
     "f_idx"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DELETE FROM f_docsize WHERE id = 7",
     HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DELETE FROM f_content WHERE id = 7",
     HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DROP TABLE f_content", HB_SOUNDNESS_UNSOUND,
     "f_content"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS, "DELETE FROM f_config", HB_SOUNDNESS_UNSOUND,
     "found 0"},
    {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS,
     "UPDATE f_config SET v = 99 WHERE k = 'version'", HB_SOUNDNESS_NOT_CHECKED, "found 99"},
    {"CREATE VIRTUAL TABLE f USING fts4(t);" WORDS, "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE f USING fts4(t);" WORDS, "DELETE FROM f_segdir", HB_SOUNDNESS_UNSOUND,
     "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts4(t);" WORDS, "DELETE FROM f_segments", HB_SOUNDNESS_UNSOUND,
     "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts4(t);" WORDS,
     "UPDATE f_segments SET block = zeroblob(length(block))", HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts4(t);" WORDS, "DROP TABLE f_segdir", HB_SOUNDNESS_UNSOUND,
     "f_segdir"},
    {"CREATE VIRTUAL TABLE f USING fts3(t);" WORDS, "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE f USING fts3(t);" WORDS, "DELETE FROM f_segments WHERE blockid % 2",
     HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts3(t);" WORDS,
     "UPDATE f_content SET c0t = 'other' WHERE docid = 9", HB_SOUNDNESS_UNSOUND, "index f is"},
    /* Names as hostile as they may be. */
    {"CREATE VIRTUAL TABLE \"f \"\"(content=''x'' -- \" USING FTS5 (\"content\", b);"
     "INSERT INTO \"f \"\"(content=''x'' -- \" VALUES('a', 'b')",
     "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE \"f \"\"(content=''x'' -- \" USING FTS5 (\"content\", b);"
     "INSERT INTO \"f \"\"(content=''x'' -- \" VALUES('a', 'b')",
     "DELETE FROM \"f \"\"(content=''x'' -- _data\"", HB_SOUNDNESS_UNSOUND, "content="},
    /* Rows that are another table's, or nobody's. */
    {"CREATE TABLE t(a); INSERT INTO t VALUES('x y'), ('z');"
     "CREATE VIRTUAL TABLE f USING fts5(a, content = t); INSERT INTO f(rowid, a) VALUES(1, 'x y')",
     "", HB_SOUNDNESS_SOUND, "differs"},
    {"CREATE TABLE t(a); INSERT INTO t VALUES('x y');"
     "CREATE VIRTUAL TABLE f USING fts5(a, content='t'); INSERT INTO f(rowid, a) VALUES(1, 'x y')",
     "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE TABLE t(a); CREATE VIRTUAL TABLE f USING fts5(a, content='t');"
     "INSERT INTO f(rowid, a) VALUES(1, 'x y')",
     "DELETE FROM f_data", HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE VIRTUAL TABLE f USING fts5(a, content='gone'); INSERT INTO f(rowid, a) VALUES(1, 'x')",
     "", HB_SOUNDNESS_SOUND, "differs"},
    {"CREATE VIRTUAL TABLE f USING fts5(a, content=''); INSERT INTO f(rowid, a) VALUES(1, 'x')", "",
     HB_SOUNDNESS_SOUND, NULL},
    {"CREATE TABLE t(a); INSERT INTO t VALUES('x y'), ('z');"
     "CREATE VIRTUAL TABLE f USING fts4(a, content=\"t\"); INSERT INTO f(rowid, a) VALUES(1, 'x "
     "y')",
     "", HB_SOUNDNESS_SOUND, "differs"},
    {"CREATE VIRTUAL TABLE f USING fts4(a, content=\"\"); INSERT INTO f(rowid, a) VALUES(1, 'x y')",
     "", HB_SOUNDNESS_SOUND, "differs"},
    {"CREATE TABLE t(t); CREATE VIRTUAL TABLE f USING fts4(t, content=\"t\");" ROWS(
         4000) " INSERT INTO f(rowid, t) SELECT i, 'word' || i FROM n",
     "DELETE FROM f_segments", HB_SOUNDNESS_UNSOUND, "index f is"},
    /* R-trees. */
    {"CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES, "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE r USING rtree_i32(id, a, b, c, d, +note);" ROWS(
         900) " INSERT INTO r SELECT i, i, i + 1, i, i, 'x' FROM n",
     "", HB_SOUNDNESS_SOUND, NULL},
    {"CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES,
     "UPDATE r_node SET data = zeroblob(length(data)) WHERE nodeno = 5", HB_SOUNDNESS_UNSOUND,
     "index r is"},
    {"CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES,
     "DELETE FROM r_node WHERE nodeno = 3", HB_SOUNDNESS_UNSOUND, "index r is"},
    {"CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES, "DELETE FROM r_rowid",
     HB_SOUNDNESS_UNSOUND, "index r is"},
    {"CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES, "DROP TABLE r_parent",
     HB_SOUNDNESS_UNSOUND, "r_parent"},
    /* Ordinary indexes and constraints. */
    {"CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)",
     SCHEMA
     "CREATE INDEX ti ON t(a); UPDATE sqlite_schema SET sql = 'CREATE INDEX ti ON t(-a)' WHERE "
     "name = 'ti'",
     HB_SOUNDNESS_UNSOUND, "index ti"},
    {"CREATE TABLE t(a, b); INSERT INTO t VALUES(NULL, 2)",
     SCHEMA "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a NOT NULL, b)' WHERE name = 't'",
     HB_SOUNDNESS_UNSOUND, "NULL value in t.a"},
    /* What this SQLite lacks; the rest is checked all the same. */
    {"CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('x')",
     SCHEMA "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING fts5(a, tokenize=mine)' "
            "WHERE name = 'f'",
     HB_SOUNDNESS_NOT_CHECKED, "tokenizer"},
    {"CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES('x')",
     SCHEMA "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING fts4(a, tokenize=mine)' "
            "WHERE name = 'f'",
     HB_SOUNDNESS_NOT_CHECKED, "tokenizer"},
    {"CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('x')",
     SCHEMA
     "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING vec0(a)' WHERE name = 'f'",
     HB_SOUNDNESS_NOT_CHECKED, "module vec0"},
    {"CREATE TABLE t(a, b); CREATE INDEX ti ON t(a); INSERT INTO t VALUES(1, 2)",
     SCHEMA
     "UPDATE sqlite_schema SET sql = 'CREATE INDEX ti ON t(a COLLATE mine)' WHERE name = 'ti'",
     HB_SOUNDNESS_NOT_CHECKED, "table t: no such collation sequence: mine"},
    {"CREATE TABLE t(a, b); CREATE INDEX ti ON t(abs(a)); INSERT INTO t VALUES(1, 2)",
     SCHEMA "UPDATE sqlite_schema SET sql = 'CREATE INDEX ti ON t(mine(a))' WHERE name = 'ti'",
     HB_SOUNDNESS_NOT_CHECKED, "table t: unknown function: mine"},
    {"CREATE TABLE t(a CHECK(abs(a) > 0)); INSERT INTO t VALUES(1)",
     SCHEMA
     "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a CHECK(mine(a) > 0))' WHERE name = 't'",
     HB_SOUNDNESS_NOT_CHECKED, "table t: unknown function: mine"},
    {"CREATE TABLE t(a CHECK(a > 0)); INSERT INTO t VALUES(1)",
     "PRAGMA ignore_check_constraints = ON; UPDATE t SET a = -1", HB_SOUNDNESS_UNSOUND, "CHECK"},
    {"CREATE TABLE t(a); CREATE INDEX ti ON t(a); CREATE VIRTUAL TABLE f USING fts5(t);" WORDS,
     SCHEMA "DELETE FROM f_data; UPDATE sqlite_schema SET sql = 'CREATE INDEX ti ON t(a COLLATE "
            "mine)' WHERE name = 'ti'",
     HB_SOUNDNESS_UNSOUND, "index f is"},
    {"CREATE TABLE t(a); CREATE INDEX ti ON t(a); CREATE TABLE u(a); INSERT INTO u VALUES(NULL)",
     SCHEMA
     "UPDATE sqlite_schema SET sql = 'CREATE INDEX ti ON t(a COLLATE mine)' WHERE name = 'ti';"
     "UPDATE sqlite_schema SET sql = 'CREATE TABLE u(a NOT NULL)' WHERE name = 'u'",
     HB_SOUNDNESS_UNSOUND, "NULL value in u.a"},
    {"CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g INSTEAD OF INSERT ON v "
     "BEGIN SELECT mine(1); END",
     "", HB_SOUNDNESS_SOUND, NULL},
};

enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static void make(const struct fixture *fixture, const struct subject *subject, const char *mode)
{
    char *sql = sqlite3_mprintf("PRAGMA journal_mode = %s; %s", mode, subject->made);
    unlink(home_file(fixture, "x.db"));
    run_sql(home_file(fixture, "x.db"), sql);
    sqlite3_free(sql);
    run_sql(home_file(fixture, "x.db"), subject->then);
}

/* ---- asking ---------------------------------------------------------------------- */

static int ask(struct fixture *fixture, const char *name, uint32_t *soundness, char reason[REASON])
{
    struct hb_file file = {.size = sizeof file,
                           .fd = open(home_file(fixture, name), O_RDWR | O_CLOEXEC),
                           .path = home_file(fixture, name)};
    struct hb_entry entry = entry_of(name);
    *soundness = 0;
    reason[0] = '\0';
    fixture->fake.report[0] = fixture->fake.message[0] = '\0';
    fixture->fake.notes = fixture->fake.doubtful = 0;
    int status = fixture->ops->check(fixture->self, &entry, &file, soundness, reason, REASON);
    close(file.fd);
    return status;
}

static void assert_only(const struct fixture *fixture, const char *name)
{
    char *names = names_like(fixture, name);
    assert_string_equal(names, name);
    free(names);
}

static void each_is_judged(void **state)
{
    (void)state;
    static const char *const modes[] = {"delete", "wal"};
    struct fixture fixture;
    fixture_start(&fixture, "");
    for (size_t i = 0; i < 2 * SUBJECTS; i++) {
        const struct subject *subject = &subjects[i / 2];
        char reason[REASON];
        uint32_t soundness;
        size_t bytes, after_bytes;
        make(&fixture, subject, modes[i % 2]);
        char *before = read_file(home_file(&fixture, "x.db"), &bytes);
        assert_int_equal(ask(&fixture, "x.db", &soundness, reason), HB_OK);
        const char *said = soundness == HB_SOUNDNESS_SOUND ? fixture.fake.report : reason;
        if (soundness != subject->expected ||
            (subject->words == NULL ? *said != '\0' : strstr(said, subject->words) == NULL))
            fail_msg("%s; %s: %u, not %u, \"%s\", \"%s\"", subject->made, subject->then, soundness,
                     subject->expected, reason, fixture.fake.report);
        assert_int_equal(fixture.fake.doubtful, 0);
        if (soundness != HB_SOUNDNESS_UNSOUND)
            assert_int_equal(fixture.fake.notes, *said != '\0');
        char *after = read_file(home_file(&fixture, "x.db"), &after_bytes);
        assert_int_equal(after_bytes, bytes);
        assert_memory_equal(after, before, bytes);
        free(before);
        free(after);
        assert_only(&fixture, "x.db");
    }
    fixture_stop(&fixture);
}

/* ---- how much, where ------------------------------------------------------------- */

static const struct subject destroyed = {"CREATE VIRTUAL TABLE f USING fts5(t);" WORDS,
                                         "DELETE FROM f_data", HB_SOUNDNESS_UNSOUND, ""};

/* The snapshot of a database with a broken index is worth more than its bare bytes. */
static void a_backup_checks_as_it_is_told(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make(&fixture, &destroyed, "wal");
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_int_equal(fixture.fake.notes + fixture.fake.doubtful, 0);
    fixture_stop(&fixture);
    fixture_start(&fixture, "check=full\n");
    make(&fixture, &destroyed, "wal");
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_int_equal(fixture.fake.doubtful, 1);
    assert_non_null(strstr(fixture.fake.report, "unsound, stored as it is: the index f"));
    fixture_stop(&fixture);
    fixture_start(&fixture, "check=full\ncheck-limit=64K\n");
    make(&fixture, &destroyed, "wal");
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_int_equal(fixture.fake.doubtful, 0);
    assert_non_null(strstr(fixture.fake.report, "not checked in full: larger than check-limit"));
    fixture_stop(&fixture);
}

/* What was stored after a quick check only is no answer to one who wants a full one. */
static void the_identity_knows_how_it_was_checked(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned char quick[32], full[32];
    struct hb_entry entry = entry_of("x.db");
    const struct timespec tick = {.tv_nsec = 20000000};
    char kept[300];
    fixture_start(&fixture, "");
    make(&fixture, &destroyed, "delete");
    snprintf(kept, sizeof kept, "%s", fixture.fake.home);
    while (fixture.ops->identity(fixture.self, &entry, quick) != HB_OK)
        nanosleep(&tick, NULL); /* until the file system's clock has moved on */
    struct fake_settings *settings;
    void *other;
    assert_int_equal(fake_create(&fixture.fake, fixture.plugin, "check=full\n", &other, &settings),
                     HB_OK);
    assert_int_equal(fixture.ops->identity(other, &entry, full), HB_OK);
    assert_memory_not_equal(quick, full, sizeof full);
    fake_destroy(fixture.plugin, other, settings);
    fixture_stop(&fixture);
}

/* A restore refuses what it would have called sound, and says what was not looked at. */
static void a_restore_checks_in_full(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make(&fixture, &destroyed, "wal");
    assert_int_equal(rename(home_file(&fixture, "x.db"), home_file(&fixture, "old")), 0);
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_STATUS_ENTRY);
    assert_non_null(strstr(fixture.fake.message, "is unsound: the index f is damaged"));
    fixture_stop(&fixture);
    fixture_start(&fixture, "check-limit=64K\n");
    make(&fixture, &destroyed, "wal");
    assert_int_equal(rename(home_file(&fixture, "x.db"), home_file(&fixture, "old")), 0);
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
    assert_non_null(strstr(fixture.fake.report, "larger than check-limit"));
    fixture_stop(&fixture);
}

/* ---- stopping -------------------------------------------------------------------- */

static atomic_long looks, stop_at;

static int cancelled_at(const struct hb_host *host)
{
    (void)host;
    return atomic_fetch_add(&looks, 1) + 1 >= atomic_load(&stop_at);
}

/* At any moment, and never with an answer. */
static void it_can_be_stopped(void **state)
{
    (void)state;
    struct fixture fixture;
    char reason[REASON];
    uint32_t soundness;
    static const char both[] = "CREATE VIRTUAL TABLE f USING fts5(t);" WORDS
                               "CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES;
    const struct subject subject = {both, "", HB_SOUNDNESS_SOUND, ""};
    fixture_start(&fixture, "");
    make(&fixture, &subject, "wal");
    atomic_store(&stop_at, 1L << 40);
    atomic_store(&looks, 0);
    fixture.fake.host.cancelled = cancelled_at;
    assert_int_equal(ask(&fixture, "x.db", &soundness, reason), HB_OK);
    assert_int_equal(soundness, HB_SOUNDNESS_SOUND);
    long all = atomic_load(&looks);
    assert_true(all > 50);
    for (long at = 1; at <= all; at += 1 + all / 40) {
        atomic_store(&looks, 0);
        atomic_store(&stop_at, at);
        int status = ask(&fixture, "x.db", &soundness, reason);
        if (status != HB_STATUS_CANCELLED)
            fail_msg("stopped at look %ld of %ld: %d, %u, \"%s\"", at, all, status, soundness,
                     reason);
        assert_only(&fixture, "x.db");
    }
    fixture_stop(&fixture);
}

/* ---- SQLite cannot work ---------------------------------------------------------- */

static sqlite3_mem_methods memory;
static atomic_long allocations, allocation_fails_at = -1;
static atomic_int fails_for_good;

static bool fails_now(atomic_long *count, atomic_long *at)
{
    long now = atomic_fetch_add(count, 1) + 1, wanted = atomic_load(at);
    return wanted > 0 && (atomic_load(&fails_for_good) ? now >= wanted : now == wanted);
}

static void *failing_malloc(int bytes)
{
    return fails_now(&allocations, &allocation_fails_at) ? NULL : memory.xMalloc(bytes);
}

static void *failing_realloc(void *old, int bytes)
{
    return fails_now(&allocations, &allocation_fails_at) ? NULL : memory.xRealloc(old, bytes);
}

typedef ssize_t (*read_call)(int fd, void *buffer, size_t bytes, off_t offset);
typedef ssize_t (*plain_read_call)(int fd, void *buffer, size_t bytes);
typedef int (*open_call)(const char *path, int flags, int mode);

static read_call real_pread, real_pread64;
static plain_read_call real_read;
static open_call real_open;
static atomic_long calls, call_fails_at = -1;
static atomic_int call_error;

static bool call_fails(void)
{
    if (!fails_now(&calls, &call_fails_at))
        return false;
    errno = atomic_load(&call_error);
    return true;
}

static ssize_t failing_pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    return call_fails() ? -1 : real_pread(fd, buffer, bytes, offset);
}

static ssize_t failing_pread64(int fd, void *buffer, size_t bytes, off_t offset)
{
    return call_fails() ? -1 : real_pread64(fd, buffer, bytes, offset);
}

static ssize_t failing_read(int fd, void *buffer, size_t bytes)
{
    return call_fails() ? -1 : real_read(fd, buffer, bytes);
}

static int failing_open(const char *path, int flags, int mode)
{
    return call_fails() ? -1 : real_open(path, flags, mode);
}

static void replace_call(const char *name, sqlite3_syscall_ptr ours, sqlite3_syscall_ptr *theirs)
{
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    *theirs = unix_vfs->xGetSystemCall(unix_vfs, name);
    if (*theirs != NULL)
        assert_int_equal(unix_vfs->xSetSystemCall(unix_vfs, name, ours), SQLITE_OK);
}

/* Each time in turn: no answer, or the right one. */
static void sweep(struct fixture *fixture, const char *what, atomic_long *count, atomic_long *at,
                  uint32_t right, long most)
{
    char reason[REASON];
    uint32_t soundness;
    long untold = 0;
    atomic_store(at, -1);
    atomic_store(count, 0);
    assert_int_equal(ask(fixture, "x.db", &soundness, reason), HB_OK);
    if (soundness != right)
        fail_msg("%s, none fails: %u, %s", what, soundness, reason);
    long all = atomic_load(count), step = getenv("HBCORE_FULL") != NULL ? 1 : 1 + all / most;
    for (long i = 0; i < 2 * (all / step + 1); i++) {
        long n = 1 + i / 2 * step;
        atomic_store(&fails_for_good, (int)(i % 2));
        atomic_store(count, 0);
        atomic_store(at, n);
        int status = ask(fixture, "x.db", &soundness, reason);
        atomic_store(at, -1);
        bool no_answer = status == HB_STATUS_ENTRY
                             ? fixture->fake.message[0] != '\0'
                             : soundness == HB_SOUNDNESS_UNKNOWN && *reason != '\0';
        untold += no_answer;
        if ((status != HB_OK && status != HB_STATUS_ENTRY) || (!no_answer && soundness != right))
            fail_msg("%s %ld of %ld%s: status %d, %u, not %u: %s", what, n, all,
                     i % 2 ? " and all after it" : "", status, soundness, right, reason);
        assert_only(fixture, "x.db");
    }
    assert_true(untold > 0);
}

static void without_memory_or_files(const struct subject *subject, uint32_t right)
{
    struct fixture fixture;
    static const int errors[] = {EIO, EMFILE, ENOSPC};
    for (int wal = 0; wal < 2; wal++) {
        fixture_start(&fixture, "");
        make(&fixture, subject, wal ? "wal" : "delete");
        sweep(&fixture, "allocation", &allocations, &allocation_fails_at, right, 150);
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
            atomic_store(&call_error, errors[i]);
            sweep(&fixture, strerror(errors[i]), &calls, &call_fails_at, right, 60);
        }
        fixture_stop(&fixture);
    }
}

static void no_answer_is_not_damage(void **state)
{
    (void)state;
    static const struct subject sound = {
        "CREATE TABLE t(a, b); CREATE INDEX ti ON t(a);" ROWS(
            3000) " INSERT INTO t SELECT i, randomblob(500) FROM n; DELETE FROM t WHERE a % 3 = 0;"
                  "CREATE VIRTUAL TABLE f USING fts5(t); CREATE VIRTUAL TABLE g USING fts4(t);"
                  "INSERT INTO f VALUES('x y'); INSERT INTO g VALUES('x y');"
                  "CREATE VIRTUAL TABLE r USING rtree(id, a, b, c, d);" BOXES,
        "", HB_SOUNDNESS_SOUND, ""};
    without_memory_or_files(&sound, HB_SOUNDNESS_SOUND);
}

/* Where SQLite notes which page is whose it says nothing of the reason why it could not read. */
static void no_answer_is_not_damage_of_the_page_map(void **state)
{
    (void)state;
    static const struct subject small = {"CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(9000));",
                                         "PRAGMA auto_vacuum = FULL; VACUUM", HB_SOUNDNESS_SOUND,
                                         ""};
    without_memory_or_files(&small, HB_SOUNDNESS_SOUND);
}

/* Stored as it is, and named: nobody has looked at it. */
static void a_backup_that_cannot_be_checked(void **state)
{
    (void)state;
    static const char *const settings[] = {"snapshot=copy\n", "snapshot=copy\ncheck=full\n"};
    static const struct subject sound = {"CREATE TABLE t(a); INSERT INTO t VALUES(1);", "",
                                         HB_SOUNDNESS_SOUND, ""};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture;
        struct hb_entry entry = entry_of("x.db");
        struct hb_source source = {.size = sizeof source, .flags = HB_SOURCE_JUDGED};
        fixture_start(&fixture, settings[i / 2]);
        make(&fixture, &sound, i % 2 == 0 ? "wal" : "delete");
        assert_int_equal(fixture.ops->open(fixture.self, &entry, &source), HB_OK);
        atomic_store(&call_error, EIO);
        atomic_store(&fails_for_good, 1);
        atomic_store(&calls, 0);
        atomic_store(&call_fails_at, 1);
        int status = fixture.ops->judge(fixture.self, &entry, &source);
        atomic_store(&call_fails_at, -1);
        assert_int_equal(status, HB_OK);
        assert_int_equal(source.soundness, HB_SOUNDNESS_UNKNOWN);
        assert_int_equal(fixture.fake.doubtful, 1);
        assert_non_null(strstr(fixture.fake.report, "could not be checked, stored as it is: "));
        source.close(&source);
        fixture_stop(&fixture);
    }
}

static void no_answer_is_not_soundness(void **state)
{
    (void)state;
    static const struct subject last = {
        "CREATE VIRTUAL TABLE f USING fts5(t);" WORDS
        "CREATE VIRTUAL TABLE z USING rtree(id, a, b); INSERT INTO z VALUES(1, 2, 3);",
        "DELETE FROM z_rowid", HB_SOUNDNESS_UNSOUND, ""};
    without_memory_or_files(&last, HB_SOUNDNESS_UNSOUND);
}

int main(void)
{
    sqlite3_mem_methods failing;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
        return 1;
    failing = memory;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        return 1;
    struct fixture fixture;
    fixture_start(&fixture, ""); /* the plugin replaces calls, too, and first */
    fixture_stop(&fixture);
    replace_call("pread", (sqlite3_syscall_ptr)(void *)failing_pread,
                 (sqlite3_syscall_ptr *)(void *)&real_pread);
    replace_call("pread64", (sqlite3_syscall_ptr)(void *)failing_pread64,
                 (sqlite3_syscall_ptr *)(void *)&real_pread64);
    replace_call("read", (sqlite3_syscall_ptr)(void *)failing_read,
                 (sqlite3_syscall_ptr *)(void *)&real_read);
    replace_call("open", (sqlite3_syscall_ptr)(void *)failing_open,
                 (sqlite3_syscall_ptr *)(void *)&real_open);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_judged),
        cmocka_unit_test(a_backup_checks_as_it_is_told),
        cmocka_unit_test(the_identity_knows_how_it_was_checked),
        cmocka_unit_test(a_restore_checks_in_full),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(no_answer_is_not_damage),
        cmocka_unit_test(no_answer_is_not_damage_of_the_page_map),
        cmocka_unit_test(a_backup_that_cannot_be_checked),
        cmocka_unit_test(no_answer_is_not_soundness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

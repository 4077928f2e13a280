/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static const char total[] = "SELECT sum(money) FROM account";
static const char check[] = "PRAGMA integrity_check";

static void assert_same_files(const char *left, const char *right)
{
    size_t a_bytes, b_bytes;
    char *a = read_file(left, &a_bytes), *b = read_file(right, &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a, b, a_bytes);
    free(a);
    free(b);
}

static void assert_names(const struct fixture *fixture, const char *start, const char *expected)
{
    char *names = names_like(fixture, start);
    assert_string_equal(names, expected);
    free(names);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- claims ---------------------------------------------------------------------- */

static void claims_by_suffix(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int status;
    } cases[] = {
        {"state.db", HB_OK},          {"a/b/x.y.db", HB_OK},       {".db", HB_STATUS_NOMATCH},
        {"a/.db", HB_STATUS_NOMATCH}, {"x.DB", HB_STATUS_NOMATCH}, {"x.db-wal", HB_STATUS_NOMATCH},
        {"x.sqlite", HB_OK},          {"db", HB_STATUS_NOMATCH},   {"x.db/y", HB_STATUS_NOMATCH},
    };
    struct fixture fixture;
    fixture_start(&fixture, "suffixes=.db .sqlite\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hb_entry entry = entry_of(cases[i].name);
        int status = fixture.ops->claim(fixture.self, &entry, NULL, 0);
        if (status != cases[i].status)
            fail_msg("%s: %d, not %d", cases[i].name, status, cases[i].status);
        assert_int_equal(fixture.ops->claim(fixture.self, &entry, "text", 4), cases[i].status);
        entry.type = HB_TYPE_DIRECTORY;
        assert_int_equal(fixture.ops->claim(fixture.self, &entry, NULL, 0), HB_STATUS_NOMATCH);
    }
    const char *const *sidecars = fixture.ops->sidecars(fixture.self);
    assert_string_equal(sidecars[0], "-wal");
    assert_string_equal(sidecars[1], "-shm");
    assert_string_equal(sidecars[2], "-journal");
    assert_null(sidecars[3]);
    fixture_stop(&fixture);
}

/* ---- databases at rest ----------------------------------------------------------- */

static void idle_databases(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 500);
        copy_file(home_file(&fixture, "x.db"), home_file(&fixture, "before"));
        assert_int_equal(take(&fixture, "x.db", "one"), HB_OK);
        assert_int_equal(take(&fixture, "x.db", "two"), HB_OK);
        assert_names(&fixture, "x.db", "x.db");
        assert_same_files(home_file(&fixture, "x.db"), home_file(&fixture, "before"));
        assert_same_files(home_file(&fixture, "one"), home_file(&fixture, "two"));
        assert_string_equal(value_in(home_file(&fixture, "one"), total), "100000");
        assert_string_equal(value_in(home_file(&fixture, "one"), check), "ok");
        assert_string_equal(value_in(home_file(&fixture, "two"), "PRAGMA journal_mode"), modes[i]);
        assert_int_equal(fixture.fake.notes + fixture.fake.doubtful, 0);
        fixture_stop(&fixture);
    }
}

static void odd_names(void **state)
{
    (void)state;
    static const char *const names[] = {"a b.db",         "100%25.db", "what?x=1.db",
                                        "a#b.db",         "a\nb.db",   "\xff\xfe.db",
                                        "\xc3\xa9'\".db", "-a;&.db",   "file:x.db"};
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "plain.db"), "wal", 4096, 10);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        copy_file(home_file(&fixture, "plain.db"), home_file(&fixture, names[i]));
        if (take(&fixture, names[i], "out") != HB_OK)
            fail_msg("%s: %s %s", names[i], fixture.fake.message, fixture.fake.report);
        assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
        assert_names(&fixture, names[i], names[i]);
    }
    fixture_stop(&fixture);
}

/* Longer than SQLite can open. */
static void long_path(void **state)
{
    (void)state;
    char name[700] = "", part[128];
    struct fixture fixture;
    fixture_start(&fixture, "");
    memset(part, 'd', 120);
    memcpy(part + 120, "/", 2);
    for (int i = 0; i < 5; i++) {
        memcpy(name + strlen(name), part, 122);
        assert_int_equal(mkdir(home_file(&fixture, name), 0700), 0);
    }
    memcpy(name + strlen(name), "x.db", 5);
    make_database(home_file(&fixture, "plain.db"), "wal", 4096, 10);
    copy_file(home_file(&fixture, "plain.db"), home_file(&fixture, name));
    assert_int_equal(take(&fixture, name, "out"), HB_OK);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
    fixture_stop(&fixture);
}

/* ---- databases that are left behind ---------------------------------------------- */

static void log_is_read_and_left_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 50);
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
    actor_ask(&actor, "INSERT INTO account VALUES (101, 5, 0)");
    copy_file(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    copy_file(home_file(&fixture, "x.db-wal"), home_file(&fixture, "keep-wal"));
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100005");
    assert_same_files(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    assert_same_files(home_file(&fixture, "x.db-wal"), home_file(&fixture, "keep-wal"));
    /* After a crash the log and its index stay; they are still not ours to tidy. */
    actor_kill(&actor);
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100005");
    assert_same_files(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    assert_same_files(home_file(&fixture, "x.db-wal"), home_file(&fixture, "keep-wal"));
    assert_names(&fixture, "x.db", "x.db x.db-shm x.db-wal");
    /* A log without an index: SQLite would make one. */
    unlink(home_file(&fixture, "x.db-shm"));
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100005");
    assert_string_equal(value_in(home_file(&fixture, "out"), check), "ok");
    assert_same_files(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    assert_same_files(home_file(&fixture, "x.db-wal"), home_file(&fixture, "keep-wal"));
    assert_names(&fixture, "x.db", "x.db x.db-wal");
    fixture_stop(&fixture);
}

static void hot_journal(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_hot_journal(&fixture, "x.db");
    assert_names(&fixture, "x.db", "x.db x.db-journal");
    copy_file(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    copy_file(home_file(&fixture, "x.db-journal"), home_file(&fixture, "keep-journal"));
    if (take(&fixture, "x.db", "out") != HB_OK)
        fail_msg("%s %s", fixture.fake.message, fixture.fake.report);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
    assert_string_equal(value_in(home_file(&fixture, "out"), check), "ok");
    assert_same_files(home_file(&fixture, "x.db"), home_file(&fixture, "keep"));
    assert_same_files(home_file(&fixture, "x.db-journal"), home_file(&fixture, "keep-journal"));
    fixture_stop(&fixture);
}

/* A journal may name a file that whoever rolls it back deletes. */
static void hot_journal_that_names_another_file(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_hot_journal(&fixture, "x.db");
    write_file(home_file(&fixture, "victim"), "precious", 8);
    name_super_journal(&fixture, "x.db-journal", "victim");
    if (take(&fixture, "x.db", "out") != HB_OK)
        fail_msg("%s %s", fixture.fake.message, fixture.fake.report);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
    assert_true(exists(home_file(&fixture, "victim")));
    /* Where it is gone, the transaction was committed. */
    unlink(home_file(&fixture, "victim"));
    make_database(home_file(&fixture, "y.db"), "delete", 4096, 10);
    copy_file(home_file(&fixture, "x.db-journal"), home_file(&fixture, "y.db-journal"));
    copy_file(home_file(&fixture, "y.db"), home_file(&fixture, "keep"));
    assert_int_equal(take(&fixture, "y.db", "out"), HB_OK);
    assert_same_files(home_file(&fixture, "out"), home_file(&fixture, "keep"));
    fixture_stop(&fixture);
}

/* Its last program takes the log away just when a snapshot begins, which must not make a new one.
 */
static void log_that_goes_away(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    struct stat log;
    fixture_start(&fixture, "check-limit=0\n");
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
    actor_start(&actor, home_file(&fixture, "x.db"));
    for (int round = 0; round < 400; round++) {
        actor_tell(&actor, "!visit");
        if (take(&fixture, "x.db", "out") != HB_OK)
            fail_msg("%s %s", fixture.fake.message, fixture.fake.report);
        assert_string_equal(actor_reply(&actor), "visited");
        /* One with commits is of the program: it closed while the snapshot read. */
        if (stat(home_file(&fixture, "x.db-wal"), &log) == 0 && log.st_size == 0)
            fail_msg("round %d left an empty log behind", round);
    }
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* The home mounted read-only, in a mount namespace of a child. 77: not permitted here. */
static int on_read_only_home(struct fixture *fixture)
{
    const char *home = fixture->fake.home;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(home, home, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, home, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return 77;
    static const char *const names[] = {"wal.db", "delete.db", "log.db", "crashed.db"};
    for (int i = 0; i < 4; i++) {
        struct hb_entry entry = entry_of(names[i]);
        struct hb_source source = {.size = sizeof source};
        if (open_judged(fixture, &entry, &source) != HB_OK) {
            fprintf(stderr, "%s: %s %s\n", names[i], fixture->fake.message, fixture->fake.report);
            return 1;
        }
        char *data = malloc(source.bytes);
        char path[600];
        snprintf(path, sizeof path, "%s/out", fixture->fake.stage);
        source.read_at(&source, data, source.bytes, 0);
        write_file(path, data, source.bytes);
        free(data);
        source.close(&source);
        bool right = strcmp(value_in(path, total), i < 2 ? "100000" : "100007") == 0;
        unlink(path);
        if (!right)
            return 2;
    }
    return 0;
}

static void read_only_home(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    int status;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "wal.db"), "wal", 4096, 10);
    make_database(home_file(&fixture, "delete.db"), "delete", 4096, 10);
    make_database(home_file(&fixture, "crashed.db"), "wal", 4096, 10);
    actor_start(&actor, home_file(&fixture, "crashed.db"));
    actor_ask(&actor, "INSERT INTO account VALUES (101, 7, 0)");
    actor_kill(&actor);
    copy_file(home_file(&fixture, "crashed.db"), home_file(&fixture, "log.db"));
    copy_file(home_file(&fixture, "crashed.db-wal"), home_file(&fixture, "log.db-wal"));
    pid_t child = fork();
    if (child == 0)
        _exit(on_read_only_home(&fixture));
    waitpid(child, &status, 0);
    assert_names(&fixture, "",
                 ". .. crashed.db crashed.db-shm crashed.db-wal delete.db log.db "
                 "log.db-wal wal.db");
    fixture_stop(&fixture);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("a read-only mount is not permitted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- no databases, broken ones --------------------------------------------------- */

static void expect_raw(struct fixture *fixture, const char *name, int notes, int doubtful,
                       const char *words)
{
    fixture->fake.notes = fixture->fake.doubtful = 0;
    fixture->fake.report[0] = '\0';
    int status = take(fixture, name, "out");
    if (status != HB_STATUS_NOMATCH || fixture->fake.notes != notes ||
        fixture->fake.doubtful != doubtful || strstr(fixture->fake.report, words) == NULL)
        fail_msg("%s: status %d, %d notes, %d doubtful, \"%s\" (\"%s\")", name, status,
                 fixture->fake.notes, fixture->fake.doubtful, fixture->fake.report,
                 fixture->fake.message);
}

static void assert_check(struct fixture *fixture, const char *name, uint32_t expected)
{
    struct hb_file file = {.size = sizeof file,
                           .fd = open(home_file(fixture, name), O_RDWR | O_CLOEXEC),
                           .path = home_file(fixture, name)};
    struct hb_entry entry = entry_of(name);
    char reason[100] = "";
    uint32_t soundness = 0;
    assert_int_equal(
        fixture->ops->check(fixture->self, &entry, &file, &soundness, reason, sizeof reason),
        HB_OK);
    close(file.fd);
    if (soundness != expected)
        fail_msg("%s: soundness %u, not %u: %s", name, soundness, expected, reason);
    assert_int_equal(reason[0] != '\0', expected != HB_SOUNDNESS_SOUND);
    assert_names(fixture, name, name);
}

static void no_databases(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t bytes;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "good.db"), "wal", 4096, 400);
    char *good = read_file(home_file(&fixture, "good.db"), &bytes);
    char *zero = calloc(1, bytes);
    write_file(home_file(&fixture, "empty.db"), "", 0);
    write_file(home_file(&fixture, "text.db"), "just text", 9);
    write_file(home_file(&fixture, "zero.db"), zero, bytes);
    zero[bytes - 1] = 'x';
    write_file(home_file(&fixture, "nearly.db"), zero, bytes);
    write_file(home_file(&fixture, "cut.db"), good, bytes - 100000);
    write_file(home_file(&fixture, "head.db"), good, 60);
    memset(good + 20 * PAGE, 0x55, 40 * PAGE);
    write_file(home_file(&fixture, "bad.db"), good, bytes);

    expect_raw(&fixture, "empty.db", 0, 0, "");
    expect_raw(&fixture, "text.db", 1, 0, "not that of an SQLite database");
    expect_raw(&fixture, "zero.db", 0, 1, "all its bytes are zero");
    expect_raw(&fixture, "nearly.db", 1, 0, "not that of an SQLite database");
    expect_raw(&fixture, "cut.db", 0, 1, "stored raw");
    expect_raw(&fixture, "head.db", 0, 1, "stored raw");
    expect_raw(&fixture, "bad.db", 0, 1, "stored raw");
    expect_raw(&fixture, "gone.db", 0, 0, "");

    assert_check(&fixture, "good.db", HB_SOUNDNESS_SOUND);
    assert_check(&fixture, "empty.db", HB_SOUNDNESS_SOUND);
    assert_check(&fixture, "text.db", HB_SOUNDNESS_NOT_CHECKED);
    assert_check(&fixture, "zero.db", HB_SOUNDNESS_UNSOUND);
    assert_check(&fixture, "cut.db", HB_SOUNDNESS_UNSOUND);
    assert_check(&fixture, "head.db", HB_SOUNDNESS_UNSOUND);
    assert_check(&fixture, "bad.db", HB_SOUNDNESS_UNSOUND);
    free(good);
    free(zero);
    fixture_stop(&fixture);
}

/* An encrypted database, say: its log is left out like any, and nobody else can read it. */
static void logs_beside_what_is_no_database(void **state)
{
    (void)state;
    struct fixture fixture;
    char zero[9000] = {0};
    fixture_start(&fixture, "");
    write_file(home_file(&fixture, "text.db"), "just text", 9);
    write_file(home_file(&fixture, "text.db-wal"), "", 0);
    write_file(home_file(&fixture, "text.db-journal"), zero,
               512); /* spent, and kept for the next */
    expect_raw(&fixture, "text.db", 1, 0, "not that of an SQLite database");
    write_file(home_file(&fixture, "text.db-journal"), "rows", 4);
    expect_raw(&fixture, "text.db", 0, 1, "the content of the -journal beside it is not stored");
    write_file(home_file(&fixture, "text.db-wal"), "rows", 4);
    expect_raw(&fixture, "text.db", 0, 1, "the content of the -wal beside it is not stored");
    write_file(home_file(&fixture, "zero.db"), zero, sizeof zero);
    write_file(home_file(&fixture, "zero.db-wal"), "rows", 4);
    expect_raw(&fixture, "zero.db", 0, 1, "are zero, and the content of the -wal beside it");
    write_file(home_file(&fixture, "empty.db"), "", 0);
    write_file(home_file(&fixture, "empty.db-journal"), "begun", 5);
    expect_raw(&fixture, "empty.db", 0, 0, "");
    write_file(home_file(&fixture, "empty.db-wal"), "rows", 4);
    expect_raw(&fixture, "empty.db", 0, 1, "is empty, and the content of the -wal beside it");
    fixture_stop(&fixture);
}

static void large_ones_are_checked_less(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t bytes;
    fixture_start(&fixture, "check-limit=64K\n");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 400);
    char *data = read_file(home_file(&fixture, "x.db"), &bytes);
    memset(data + 20 * PAGE, 0x55, PAGE);
    write_file(home_file(&fixture, "bad.db"), data, bytes);
    assert_int_equal(take(&fixture, "bad.db", "out"), HB_OK); /* a backup does not read the pages */
    assert_check(&fixture, "bad.db", HB_SOUNDNESS_UNSOUND);   /* but these do */
    assert_check(&fixture, "x.db", HB_SOUNDNESS_NOT_CHECKED);
    write_file(home_file(&fixture, "cut.db"), data, bytes - 8192);
    assert_check(&fixture, "cut.db", HB_SOUNDNESS_UNSOUND);
    fixture.fake.notes = 0;
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_int_equal(fixture.fake.notes, 1);
    free(data);
    fixture_stop(&fixture);
}

/* A database that opens, but of which a check finds pages that are none. */
static void make_unsound(const struct fixture *fixture, const char *name, const char *mode)
{
    size_t bytes;
    make_database(home_file(fixture, name), mode, 4096, 400);
    char *data = read_file(home_file(fixture, name), &bytes);
    memset(data + 80 * PAGE, 0x55, 40 * PAGE);
    write_file(home_file(fixture, name), data, bytes);
    free(data);
}

/* Broken, with commits in the log: the snapshot has them, the bare file would not. */
static void unsound_with_a_log(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    make_unsound(&fixture, "x.db", "wal");
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "INSERT INTO account VALUES (101, 9, 0)");
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_int_equal(fixture.fake.doubtful, 1);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100009");
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* A host of an earlier release knows open() alone, and must not get an unsound copy for a sound
 * one. */
static void host_that_does_not_judge(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "good.db"), "delete", 4096, 400);
    make_unsound(&fixture, "bad.db", "delete");
    struct hb_entry good = entry_of("good.db"), bad = entry_of("bad.db");
    struct hb_source source = {.size = sizeof source};
    assert_int_equal(fixture.ops->open(fixture.self, &good, &source), HB_OK);
    assert_int_equal(source.soundness, HB_SOUNDNESS_SOUND);
    source.close(&source);
    source = (struct hb_source){.size = sizeof source};
    assert_int_equal(fixture.ops->open(fixture.self, &bad, &source), HB_STATUS_NOMATCH);
    assert_int_equal(fixture.fake.doubtful, 1);
    fixture_stop(&fixture); /* nothing may be left in the stage */
}

/* ---- databases in use ------------------------------------------------------------ */

static void whole_transactions_only(const char *mode, int runs)
{
    struct fixture fixture;
    struct actor actors[2];
    char counter[2][300];
    fixture_start(&fixture, "check-limit=0\n");
    make_database(home_file(&fixture, "x.db"), mode, 4096, 40000);
    for (int i = 0; i < 2; i++) {
        actor_start(&actors[i], home_file(&fixture, "x.db"));
        actor_ask(&actors[i], "PRAGMA synchronous = OFF");
        snprintf(counter[i], sizeof counter[i], "%s/counter%d", fixture.fake.home, i);
        actor_move(&actors[i], counter[i]);
    }
    for (int run = 0; run < runs; run++) {
        int64_t before = actor_commits(&actors[0]) + actor_commits(&actors[1]), now = before;
        /* A rollback-journal writer waits while a snapshot reads, so there it takes several. */
        for (int round = 0; now - before < 100; round++) {
            if (round == (strcmp(mode, "wal") == 0 ? 1 : 200))
                fail_msg("%s: only %lld commits during a run", mode, (long long)(now - before));
            if (take(&fixture, "x.db", "out") != HB_OK)
                fail_msg("%s %s", fixture.fake.message, fixture.fake.report);
            now = actor_commits(&actors[0]) + actor_commits(&actors[1]);
            assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
        }
        assert_string_equal(value_in(home_file(&fixture, "out"), check), "ok");
    }
    for (int i = 0; i < 2; i++) {
        actor_halt(&actors[i]);
        actor_stop(&actors[i]);
    }
    fixture_stop(&fixture);
}

static void while_others_commit_wal(void **state)
{
    (void)state;
    whole_transactions_only("wal", 8);
}

static void while_others_commit_rollback(void **state)
{
    (void)state;
    whole_transactions_only("delete", 3);
}

static void locked_for_ever(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "wait=1\n");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "BEGIN EXCLUSIVE");
    double start = seconds();
    assert_int_equal(take(&fixture, "x.db", "out"), HB_STATUS_ENTRY);
    double waited = seconds() - start;
    if (waited < 0.9 || waited > 20)
        fail_msg("waited %.2f s for a bound of 1 s", waited);
    assert_string_equal(fixture.fake.message,
                        "database is locked (waited 1 s); stored nothing for it");
    fixture.fake.remaining_ms = 0;
    start = seconds();
    assert_int_equal(take(&fixture, "x.db", "out"), HB_STATUS_ENTRY);
    assert_true(seconds() - start < 0.9);
    actor_ask(&actor, "ROLLBACK");
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    actor_stop(&actor);
    fixture_stop(&fixture);

    fixture_start(&fixture, "wait=0\nlocked=raw\n");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "BEGIN EXCLUSIVE");
    expect_raw(&fixture, "x.db", 0, 1, "stored raw: database is locked");
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* ---- stopping, and who goes first ------------------------------------------------ */

static void cancel_at_first_progress(const struct hb_host *host, const struct hb_entry *entry,
                                     uint64_t done, uint64_t all)
{
    struct fake_host *fake = host->self;
    (void)entry;
    if (done > 0 && done < all)
        atomic_store(&fake->cancel, 1);
}

static void cancelled_under_way(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "snapshot=copy\n");
        fixture.fake.host.progress = cancel_at_first_progress;
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 20000);
        assert_int_equal(take(&fixture, "x.db", "out"), HB_STATUS_CANCELLED);
        assert_false(exists(home_file(&fixture, "out")));
        assert_names(&fixture, "x.db", "x.db");
        fixture_stop(&fixture); /* fails if the staged copy is still there */
    }
}

/* Another database gets the name while its file is copied. */
static void replace_at_first_progress(const struct hb_host *host, const struct hb_entry *entry,
                                      uint64_t done, uint64_t all)
{
    const struct fake_host *fake = host->self;
    char from[600], to[600];
    (void)entry;
    (void)done;
    (void)all;
    snprintf(from, sizeof from, "%s/next", fake->home);
    snprintf(to, sizeof to, "%s/x.db", fake->home);
    (void)rename(from, to); /* again: there is none any more */
}

static void replaced_while_copied(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "snapshot=copy\n");
    fixture.fake.host.progress = replace_at_first_progress;
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 4000);
    make_database(home_file(&fixture, "next"), "delete", 4096, 10);
    actor_start(&actor, home_file(&fixture, "next"));
    actor_ask(&actor, "UPDATE account SET money = 7");
    const char *next = actor_ask(&actor, total);
    assert_string_not_equal(next, "100000");
    char *expected = strdup(next);
    actor_stop(&actor);
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_false(exists(home_file(&fixture, "next")));
    assert_string_equal(value_in(home_file(&fixture, "out"), total), expected);
    free(expected);
    fixture_stop(&fixture);
}

static struct actor *waiting_writer;

static void let_a_writer_wait(const struct hb_host *host, const struct hb_entry *entry,
                              uint64_t done, uint64_t all)
{
    (void)host;
    (void)entry;
    (void)all;
    if (done > 0 && waiting_writer != NULL) {
        actor_ask(waiting_writer, "BEGIN IMMEDIATE");
        waiting_writer = NULL;
    }
}

static void a_writer_is_not_held_up_for_long(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "wait=0\nsnapshot=copy\n");
    fixture.fake.host.progress = let_a_writer_wait;
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 30000);
    actor_start(&actor, home_file(&fixture, "x.db"));
    waiting_writer = &actor;
    assert_int_equal(take(&fixture, "x.db", "out"), HB_STATUS_ENTRY);
    assert_non_null(strstr(fixture.fake.message, "needed by a writer"));
    actor_ask(&actor, "INSERT INTO account VALUES (101, 1, 0)");
    assert_string_equal(actor_ask(&actor, "COMMIT"), "");
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* ---- without locks: nobody had it open when the copy began ------------------------- */

static void (*meanwhile)(const struct fake_host *fake);

static void once_under_way(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                           uint64_t all)
{
    void (*act)(const struct fake_host *) = meanwhile;
    (void)entry;
    if (act == NULL || done == 0 || done == all)
        return;
    meanwhile = NULL;
    act(host->self);
}

static void a_program_commits(const struct fake_host *fake)
{
    struct actor actor;
    char path[600];
    snprintf(path, sizeof path, "%s/x.db", fake->home);
    actor_start(&actor, path);
    actor_ask(&actor, "UPDATE account SET money = 7");
    actor_stop(&actor);
}

/* In place, and with size and time put back. */
static void a_tool_overwrites(const struct fake_host *fake)
{
    struct stat before, after;
    char next[600], path[600];
    snprintf(next, sizeof next, "%s/next", fake->home);
    snprintf(path, sizeof path, "%s/x.db", fake->home);
    assert_int_equal(stat(path, &before), 0);
    copy_file(next, path);
    assert_int_equal(
        utimensat(AT_FDCWD, path, (struct timespec[]){before.st_atim, before.st_mtim}, 0), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
}

static void changed_while_copied_without_locks(void **state)
{
    (void)state;
    static void (*const changes[])(const struct fake_host *) = {a_program_commits,
                                                                a_tool_overwrites};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), "wal", 4096, 12000); /* more than one step */
        copy_file(home_file(&fixture, "x.db"), home_file(&fixture, "next"));
        value_in(home_file(&fixture, "next"), "UPDATE account SET money = 7");
        meanwhile = changes[i];
        fixture.fake.host.progress = once_under_way;
        assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
        assert_null(meanwhile);
        assert_string_equal(value_in(home_file(&fixture, "out"), total), "700");
        fixture_stop(&fixture);
    }
}

/* ---- identity -------------------------------------------------------------------- */

/* Right after a commit it cannot be told yet: ask until it can. */
static void identity_of(struct fixture *fixture, unsigned char identity[32])
{
    struct hb_entry entry = entry_of("x.db");
    int status;
    memset(identity, 0, 32);
    while ((status = fixture->ops->identity(fixture->self, &entry, identity)) == HB_STATUS_NOMATCH)
        sched_yield();
    assert_int_equal(status, HB_OK);
}

static void identity_follows_commits(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    unsigned char old[32], new[32];
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "INSERT INTO account VALUES (101, 0, 0)");
    for (int i = 0; i < 20; i++) {
        identity_of(&fixture, old);
        identity_of(&fixture, new);
        assert_memory_equal(old, new, 32);
        actor_ask(&actor, "SELECT count(*) FROM account");
        identity_of(&fixture, new);
        assert_memory_equal(old, new, 32);
        actor_ask(&actor, "UPDATE account SET money = money + 1 WHERE id = 101");
        identity_of(&fixture, new);
        assert_memory_not_equal(old, new, 32);
    }
    actor_stop(&actor);
    fixture_stop(&fixture);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* As long as another change may leave the same times. */
static void what_changed_just_now_has_no_identity(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned char identity[32];
    struct hb_entry entry = entry_of("x.db");
    int young = 0;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    int fd = open(home_file(&fixture, "x.db"), O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 100; i++) {
        struct stat found;
        struct timespec clock;
        assert_int_equal(pwrite(fd, &i, sizeof i, 3 * PAGE), sizeof i);
        int status = fixture.ops->identity(fixture.self, &entry, identity);
        clock_gettime(CLOCK_REALTIME_COARSE, &clock);
        assert_int_equal(fstat(fd, &found), 0);
        if (is_before(&found.st_ctim, &clock)) /* the clock has moved on since */
            continue;
        assert_int_equal(status, HB_STATUS_NOMATCH);
        young++;
    }
    assert_true(young > 0);
    close(fd);
    identity_of(&fixture, identity);
    fixture_stop(&fixture);
}

/*
 * A file system that counts in seconds, in a mount namespace of a child: inodes of 128 bytes have
 * no room for more. 77: not permitted here.
 */
static bool count_in_seconds(const char *home)
{
    char command[1400];
    snprintf(command, sizeof command,
             "PATH=$PATH:/usr/sbin:/sbin; truncate -s 16M '%s/image' && "
             "mkfs.ext2 -q -F -I 128 '%s/image' && mount -o loop '%s/image' '%s'",
             home, home, home, home);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           system(command) == 0;
}

/* Commits into room that the log has already: its size, its times and its header stay. */
static int commits_within_a_second(struct fixture *fixture)
{
    struct actor actor;
    unsigned char before[32], after[32];
    struct stat old = {0}, new;
    int alike = 0;
    if (!count_in_seconds(fixture->fake.home))
        return 77;
    make_database(home_file(fixture, "x.db"), "wal", 4096, 200);
    actor_start(&actor, home_file(fixture, "x.db"));
    actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
    actor_ask(&actor, "UPDATE filler SET data = randomblob(1000)");
    actor_ask(&actor, "PRAGMA wal_checkpoint(RESTART)");
    for (int i = 0; i < 30; i++) {
        actor_ask(&actor, "UPDATE account SET money = money + 1 WHERE id = 1");
        identity_of(fixture, after);
        assert_int_equal(stat(home_file(fixture, "x.db-wal"), &new), 0);
        if (new.st_size == old.st_size &&new.st_ctim.tv_sec == old.st_ctim.tv_sec) {
            alike++;
            assert_memory_not_equal(before, after, sizeof after);
        }
        memcpy(before, after, sizeof before);
        old = new;
    }
    actor_stop(&actor);
    return alike > 0 ? 0 : 1;
}

static void commits_that_no_time_tells_of(void **state)
{
    (void)state;
    struct fixture fixture;
    int status;
    fixture_start(&fixture, "");
    pid_t child = fork();
    if (child == 0)
        _exit(commits_within_a_second(&fixture));
    waitpid(child, &status, 0);
    fixture_stop(&fixture);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("a file system in a file cannot be mounted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- facts ------------------------------------------------------------------------- */

/* What fact() says of number `index`; of HB_OK the value. */
static void expect_fact(const struct fixture *fixture, const struct hb_source *source, size_t index,
                        int status, const char *name, int64_t value)
{
    struct hb_entry entry = entry_of("x.db");
    struct hb_fact fact = {.size = sizeof fact};
    int got = fixture->ops->fact(fixture->self, &entry, source, index, &fact);
    if (got != status)
        fail_msg("fact %zu: %d, not %d: %s", index, got, status, fixture->fake.message);
    if (status != HB_OK)
        return;
    assert_string_equal(fact.name, name);
    assert_int_equal(fact.value, value);
}

/* Of the copy, whatever is written to the database meanwhile. */
static void rows_are_counted_in_the_copy(void **state)
{
    static const char *const modes[] = {"wal", "delete"};
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct fixture fixture;
        struct hb_source source = {.size = sizeof source, .fd = -1};
        struct hb_entry entry = entry_of("x.db");
        fixture_start(&fixture, "count=t no-such v ACCOUNT f a\"b\n");
        const char *path = home_file(&fixture, "x.db");
        make_database(path, modes[i], 4096, 10);
        value_in(path, "CREATE TABLE t(a)");
        value_in(path, "INSERT INTO t VALUES (1), (2), (3)");
        value_in(path, "CREATE VIEW v AS SELECT 1");
        value_in(path, "CREATE TABLE \"a\"\"b\"(x)");
        entry.bytes = 1;
        assert_int_equal(open_judged(&fixture, &entry, &source), HB_OK);
        value_in(path, "INSERT INTO t VALUES (4)");
        expect_fact(&fixture, &source, 0, HB_OK, "t", 3);
        expect_fact(&fixture, &source, 1, HB_STATUS_NOMATCH, NULL, 0);
        expect_fact(&fixture, &source, 2, HB_STATUS_NOMATCH, NULL, 0);
        expect_fact(&fixture, &source, 3, HB_OK, "ACCOUNT", 100);
        expect_fact(&fixture, &source, 4, HB_STATUS_NOMATCH, NULL, 0);
        expect_fact(&fixture, &source, 5, HB_OK, "a\"b", 0);
        expect_fact(&fixture, &source, 6, HB_STATUS_END, NULL, 0);
        assert_string_equal(value_in(path, "SELECT count(*) FROM t"), "4");
        source.close(&source);
        fixture_stop(&fixture);
    }
}

/* The plugin says why, and nothing else is lost. */
static void a_table_that_cannot_be_counted(void **state)
{
    (void)state;
    struct fixture fixture;
    struct hb_source source = {.size = sizeof source, .fd = -1};
    struct hb_entry entry = entry_of("x.db");
    fixture_start(&fixture, "count=t\nsnapshot=copy\n");
    const char *path = home_file(&fixture, "x.db");
    make_database(path, "delete", 4096, 10);
    value_in(path, "CREATE TABLE t(a)");
    assert_int_equal(open_judged(&fixture, &entry, &source), HB_OK);
    fixture.fake.cancel = 1;
    struct hb_fact fact = {.size = sizeof fact};
    int status = fixture.ops->fact(fixture.self, &entry, &source, 0, &fact);
    assert_true(status == HB_STATUS_CANCELLED ||
                status == HB_OK); /* if it was done before it looked */
    fixture.fake.cancel = 0;
    assert_int_equal(ftruncate(source.fd, 4096), 0);
    expect_fact(&fixture, &source, 0, HB_STATUS_ENTRY, NULL, 0);
    assert_non_null(strstr(fixture.fake.message, "the rows of table t cannot be counted: "));
    source.close(&source);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_by_suffix),
        cmocka_unit_test(rows_are_counted_in_the_copy),
        cmocka_unit_test(a_table_that_cannot_be_counted),
        cmocka_unit_test(idle_databases),
        cmocka_unit_test(odd_names),
        cmocka_unit_test(long_path),
        cmocka_unit_test(log_is_read_and_left_alone),
        cmocka_unit_test(hot_journal),
        cmocka_unit_test(hot_journal_that_names_another_file),
        cmocka_unit_test(log_that_goes_away),
        cmocka_unit_test(read_only_home),
        cmocka_unit_test(no_databases),
        cmocka_unit_test(logs_beside_what_is_no_database),
        cmocka_unit_test(large_ones_are_checked_less),
        cmocka_unit_test(unsound_with_a_log),
        cmocka_unit_test(host_that_does_not_judge),
        cmocka_unit_test(while_others_commit_wal),
        cmocka_unit_test(while_others_commit_rollback),
        cmocka_unit_test(locked_for_ever),
        cmocka_unit_test(cancelled_under_way),
        cmocka_unit_test(replaced_while_copied),
        cmocka_unit_test(a_writer_is_not_held_up_for_long),
        cmocka_unit_test(changed_while_copied_without_locks),
        cmocka_unit_test(identity_follows_commits),
        cmocka_unit_test(what_changed_just_now_has_no_identity),
        cmocka_unit_test(commits_that_no_time_tells_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

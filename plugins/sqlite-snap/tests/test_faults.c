/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restores and snapshots that are killed, and whose every write fails in turn: the target is
 * the old database or the new one, never a mixture, and no success is reported that was none. Every
 * point with HBCORE_FULL=1, some of them else.
 */
#include "fault_vfs.h"
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OLD_SUM = 100, NEW_SUM = 100000, FEW = 12 };

static const char check[] = "PRAGMA integrity_check";
static const char all[] = "SELECT sum(money) || ' ' || count(*) || ' ' || count(DISTINCT pad) "
                          "FROM account";

/* A target to restore into, as files "keep…" of the home. */
struct target {
    const char *what;
    const char *journal_mode;
    int page_size;
    bool log; /* the last program crashed: its commits are in the log */
};

static const struct target targets[] = {
    {"rollback", "delete", 4096, false},
    {"rollback, other page size", "delete", 1024, false},
    {"wal", "wal", 4096, false},
    {"wal with a log", "wal", 4096, true},
    {"wal, other page size", "wal", 1024, false},
    {"wal with a log, other page size", "wal", 1024, true},
};

enum { TARGETS = sizeof targets / sizeof targets[0] };

static const char *const sides[] = {"", "-wal", "-shm", "-journal"};

static long step_of(long points)
{
    const char *full = getenv("HBCORE_FULL");
    if (full != NULL && strcmp(full, "1") == 0)
        return 1;
    return points / FEW < 1 ? 1 : points / FEW;
}

static void copy_sides(const struct fixture *fixture, const char *from, const char *to)
{
    for (int i = 0; i < 4; i++) {
        char from_name[40], to_name[40];
        snprintf(from_name, sizeof from_name, "%s%s", from, sides[i]);
        snprintf(to_name, sizeof to_name, "%s%s", to, sides[i]);
        unlink(home_file(fixture, to_name));
        if (exists(home_file(fixture, from_name)))
            copy_file(home_file(fixture, from_name), home_file(fixture, to_name));
    }
}

static void make_target(const struct fixture *fixture, const struct target *target)
{
    struct actor actor;
    make_database(home_file(fixture, "x.db"), target->journal_mode, target->page_size, 60);
    actor_start(&actor, home_file(fixture, "x.db"));
    actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
    actor_ask(&actor, "UPDATE account SET money = 1");
    if (target->log)
        actor_kill(&actor);
    else
        actor_stop(&actor);
    copy_sides(fixture, "x.db", "keep");
    make_database(home_file(fixture, "new"), "wal", 4096, 20);
    value_in(home_file(fixture, "new"), "UPDATE account SET pad = zeroblob(2400)");
}

static void empty_stage(const struct fixture *fixture)
{
    DIR *directory = opendir(fixture->fake.stage);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
}

/* Old or new, whole; returns which. The next program to open it recovers it. */
static int64_t state_of(const struct fixture *fixture, const char *what, long at)
{
    const char *seen = value_in(home_file(fixture, "x.db"), all);
    long long sum = atoll(seen);
    if ((sum != OLD_SUM || strcmp(seen, "100 100 1") != 0) &&
        (sum != NEW_SUM || strcmp(seen, "100000 100 1") != 0))
        fail_msg("%s, point %ld: %s", what, at, seen);
    const char *sound = value_in(home_file(fixture, "x.db"), check);
    if (strcmp(sound, "ok") != 0)
        fail_msg("%s, point %ld: %s", what, at, sound);
    return sum;
}

static void expect_restore(struct fixture *fixture, const char *what, long at)
{
    if (put_back(fixture, "new", "x.db") != HB_RESTORE_DONE)
        fail_msg("%s, after point %ld: %s", what, at, fixture->fake.message);
    assert_int_equal(state_of(fixture, what, at), NEW_SUM);
}

/* In a child; how many points a restore has, or whether it died (-1). */
static long restore_in_child(struct fixture *fixture, enum fault fault, long at)
{
    int status, count[2];
    long points = -1;
    assert_int_equal(pipe(count), 0);
    pid_t child = fork();
    if (child == 0) {
        fault_vfs_arm(fault, at);
        int result = put_back(fixture, "new", "x.db");
        points = fault_vfs_points();
        _exit(result == HB_RESTORE_DONE && write(count[1], &points, sizeof points) == sizeof points
                  ? 0
                  : 1);
    }
    close(count[1]);
    waitpid(child, &status, 0);
    if (read(count[0], &points, sizeof points) != sizeof points)
        points = -1;
    close(count[0]);
    empty_stage(fixture);
    if (points < 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        fail_msg("point %ld: it ended with %d", at, status);
    return points;
}

static void kill_sweep(const struct target *target)
{
    struct fixture fixture;
    int old = 0, new = 0;
    fixture_start(&fixture, "wait=2\n");
    make_target(&fixture, target);
    long points = restore_in_child(&fixture, FAULT_NONE, 0);
    assert_true(points > 10);
    for (long at = 1; at <= points; at += step_of(points)) {
        for (int torn = 0; torn < 2; torn++) {
            copy_sides(&fixture, "keep", "x.db");
            if (restore_in_child(&fixture, torn ? FAULT_TORN : FAULT_KILL, at) >= 0 && !torn)
                fail_msg("%s, point %ld: was not killed", target->what, at);
            if (state_of(&fixture, target->what, at) == OLD_SUM)
                old++;
            else
                new ++;
        }
        copy_sides(&fixture, "keep", "x.db");
        restore_in_child(&fixture, FAULT_KILL, at);
        expect_restore(&fixture, target->what, at);
    }
    print_message("%s: %ld points; after a kill %d times old, %d times new\n", target->what, points,
                  old, new);
    assert_true(old > 0);
    fixture_stop(&fixture);
}

static void killed_restores(void **state)
{
    (void)state;
    for (int i = 0; i < TARGETS; i++)
        kill_sweep(&targets[i]);
}

/* One write that fails, or all from there on, while another program has the database open. */
static void fail_once(struct fixture *fixture, const struct target *target, enum fault fault,
                      long at, bool in_use)
{
    struct actor actor;
    copy_sides(fixture, "keep", "x.db");
    if (in_use) {
        actor_start(&actor, home_file(fixture, "x.db"));
        actor_ask(&actor, all);
    }
    fault_vfs_arm(fault, at);
    int status = put_back(fixture, "new", "x.db");
    fault_vfs_arm(FAULT_NONE, 0);
    if (status != HB_RESTORE_DONE && status != HB_STATUS_ENTRY && status != HB_STATUS_LATER)
        fail_msg("%s, point %ld: status %d", target->what, at, status);
    if (in_use) {
        const char *seen = actor_ask(&actor, all);
        bool is_old = strcmp(seen, "100 100 1") == 0, is_new = strcmp(seen, "100000 100 1") == 0;
        bool said_old = strstr(fixture->fake.message, "left as it was") != NULL;
        if (status == HB_RESTORE_DONE ? !is_new : !(is_old || (is_new && !said_old)))
            fail_msg("%s, point %ld: status %d, but the other program sees %s", target->what, at,
                     status, seen);
        actor_kill(&actor);
    }
    if (state_of(fixture, target->what, at) != NEW_SUM && status == HB_RESTORE_DONE)
        fail_msg("%s, point %ld: a success that was none", target->what, at);
    expect_restore(fixture, target->what, at);
}

static void failing_restores(void **state)
{
    (void)state;
    for (int i = 0; i < TARGETS; i++) {
        struct fixture fixture;
        bool in_use =
            strcmp(targets[i].journal_mode, "delete") == 0 || targets[i].page_size == 4096;
        fixture_start(&fixture, "wait=2\n");
        make_target(&fixture, &targets[i]);
        copy_sides(&fixture, "keep", "x.db");
        fault_vfs_arm(FAULT_NONE, 0);
        assert_int_equal(put_back(&fixture, "new", "x.db"), HB_RESTORE_DONE);
        long points = fault_vfs_points();
        for (long at = 1; at <= points; at += step_of(points)) {
            fail_once(&fixture, &targets[i], FAULT_ERROR, at, in_use);
            fail_once(&fixture, &targets[i], FAULT_LASTING, at, false);
        }
        print_message("%s: %ld points\n", targets[i].what, points);
        fixture_stop(&fixture);
    }
}

/* SQLite does not notice that it is still in WAL mode then, where no page size can change. */
static void a_log_that_cannot_be_removed(void **state)
{
    (void)state;
    for (int i = 0; i < TARGETS; i++) {
        struct fixture fixture;
        if (strcmp(targets[i].journal_mode, "wal") != 0 || targets[i].page_size == 4096)
            continue;
        fixture_start(&fixture, "wait=2\n");
        make_target(&fixture, &targets[i]);
        copy_sides(&fixture, "keep", "x.db");
        fault_vfs_arm(FAULT_LOG_STAYS, 0);
        assert_int_equal(put_back(&fixture, "new", "x.db"), HB_STATUS_ENTRY);
        fault_vfs_arm(FAULT_NONE, 0);
        assert_non_null(strstr(fixture.fake.message, "-wal cannot be removed"));
        assert_int_equal(state_of(&fixture, targets[i].what, 0), OLD_SUM);
        expect_restore(&fixture, targets[i].what, 0);
        fixture_stop(&fixture);
    }
}

/* A commit that could not be flushed may hold or not: that is said, and not "as it was". */
static void flushes_that_fail(void **state)
{
    (void)state;
    int new = 0;
    for (int i = 0; i < TARGETS; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "wait=2\n");
        make_target(&fixture, &targets[i]);
        copy_sides(&fixture, "keep", "x.db");
        fault_vfs_arm(FAULT_FLUSH, 0);
        int status = put_back(&fixture, "new", "x.db");
        fault_vfs_arm(FAULT_NONE, 0);
        if (status != HB_STATUS_LATER ||
            strstr(fixture.fake.message, "may be the old or the new database") == NULL)
            fail_msg("%s: %d, \"%s\"", targets[i].what, status, fixture.fake.message);
        new += state_of(&fixture, targets[i].what, 0) == NEW_SUM;
        expect_restore(&fixture, targets[i].what, 0);
        fixture_stop(&fixture);
    }
    print_message("%d of %d were the new one\n", new, TARGETS);
}

/* The staged side fails: nothing is stored for it, and what is there stays as it was. */
static void failing_snapshots(void **state)
{
    (void)state;
    for (int i = 0; i < TARGETS; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "wait=2\n");
        make_target(&fixture, &targets[i]);
        copy_sides(&fixture, "keep", "x.db");
        unlink(home_file(&fixture, "x.db-shm"));
        fault_vfs_arm(FAULT_NONE, 0);
        assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
        long points = fault_vfs_points();
        char *before = names_like(&fixture, "x.db");
        for (long at = 1; at <= points; at += step_of(points)) {
            for (int lasting = 0; lasting < 2; lasting++) {
                fault_vfs_arm(lasting ? FAULT_LASTING : FAULT_ERROR, at);
                int status = take(&fixture, "x.db", "out");
                fault_vfs_arm(FAULT_NONE, 0);
                if (status == HB_OK)
                    assert_string_equal(value_in(home_file(&fixture, "out"), all), "100 100 1");
                else if (status != HB_STATUS_ENTRY)
                    fail_msg("%s, point %ld: status %d, \"%s\"", targets[i].what, at, status,
                             fixture.fake.report);
                char *after = names_like(&fixture, "x.db");
                assert_string_equal(after, before);
                free(after);
            }
        }
        print_message("%s: %ld points\n", targets[i].what, points);
        free(before);
        fixture_stop(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_restores),
        cmocka_unit_test(failing_restores),
        cmocka_unit_test(a_log_that_cannot_be_removed),
        cmocka_unit_test(flushes_that_fail),
        cmocka_unit_test(failing_snapshots),
    };
    fault_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

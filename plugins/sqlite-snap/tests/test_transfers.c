/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes move money between accounts while databases are copied and put back. The sum never
 * changes, so a copy or a reader that sees another one saw a mixture. Many rounds with
 * HBCORE_FULL=1.
 */
#include "fixture.h"

#include <inttypes.h>
#include <sched.h>
#include <sys/stat.h>

enum { ACTORS = 4, OVERLAP = 100, WAIT_S = 30 };

static const char total[] = "SELECT sum(money) FROM account";
static const char check[] = "PRAGMA integrity_check";

static struct actor actors[ACTORS];

static int rounds_of(int few)
{
    const char *full = getenv("HBCORE_FULL");
    return full != NULL && strcmp(full, "1") == 0 ? 200 : few;
}

static int64_t sum_of(enum actor_slot slot)
{
    int64_t sum = 0;
    for (int i = 0; i < ACTORS; i++)
        sum += actor_count(&actors[i], slot);
    return sum;
}

static int64_t longest_ms(void)
{
    int64_t longest = 0;
    for (int i = 0; i < ACTORS; i++) {
        int64_t its = actor_count(&actors[i], ACTOR_LONGEST_US) / 1000;
        longest = its > longest ? its : longest;
    }
    return longest;
}

static void start_all(const struct fixture *fixture, void (*begin)(struct actor *, const char *))
{
    for (int i = 0; i < ACTORS; i++) {
        char counter[300];
        actor_start(&actors[i], home_file(fixture, "x.db"));
        actor_ask(&actors[i], "PRAGMA synchronous = OFF");
        snprintf(counter, sizeof counter, "%s/counter%d", fixture->fake.home, i);
        begin(&actors[i], counter);
    }
}

static void halt_all(void)
{
    for (int i = 0; i < ACTORS; i++)
        actor_halt(&actors[i]);
}

static void stop_all(void)
{
    for (int i = 0; i < ACTORS; i++)
        actor_stop(&actors[i]);
}

/* ---- snapshots ------------------------------------------------------------------- */

static int64_t commits_before;
static int64_t overlapped;

/* In WAL mode writers go on while a snapshot reads: it goes on once enough of them have. */
static void wait_for_commits(const struct hb_host *host, const struct hb_entry *entry,
                             uint64_t done, uint64_t all)
{
    (void)host;
    (void)entry;
    if (done == 0 || done >= all)
        return;
    while ((overlapped = sum_of(ACTOR_COMMITS) - commits_before) < OVERLAP)
        sched_yield();
}

static void take_one(struct fixture *fixture)
{
    if (take(fixture, "x.db", "out") != HB_OK)
        fail_msg("%s %s", fixture->fake.message, fixture->fake.report);
    assert_string_equal(value_in(home_file(fixture, "out"), total), "100000");
    assert_string_equal(value_in(home_file(fixture, "out"), check), "ok");
}

static void snapshots_of_wal(void **state)
{
    (void)state;
    struct fixture fixture;
    int rounds = rounds_of(10);
    int64_t fewest = INT64_MAX;
    fixture_start(&fixture, "snapshot=copy\n");
    fixture.fake.host.progress = wait_for_commits;
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 12000);
    start_all(&fixture, actor_move);
    for (int round = 0; round < rounds; round++) {
        commits_before = sum_of(ACTOR_COMMITS);
        overlapped = 0;
        take_one(&fixture);
        assert_true(overlapped >= OVERLAP);
        fewest = overlapped < fewest ? overlapped : fewest;
    }
    print_message("%d snapshots, at least %" PRId64 " commits during each; longest transaction "
                  "%" PRId64 " ms\n",
                  rounds, fewest, longest_ms());
    halt_all();
    stop_all();
    assert_int_equal(fixture.fake.doubtful, 0);
    fixture_stop(&fixture);
}

/* Here a snapshot holds up commits: those count that were made while snapshots came and went. */
static void snapshots_of_rollback(void **state)
{
    (void)state;
    struct fixture fixture;
    int rounds = rounds_of(5), taken = 0;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 12000);
    start_all(&fixture, actor_move);
    for (int round = 0; round < rounds; round++) {
        int64_t before = sum_of(ACTOR_COMMITS);
        do {
            take_one(&fixture);
            taken++;
        } while (sum_of(ACTOR_COMMITS) - before < OVERLAP);
    }
    print_message("%d times 100 commits, %d snapshots; longest transaction %" PRId64 " ms, %" PRId64
                  " were locked out\n",
                  rounds, taken, longest_ms(), sum_of(ACTOR_BUSY));
    assert_true(longest_ms() < WAIT_S * 1000);
    assert_int_equal(sum_of(ACTOR_BUSY), 0);
    halt_all();
    stop_all();
    assert_int_equal(fixture.fake.doubtful, 0);
    fixture_stop(&fixture);
}

/* ---- restores -------------------------------------------------------------------- */

/* A copy of its own size whose accounts are all of this generation. */
static void make_generation(const struct fixture *fixture, const char *name, int generation)
{
    char sql[128];
    make_database(home_file(fixture, name), "delete", 4096, generation * 1500);
    snprintf(sql, sizeof sql, "UPDATE account SET pad = CAST(printf('%%02500d', %d) AS BLOB)",
             generation);
    value_in(home_file(fixture, name), sql);
}

static void expect_landing(const struct fixture *fixture, struct actor *actor, const char *mark)
{
    char sql[160];
    snprintf(sql, sizeof sql, "INSERT INTO filler VALUES ('%s')", mark);
    assert_string_equal(actor_ask(actor, sql), "");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM filler WHERE data = '%s'", mark);
    assert_string_equal(value_in(home_file(fixture, "x.db"), sql), "1");
}

static void wait_for_everybody(void)
{
    int64_t commits[ACTORS], reads[ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        commits[i] = actor_commits(&actors[i]);
        reads[i] = actor_count(&actors[i], ACTOR_READS);
    }
    for (int i = 0; i < ACTORS; i++)
        while (actor_commits(&actors[i]) == commits[i] ||
               actor_count(&actors[i], ACTOR_READS) == reads[i])
            sched_yield();
}

static void restores_into(const char *mode, int rounds)
{
    struct fixture fixture;
    struct actor witness;
    struct stat before, after;
    char mark[40];
    fixture_start(&fixture, "");
    make_generation(&fixture, "copy1", 1);
    make_generation(&fixture, "copy2", 2);
    make_database(home_file(&fixture, "x.db"), mode, 4096, 2000);
    assert_int_equal(stat(home_file(&fixture, "x.db"), &before), 0);
    actor_start(&witness, home_file(&fixture, "x.db"));
    actor_ask(&witness, "SELECT count(*) FROM account");
    start_all(&fixture, actor_watch);
    int64_t reads = sum_of(ACTOR_READS);
    for (int round = 0; round < rounds; round++) {
        if (put_back(&fixture, round % 2 == 0 ? "copy1" : "copy2", "x.db") != HB_RESTORE_DONE)
            fail_msg("%s, round %d: %s", mode, round, fixture.fake.message);
        snprintf(mark, sizeof mark, "round %d", round);
        expect_landing(&fixture, &witness, mark);
        wait_for_everybody();
    }
    print_message("%s: %d restores, %" PRId64 " reads, %" PRId64 " commits; longest transaction "
                  "%" PRId64 " ms, %" PRId64 " times locked\n",
                  mode, rounds, sum_of(ACTOR_READS) - reads, sum_of(ACTOR_COMMITS), longest_ms(),
                  sum_of(ACTOR_BUSY));
    halt_all();
    for (int i = 0; i < ACTORS; i++) {
        snprintf(mark, sizeof mark, "actor %d", i);
        expect_landing(&fixture, &actors[i], mark);
        assert_string_equal(actor_ask(&actors[i], check), "ok");
    }
    stop_all();
    actor_stop(&witness);
    assert_int_equal(stat(home_file(&fixture, "x.db"), &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_string_equal(value_in(home_file(&fixture, "x.db"), check), "ok");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100000");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), "PRAGMA journal_mode"), mode);
    fixture_stop(&fixture);
}

static void restores_into_wal(void **state)
{
    (void)state;
    restores_into("wal", rounds_of(10));
}

static void restores_into_rollback(void **state)
{
    (void)state;
    restores_into("delete", rounds_of(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_of_wal),
        cmocka_unit_test(snapshots_of_rollback),
        cmocka_unit_test(restores_into_wal),
        cmocka_unit_test(restores_into_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

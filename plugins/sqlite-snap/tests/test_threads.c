/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads at databases of one instance, as the workers of a backup are. */
#include "fixture.h"

#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

static const char total[] = "SELECT sum(money) FROM account";

struct job {
    struct fixture *fixture;
    const char *name;
    int status;
    uint64_t bytes;
};

static void *take_in_thread(void *argument)
{
    struct job *job = argument;
    struct hb_entry entry = entry_of(job->name);
    struct hb_source source = {.size = sizeof source};
    job->status = open_judged(job->fixture, &entry, &source);
    if (job->status == HB_OK) {
        job->bytes = source.bytes;
        source.close(&source);
    }
    return NULL;
}

static void several_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "a.db"), "wal", 4096, 3000);
    make_database(home_file(&fixture, "b.db"), "delete", 4096, 3000);
    assert_int_equal(link(home_file(&fixture, "b.db"), home_file(&fixture, "c.db")), 0);
    struct job jobs[6] = {{&fixture, "a.db", 0, 0}, {&fixture, "b.db", 0, 0},
                          {&fixture, "c.db", 0, 0}, {&fixture, "a.db", 0, 0},
                          {&fixture, "b.db", 0, 0}, {&fixture, "c.db", 0, 0}};
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, &jobs[i]), 0);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, HB_OK);
        assert_true(jobs[i].bytes > 3000000);
    }
    fixture_stop(&fixture);
}

struct taker {
    struct fixture *fixture;
    const char *name;
    int rounds;
    char wrong[128]; /* what it saw, or why there was nothing */
};

static void *take_and_look(void *argument)
{
    struct taker *taker = argument;
    struct fixture *fixture = taker->fixture;
    for (int round = 0; round < taker->rounds && taker->wrong[0] == '\0'; round++) {
        struct hb_entry entry = entry_of(taker->name);
        struct hb_source source = {.size = sizeof source};
        long long sum = -1;
        sqlite3 *db = NULL;
        sqlite3_stmt *statement = NULL;
        if (open_judged(fixture, &entry, &source) != HB_OK) {
            snprintf(taker->wrong, sizeof taker->wrong, "no snapshot");
            break;
        }
        unsigned char *image = malloc(source.bytes);
        if (image != NULL &&
            source.read_at(&source, image, source.bytes, 0) == (int64_t)source.bytes &&
            sqlite3_open(":memory:", &db) == SQLITE_OK &&
            sqlite3_deserialize(db, "main", image, (sqlite3_int64)source.bytes,
                                (sqlite3_int64)source.bytes, 0) == SQLITE_OK &&
            sqlite3_prepare_v2(db, total, -1, &statement, NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW)
            sum = sqlite3_column_int64(statement, 0);
        if (sum != 100000)
            snprintf(taker->wrong, sizeof taker->wrong, "round %d: a sum of %lld", round, sum);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        free(image);
        source.close(&source);
    }
    return NULL;
}

/* The one of the fixture is for one thread. */
static void no_note(const struct hb_host *host, const struct hb_entry *entry, const char *format,
                    ...)
{
    (void)host;
    (void)entry;
    (void)format;
}

/* Each looks at the bytes first and closes them again, which would drop the locks of the other. */
static void two_names_of_one_database(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actors[2];
    pthread_t threads[2];
    struct taker takers[2] = {{&fixture, "b.db", 60, ""}, {&fixture, "c.db", 60, ""}};
    fixture_start(&fixture, "check-limit=0\n");
    fixture.fake.host.note = no_note;
    make_database(home_file(&fixture, "b.db"), "delete", 4096, 16000);
    assert_int_equal(link(home_file(&fixture, "b.db"), home_file(&fixture, "c.db")), 0);
    for (int i = 0; i < 2; i++) {
        char counter[300];
        actor_start(&actors[i], home_file(&fixture, "b.db"));
        actor_ask(&actors[i], "PRAGMA synchronous = OFF");
        snprintf(counter, sizeof counter, "%s/counter%d", fixture.fake.home, i);
        actor_move(&actors[i], counter);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_look, &takers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        actor_halt(&actors[i]);
        actor_stop(&actors[i]);
        assert_string_equal(takers[i].wrong, "");
    }
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(two_names_of_one_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

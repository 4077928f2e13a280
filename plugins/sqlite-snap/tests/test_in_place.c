/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases that are read where they lie, in the middle of a crowd (crowd.h). Each image has to be
 * byte for byte what SQLite itself reads in the very same transaction, sound, and with all of the
 * money. Another thread opens and closes the files all the time, which takes SQLite's locks away.
 * 500 of them here, ten times as many with HBCORE_FULL=1.
 */
#include "crowd.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_full(void)
{
    const char *full = getenv("HBCORE_FULL");
    return full != NULL && *full == '1';
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- somebody in our process who opens and closes ----------------------------------- */

struct meddler {
    pthread_t thread;
    atomic_bool stop;
    char path[300];
};

static void *meddle(void *argument)
{
    struct meddler *meddler = argument;
    const struct timespec nap = {.tv_nsec = 300000};
    char index[320];
    snprintf(index, sizeof index, "%s-shm", meddler->path);
    while (!atomic_load(&meddler->stop)) {
        close(open(meddler->path, O_RDONLY | O_CLOEXEC));
        int fd = open(index, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            close(fd);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static void meddler_start(struct meddler *meddler, const char *path)
{
    atomic_init(&meddler->stop, false);
    snprintf(meddler->path, sizeof meddler->path, "%s", path);
    assert_int_equal(pthread_create(&meddler->thread, NULL, meddle, meddler), 0);
}

static void meddler_stop(struct meddler *meddler)
{
    atomic_store(&meddler->stop, true);
    pthread_join(meddler->thread, NULL);
}

/* ---- one view ---------------------------------------------------------------------- */

/* In pieces that fit nothing, from two ends, by two threads, with others at work in between. */
struct half {
    const struct view *view;
    unsigned char *image;
    uint64_t from, to;
    bool good;
};

static void *read_half(void *argument)
{
    struct half *half = argument;
    half->good = true;
    for (uint64_t at = half->from; at < half->to && half->good;) {
        size_t bytes = 1 + (size_t)(at * 7919 % 50000);
        if (bytes > half->to - at)
            bytes = (size_t)(half->to - at);
        half->good = view_read(half->view, half->image + at, bytes, at) == (int64_t)bytes &&
                     view_is_held(half->view);
        at += bytes;
        if (at % 3 == 0)
            sched_yield();
    }
    return NULL;
}

static unsigned char *image_by_two(const struct view *view)
{
    pthread_t thread;
    unsigned char *image = malloc(view->bytes);
    assert_non_null(image);
    struct half halves[2] = {{view, image, 0, view->bytes / 2, false},
                             {view, image, view->bytes / 2, view->bytes, false}};
    assert_int_equal(pthread_create(&thread, NULL, read_half, &halves[1]), 0);
    read_half(&halves[0]);
    pthread_join(thread, NULL);
    if (!halves[0].good || !halves[1].good)
        fail_msg("the view was not held (mark %d, frames %u)", view->mark, view->index.last);
    return image;
}

static void compare_images(const struct view *view, const unsigned char *left,
                           const unsigned char *right, const char *with)
{
    for (uint64_t page = 0; page < view->pages; page++)
        if (memcmp(left + page * view->page_bytes, right + page * view->page_bytes,
                   view->page_bytes) != 0)
            fail_msg("page %llu of %llu differs from %s (mark %d, frames %u, in the file %u)",
                     (unsigned long long)page + 1, (unsigned long long)view->pages, with,
                     view->mark, view->index.last, view->index.backfilled);
}

/* What SQLite itself reads in that transaction. */
static void compare_with_sqlite(struct view *view, const unsigned char *image)
{
    sqlite3_int64 bytes = 0;
    unsigned char *own = sqlite3_serialize(view->connection.db, "main", &bytes, 0);
    if (own == NULL)
        fail_msg("SQLite could not read it itself");
    assert_int_equal(bytes, view->bytes);
    compare_images(view, image, own, "SQLite's own view");
    sqlite3_free(own);
}

static void assert_answer(sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int result = sqlite3_step(statement);
    if (expected == NULL)
        assert_int_equal(result, SQLITE_DONE);
    else if (result == SQLITE_ROW)
        assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
    else
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(statement);
}

/* The image alone, as whoever gets the archive opens it. */
static void assert_sound(unsigned char *image, uint64_t bytes, bool whole)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    image[18] = image[19] = 1; /* an image in memory has no log */
    assert_int_equal(
        sqlite3_deserialize(db, "main", image, (sqlite3_int64)bytes, (sqlite3_int64)bytes, 0),
        SQLITE_OK);
    assert_answer(db, "SELECT sum(money) FROM account", "100000");
    if (whole) {
        assert_answer(db, "PRAGMA integrity_check", "ok");
        assert_answer(db, "INSERT INTO words(words) VALUES('integrity-check')", NULL);
    }
    sqlite3_close(db);
}

/* ---- many -------------------------------------------------------------------------- */

struct tally {
    int images, unsummed, again, of_the_file, of_an_older_mark;
};

/* A pin that is not refused for a reason that a crowd may give. */
static bool pin(struct place *place, struct tally *tally)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    for (double start = seconds(); seconds() - start < 30;) {
        enum view_result result = place_pin(place, true);
        if (result == VIEW_PINNED)
            return true;
        bool unsummed = strcmp(place->why, "frames of its log lack their checksums") == 0;
        if (result == VIEW_NEVER && !unsummed)
            fail_msg("not read in place: %s", place->why);
        place_let_go(place);
        tally->unsummed += unsummed;
        if (unsummed)
            return false;
        tally->again++;
        nanosleep(&nap, NULL);
    }
    fail_msg("never pinned: %s", place->why);
    return false;
}

static bool take_one(struct place *place, struct tally *tally, unsigned number)
{
    if (!pin(place, tally))
        return false;
    struct view *view = &place->view;
    tally->images++;
    tally->of_the_file += view->mark == 0;
    tally->of_an_older_mark += view->mark > 0 && view->index.marks[view->mark] < view->index.last;
    unsigned char *image = image_by_two(view);
    compare_with_sqlite(view, image);
    view_leave_sqlite(view);
    if (number % 4 == 0)
        sched_yield();
    unsigned char *again = image_by_two(view);
    compare_images(view, image, again, "what was read before");
    free(again);
    place_let_go(place);
    assert_sound(image, view->bytes, is_full() || number % 4 == 0);
    free(image);
    return true;
}

static void in_a_crowd(int page_bytes, int auto_vacuum, int count, struct tally *tally)
{
    struct fixture fixture;
    struct crowd crowd;
    struct meddler meddler;
    fixture_start(&fixture, "");
    crowd_make_database(home_file(&fixture, "c.db"), page_bytes, auto_vacuum);
    /* Somebody who stays: a log and its index are there all the time. */
    sqlite3 *db;
    assert_int_equal(sqlite3_open(home_file(&fixture, "c.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    struct actor actor;
    actor_start(&actor, home_file(&fixture, "c.db"));
    actor_ask(&actor, "UPDATE account SET money = money WHERE id = 1");
    actor_ask(&actor, "PRAGMA busy_timeout = 30");
    crowd_start(&crowd, home_file(&fixture, "c.db"), 4, count % 7,
                (unsigned)(page_bytes + auto_vacuum));
    meddler_start(&meddler, home_file(&fixture, "c.db"));
    for (int i = 0, most = tally->images + count; tally->images < most; i++) {
        struct place place = {.fixture = &fixture, .name = "c.db", .read_only = i % 3 == 2};
        /* What cannot be read in place goes when the log is begun anew. */
        if (!take_one(&place, tally, (unsigned)i))
            actor_ask(&actor, "PRAGMA wal_checkpoint(TRUNCATE)");
        if (i % 5 == 0)
            crowd_kill_one(&crowd);
    }
    meddler_stop(&meddler);
    crowd_stop(&crowd);
    actor_stop(&actor);
    fixture_stop(&fixture);
}

static void each_is_sqlites_own_view(void **state)
{
    (void)state;
    static const int sizes[] = {512, 1024, 4096, 16384, 65536};
    struct tally tally = {0};
    double start = seconds();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int vacuum = 0; vacuum < 3; vacuum++)
            in_a_crowd(sizes[i], vacuum, is_full() ? 334 : 34 / SELDOM, &tally);
    print_message("%d images, %d of the file alone, %d of an older mark; not %d times for frames "
                  "without sums; %d further tries; %.1f s\n",
                  tally.images, tally.of_the_file, tally.of_an_older_mark, tally.unsummed,
                  tally.again, seconds() - start);
    assert_true(tally.images >= 500 / SELDOM - 10 * (SELDOM > 1));
    assert_true(tally.of_the_file > 0 || SELDOM > 1); /* of few there may be none */
}

/* The same with a rollback journal; after a kill there is one that has to be rolled back first. */
static bool pin_with_a_journal(struct place *place)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    for (double start = seconds(); seconds() - start < 30;) {
        enum view_result result = place_pin(place, false);
        if (result == VIEW_PINNED)
            return true;
        if (result == VIEW_NEVER && strcmp(place->why, "it has a journal that a crash left") != 0)
            fail_msg("not read in place: %s", place->why);
        place_let_go(place);
        nanosleep(&nap, NULL);
    }
    fail_msg("never pinned: %s", place->why);
    return false;
}

static void with_a_rollback_journal(void **state)
{
    (void)state;
    static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST"};
    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        struct crowd crowd;
        struct meddler meddler;
        char sql[64];
        fixture_start(&fixture, "");
        crowd_make_database(home_file(&fixture, "c.db"), 4096, i);
        snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", modes[i]);
        value_in(home_file(&fixture, "c.db"), sql);
        crowd_start(&crowd, home_file(&fixture, "c.db"), 4, 2, (unsigned)i);
        meddler_start(&meddler, home_file(&fixture, "c.db"));
        for (int number = 0; number < (is_full() ? 200 : 10 / SELDOM); number++) {
            struct place place = {.fixture = &fixture, .name = "c.db"};
            assert_true(pin_with_a_journal(&place));
            unsigned char *image = image_by_two(&place.view);
            compare_with_sqlite(&place.view, image);
            view_leave_sqlite(&place.view);
            unsigned char *again = image_by_two(&place.view);
            compare_images(&place.view, image, again, "what was read before");
            free(again);
            uint64_t bytes = place.view.bytes;
            place_let_go(&place);
            assert_sound(image, bytes, true);
            free(image);
            if (number % 3 == 0)
                crowd_kill_one(&crowd);
        }
        meddler_stop(&meddler);
        crowd_stop(&crowd);
        fixture_stop(&fixture);
    }
}

/* ---- one at a time ------------------------------------------------------------------ */

/* The same bytes before and after any checkpoint, and those that the file has then. */
static void it_is_the_file_after_a_checkpoint(void **state)
{
    (void)state;
    static const int sizes[] = {512, 4096, 65536};
    static const char *const checkpoints[] = {"PASSIVE", "FULL", "RESTART", "TRUNCATE"};
    for (int i = 0; i < 9; i++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "");
        struct place place = {.fixture = &fixture, .name = "c.db"};
        crowd_make_database(home_file(&fixture, "c.db"), sizes[i / 3], i % 3);
        actor_start(&actor, home_file(&fixture, "c.db"));
        actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
        for (int round = 0; round < 5; round++) {
            actor_ask(&actor, "UPDATE account SET money = money, pad = randomblob(1000)");
            actor_ask(&actor, "INSERT INTO blob(data) SELECT zeroblob(3000) FROM account");
        }
        assert_int_equal(place_pin(&place, true), VIEW_PINNED);
        unsigned char *first = place_image(&place);
        uint64_t bytes = place.view.bytes;
        struct stat log, file;
        assert_int_equal(stat(home_file(&fixture, "c.db-wal"), &log), 0);
        assert_int_equal(stat(home_file(&fixture, "c.db"), &file), 0);
        assert_true(log.st_size > file.st_size && (uint64_t)file.st_size < bytes);
        place_let_go(&place);
        for (int kind = 0; kind < 4; kind++) {
            char sql[64];
            snprintf(sql, sizeof sql, "PRAGMA wal_checkpoint(%s)", checkpoints[kind]);
            assert_int_equal(actor_ask(&actor, sql)[0], '0');
            assert_int_equal(place_pin(&place, true), VIEW_PINNED);
            unsigned char *image = place_image(&place);
            assert_int_equal(place.view.bytes, bytes);
            compare_images(&place.view, image, first, checkpoints[kind]);
            free(image);
            place_let_go(&place);
        }
        size_t length;
        unsigned char *whole = (unsigned char *)read_file(home_file(&fixture, "c.db"), &length);
        assert_int_equal(length, bytes);
        assert_memory_equal(whole, first, bytes);
        free(whole);
        free(first);
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

/*
 * Everything is in the file, and whoever cannot write to the index locks mark 0. Then the log may
 * be begun anew, with other pages in the very same frames.
 */
static void mark_zero_while_the_log_is_begun_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    struct place place = {.fixture = &fixture, .name = "c.db", .read_only = true};
    crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
    actor_start(&actor, home_file(&fixture, "c.db"));
    actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
    actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
    assert_int_equal(place_pin(&place, true), VIEW_PINNED);
    assert_int_equal(place.view.mark, 0);
    assert_true(place.view.index.last > 0);
    unsigned char *first = place_image(&place);
    view_leave_sqlite(&place.view);
    assert_false(view_is_old(&place.view));
    actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
    actor_ask(&actor, "INSERT INTO blob(data) SELECT randomblob(3000) FROM account");
    actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
    assert_true(view_is_old(&place.view));
    unsigned char *again = place_image(&place);
    compare_images(&place.view, again, first, "what was read before");
    free(again);
    free(first);
    place_let_go(&place);
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* Whoever can write to the index takes another mark, which slows nobody down. */
static void mark_zero_is_left_to_others(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    struct place place = {.fixture = &fixture, .name = "c.db"};
    crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
    actor_start(&actor, home_file(&fixture, "c.db"));
    actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
    actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
    assert_int_equal(place_pin(&place, true), VIEW_PINNED);
    assert_true(place.view.mark > 0);
    assert_int_equal(place.view.map.count, 0);
    place_let_go(&place);
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/*
 * All of its programs die, the next one recovers the log, writes, and checkpoints as far as it may.
 * Nothing but our own locks holds the view then.
 */
static void the_locks_alone_hold_it(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    struct place place = {.fixture = &fixture, .name = "c.db"};
    crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
    actor_start(&actor, home_file(&fixture, "c.db"));
    actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
    assert_int_equal(place_pin(&place, true), VIEW_PINNED);
    view_leave_sqlite(&place.view);
    unsigned char *first = place_image(&place);
    for (int round = 0; round < 6; round++) {
        if (round % 2 == 0)
            actor_kill(&actor);
        else
            actor_stop(&actor);
        actor_start(&actor, home_file(&fixture, "c.db"));
        actor_ask(&actor, "UPDATE account SET pad = randomblob(800)");
        actor_ask(&actor, "INSERT INTO blob(data) SELECT randomblob(3000) FROM account");
        /* It has to wait, for us. */
        assert_int_equal(actor_ask(&actor, "PRAGMA busy_timeout = 0")[0], '0');
        assert_int_equal(actor_ask(&actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '1');
        unsigned char *again = place_image(&place);
        compare_images(&place.view, again, first, "what was read before");
        free(again);
    }
    view_unlock(&place.view);
    assert_int_equal(actor_ask(&actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
    assert_false(view_is_held(&place.view));
    free(first);
    place_let_go(&place);
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* Whoever removes the log or its index by hand is noticed before what was read counts. */
static void a_log_that_is_removed(void **state)
{
    (void)state;
    static const char *const sides[] = {"c.db-wal", "c.db-shm"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "");
        struct place place = {.fixture = &fixture, .name = "c.db"};
        crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
        actor_start(&actor, home_file(&fixture, "c.db"));
        actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
        assert_int_equal(place_pin(&place, true), VIEW_PINNED);
        view_leave_sqlite(&place.view);
        assert_true(view_is_held(&place.view));
        assert_int_equal(unlink(home_file(&fixture, sides[i])), 0);
        assert_false(view_is_held(&place.view));
        place_let_go(&place);
        actor_kill(&actor);
        fixture_stop(&fixture);
    }
}

static void unlock_mark(const struct view *view)
{
    struct flock lock = {.l_type = F_UNLCK, .l_start = INDEX_LOCK_READ + view->mark, .l_len = 1};
    assert_int_equal(fcntl(view->index_fd, F_OFD_SETLK, &lock), 0);
}

/* Another kernel, or another layer of file systems: its checkpoints tell that it sees no locks. */
static void a_program_that_does_not_see_our_locks(void **state)
{
    (void)state;
    for (int of_mark_zero = 0; of_mark_zero < 2; of_mark_zero++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "");
        struct place place = {.fixture = &fixture, .name = "c.db", .read_only = of_mark_zero != 0};
        crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
        actor_start(&actor, home_file(&fixture, "c.db"));
        actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
        if (of_mark_zero)
            actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
        assert_int_equal(place_pin(&place, true), VIEW_PINNED);
        assert_int_equal(place.view.mark == 0, of_mark_zero);
        view_leave_sqlite(&place.view);
        actor_ask(&actor, "UPDATE account SET pad = randomblob(800)");
        actor_ask(&actor, "UPDATE account SET pad = randomblob(700)");
        assert_true(view_is_held(&place.view));
        unlock_mark(&place.view);
        actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
        assert_false(view_is_held(&place.view));
        place_let_go(&place);
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

struct looker {
    pthread_t thread;
    const struct view *view;
    const atomic_bool *stop;
    bool held;
};

static void *look_at_it(void *argument)
{
    struct looker *looker = argument;
    looker->held = true;
    while (looker->held && !atomic_load(looker->stop))
        looker->held = view_is_held(looker->view);
    return NULL;
}

/* A checkpoint may begin between any two steps of a look at the view, and takes nothing from it. */
static void a_checkpoint_that_begins_meanwhile(void **state)
{
    (void)state;
    enum { LOOKERS = 6 };
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    crowd_make_database(home_file(&fixture, "c.db"), 4096, 0);
    actor_start(&actor, home_file(&fixture, "c.db"));
    actor_ask(&actor, "PRAGMA synchronous = OFF");
    actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
    for (int round = 0; round < (is_full() ? 2000 : 200 / SELDOM); round++) {
        struct place place = {.fixture = &fixture, .name = "c.db"};
        struct looker lookers[LOOKERS];
        atomic_bool stop;
        atomic_init(&stop, false);
        actor_ask(&actor, "UPDATE account SET pad = randomblob(900)");
        assert_int_equal(place_pin(&place, true), VIEW_PINNED);
        view_leave_sqlite(&place.view);
        for (int i = 0; i < LOOKERS; i++) {
            lookers[i] = (struct looker){.view = &place.view, .stop = &stop};
            assert_int_equal(pthread_create(&lookers[i].thread, NULL, look_at_it, &lookers[i]), 0);
        }
        actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
        atomic_store(&stop, true);
        for (int i = 0; i < LOOKERS; i++) {
            pthread_join(lookers[i].thread, NULL);
            assert_true(lookers[i].held);
        }
        place_let_go(&place);
    }
    actor_stop(&actor);
    fixture_stop(&fixture);
}

/* Above 1 GiB there is a page in which nothing is ever stored; whatever is there is not read. */
static void above_one_gibibyte(void **state)
{
    (void)state;
    if (!is_full())
        return;
    static const int sizes[] = {4096, 65536};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture;
        struct actor actor;
        char sql[200];
        fixture_start(&fixture, "");
        struct place place = {.fixture = &fixture, .name = "c.db", .read_only = i % 2 == 1};
        crowd_make_database(home_file(&fixture, "c.db"), sizes[i / 2], 0);
        actor_start(&actor, home_file(&fixture, "c.db"));
        snprintf(sql, sizeof sql,
                 "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
                 " INSERT INTO blob(data) SELECT zeroblob(1000000) FROM n");
        actor_ask(&actor, sql);
        actor_ask(&actor, "PRAGMA wal_checkpoint(TRUNCATE)");
        int fd = open(home_file(&fixture, "c.db"), O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "garbage", 7, 0x40000000 + 600), 7);
        close(fd);
        actor_ask(&actor, "UPDATE account SET pad = randomblob(800)");
        if (place.read_only)
            actor_ask(&actor, "PRAGMA wal_checkpoint(PASSIVE)");
        assert_int_equal(place_pin(&place, true), VIEW_PINNED);
        assert_true(place.view.bytes > 1100000000);
        unsigned char *image = place_image(&place);
        compare_with_sqlite(&place.view, image);
        assert_int_equal(image[0x40000000 + 600], 0);
        free(image);
        place_let_go(&place);
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

int main(int argc, char **argv)
{
    if (crowd_is_member(argc, argv))
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_file_after_a_checkpoint),
        cmocka_unit_test(mark_zero_while_the_log_is_begun_anew),
        cmocka_unit_test(mark_zero_is_left_to_others),
        cmocka_unit_test(the_locks_alone_hold_it),
        cmocka_unit_test(a_log_that_is_removed),
        cmocka_unit_test(a_program_that_does_not_see_our_locks),
        cmocka_unit_test(a_checkpoint_that_begins_meanwhile),
        cmocka_unit_test(each_is_sqlites_own_view),
        cmocka_unit_test(with_a_rollback_journal),
        cmocka_unit_test(above_one_gibibyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

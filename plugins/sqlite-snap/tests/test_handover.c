/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read in place, and has to be given up in the middle: at each page, for each reason, while
 * others read. What comes after that is of the same view.
 */
#include "handover.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define GRAIN ((uint64_t)64 << 10)

static const struct handover_bounds no_bounds = {INT32_MAX, INT64_MAX, 60000};

/* ---- a disk as it is wanted (--wrap) ---------------------------------------------------- */

static atomic_llong free_bytes = -1; /* of the staging directory; -1: the truth */
static atomic_bool writes_fail;
static atomic_long write_ms; /* that one takes */
static atomic_int tries;     /* of writes */

int __real_fstatvfs(int fd, struct statvfs *out);
int __wrap_fstatvfs(int fd, struct statvfs *out);
int __wrap_fstatvfs(int fd, struct statvfs *out)
{
    int result = __real_fstatvfs(fd, out);
    long long bytes = atomic_load(&free_bytes);
    if (bytes >= 0) {
        out->f_blocks = 1 << 20;
        out->f_frsize = 4096;
        out->f_bavail = (fsblkcnt_t)bytes / 4096;
    }
    return result;
}

ssize_t __real_pwrite(int fd, const void *buffer, size_t bytes, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buffer, size_t bytes, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    const struct timespec nap = {.tv_nsec = atomic_load(&write_ms) * 1000000};
    atomic_fetch_add(&tries, 1);
    nanosleep(&nap, NULL);
    if (!atomic_load(&writes_fail))
        return __real_pwrite(fd, buffer, bytes, offset);
    errno = EDQUOT;
    return -1;
}

static int a_real_disk(void **state)
{
    (void)state;
    atomic_store(&free_bytes, -1);
    atomic_store(&writes_fail, false);
    atomic_store(&write_ms, 0);
    atomic_store(&tries, 0);
    return 0;
}

static int64_t now_ms(void)
{
    return monotonic_ms();
}

/* ---- a view and its watch ------------------------------------------------------------ */

struct watched {
    struct fixture fixture;
    struct actor actor;
    struct place place;
    struct handover *handover;
    unsigned char *whole, *got;
    int staged;
    bool read_only; /* the index of the log is */
};

static int stage(const struct fixture *fixture)
{
    return open(home_file(fixture, "staged"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void start_with_pages(struct watched *watched, const char *mode, int page_bytes, int kib)
{
    *watched = (struct watched){.staged = -1};
    fixture_start(&watched->fixture, "");
    make_database(home_file(&watched->fixture, "x.db"), mode, page_bytes, kib);
    actor_start(&watched->actor, home_file(&watched->fixture, "x.db"));
    actor_ask(&watched->actor, "PRAGMA synchronous = OFF");
    actor_ask(&watched->actor, "UPDATE account SET pad = randomblob(2500) WHERE id % 7 = 0");
}

static void start(struct watched *watched, const char *mode, int kib)
{
    start_with_pages(watched, mode, 4096, kib);
}

static void begin(struct watched *watched, const char *mode, int staged,
                  const struct handover_bounds *bounds)
{
    watched->place = (struct place){
        .fixture = &watched->fixture, .name = "x.db", .read_only = watched->read_only};
    if (place_pin(&watched->place, strcmp(mode, "wal") == 0) != VIEW_PINNED)
        fail_msg("%s", watched->place.why);
    view_leave_sqlite(&watched->place.view);
    watched->whole = place_image(&watched->place);
    watched->got = malloc(watched->place.view.bytes);
    assert_non_null(watched->got);
    watched->staged = staged;
    watched->handover = handover_start(&watched->place.view, staged, bounds);
    assert_non_null(watched->handover);
}

static void read_part(struct watched *watched, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to;) {
        uint64_t bytes = to - at < 3 * GRAIN ? to - at : 3 * GRAIN;
        int64_t got = handover_read(watched->handover, watched->got + at, (size_t)bytes, at, true);
        if (got != (int64_t)bytes)
            fail_msg("at %llu: %lld (%s)", (unsigned long long)at, (long long)got,
                     handover_why(watched->handover));
        at += bytes;
    }
}

static void end(struct watched *watched)
{
    handover_stop(watched->handover);
    place_let_go(&watched->place);
    close(watched->staged);
    free(watched->whole);
    free(watched->got);
}

static void stop(struct watched *watched)
{
    actor_stop(&watched->actor);
    fixture_stop(&watched->fixture);
}

static void wait_for(const struct watched *watched, enum handover_state state)
{
    int64_t start = now_ms();
    while (handover_state(watched->handover) != state) {
        if (now_ms() - start > 20000)
            fail_msg("still in state %d", handover_state(watched->handover));
        sched_yield();
    }
}

static void assert_whole(const struct watched *watched)
{
    assert_memory_equal(watched->got, watched->whole, watched->place.view.bytes);
}

/* ---- at each page --------------------------------------------------------------------- */

static void at_each_page_of(const char *mode, int page_bytes, int kib)
{
    struct watched watched;
    bool logged = strcmp(mode, "wal") == 0;
    start_with_pages(&watched, mode, page_bytes, kib);
    for (uint64_t page = 0, pages = 1; page <= pages; page += SELDOM) {
        begin(&watched, mode, stage(&watched.fixture), &no_bounds);
        pages = watched.place.view.pages;
        uint64_t at = page * watched.place.view.page_bytes;
        if (page % 2 == 0)
            handover_rest_suffices(watched.handover);
        read_part(&watched, 0, at);
        assert_int_equal(handover_now(watched.handover), HANDOVER_STAGED);
        /* Nothing is held any more. */
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        if (logged)
            assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
        read_part(&watched, at, watched.place.view.bytes);
        assert_whole(&watched);
        if (page % 2 == 1) /* the check may come back to any page */
            read_part(&watched, 0, watched.place.view.bytes);
        end(&watched);
    }
    stop(&watched);
}

static void at_each_page(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        at_each_page_of(modes[i], 512, 10);
        at_each_page_of(modes[i], 4096, 200);
        at_each_page_of(modes[i], 65536, 1000);
    }
}

/* What was read once is not kept, and that is said. */
static void only_the_rest_is_copied(void **state)
{
    (void)state;
    struct watched watched;
    struct stat staged;
    unsigned char byte;
    start(&watched, "wal", 4000);
    begin(&watched, "wal", stage(&watched.fixture), &no_bounds);
    handover_rest_suffices(watched.handover);
    uint64_t bytes = watched.place.view.bytes, half = bytes / 2;
    read_part(&watched, 0, half);
    assert_int_equal(handover_now(watched.handover), HANDOVER_STAGED);
    assert_int_equal(fstat(watched.staged, &staged), 0);
    assert_true((uint64_t)staged.st_blocks * 512 < bytes - half + 4 * GRAIN);
    assert_int_equal(handover_read(watched.handover, &byte, 1, 0, true), -ENODATA);
    read_part(&watched, half, bytes);
    assert_whole(&watched);
    assert_int_equal(handover_read(watched.handover, &byte, 1, bytes, true), 0);
    end(&watched);
    stop(&watched);
}

/* ---- bounds ---------------------------------------------------------------------------- */

static void held_for_too_long(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "wal", 2000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    read_part(&watched, 0, 10 * GRAIN);
    /* Nobody has written: it is in nobody's way. */
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_for(&watched, HANDOVER_STAGED);
    assert_string_equal(handover_why(watched.handover), "it was held for longer than hold");
    assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
    read_part(&watched, 10 * GRAIN, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* Whoever cannot write to the index holds mark 0, and that slows down everybody who writes. */
static void mark_zero_is_held_for_a_moment(void **state)
{
    (void)state;
    struct watched watched;
    start(&watched, "wal", 2000);
    watched.read_only = true;
    actor_ask(&watched.actor, "PRAGMA wal_checkpoint(PASSIVE)");
    begin(&watched, "wal", stage(&watched.fixture), &no_bounds);
    assert_int_equal(watched.place.view.mark, 0);
    read_part(&watched, 0, 10 * GRAIN);
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_for(&watched, HANDOVER_STAGED);
    read_part(&watched, 10 * GRAIN, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* With a rollback journal nobody can commit meanwhile; it counts that somebody is about to. */
static void held_for_too_long_with_a_journal(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "delete", 2000);
    begin(&watched, "delete", stage(&watched.fixture), &bounds);
    read_part(&watched, 0, 10 * GRAIN);
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    actor_ask(&watched.actor, "BEGIN IMMEDIATE");
    wait_for(&watched, HANDOVER_STAGED);
    assert_string_equal(handover_why(watched.handover), "it was held for longer than hold");
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    actor_ask(&watched.actor, "COMMIT");
    read_part(&watched, 10 * GRAIN, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

static void the_log_grows(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {INT32_MAX, 1 << 20, 60000};
    start(&watched, "wal", 2000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    read_part(&watched, 0, 10 * GRAIN);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    actor_ask(&watched.actor, "UPDATE filler SET data = randomblob(1000)");
    wait_for(&watched, HANDOVER_STAGED);
    assert_string_equal(handover_why(watched.handover), "its log grew by more than wal-limit");
    read_part(&watched, 10 * GRAIN, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* There is no room for a copy: it is held on as long as that does little harm. */
static void no_room(void **state)
{
    (void)state;
    struct watched watched;
    unsigned char byte;
    const struct handover_bounds bounds = {0, 4 << 20, 60000};
    start(&watched, "wal", 2000);
    begin(&watched, "wal", open("/dev/full", O_RDWR | O_CLOEXEC), &bounds);
    read_part(&watched, 0, 10 * GRAIN);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    /* The same, in this thread: a try that fails. */
    assert_int_equal(handover_now(watched.handover), HANDOVER_IN_PLACE);
    read_part(&watched, 10 * GRAIN, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);

    begin(&watched, "wal", open("/dev/full", O_RDWR | O_CLOEXEC), &bounds);
    for (int i = 0; i < 4; i++)
        actor_ask(&watched.actor, "UPDATE filler SET data = randomblob(1000)");
    wait_for(&watched, HANDOVER_LOST);
    assert_non_null(strstr(handover_why(watched.handover), "cannot be staged: No space left"));
    assert_non_null(strstr(handover_why(watched.handover), "raise wal-limit"));
    assert_int_equal(handover_read(watched.handover, &byte, 1, 0, true), -ESTALE);
    assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
    end(&watched);
    stop(&watched);
}

#define LEFT_FREE ((int64_t)32 << 20) /* of the disk, for others */

static void wait_until_overdue(const struct watched *watched)
{
    int64_t start = now_ms();
    while (handover_overdue_ms(watched->handover) == 0) {
        assert_int_equal(handover_state(watched->handover), HANDOVER_IN_PLACE);
        assert_true(now_ms() - start < 20000);
        sched_yield();
    }
}

static void nap_ms(long milliseconds)
{
    const struct timespec nap = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&nap, NULL);
}

/*
 * `hold` gives way to a disk that is full, and is kept as soon as what is left to read fits twice:
 * the archive grows meanwhile, and often on the same disk.
 */
static void no_room_until_most_is_read(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "wal", 8000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    uint64_t bytes = watched.place.view.bytes, half = bytes / 4 / GRAIN * 2 * GRAIN;
    uint64_t last = (bytes / GRAIN - half / 2 / GRAIN + 2) * GRAIN;
    atomic_store(&free_bytes, (int64_t)half + LEFT_FREE);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_until_overdue(&watched);
    read_part(&watched, 0, half - 2 * GRAIN);
    handover_rest_suffices(watched.handover);
    nap_ms(200); /* it would fit once */
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    assert_int_equal(atomic_load(&tries), 0);
    read_part(&watched, half - 2 * GRAIN, last);
    wait_for(&watched, HANDOVER_STAGED);
    assert_string_equal(handover_why(watched.handover), "it was held for longer than hold");
    assert_true(handover_overdue_ms(watched.handover) > 0);
    assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
    read_part(&watched, last, bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* There is room at last, but the little that is left will be read before it is copied. */
static void no_room_until_it_is_nearly_read(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {500, INT64_MAX, 60000};
    start(&watched, "wal", 8000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    uint64_t bytes = watched.place.view.bytes, last = (bytes / GRAIN - 1) * GRAIN;
    atomic_store(&free_bytes, 0);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_until_overdue(&watched);
    read_part(&watched, 0, last);
    handover_rest_suffices(watched.handover);
    atomic_store(&free_bytes, -1);
    nap_ms(200);
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    assert_int_equal(atomic_load(&tries), 0);
    read_part(&watched, last, bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* The disk has room for it all, and it is not told to be overdue. */
static void room_for_all(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "wal", 2000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    atomic_store(&free_bytes, 2 * ((int64_t)watched.place.view.bytes + (int64_t)GRAIN) + LEFT_FREE);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_for(&watched, HANDOVER_STAGED);
    assert_int_equal(handover_overdue_ms(watched.handover), 0);
    read_part(&watched, 0, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* What harms others does not give way: by then the rest may fit, or the view is lost. */
static void no_room_and_the_log_grows(void **state)
{
    (void)state;
    const struct handover_bounds bounds = {0, 2 << 20, 60000};
    for (int fits = 0; fits < 2; fits++) {
        struct watched watched;
        start(&watched, "wal", 4000);
        begin(&watched, "wal", stage(&watched.fixture), &bounds);
        uint64_t bytes = watched.place.view.bytes, half = bytes / 2;
        atomic_store(&free_bytes, (int64_t)half + (fits ? LEFT_FREE : 0));
        handover_rest_suffices(watched.handover);
        read_part(&watched, 0, half + 2 * GRAIN);
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        wait_until_overdue(&watched);
        actor_ask(&watched.actor, "UPDATE filler SET data = randomblob(1000)");
        wait_for(&watched, fits ? HANDOVER_STAGED : HANDOVER_LOST);
        if (fits) {
            read_part(&watched, half + 2 * GRAIN, bytes);
            assert_whole(&watched);
        } else {
            assert_non_null(strstr(handover_why(watched.handover), "No space left on device; free "
                                                                   "space there, set stage-dir, or "
                                                                   "raise wal-limit"));
        }
        assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
        end(&watched);
        stop(&watched);
    }
}

/* Others take the room while it is copied: what is left is theirs. */
static void the_room_goes_while_it_is_copied(void **state)
{
    (void)state;
    struct watched watched;
    struct stat staged;
    start(&watched, "wal", 4000);
    begin(&watched, "wal", stage(&watched.fixture), &no_bounds);
    atomic_store(&free_bytes, LEFT_FREE / 2 - 4096);
    assert_int_equal(handover_now(watched.handover), HANDOVER_IN_PLACE);
    assert_int_equal(atomic_load(&tries), 1);
    assert_int_equal(fstat(watched.staged, &staged), 0);
    assert_int_equal(staged.st_size, 0);
    read_part(&watched, 0, watched.place.view.bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* A quota says no: it is not tried again and again, but once half of it is left. */
static void a_copy_that_fails(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "wal", 4000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    uint64_t bytes = watched.place.view.bytes, half = bytes / 2 / GRAIN * GRAIN;
    handover_rest_suffices(watched.handover);
    atomic_store(&writes_fail, true);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_until_overdue(&watched);
    read_part(&watched, 0, half - 2 * GRAIN);
    nap_ms(200);
    assert_int_equal(atomic_load(&tries), 1);
    assert_int_equal(handover_state(watched.handover), HANDOVER_IN_PLACE);
    atomic_store(&writes_fail, false);
    read_part(&watched, half - 2 * GRAIN, half + 2 * GRAIN);
    wait_for(&watched, HANDOVER_STAGED);
    read_part(&watched, half + 2 * GRAIN, bytes);
    assert_whole(&watched);
    end(&watched);
    stop(&watched);
}

/* By hand: nobody who keeps SQLite's locks does that. */
static void the_log_is_removed(void **state)
{
    (void)state;
    struct watched watched;
    unsigned char byte;
    start(&watched, "wal", 2000);
    begin(&watched, "wal", stage(&watched.fixture), &no_bounds);
    read_part(&watched, 0, 10 * GRAIN);
    assert_int_equal(unlink(home_file(&watched.fixture, "x.db-wal")), 0);
    assert_int_equal(handover_read(watched.handover, &byte, 1, 0, true), -ESTALE);
    assert_int_equal(handover_state(watched.handover), HANDOVER_LOST);
    assert_non_null(strstr(handover_why(watched.handover), "its log was changed by hand"));
    end(&watched);
    stop(&watched);
}

/* With a rollback journal: our lock keeps every commit away, so that any change is one too many. */
static void it_is_overwritten(void **state)
{
    (void)state;
    for (int by = 0; by < 2; by++) {
        struct watched watched;
        unsigned char byte;
        start(&watched, "delete", 2000);
        begin(&watched, "delete", stage(&watched.fixture), &no_bounds);
        read_part(&watched, 0, 10 * GRAIN);
        nap_ms(20); /* the clock of the file system moves on */
        int fd = open(home_file(&watched.fixture, "x.db"), O_WRONLY | O_CLOEXEC);
        if (by == 0)
            assert_int_equal(pwrite(fd, "other", 5, 400000), 5);
        else
            assert_int_equal(ftruncate(fd, (off_t)watched.place.view.bytes - 4096), 0);
        close(fd);
        assert_int_equal(handover_read(watched.handover, &byte, 1, 400000, true), -ESTALE);
        assert_int_equal(handover_state(watched.handover), HANDOVER_LOST);
        assert_non_null(strstr(handover_why(watched.handover), "by a program that keeps no locks"));
        end(&watched);
        stop(&watched);
    }
}

/* ---- somebody waits ---------------------------------------------------------------------- */

static void a_writer_waits_at_each_moment(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {INT32_MAX, INT64_MAX, 10000};
    start(&watched, "delete", 2000);
    for (uint64_t part = 0; part <= 16; part++) {
        begin(&watched, "delete", stage(&watched.fixture), &bounds);
        uint64_t at = watched.place.view.bytes * part / 16;
        if (part % 2 == 0)
            handover_rest_suffices(watched.handover);
        read_part(&watched, 0, at);
        int64_t asked = now_ms();
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        assert_true(now_ms() - asked < 10000);
        assert_string_equal(handover_why(watched.handover), "a writer waited for it");
        read_part(&watched, at, watched.place.view.bytes);
        assert_whole(&watched);
        end(&watched);
    }
    stop(&watched);
}

/* Two that read all the time, so that one of them is always in the view. */
static atomic_bool enough;

static void *read_on(void *argument)
{
    struct watched *watched = argument;
    unsigned char page[4096];
    for (uint64_t at = 0; !atomic_load(&enough); at = (at + 4096) % watched->place.view.bytes)
        if (handover_read(watched->handover, page, sizeof page, at, false) != sizeof page)
            return watched;
    return NULL;
}

static void a_writer_waits_while_all_read(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {INT32_MAX, INT64_MAX, 10000};
    start(&watched, "delete", 2000);
    for (int round = 0; round < 3; round++) {
        pthread_t threads[2];
        void *wrong;
        atomic_store(&enough, false);
        begin(&watched, "delete", stage(&watched.fixture), &bounds);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, read_on, &watched), 0);
        int64_t start = now_ms();
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        assert_true(now_ms() - start < 10000);
        atomic_store(&enough, true);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], &wrong);
            assert_null(wrong);
        }
        end(&watched);
    }
    stop(&watched);
}

static void a_writer_has_waited_too_long(void **state)
{
    (void)state;
    struct watched watched;
    unsigned char byte;
    const struct handover_bounds bounds = {INT32_MAX, INT64_MAX, 0};
    start(&watched, "delete", 4000);
    begin(&watched, "delete", stage(&watched.fixture), &bounds);
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_for(&watched, HANDOVER_LOST);
    assert_string_equal(handover_why(watched.handover),
                        "it was needed by a writer before it was read");
    assert_int_equal(handover_read(watched.handover, &byte, 1, 0, true), -ESTALE);
    end(&watched);
    stop(&watched);
}

/* The disk of the stage is slow: the copy is given up, and the writer goes first. */
static void a_writer_has_waited_while_it_is_copied(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {INT32_MAX, INT64_MAX, 400};
    start(&watched, "delete", 30000);
    begin(&watched, "delete", stage(&watched.fixture), &bounds);
    atomic_store(&write_ms, 200);
    int64_t asked = now_ms();
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    int64_t waited = now_ms() - asked;
    if (waited < 300 || waited > 4000) /* a copy of all takes 6 s */
        fail_msg("it waited for %lld ms", (long long)waited);
    wait_for(&watched, HANDOVER_LOST);
    assert_string_equal(handover_why(watched.handover),
                        "it was needed by a writer before it was read");
    end(&watched);
    stop(&watched);
}

/* Nor is there room for a copy: nobody waits for longer than `wait`. */
static void no_room_and_a_checkpoint_waits(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 600};
    start(&watched, "wal", 2000);
    begin(&watched, "wal", stage(&watched.fixture), &bounds);
    atomic_store(&free_bytes, 1 << 20);
    read_part(&watched, 0, 5 * GRAIN);
    actor_ask(&watched.actor, "PRAGMA busy_timeout = 20000");
    actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
    wait_until_overdue(&watched);
    int64_t asked = now_ms();
    assert_int_equal(actor_ask(&watched.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
    int64_t waited = now_ms() - asked;
    if (waited < 500 || waited > 10000)
        fail_msg("it waited for %lld ms", (long long)waited);
    wait_for(&watched, HANDOVER_LOST);
    assert_string_equal(handover_why(watched.handover),
                        "it was needed by a writer before it was read");
    end(&watched);
    stop(&watched);
}

/* FULL, RESTART and TRUNCATE wait for readers, and hold up every writer meanwhile. */
static void a_checkpoint_waits(void **state)
{
    (void)state;
    static const char *const kinds[] = {"FULL", "RESTART", "TRUNCATE"};
    struct watched watched;
    start(&watched, "wal", 2000);
    actor_ask(&watched.actor, "PRAGMA busy_timeout = 20000");
    for (int i = 0; i < 3; i++) {
        char sql[64];
        begin(&watched, "wal", stage(&watched.fixture), &no_bounds);
        read_part(&watched, 0, 5 * GRAIN);
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        int64_t asked = now_ms();
        snprintf(sql, sizeof sql, "PRAGMA wal_checkpoint(%s)", kinds[i]);
        assert_int_equal(actor_ask(&watched.actor, sql)[0], '0');
        assert_true(now_ms() - asked < 15000);
        assert_string_equal(handover_why(watched.handover), "a checkpoint waited for it");
        read_part(&watched, 5 * GRAIN, watched.place.view.bytes);
        assert_whole(&watched);
        end(&watched);
    }
    stop(&watched);
}

/* ---- others read meanwhile ---------------------------------------------------------------- */

struct reader {
    struct watched *watched;
    uint64_t from, step;
    int64_t wrong;
};

static void *read_apart(void *argument)
{
    struct reader *reader = argument;
    struct watched *watched = reader->watched;
    uint64_t bytes = watched->place.view.bytes;
    for (uint64_t at = reader->from; at < bytes && reader->wrong == 0; at += reader->step) {
        uint64_t want = bytes - at < GRAIN ? bytes - at : GRAIN;
        int64_t got = handover_read(watched->handover, watched->got + at, (size_t)want, at, true);
        if (got != (int64_t)want)
            reader->wrong = got == 0 ? -1 : got;
    }
    return NULL;
}

static void while_others_read(void **state)
{
    (void)state;
    struct watched watched;
    const struct handover_bounds bounds = {0, INT64_MAX, 60000};
    start(&watched, "wal", 8000);
    for (int round = 0; round < 8; round++) {
        pthread_t threads[2];
        begin(&watched, "wal", stage(&watched.fixture), &bounds);
        struct reader readers[2] = {{&watched, 0, 2 * GRAIN, 0}, {&watched, GRAIN, 2 * GRAIN, 0}};
        if (round % 2 == 0)
            handover_rest_suffices(watched.handover);
        actor_ask(&watched.actor, "UPDATE account SET pad = randomblob(2400)");
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, read_apart, &readers[i]), 0);
        if (round % 4 == 3)
            (void)handover_now(watched.handover);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(readers[i].wrong, 0);
        }
        assert_whole(&watched);
        end(&watched);
    }
    stop(&watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_each_page),
        cmocka_unit_test(only_the_rest_is_copied),
        cmocka_unit_test(held_for_too_long),
        cmocka_unit_test(mark_zero_is_held_for_a_moment),
        cmocka_unit_test(held_for_too_long_with_a_journal),
        cmocka_unit_test(the_log_grows),
        cmocka_unit_test(no_room),
        cmocka_unit_test_setup(no_room_until_most_is_read, a_real_disk),
        cmocka_unit_test_setup(no_room_until_it_is_nearly_read, a_real_disk),
        cmocka_unit_test_setup(room_for_all, a_real_disk),
        cmocka_unit_test_setup(no_room_and_the_log_grows, a_real_disk),
        cmocka_unit_test_setup(no_room_and_a_checkpoint_waits, a_real_disk),
        cmocka_unit_test_setup(the_room_goes_while_it_is_copied, a_real_disk),
        cmocka_unit_test_setup(a_copy_that_fails, a_real_disk),
        cmocka_unit_test_setup(the_log_is_removed, a_real_disk),
        cmocka_unit_test(it_is_overwritten),
        cmocka_unit_test(a_writer_waits_at_each_moment),
        cmocka_unit_test(a_writer_waits_while_all_read),
        cmocka_unit_test(a_writer_has_waited_too_long),
        cmocka_unit_test_setup(a_writer_has_waited_while_it_is_copied, a_real_disk),
        cmocka_unit_test_setup(a_checkpoint_waits, a_real_disk),
        cmocka_unit_test(while_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which databases are read in place, which are copied first, and whether the reason is said. The
 * linker hands us some calls of the plugin (--wrap), so that they can fail, or something can happen
 * just before them.
 */
#include "in_place.h"
#include "place.h"
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char total[] = "SELECT sum(money) FROM account";

/* ---- calls that fail ------------------------------------------------------------------ */

static int (*before_lock)(const struct flock *lock); /* an errno to fail with, or 0 */
static long file_system;                             /* what fstatfs() is to say; 0: the truth */
static bool without_proc, without_threads;

static atomic_long calls, fails_at; /* of all of these calls; the one that fails, 0: none */
static atomic_bool for_good;        /* and all after it */
static _Thread_local bool exempt;

static bool is_to_fail(int reason)
{
    if (exempt || atomic_load(&fails_at) == 0)
        return false;
    long number = atomic_fetch_add(&calls, 1) + 1;
    bool fails = number == atomic_load(&fails_at) ||
                 (atomic_load(&for_good) && number > atomic_load(&fails_at));
    if (fails)
        errno = reason;
    return fails;
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (what == F_OFD_SETLK && before_lock != NULL) {
        int reason = before_lock(argument);
        if (reason != 0) {
            errno = reason;
            return -1;
        }
    }
    return is_to_fail(EIO) ? -1 : __real_fcntl(fd, what, argument);
}

int __real_fstatfs(int fd, struct statfs *out);
int __wrap_fstatfs(int fd, struct statfs *out);
int __wrap_fstatfs(int fd, struct statfs *out)
{
    if (is_to_fail(EIO))
        return -1;
    int result = __real_fstatfs(fd, out);
    if (file_system != 0)
        out->f_type = file_system;
    return result;
}

int __real_stat(const char *path, struct stat *out);
int __wrap_stat(const char *path, struct stat *out);
int __wrap_stat(const char *path, struct stat *out)
{
    if (without_proc && strncmp(path, "/proc/", 6) == 0) {
        errno = ENOENT;
        return -1;
    }
    return __real_stat(path, out);
}

int __real_fstat(int fd, struct stat *out);
int __wrap_fstat(int fd, struct stat *out);
int __wrap_fstat(int fd, struct stat *out)
{
    return is_to_fail(EIO) ? -1 : __real_fstat(fd, out);
}

ssize_t __real_pread(int fd, void *buffer, size_t bytes, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t bytes, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    return is_to_fail(EIO) ? -1 : __real_pread(fd, buffer, bytes, offset);
}

void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes)
{
    return is_to_fail(ENOMEM) ? NULL : __real_calloc(count, bytes);
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
    return is_to_fail(ENOMEM) ? NULL : __real_malloc(bytes);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument)
{
    return without_threads || is_to_fail(EAGAIN)
               ? EAGAIN
               : __real_pthread_create(thread, how, run, argument);
}

/* ---- databases -------------------------------------------------------------------------- */

struct scene {
    struct fixture fixture;
    struct actor actor;
    bool acting;
};

static void start(struct scene *scene, const char *mode, const char *settings)
{
    char all[200];
    *scene = (struct scene){.acting = true};
    snprintf(all, sizeof all, "snapshot=in-place\n%s", settings);
    fixture_start(&scene->fixture, all);
    make_database(home_file(&scene->fixture, "x.db"), mode, 4096, 200);
    actor_start(&scene->actor, home_file(&scene->fixture, "x.db"));
    actor_ask(&scene->actor, "PRAGMA wal_autocheckpoint = 0");
    actor_ask(&scene->actor, "UPDATE account SET pad = randomblob(2500) WHERE id % 7 = 0");
    actor_ask(&scene->actor, "UPDATE account SET pad = randomblob(2500) WHERE id % 7 = 0");
}

static void stop_actor(struct scene *scene)
{
    if (scene->acting)
        actor_kill(&scene->actor);
    scene->acting = false;
}

static void stop(struct scene *scene)
{
    stop_actor(scene);
    fixture_stop(&scene->fixture);
}

static void expect_copied(struct scene *scene, const char *name, const char *why)
{
    struct fake_host *fake = &scene->fixture.fake;
    char wanted[300];
    fake->notes = 0;
    fake->report[0] = '\0';
    if (take(&scene->fixture, name, "out") != HB_OK)
        fail_msg("%s: %s %s", why, fake->message, fake->report);
    snprintf(wanted, sizeof wanted, "copied, not read in place: %s", why);
    if (fake->notes != 1 || strstr(fake->report, wanted) == NULL)
        fail_msg("%d notes, \"%s\" where there should be \"%s\"", fake->notes, fake->report,
                 wanted);
    assert_string_equal(value_in(home_file(&scene->fixture, "out"), total), "100000");
}

static void expect_in_place(struct scene *scene, const char *name)
{
    struct fake_host *fake = &scene->fixture.fake;
    fake->notes = 0;
    if (take(&scene->fixture, name, "out") != HB_OK || fake->notes != 0)
        fail_msg("%s %s", fake->message, fake->report);
    assert_string_equal(value_in(home_file(&scene->fixture, "out"), total), "100000");
}

/* ---- in place ----------------------------------------------------------------------------- */

static void nothing_is_written(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete", "truncate", "persist"};
    for (int i = 0; i < 4; i++) {
        struct scene scene;
        struct hb_source source = {.size = sizeof source};
        struct hb_entry entry = entry_of("x.db");
        struct stat staged;
        size_t bytes;
        start(&scene, modes[i], "");
        char *before = names_like(&scene.fixture, "x.db");
        assert_int_equal(open_judged(&scene.fixture, &entry, &source), HB_OK);
        assert_int_equal(source.fd, -1);
        assert_int_equal(source.soundness, HB_SOUNDNESS_SOUND);
        assert_non_null(snapshot_in_place(&source));
        assert_int_equal(fstat(snapshot_file(&source)->fd, &staged), 0);
        assert_int_equal(staged.st_size, 0);
        char *data = malloc(source.bytes);
        assert_int_equal(source.read_at(&source, data, source.bytes, 0), (int64_t)source.bytes);
        source.close(&source);
        char *after = names_like(&scene.fixture, "x.db");
        assert_string_equal(after, before);
        assert_int_equal(scene.fixture.fake.notes, 0);
        actor_ask(&scene.actor, "PRAGMA wal_checkpoint(TRUNCATE)");
        char *file = read_file(home_file(&scene.fixture, "x.db"), &bytes);
        assert_int_equal(bytes, source.bytes);
        assert_memory_equal(file, data, bytes);
        free(file);
        free(data);
        free(before);
        free(after);
        stop(&scene);
    }
}

static void as_the_option_says(void **state)
{
    (void)state;
    static const char *const settings[] = {"snapshot=auto\n", "snapshot=in-place\n",
                                           "snapshot=copy\n"};
    for (int i = 0; i < 6; i++) {
        struct scene scene;
        struct hb_source source = {.size = sizeof source};
        struct hb_entry entry = entry_of("x.db");
        start(&scene, i < 3 ? "wal" : "delete", "");
        fixture_stop(&scene.fixture);
        actor_kill(&scene.actor);
        fixture_start(&scene.fixture, settings[i % 3]);
        make_database(home_file(&scene.fixture, "x.db"), i < 3 ? "wal" : "delete", 4096, 20);
        actor_start(&scene.actor, home_file(&scene.fixture, "x.db"));
        actor_ask(&scene.actor, "UPDATE account SET money = money");
        assert_int_equal(open_judged(&scene.fixture, &entry, &source), HB_OK);
        assert_int_equal(source.fd >= 0, i % 3 == 2);
        assert_int_equal(scene.fixture.fake.notes, 0);
        source.close(&source);
        stop(&scene);
    }
}

/* The check of the same bytes at the same time, full-text indexes included, and counts of rows. */
static void it_is_checked_in_place(void **state)
{
    (void)state;
    static const char *const settings[] = {"check=full\ncount=account\n", "count=account\n"};
    for (int i = 0; i < 4; i++) {
        bool ruined = i % 2 == 1;
        struct scene scene;
        struct hb_source source = {.size = sizeof source};
        struct hb_entry entry = entry_of("x.db");
        struct hb_fact fact = {.size = sizeof fact};
        start(&scene, "wal", settings[i / 2]);
        actor_ask(&scene.actor, "CREATE VIRTUAL TABLE words USING fts5(body)");
        actor_ask(&scene.actor, "INSERT INTO words SELECT 'word' || id FROM account");
        actor_ask(&scene.actor, "INSERT INTO account VALUES(101, 0, NULL)");
        if (ruined)
            actor_ask(&scene.actor, "UPDATE words_content SET c0 = 'other' WHERE id = 7");
        assert_int_equal(open_judged(&scene.fixture, &entry, &source), HB_OK);
        assert_int_equal(source.fd, -1);
        bool seen = ruined && i / 2 == 0;
        assert_int_equal(source.soundness, seen ? HB_SOUNDNESS_UNSOUND : HB_SOUNDNESS_SOUND);
        assert_int_equal(scene.fixture.fake.doubtful, seen);
        actor_ask(&scene.actor, "INSERT INTO account VALUES(102, 0, NULL)");
        assert_int_equal(scene.fixture.ops->fact(scene.fixture.self, &entry, &source, 0, &fact),
                         HB_OK);
        assert_int_equal(fact.value, 101);
        assert_int_equal(scene.fixture.ops->fact(scene.fixture.self, &entry, &source, 1, &fact),
                         HB_STATUS_END);
        source.close(&source);
        stop(&scene);
    }
}

/* What the check has read has to be of the view, too; else nothing is stored. */
static void the_view_is_lost_while_it_is_checked(void **state)
{
    (void)state;
    struct scene scene;
    struct hb_source source = {.size = sizeof source, .flags = HB_SOURCE_JUDGED};
    struct hb_entry entry = entry_of("x.db");
    unsigned char byte;
    start(&scene, "wal", "");
    assert_int_equal(scene.fixture.ops->open(scene.fixture.self, &entry, &source), HB_OK);
    assert_int_equal(unlink(home_file(&scene.fixture, "x.db-wal")), 0);
    assert_int_equal(scene.fixture.ops->judge(scene.fixture.self, &entry, &source),
                     HB_STATUS_ENTRY);
    assert_non_null(
        strstr(scene.fixture.fake.message, "it could not be read to its end: it or its log"));
    assert_int_equal(source.read_at(&source, &byte, 1, 0), HB_STATUS_ENTRY);
    source.close(&source);
    stop(&scene);
}

/* ---- what lies there ------------------------------------------------------------------------ */

static void nobody_has_it_open(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    make_database(home_file(&scene.fixture, "y.db"), "wal", 4096, 10);
    expect_copied(&scene, "y.db", "no program has it open");
    stop(&scene);
}

static void a_log_without_an_index(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    copy_file(home_file(&scene.fixture, "x.db"), home_file(&scene.fixture, "y.db"));
    copy_file(home_file(&scene.fixture, "x.db-wal"), home_file(&scene.fixture, "y.db-wal"));
    expect_copied(&scene, "y.db", "its log has no index");
    stop(&scene);
}

static void a_journal_of_a_crash(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    make_hot_journal(&scene.fixture, "y.db");
    expect_copied(&scene, "y.db", "it has a journal that a crash left");
    stop(&scene);
}

/* The -shm cannot be written to, and nobody who is alive vouches for it. 77: not permitted here. */
static int with_a_read_only_home(struct scene *scene)
{
    const char *home = scene->fixture.fake.home;
    struct fake_host *fake = &scene->fixture.fake;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(home, home, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, home, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return 77;
    static const struct {
        const char *name, *why;
    } cases[] = {{"x.db", "the index of its log cannot be relied on"},
                 {"closed.db", "no program has it open"}};
    for (int i = 0; i < 2; i++) {
        struct hb_entry entry = entry_of(cases[i].name);
        struct hb_source source = {.size = sizeof source};
        fake->report[0] = '\0';
        int status = open_judged(&scene->fixture, &entry, &source);
        if (status != HB_OK || strstr(fake->report, cases[i].why) == NULL) {
            fprintf(stderr, "%s: %d %s %s\n", cases[i].name, status, fake->message, fake->report);
            return 1;
        }
        source.close(&source);
    }
    return 0;
}

static void an_index_that_nobody_vouches_for(void **state)
{
    (void)state;
    struct scene scene;
    int status;
    start(&scene, "wal", "");
    make_database(home_file(&scene.fixture, "closed.db"), "wal", 4096, 10);
    stop_actor(&scene);
    pid_t child = fork();
    if (child == 0)
        _exit(with_a_read_only_home(&scene));
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    /* The same where the file system says nothing of it. */
    struct place place = {.fixture = &scene.fixture, .name = "x.db", .read_only = true};
    assert_int_equal(place_pin(&place, true), VIEW_NEVER);
    assert_non_null(strstr(place.why, "the index of its log cannot be relied on"));
    place_let_go(&place);
    /* With somebody who is alive it works. */
    actor_start(&scene.actor, home_file(&scene.fixture, "x.db"));
    scene.acting = true;
    actor_ask(&scene.actor, total);
    assert_int_equal(place_pin(&place, true), VIEW_PINNED);
    place_let_go(&place);
    stop(&scene);
}

/* ---- locks ------------------------------------------------------------------------------------
 */

static struct scene *locking;
static const char *unlock_by; /* NULL: it ends */
static int asked;

/* After some questions: those of in_place.c are over by then. */
static int unlock_after_a_while(const struct hb_host *host)
{
    (void)host;
    if (asked++ == 40) {
        if (unlock_by != NULL)
            actor_ask(&locking->actor, unlock_by);
        else
            stop_actor(locking);
    }
    return 0;
}

static void expect_locked(struct scene *scene, const char *by)
{
    locking = scene;
    unlock_by = by;
    asked = 0;
    scene->fixture.fake.host.cancelled = unlock_after_a_while;
    expect_copied(scene, "x.db", "it is locked");
    assert_true(asked > 40);
}

static void it_is_locked(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "delete", "");
    actor_ask(&scene.actor, "BEGIN EXCLUSIVE");
    expect_locked(&scene, "COMMIT");
    stop(&scene);

    start(&scene, "wal", "");
    actor_ask(&scene.actor, "PRAGMA locking_mode = EXCLUSIVE");
    actor_ask(&scene.actor, "UPDATE account SET money = money");
    expect_locked(&scene, NULL);
    stop(&scene);
}

/* Its index is in the memory of the program alone, from the first access on. */
static void an_index_of_one_program(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    make_database(home_file(&scene.fixture, "y.db"), "wal", 4096, 10);
    struct actor other;
    actor_start(&other, home_file(&scene.fixture, "y.db"));
    actor_ask(&other, "PRAGMA locking_mode = EXCLUSIVE");
    actor_ask(&other, "UPDATE account SET pad = randomblob(100)");
    assert_true(exists(home_file(&scene.fixture, "y.db-wal")));
    assert_false(exists(home_file(&scene.fixture, "y.db-shm")));
    expect_copied(&scene, "y.db", "its log has no index");
    actor_stop(&other);
    stop(&scene);
}

static void overwrite(const struct scene *scene, const char *name, off_t at, const void *bytes,
                      size_t count)
{
    int fd = open(home_file(&scene->fixture, name), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, count, at), (ssize_t)count);
    close(fd);
}

static void flip(const struct scene *scene, const char *name, off_t at)
{
    unsigned char byte;
    int fd = open(home_file(&scene->fixture, name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at < 0 ? lseek(fd, at, SEEK_END) : at), 1);
    off_t where = at < 0 ? lseek(fd, at, SEEK_END) : at;
    close(fd);
    byte ^= 1;
    overwrite(scene, name, where, &byte, 1);
}

static void it_is_being_recovered(void **state)
{
    (void)state;
    static const unsigned char nothing[96];
    struct scene scene;
    start(&scene, "wal", "");
    actor_ask(&scene.actor, "BEGIN IMMEDIATE");
    overwrite(&scene, "x.db-shm", 0, nothing, sizeof nothing);
    struct place place = {.fixture = &scene.fixture, .name = "x.db"};
    assert_int_equal(place_pin(&place, true), VIEW_NEVER);
    assert_string_equal(place.why, "it is locked");
    place_let_go(&place);
    stop_actor(&scene);
    expect_in_place(&scene, "x.db");
    stop(&scene);
}

/* SQLite itself tries for ten seconds: then it is copied, and by then it is recovered. */
static int locks;

static int recover_at_the_first_lock(const struct flock *lock)
{
    static const unsigned char nothing[96];
    (void)lock;
    locks++;
    if (locks == 1) {
        actor_ask(&locking->actor, "BEGIN IMMEDIATE");
        overwrite(locking, "x.db-shm", 0, nothing, sizeof nothing);
    } else if (locks == 2) {
        stop_actor(locking);
    }
    return 0;
}

static void it_was_being_recovered(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    locking = &scene;
    locks = 0;
    before_lock = recover_at_the_first_lock;
    expect_copied(&scene, "x.db", "it is locked");
    assert_true(locks > 1);
    before_lock = NULL;
    stop(&scene);
}

static int no_such_locks(const struct flock *lock)
{
    (void)lock;
    return EINVAL;
}

static int no_locks_on_the_index(const struct flock *lock)
{
    return lock->l_start < 1000 ? EINVAL : 0;
}

static void no_locks_of_descriptors(void **state)
{
    (void)state;
    static int (*const hooks[])(const struct flock *) = {no_such_locks, no_locks_on_the_index};
    for (int i = 0; i < 2; i++) {
        struct scene scene;
        start(&scene, "wal", "");
        before_lock = hooks[i];
        expect_copied(&scene, "x.db", "locks cannot be held there: Invalid argument");
        before_lock = NULL;
        stop(&scene);
    }
}

/* SQLite's locks go just before ours are there, and the log is begun anew: another try. */
static int losses;

static int lose_the_locks(const struct flock *lock)
{
    if (lock->l_start < 123 || lock->l_start > 127 || losses++ > 0)
        return 0;
    close(open(home_file(&locking->fixture, "x.db-shm"), O_RDONLY | O_CLOEXEC));
    close(open(home_file(&locking->fixture, "x.db"), O_RDONLY | O_CLOEXEC));
    assert_int_equal(actor_ask(&locking->actor, "PRAGMA wal_checkpoint(RESTART)")[0], '0');
    actor_ask(&locking->actor, "UPDATE account SET pad = randomblob(2000)");
    return 0;
}

static int lose_the_locks_always(const struct flock *lock)
{
    losses = 0;
    return lose_the_locks(lock);
}

static void its_locks_are_lost(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "wal", "");
    locking = &scene;
    losses = 0;
    before_lock = lose_the_locks;
    expect_in_place(&scene, "x.db");
    assert_true(losses > 1);
    before_lock = lose_the_locks_always;
    expect_copied(&scene, "x.db", "a lock on it was lost");
    before_lock = NULL;
    stop(&scene);
}

/* Another one gets the name: that one is stored. */
static int replace_it(const struct flock *lock)
{
    if (lock->l_type == F_RDLCK && lock->l_start > 1000)
        (void)rename(home_file(&locking->fixture, "y.db"), home_file(&locking->fixture, "x.db"));
    return 0;
}

static void it_is_moved(void **state)
{
    (void)state;
    struct scene scene;
    start(&scene, "delete", "");
    make_database(home_file(&scene.fixture, "y.db"), "delete", 4096, 10);
    value_in(home_file(&scene.fixture, "y.db"), "UPDATE account SET money = 1");
    locking = &scene;
    before_lock = replace_it;
    assert_int_equal(take(&scene.fixture, "x.db", "out"), HB_OK);
    before_lock = NULL;
    assert_string_equal(value_in(home_file(&scene.fixture, "out"), total), "100");
    stop(&scene);
}

/* ---- the system --------------------------------------------------------------------------------
 */

static void what_the_system_lacks(void **state)
{
    (void)state;
    static const long shared[] = {0x6969, 0x65735546, 0xff534d42};
    struct scene scene;
    start(&scene, "wal", "");
    for (int i = 0; i < 3; i++) {
        file_system = shared[i];
        expect_copied(&scene, "x.db", "locks on this file system may not be seen by all");
    }
    file_system = 0;
    without_threads = true;
    expect_copied(&scene, "x.db", "there is no memory, or no thread, to watch over it");
    without_threads = false;
    expect_in_place(&scene, "x.db");
    stop(&scene);
    start(&scene, "delete", "");
    without_proc = true;
    expect_copied(&scene, "x.db", "there is no /proc");
    without_proc = false;
    stop(&scene);
}

/* ---- log and index
 * -------------------------------------------------------------------------------- */

static void sum_up(uint32_t sums[2], const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        uint32_t pair[2];
        memcpy(pair, bytes + i, 8);
        sums[0] += pair[0] + sums[1];
        sums[1] += pair[1] + sums[0];
    }
}

/* Both headers of the index say something else of the last frame. */
static void another_commit(const struct scene *scene)
{
    unsigned char header[48];
    uint32_t sums[2] = {0, 0};
    int fd = open(home_file(&scene->fixture, "x.db-shm"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    close(fd);
    header[24] ^= 1;
    sum_up(sums, header, 40);
    memcpy(header + 40, sums, 8);
    overwrite(scene, "x.db-shm", 48, header, sizeof header);
    overwrite(scene, "x.db-shm", 0, header, sizeof header);
}

/* The header of the log is whole, and of another log. */
static void another_log(const struct scene *scene)
{
    unsigned char header[32];
    uint32_t sums[2] = {0, 0};
    int fd = open(home_file(&scene->fixture, "x.db-wal"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    close(fd);
    header[16] ^= 1;
    sum_up(sums, header, 24);
    for (int i = 0; i < 2; i++)
        for (int byte = 0; byte < 4; byte++)
            header[24 + 4 * i + byte] = (unsigned char)(sums[i] >> (24 - 8 * byte));
    overwrite(scene, "x.db-wal", 0, header, sizeof header);
}

static void without_sums(const struct scene *scene)
{
    static const unsigned char nothing[16];
    overwrite(scene, "x.db-wal", 32 + 8, nothing, sizeof nothing);
}

/* Already in the file: it would be lost with what is behind it all the same. */
static void without_sums_in_the_file(const struct scene *scene)
{
    actor_ask((struct actor *)(uintptr_t)&scene->actor, "PRAGMA wal_checkpoint(PASSIVE)");
    without_sums(scene);
}

static void wrong_salts(const struct scene *scene)
{
    flip(scene, "x.db-wal", 32 + 8);
}

static void wrong_content(const struct scene *scene)
{
    flip(scene, "x.db-wal", -1);
}

static void wrong_header(const struct scene *scene)
{
    flip(scene, "x.db-wal", 25);
}

/* Of the first frame: its page was written again later. */
static void wrong_page(const struct scene *scene)
{
    flip(scene, "x.db-shm", 136 + 1);
}

static void log_and_index_disagree(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(const struct scene *scene);
        const char *why;
    } cases[] = {
        {another_commit, "its log ends with another commit than the index of it says"},
        {another_log, "its log and the index of it are not of the same time"},
        {without_sums, "frames of its log lack their checksums"},
        {without_sums_in_the_file, "frames of its log lack their checksums"},
        {wrong_salts, "a frame of its log is not of this log"},
        {wrong_content, "a frame of its log does not fit its checksum"},
        {wrong_header, "the header of its log is wrong"},
        {wrong_page, "its log and the index of it name different pages"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        start(&scene, "wal", "check-limit=0\n");
        cases[i].spoil(&scene);
        struct hb_source source = {.size = sizeof source, .flags = HB_SOURCE_JUDGED};
        struct hb_entry entry = entry_of("x.db");
        int status = scene.fixture.ops->open(scene.fixture.self, &entry, &source);
        if (status != HB_OK)
            fail_msg("%s: %s", cases[i].why, scene.fixture.fake.message);
        struct place place = {.fixture = &scene.fixture, .name = "x.db"};
        assert_int_equal(place_pin(&place, true), VIEW_NEVER);
        assert_string_equal(place.why, cases[i].why);
        place_let_go(&place);
        assert_true(source.fd >= 0);
        assert_non_null(strstr(scene.fixture.fake.report, "copied, not read in place: "));
        assert_non_null(strstr(scene.fixture.fake.report, cases[i].why));
        source.close(&source);
        stop(&scene);
    }
}

/* ---- each call fails in turn --------------------------------------------------------------------
 */

static int (*real_stage)(const struct hb_host *host, const char *name, struct hb_file *out);
static void (*real_release)(const struct hb_host *host, struct hb_file *file);
static int (*real_open)(const struct hb_host *host, const char *path, int flags, uint32_t mode);

static int stage_exempt(const struct hb_host *host, const char *name, struct hb_file *out)
{
    exempt = true;
    int result = real_stage(host, name, out);
    exempt = false;
    return result;
}

static void release_exempt(const struct hb_host *host, struct hb_file *file)
{
    exempt = true;
    real_release(host, file);
    exempt = false;
}

static int open_exempt(const struct hb_host *host, const char *path, int flags, uint32_t mode)
{
    exempt = true;
    int result = real_open(host, path, flags, mode);
    exempt = false;
    return result;
}

static int descriptors(void)
{
    int count = 0;
    exempt = true;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    exempt = false;
    return count;
}

/* What a host does; HB_OK: `image` is what it would store. */
static int take_image(struct scene *scene, unsigned char *image, uint64_t room, uint64_t *bytes)
{
    struct hb_source source = {.size = sizeof source, .fd = -1};
    struct hb_entry entry = entry_of("x.db");
    int status = open_judged(&scene->fixture, &entry, &source);
    if (status != HB_OK)
        return status;
    *bytes = source.bytes;
    assert_true(source.bytes <= room);
    for (uint64_t at = 0; at < source.bytes && status == HB_OK; at += 100000) {
        size_t want = source.bytes - at < 100000 ? (size_t)(source.bytes - at) : 100000;
        int64_t got = source.read_at(&source, image + at, want, at);
        if (got != (int64_t)want)
            status = got < 0 ? (int)got : HB_STATUS_ENTRY;
    }
    source.close(&source);
    return status;
}

static void sweep(const char *mode, bool lasting)
{
    enum { ROOM = 1 << 20 };
    struct scene scene;
    const char *full = getenv("HBCORE_FULL");
    long step = full != NULL && *full == '1' ? 1 : 13 * SELDOM;
    start(&scene, mode, "wait=0\n");
    struct hb_host *host = &scene.fixture.fake.host;
    real_stage = host->stage_file;
    real_release = host->stage_release;
    real_open = host->open_beneath;
    host->stage_file = stage_exempt;
    host->stage_release = release_exempt;
    host->open_beneath = open_exempt;
    unsigned char *image = malloc(ROOM), *expected = malloc(ROOM);
    uint64_t length = 0, bytes = 0;
    atomic_store(&calls, 0);
    atomic_store(&fails_at, LONG_MAX);
    assert_int_equal(take_image(&scene, expected, ROOM, &length), HB_OK);
    long all = atomic_load(&calls);
    atomic_store(&fails_at, 0);
    int open_before = descriptors(), whole = 0, copied = 0, refused = 0;
    atomic_store(&for_good, lasting);
    for (long at = 1; at <= all; at += step) {
        atomic_store(&calls, 0);
        atomic_store(&fails_at, at);
        scene.fixture.fake.message[0] = '\0';
        int status = take_image(&scene, image, ROOM, &bytes);
        atomic_store(&fails_at, 0);
        if (status == HB_OK && bytes == length && memcmp(image, expected, length) == 0)
            whole++;
        else if (status == HB_OK) /* a copy: its bytes are others, its rows the same */
            copied++;
        else
            refused++;
        if (status == HB_OK && (bytes != length || memcmp(image, expected, length) != 0)) {
            write_file(home_file(&scene.fixture, "out"), image, bytes);
            assert_string_equal(value_in(home_file(&scene.fixture, "out"), total), "100000");
        }
        if (status != HB_OK && status != HB_STATUS_NOMATCH)
            assert_string_not_equal(scene.fixture.fake.message, "");
        assert_int_equal(descriptors(), open_before);
        /* Nothing is held. */
        actor_ask(&scene.actor, "PRAGMA busy_timeout = 0");
        assert_string_equal(
            actor_ask(&scene.actor, "UPDATE account SET money = money WHERE id = 1"), "");
        if (strcmp(mode, "wal") == 0)
            assert_int_equal(actor_ask(&scene.actor, "PRAGMA wal_checkpoint(TRUNCATE)")[0], '0');
        assert_int_equal(take_image(&scene, expected, ROOM, &length), HB_OK);
    }
    atomic_store(&for_good, false);
    print_message("%s, %s of %ld calls: %d whole, %d copied, %d refused\n", mode,
                  lasting ? "all from one on" : "each", all, whole, copied, refused);
    assert_true(refused > 0);
    assert_true(whole > 0 || lasting);
    free(image);
    free(expected);
    stop(&scene);
}

static void each_call_fails_in_turn(void **state)
{
    (void)state;
    sweep("wal", false);
    sweep("wal", true);
    sweep("delete", false);
    sweep("delete", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(as_the_option_says),
        cmocka_unit_test(it_is_checked_in_place),
        cmocka_unit_test(the_view_is_lost_while_it_is_checked),
        cmocka_unit_test(nobody_has_it_open),
        cmocka_unit_test(a_log_without_an_index),
        cmocka_unit_test(a_journal_of_a_crash),
        cmocka_unit_test(an_index_that_nobody_vouches_for),
        cmocka_unit_test(it_is_locked),
        cmocka_unit_test(an_index_of_one_program),
        cmocka_unit_test(it_is_being_recovered),
        cmocka_unit_test(it_was_being_recovered),
        cmocka_unit_test(no_locks_of_descriptors),
        cmocka_unit_test(its_locks_are_lost),
        cmocka_unit_test(it_is_moved),
        cmocka_unit_test(what_the_system_lacks),
        cmocka_unit_test(log_and_index_disagree),
        cmocka_unit_test(each_call_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static const char total[] = "SELECT sum(money) FROM account";
static const char check[] = "PRAGMA integrity_check";

static void expect_status(struct fixture *fixture, int expected, const char *from, const char *name,
                          const char *words)
{
    size_t before_bytes, after_bytes;
    char *before = read_file(home_file(fixture, name), &before_bytes);
    fixture->fake.message[0] = '\0';
    int status = put_back(fixture, from, name);
    if (status != expected || strstr(fixture->fake.message, words) == NULL)
        fail_msg("%s over %s: %d, \"%s\"", from, name, status, fixture->fake.message);
    char *after = read_file(home_file(fixture, name), &after_bytes);
    assert_int_equal(after_bytes, before_bytes);
    assert_memory_equal(after, before, before_bytes);
    free(before);
    free(after);
}

/* However often it is tried. */
static void expect_refusal(struct fixture *fixture, const char *from, const char *name,
                           const char *words)
{
    expect_status(fixture, HB_STATUS_ENTRY, from, name, words);
}

/* As long as something is in the way that may pass. */
static void expect_refusal_for_now(struct fixture *fixture, const char *from, const char *name,
                                   const char *words)
{
    expect_status(fixture, HB_STATUS_LATER, from, name, words);
}

static ino_t inode_of(const char *path)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_ino;
}

/* An old copy in `copy_mode` over a database in `live_mode` that another process holds open. */
static void into_live(const char *live_mode, const char *copy_mode, int copy_page, int copy_kib,
                      int live_kib)
{
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), live_mode, 4096, live_kib);
    make_database(home_file(&fixture, "old"), copy_mode, copy_page, copy_kib);
    value_in(home_file(&fixture, "old"), "INSERT INTO account VALUES (500, 23, 0)");
    ino_t inode = inode_of(home_file(&fixture, "x.db"));
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "UPDATE account SET money = 1");
    assert_string_equal(actor_ask(&actor, total), "100");

    if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
        fail_msg("%s over %s: %s", copy_mode, live_mode, fixture.fake.message);
    assert_int_equal(inode_of(home_file(&fixture, "x.db")), inode);
    assert_string_equal(actor_ask(&actor, total), "100023");
    assert_string_equal(actor_ask(&actor, "PRAGMA journal_mode"), live_mode);
    assert_string_equal(actor_ask(&actor, check), "ok");
    /* What the old connection writes now lands in the restored file. */
    actor_ask(&actor, "INSERT INTO account VALUES (501, 7, 0)");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100030");
    actor_stop(&actor);
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100030");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), check), "ok");
    fixture_stop(&fixture);
}

static void into_a_live_wal_database(void **state)
{
    (void)state;
    into_live("wal", "wal", 4096, 3000, 10);
    into_live("wal", "delete", 4096, 10, 3000);
}

static void into_a_live_rollback_database(void **state)
{
    (void)state;
    into_live("delete", "delete", 4096, 10, 3000);
    into_live("delete", "wal", 4096, 3000, 10);
}

static void other_page_size(void **state)
{
    (void)state;
    into_live("delete", "delete", 1024, 3000, 10);
    into_live("delete", "wal", 16384, 10, 3000);
    into_live("delete", "delete", 65536, 300, 3000);
}

/* SQLite changes it only outside of WAL mode, and leaves that only while nobody looks. */
static void other_page_size_in_wal_mode(void **state)
{
    (void)state;
    static const int sizes[] = {1024, 65536};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor actor;
        char size[16], words[64];
        snprintf(size, sizeof size, "%d", sizes[i]);
        snprintf(words, sizeof words, "page size is %s, that of the existing WAL", size);
        fixture_start(&fixture, "wait=1\n");
        make_database(home_file(&fixture, "x.db"), "wal", 4096, 100);
        make_database(home_file(&fixture, "old"), i == 0 ? "wal" : "delete", sizes[i], 3000);
        ino_t inode = inode_of(home_file(&fixture, "x.db"));
        actor_start(&actor, home_file(&fixture, "x.db"));
        actor_ask(&actor, "UPDATE account SET money = 1");
        expect_refusal_for_now(&fixture, "old", "x.db", words);
        assert_string_equal(actor_ask(&actor, total), "100");
        assert_string_equal(actor_ask(&actor, "PRAGMA journal_mode"), "wal");
        actor_kill(&actor);

        /* What the log holds does not come back. */
        if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
            fail_msg("%s", fixture.fake.message);
        assert_int_equal(inode_of(home_file(&fixture, "x.db")), inode);
        char *names = names_like(&fixture, "x.db");
        assert_string_equal(names, "x.db");
        free(names);
        assert_string_equal(value_in(home_file(&fixture, "x.db"), "PRAGMA journal_mode"), "wal");
        assert_string_equal(value_in(home_file(&fixture, "x.db"), "PRAGMA page_size"), size);
        assert_string_equal(value_in(home_file(&fixture, "x.db"), check), "ok");
        assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100000");
        fixture_stop(&fixture);
    }
}

static void the_wal_is_never_checkpointed(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t before_bytes, after_bytes;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 8000);
    make_database(home_file(&fixture, "old"), "wal", 4096, 8000);
    char *before = read_file(home_file(&fixture, "x.db"), &before_bytes);
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
    char *after = read_file(home_file(&fixture, "x.db"), &after_bytes);
    assert_int_equal(after_bytes, before_bytes);
    assert_memory_equal(after, before, before_bytes);
    free(before);
    free(after);
    assert_string_equal(value_in(home_file(&fixture, "x.db"), check), "ok");
    fixture_stop(&fixture);
}

static void over_a_locked_one(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "wait=1\n");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 100);
        make_database(home_file(&fixture, "old"), modes[i], 4096, 100);
        actor_start(&actor, home_file(&fixture, "x.db"));
        actor_ask(&actor, "BEGIN IMMEDIATE");
        actor_ask(&actor, "UPDATE account SET money = 1");
        expect_refusal_for_now(&fixture, "old", "x.db", "locked by another program (waited 1 s)");
        assert_string_equal(actor_ask(&actor, "COMMIT"), "");
        assert_string_equal(actor_ask(&actor, total), "100");
        fixture.fake.remaining_ms = 0;
        actor_ask(&actor, "BEGIN EXCLUSIVE");
        expect_refusal_for_now(&fixture, "old", "x.db", "(waited 0 s)");
        actor_ask(&actor, "ROLLBACK");
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
        assert_string_equal(actor_ask(&actor, total), "100000");
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

/* Each reader sees the old or the new state: the sum is the same in both, other sums are a mixture.
 */
static void while_others_write(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor writer, reader;
        char counter[300];
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 2000);
        make_database(home_file(&fixture, "old"), modes[i], 4096, 3000);
        actor_start(&reader, home_file(&fixture, "x.db"));
        actor_start(&writer, home_file(&fixture, "x.db"));
        actor_ask(&writer, "PRAGMA synchronous = OFF");
        snprintf(counter, sizeof counter, "%s/counter", fixture.fake.home);
        actor_move(&writer, counter);
        for (int round = 0; round < 10; round++) {
            int64_t before = actor_commits(&writer);
            if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
                fail_msg("%s: %s", modes[i], fixture.fake.message);
            assert_string_equal(actor_ask(&reader, total), "100000");
            while (actor_commits(&writer) == before)
                assert_string_equal(actor_ask(&reader, total), "100000");
        }
        actor_halt(&writer);
        assert_string_equal(actor_ask(&writer, check), "ok");
        actor_stop(&writer);
        actor_stop(&reader);
        fixture_stop(&fixture);
    }
}

static void unsound_copies(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t bytes;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 400);
    char *data = read_file(home_file(&fixture, "x.db"), &bytes);
    write_file(home_file(&fixture, "cut"), data, bytes - 20000);
    memset(data + 20 * PAGE, 0x55, 40 * PAGE);
    write_file(home_file(&fixture, "bad"), data, bytes);
    memset(data, 0, bytes);
    write_file(home_file(&fixture, "zero"), data, bytes);
    write_file(home_file(&fixture, "text"), "text", 4);
    write_file(home_file(&fixture, "empty"), "", 0);
    free(data);
    expect_refusal(&fixture, "cut", "x.db", "unsound");
    expect_refusal(&fixture, "bad", "x.db", "unsound");
    expect_refusal(&fixture, "zero", "x.db", "not a database");
    expect_refusal(&fixture, "text", "x.db", "not a database");
    expect_refusal(&fixture, "empty", "x.db", "not a database");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100000");
    /* Nothing there to be spoiled: the host writes it, and says what it is. */
    assert_int_equal(put_back(&fixture, "bad", "new.db"), HB_RESTORE_RENAME);
    fixture_stop(&fixture);
}

static void stale_sides_go_with_a_missing_target(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "old"), "wal", 4096, 10);
    write_file(home_file(&fixture, "x.db-wal"), "stale", 5);
    write_file(home_file(&fixture, "x.db-shm"), "stale", 5);
    write_file(home_file(&fixture, "x.db-journal"), "stale", 5);
    write_file(home_file(&fixture, "x.db-other"), "kept", 4);
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_RENAME);
    char *names = names_like(&fixture, "x.db");
    assert_string_equal(names, "x.db-other");
    free(names);
    assert_int_equal(mkdir(home_file(&fixture, "y.db-wal"), 0700), 0);
    assert_int_equal(put_back(&fixture, "old", "y.db"), HB_STATUS_ENTRY);
    fixture_stop(&fixture);
}

static void targets_that_are_no_databases(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "old"), "wal", 4096, 10);
    write_file(home_file(&fixture, "text.db"), "text", 4);
    assert_int_equal(put_back(&fixture, "old", "text.db"), HB_RESTORE_RENAME);

    write_file(home_file(&fixture, "text.db-wal"), "x", 1);
    expect_refusal(&fixture, "old", "text.db", "has a -wal beside it");
    unlink(home_file(&fixture, "text.db-wal"));

    int held = open(home_file(&fixture, "text.db"), O_RDONLY | O_CLOEXEC);
    expect_refusal_for_now(&fixture, "old", "text.db", "a program has it open");
    close(held);

    /* An index and an empty log that a program still uses would become those of the new file. */
    write_file(home_file(&fixture, "text.db-shm"), "index", 5);
    write_file(home_file(&fixture, "text.db-wal"), "", 0);
    held = open(home_file(&fixture, "text.db-shm"), O_RDONLY | O_CLOEXEC);
    expect_refusal_for_now(&fixture, "old", "text.db", "a program has the -shm beside it open");
    close(held);
    assert_int_equal(put_back(&fixture, "old", "text.db"), HB_RESTORE_RENAME);
    char *names = names_like(&fixture, "text.db");
    assert_string_equal(names, "text.db");
    free(names);

    assert_int_equal(symlink("old", home_file(&fixture, "link.db")), 0);
    expect_refusal(&fixture, "old", "link.db", "not a regular file");
    fixture_stop(&fixture);
}

/* An empty file is an empty database: a program that has it open, seen or not, gets the rows. */
static void empty_targets(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "old"), modes[i], 1024, 10);
        write_file(home_file(&fixture, "nothing"), "", 0);
        write_file(home_file(&fixture, "x.db"), "", 0);
        ino_t inode = inode_of(home_file(&fixture, "x.db"));
        actor_start(&actor, home_file(&fixture, "x.db"));
        assert_string_equal(actor_ask(&actor, "SELECT count(*) FROM sqlite_master"), "0");
        assert_int_equal(put_back(&fixture, "nothing", "x.db"), HB_RESTORE_DONE);
        if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
            fail_msg("%s", fixture.fake.message);
        assert_string_equal(actor_ask(&actor, total), "100000");
        actor_ask(&actor, "INSERT INTO account VALUES (501, 7, 0)");
        actor_stop(&actor);
        assert_int_equal(inode_of(home_file(&fixture, "x.db")), inode);
        assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100007");
        assert_string_equal(value_in(home_file(&fixture, "x.db"), "PRAGMA journal_mode"), modes[i]);
        assert_int_equal(fixture.fake.notes, 0);
        fixture_stop(&fixture);
    }
}

/* The first page is what SQLite needs to open a database at all. */
static void damaged_targets(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t bytes;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "old"), "wal", 4096, 10);
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 100);
    char *data = read_file(home_file(&fixture, "x.db"), &bytes);
    memset(data + 16, 0xff, PAGE - 16);
    write_file(home_file(&fixture, "x.db"), data, bytes);
    free(data);

    int held = open(home_file(&fixture, "x.db"), O_RDONLY | O_CLOEXEC);
    expect_refusal_for_now(&fixture, "old", "x.db", "is damaged");
    expect_refusal_for_now(&fixture, "old", "x.db", "a program has it open");
    close(held);
    write_file(home_file(&fixture, "x.db-wal"), "what it lacks?", 14);
    expect_refusal(&fixture, "old", "x.db", "has a -wal beside it");
    assert_true(exists(home_file(&fixture, "x.db-wal")));
    unlink(home_file(&fixture, "x.db-wal"));
    if (put_back(&fixture, "old", "x.db") != HB_RESTORE_RENAME)
        fail_msg("%s", fixture.fake.message);
    fixture_stop(&fixture);
}

/* What other tools archive: the file, and a log with commits that the file lacks. */
static void a_log_that_came_along(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    size_t bytes;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "old"), "wal", 4096, 100);
    actor_start(&actor, home_file(&fixture, "old"));
    actor_ask(&actor, "PRAGMA wal_autocheckpoint = 0");
    actor_ask(&actor, "INSERT INTO account VALUES (500, 23, 0)");
    actor_kill(&actor);
    copy_file(home_file(&fixture, "old-wal"), home_file(&fixture, "keep-wal"));
    make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
    if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
        fail_msg("%s", fixture.fake.message);
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100023");
    assert_int_equal(put_back(&fixture, "old", "new.db"), HB_RESTORE_RENAME);
    char *names = names_like(&fixture, "merged");
    assert_string_equal(names, "merged");
    free(names);
    assert_string_equal(value_in(home_file(&fixture, "merged"), total), "100023");

    /* check() sees both as one, too. */
    copy_file(home_file(&fixture, "old"), home_file(&fixture, "pair"));
    copy_file(home_file(&fixture, "old-wal"), home_file(&fixture, "pair-wal"));
    struct hb_entry entry = entry_of("pair");
    struct hb_file file = {.size = sizeof file,
                           .fd = open(home_file(&fixture, "pair"), O_RDWR | O_CLOEXEC),
                           .path = home_file(&fixture, "pair")};
    uint32_t soundness = 0;
    char reason[100] = "";
    assert_int_equal(
        fixture.ops->check(fixture.self, &entry, &file, &soundness, reason, sizeof reason), HB_OK);
    assert_int_equal(soundness, HB_SOUNDNESS_SOUND);
    close(file.fd);

    /* A log of pages that make no database of it. */
    char *data = read_file(home_file(&fixture, "keep-wal"), &bytes);
    write_file(home_file(&fixture, "text"), "no database at all", 18);
    write_file(home_file(&fixture, "text-wal"), data, bytes);
    free(data);
    expect_refusal(&fixture, "text", "x.db", "unsound");
    fixture_stop(&fixture);
}

/* The rows come under the name that they were asked for, and under no other. */
static void another_name_keeps_its_rows(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 10);
        value_in(home_file(&fixture, "x.db"), "UPDATE account SET money = 1");
        make_database(home_file(&fixture, "old"), modes[i], 4096, 10);
        assert_int_equal(link(home_file(&fixture, "x.db"), home_file(&fixture, "other name")), 0);
        int held = open(home_file(&fixture, "other name"), O_RDONLY | O_CLOEXEC);
        expect_refusal_for_now(&fixture, "old", "x.db", "another hard link");
        close(held);
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_RENAME);
        assert_string_equal(value_in(home_file(&fixture, "other name"), total), "100");
        fixture_stop(&fixture);
    }
}

/* What is restored is checked first, to the end; the rows come after that. */
static bool is_checked;

/* Somebody puts another database there while we wait for a program that uses the one we opened. */
static struct fixture *waiting;
static struct actor *locker;

static int replace_while_we_wait(const struct hb_host *host)
{
    (void)host;
    if (locker == NULL || !is_checked)
        return 0;
    assert_int_equal(rename(home_file(waiting, "next"), home_file(waiting, "x.db")), 0);
    actor_ask(locker, "COMMIT");
    locker = NULL;
    return 0;
}

static void note_checked(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                         uint64_t all)
{
    (void)host;
    (void)entry;
    is_checked = is_checked || done == all;
}

static void replaced_while_it_is_opened(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    make_database(home_file(&fixture, "next"), "delete", 4096, 10);
    value_in(home_file(&fixture, "next"), "UPDATE account SET money = 1");
    make_database(home_file(&fixture, "old"), "delete", 4096, 10);
    actor_start(&actor, home_file(&fixture, "x.db"));
    actor_ask(&actor, "BEGIN EXCLUSIVE");
    waiting = &fixture;
    locker = &actor;
    is_checked = false;
    fixture.fake.host.progress = note_checked;
    fixture.fake.host.cancelled = replace_while_we_wait;
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_STATUS_LATER);
    assert_null(locker);
    assert_non_null(strstr(fixture.fake.message, "another file replaced the database"));
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100");
    actor_stop(&actor);
    fixture_stop(&fixture);
}

static uint32_t mode_of(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? found.st_mode & 07777 : 0;
}

/* What stays in place gets the mode that the host asks for, with its log: narrower or wider. */
static void the_mode_is_set(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    static const mode_t changes[][2] = {{0644, 0600}, {0600, 0640}};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture;
        struct actor actor;
        mode_t wanted = changes[i / 2][1];
        fixture_start(&fixture, "");
        fixture.mode = wanted;
        make_database(home_file(&fixture, "old"), modes[i % 2], 4096, 10);
        make_database(home_file(&fixture, "x.db"), modes[i % 2], 4096, 10);
        assert_int_equal(chmod(home_file(&fixture, "x.db"), changes[i / 2][0]), 0);
        actor_start(&actor, home_file(&fixture, "x.db"));
        actor_ask(&actor, "UPDATE account SET money = 1");
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
        assert_int_equal(mode_of(home_file(&fixture, "x.db")), wanted);
        if (i % 2 == 0) {
            assert_int_equal(mode_of(home_file(&fixture, "x.db-wal")), wanted);
            assert_int_equal(mode_of(home_file(&fixture, "x.db-shm")), wanted);
        }
        assert_string_equal(actor_ask(&actor, total), "100000");
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

static void expect_closed(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                          uint64_t all)
{
    static const char *const names[] = {"x.db", "x.db-wal", "x.db-shm", "x.db-journal"};
    const struct fake_host *fake = host->self;
    (void)entry;
    if (!is_checked) {
        is_checked = done == all;
        return;
    }
    for (int i = 0; i < 4; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", fake->home, names[i]);
        if ((mode_of(path) & 077) != 0)
            fail_msg("%s has mode %o while rows come in", names[i], mode_of(path));
    }
}

/* No other user may read what comes in, not even for a moment; what is refused is as it was. */
static void closed_to_others_meanwhile(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct actor actor;
        fixture_start(&fixture, "wait=0\n");
        make_database(home_file(&fixture, "old"), modes[i], 4096, 20000);
        make_database(home_file(&fixture, "x.db"), modes[i], 4096, 10);
        assert_int_equal(chmod(home_file(&fixture, "x.db"), 0644), 0);
        actor_start(&actor, home_file(&fixture, "x.db"));
        actor_ask(&actor, "BEGIN IMMEDIATE");
        actor_ask(&actor, "UPDATE account SET money = 1");
        expect_refusal_for_now(&fixture, "old", "x.db", "locked");
        assert_int_equal(mode_of(home_file(&fixture, "x.db")), 0644);
        if (i == 0)
            assert_int_equal(mode_of(home_file(&fixture, "x.db-wal")), 0644);
        actor_ask(&actor, "COMMIT");
        is_checked = false;
        fixture.fake.host.progress = expect_closed;
        if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
            fail_msg("%s", fixture.fake.message);
        assert_string_equal(actor_ask(&actor, total), "100000");
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

/* To roll it back would delete that file, whatever it is. */
static void a_journal_that_names_another_file(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "old"), "delete", 4096, 10);
    make_hot_journal(&fixture, "x.db");
    write_file(home_file(&fixture, "victim"), "precious", 8);
    name_super_journal(&fixture, "x.db-journal", "victim");
    expect_refusal(&fixture, "old", "x.db", "several databases");
    assert_true(exists(home_file(&fixture, "victim")));
    assert_true(exists(home_file(&fixture, "x.db-journal")));
    fixture_stop(&fixture);
}

static void a_truncated_target_is_overwritten(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 400);
    make_database(home_file(&fixture, "old"), "delete", 4096, 100);
    assert_int_equal(truncate(home_file(&fixture, "x.db"), (off_t)(5 * PAGE)), 0);
    if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
        fail_msg("%s", fixture.fake.message);
    assert_string_equal(value_in(home_file(&fixture, "x.db"), check), "ok");
    assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100000");
    fixture_stop(&fixture);
}

static void cancel_under_way(const struct hb_host *host, const struct hb_entry *entry,
                             uint64_t done, uint64_t all)
{
    struct fake_host *fake = host->self;
    (void)entry;
    if (is_checked && done > 0 && done < all)
        atomic_store(&fake->cancel, 1);
    is_checked = is_checked || done == all;
}

/* Nobody else has it open: what had been written to its log does not stay, either. */
static void stopped_under_way(void **state)
{
    (void)state;
    static const char *const modes[] = {"wal", "delete"};
    for (int i = 0; i < 4; i++) {
        struct fixture fixture;
        struct actor actor;
        bool in_use = i < 2;
        fixture_start(&fixture, "check-limit=0\n");
        make_database(home_file(&fixture, "x.db"), modes[i % 2], 4096, 100);
        make_database(home_file(&fixture, "old"), modes[i % 2], 4096, 40000);
        actor_start(&actor, home_file(&fixture, "x.db"));
        actor_ask(&actor, "UPDATE account SET money = 1");
        if (!in_use)
            actor_stop(&actor);
        is_checked = false;
        fixture.fake.host.progress = cancel_under_way;
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_STATUS_CANCELLED);
        if (!in_use) {
            char *names = names_like(&fixture, "x.db");
            assert_string_equal(names, "x.db");
            free(names);
            actor_start(&actor, home_file(&fixture, "x.db"));
        }
        assert_string_equal(actor_ask(&actor, total), "100");
        assert_string_equal(actor_ask(&actor, check), "ok");
        actor_stop(&actor);
        fixture_stop(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(into_a_live_wal_database),
        cmocka_unit_test(into_a_live_rollback_database),
        cmocka_unit_test(other_page_size),
        cmocka_unit_test(other_page_size_in_wal_mode),
        cmocka_unit_test(the_wal_is_never_checkpointed),
        cmocka_unit_test(over_a_locked_one),
        cmocka_unit_test(while_others_write),
        cmocka_unit_test(unsound_copies),
        cmocka_unit_test(stale_sides_go_with_a_missing_target),
        cmocka_unit_test(targets_that_are_no_databases),
        cmocka_unit_test(empty_targets),
        cmocka_unit_test(damaged_targets),
        cmocka_unit_test(a_log_that_came_along),
        cmocka_unit_test(another_name_keeps_its_rows),
        cmocka_unit_test(replaced_while_it_is_opened),
        cmocka_unit_test(the_mode_is_set),
        cmocka_unit_test(closed_to_others_meanwhile),
        cmocka_unit_test(a_journal_that_names_another_file),
        cmocka_unit_test(a_truncated_target_is_overwritten),
        cmocka_unit_test(stopped_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second party: what lies beside a database, or where it lies, is not what it should be, or
 * becomes something else between two calls of SQLite. Nothing may hang, and no file but the
 * database and its own side files may change.
 */
#include "connection.h"
#include "fixture.h"
#include "sqlite_snap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { USER = 1234, OTHER = 4321, HANG_SECONDS = 120 };

static const char total[] = "SELECT sum(money) FROM account";
static const char secret[] = "the secret of another file";
static const char *const modes[] = {"wal", "delete"};
static const char *const sides[] = {"-wal", "-shm", "-journal"};

/* A file that is none of the database's business; `owner` as it was. */
static void make_foreign(const struct fixture *fixture)
{
    assert_int_equal(mkdir(home_file(fixture, "foreign"), 0755), 0);
    write_file(home_file(fixture, "foreign/file"), secret, sizeof secret);
}

static void expect_untouched(const char *path, uid_t owner)
{
    size_t bytes;
    struct stat found;
    char *data = read_file(path, &bytes);
    assert_int_equal(bytes, sizeof secret);
    assert_memory_equal(data, secret, bytes);
    free(data);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_uid, owner);
    assert_int_equal(found.st_mode & 07777, 0600);
}

/* Neither taken nor overwritten nor told from its neighbours; "old" is what would be put back. */
static void expect_refused(struct fixture *fixture, const char *name, const char *words)
{
    struct hb_entry entry = entry_of(name);
    struct hb_source source = {.size = sizeof source};
    unsigned char identity[32];
    size_t before_bytes, after_bytes;
    char *before = read_file(home_file(fixture, name), &before_bytes);
    fixture->fake.message[0] = '\0';
    int status = open_judged(fixture, &entry, &source);
    if (status != HB_STATUS_ENTRY || strstr(fixture->fake.message, words) == NULL)
        fail_msg("snapshot: %d, \"%s\", not \"%s\"", status, fixture->fake.message, words);
    assert_int_equal(fixture->ops->identity(fixture->self, &entry, identity), HB_STATUS_NOMATCH);
    fixture->fake.message[0] = '\0';
    status = put_back(fixture, "old", name);
    if (status != HB_STATUS_ENTRY || strstr(fixture->fake.message, words) == NULL)
        fail_msg("restore: %d, \"%s\", not \"%s\"", status, fixture->fake.message, words);
    char *after = read_file(home_file(fixture, name), &after_bytes);
    assert_int_equal(after_bytes, before_bytes);
    assert_memory_equal(after, before, before_bytes);
    free(before);
    free(after);
}

static void give_all(const struct fixture *fixture, uid_t user)
{
    char command[512];
    snprintf(command, sizeof command, "chown -R %d:%d '%s'", (int)user, (int)user,
             fixture->fake.home);
    assert_int_equal(system(command), 0);
}

static void expect_owner(const struct fixture *fixture, const char *start, uid_t user)
{
    char *names = names_like(fixture, start), *save = NULL;
    for (char *name = strtok_r(names, " ", &save); name != NULL;
         name = strtok_r(NULL, " ", &save)) {
        struct stat found;
        assert_int_equal(lstat(home_file(fixture, name), &found), 0);
        if (found.st_uid != user)
            fail_msg("%s belongs to %u", name, (unsigned)found.st_uid);
    }
    free(names);
}

static void need_root(void)
{
    if (geteuid() != 0)
        skip();
}

/* ---- what should not lie there --------------------------------------------------- */

enum plant {
    DANGLING,
    LINK,
    LINK_TO_DIRECTORY,
    HARD_LINK,
    DIRECTORY,
    PIPE,
    SOCKET,
    DEVICE,
    PLANTS
};

static const char *const plant_words[PLANTS] = {
    "a symbolic link", "a symbolic link", "a symbolic link", "another hard link",
    "a directory",     "a pipe",          "a socket",        "a device",
};

static bool put_socket(const struct fixture *fixture, const char *name)
{
    /* By a short path, which is all that there is room for. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int home = open(fixture->fake.home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", home, name);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    close(home);
    return bound;
}

/* False where that is not ours to make. */
static bool put_plant(const struct fixture *fixture, enum plant plant, const char *name)
{
    const char *path = home_file(fixture, name);
    switch (plant) {
    case DANGLING:
        return symlink("foreign/nothing", path) == 0;
    case LINK:
        return symlink("foreign/file", path) == 0;
    case LINK_TO_DIRECTORY:
        return symlink("foreign", path) == 0;
    case HARD_LINK:
        return link(home_file(fixture, "foreign/file"), path) == 0;
    case DIRECTORY:
        return mkdir(path, 0700) == 0;
    case PIPE:
        return mkfifo(path, 0600) == 0;
    case SOCKET:
        return put_socket(fixture, name);
    case DEVICE:
    default:
        return mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0;
    }
}

static void plants_beside_a_database(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        fixture_start(&fixture, "wait=1\n");
        make_foreign(&fixture);
        make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
        make_database(home_file(&fixture, "old"), "wal", 4096, 10);
        for (int side = 0; side < 3; side++)
            for (int plant = 0; plant < PLANTS; plant++) {
                char name[16], words[64];
                snprintf(name, sizeof name, "x.db%s", sides[side]);
                snprintf(words, sizeof words, "its %s %s %s", sides[side],
                         plant == HARD_LINK ? "has" : "is", plant_words[plant]);
                if (!put_plant(&fixture, (enum plant)plant, name))
                    continue;
                expect_refused(&fixture, "x.db", words);
                expect_untouched(home_file(&fixture, "foreign/file"), geteuid());
                assert_false(exists(home_file(&fixture, "foreign/nothing")));
                assert_int_equal(remove(home_file(&fixture, name)), 0);
            }
        assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
        fixture_stop(&fixture);
    }
    alarm(0);
}

/* A file of root's that the user moved there, or somebody else's. */
static void side_files_of_another_owner(void **state)
{
    (void)state;
    need_root();
    static const uid_t homes[] = {USER, 0}, planted[] = {0, OTHER};
    for (int home = 0; home < 2; home++)
        for (int who = 0; who < 2; who++)
            for (int side = 0; side < 3; side++) {
                struct fixture fixture;
                char name[16], words[64];
                fixture_start(&fixture, "");
                make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
                make_database(home_file(&fixture, "old"), "wal", 4096, 10);
                give_all(&fixture, USER);
                assert_int_equal(chown(fixture.fake.home, homes[home], homes[home]), 0);
                snprintf(name, sizeof name, "x.db%s", sides[side]);
                write_file(home_file(&fixture, name), secret, sizeof secret);
                assert_int_equal(chown(home_file(&fixture, name), planted[who], planted[who]), 0);
                snprintf(words, sizeof words, "its %s belongs to user %d, the database to user %d",
                         sides[side], (int)planted[who], USER);
                expect_refused(&fixture, "x.db", words);
                expect_untouched(home_file(&fixture, name), planted[who]);
                fixture_stop(&fixture);
            }
}

/* ---- between two calls of SQLite -------------------------------------------------- */

static struct patience patience_of(struct fixture *fixture)
{
    struct snap snap = {.host = &fixture->fake.host};
    struct patience patience;
    patience_init(&patience, &snap);
    return patience;
}

static void hold(const struct fixture *fixture, const char *directory, struct held *held)
{
    int fd = open(home_file(fixture, directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(held_open(held, fd, "x.db"), 0);
    close(fd);
    assert_true(held_sides_are_fit(held));
}

/* It was looked at and found fit; then it is planted, then SQLite opens it. */
static void planted_after_the_look(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    for (int mode = 0; mode < 2; mode++)
        for (int side = 0; side < 3; side++)
            for (int plant = 0; plant < PLANTS; plant++) {
                struct fixture fixture;
                struct held held;
                struct connection connection;
                char name[16];
                int64_t ignored;
                fixture_start(&fixture, "");
                make_foreign(&fixture);
                make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
                hold(&fixture, "", &held);
                struct patience patience = patience_of(&fixture);
                snprintf(name, sizeof name, "x.db%s", sides[side]);
                bool planted = put_plant(&fixture, (enum plant)plant, name);
                int result =
                    connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience);
                if (result == SQLITE_OK)
                    result = connection_run(&connection, "PRAGMA schema_version", &ignored);
                if (result == SQLITE_OK)
                    result = connection_run(&connection, "PRAGMA user_version = 7", NULL);
                /* The index is nothing to a rollback-journal database. */
                bool unused = mode == 1 && side == 1;
                if (planted && !unused &&
                    (result == SQLITE_OK || strstr(held.refusal, plant_words[plant]) == NULL))
                    fail_msg("%s with a %s that is %s: %d, \"%s\"", modes[mode], sides[side],
                             plant_words[plant], result, held.refusal);
                connection_close(&connection);
                held_close(&held);
                expect_untouched(home_file(&fixture, "foreign/file"), geteuid());
                assert_false(exists(home_file(&fixture, "foreign/nothing")));
                fixture_stop(&fixture);
            }
    alarm(0);
}

/* Makes a second name of a file and takes it away again, for ever. */
static pid_t start_linking(const char *from, const char *to)
{
    pid_t child = fork();
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (child == 0) {
        if (link(from, to) != 0)
            _exit(1);
        unlink(to);
    }
    return child;
}

/* A file whose second name goes away at the right moment has one link, too: somewhere else. */
static void links_that_come_and_go(void **state)
{
    (void)state;
    for (int main_too = 0; main_too < 2; main_too++) {
        struct fixture fixture;
        struct held held;
        struct stat foreign, opened;
        char from[300], to[300];
        fixture_start(&fixture, "");
        make_foreign(&fixture);
        snprintf(from, sizeof from, "%s", home_file(&fixture, "foreign/file"));
        snprintf(to, sizeof to, "%s", home_file(&fixture, main_too ? "x.db" : "x.db-wal"));
        assert_int_equal(stat(from, &foreign), 0);
        if (!main_too)
            make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
        int directory = open(fixture.fake.home, O_PATH | O_DIRECTORY | O_CLOEXEC);
        pid_t racer = start_linking(from, to);
        int64_t until = monotonic_ms() + 2000;
        for (int round = 0; round % 256 != 0 || monotonic_ms() < until; round++) {
            if (main_too) {
                if (held_open(&held, directory, "x.db") == 0)
                    assert_true(held.status.st_nlink > 1);
            } else {
                assert_int_equal(held_open(&held, directory, "x.db"), 0);
                int fd = held_open_side(&held, SIDE_WAL, O_RDWR);
                if (fd >= 0) {
                    assert_int_equal(fstat(fd, &opened), 0);
                    assert_int_not_equal(opened.st_ino, foreign.st_ino);
                    close(fd);
                }
                held_set_mode(&held, SIDE_WAL, 0644);
            }
            held_close(&held);
        }
        kill(racer, SIGKILL);
        waitpid(racer, NULL, 0);
        close(directory);
        expect_untouched(from, geteuid());
        fixture_stop(&fixture);
    }
}

/* The directory that is held, not the one that has its name now. */
static void directory_swapped_for_a_link(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        struct held held;
        struct connection connection;
        int64_t money = 0;
        fixture_start(&fixture, "");
        assert_int_equal(mkdir(home_file(&fixture, "sub"), 0700), 0);
        assert_int_equal(mkdir(home_file(&fixture, "out"), 0700), 0);
        make_database(home_file(&fixture, "sub/x.db"), modes[mode], 4096, 10);
        make_database(home_file(&fixture, "out/x.db"), modes[mode], 4096, 10);
        value_in(home_file(&fixture, "out/x.db"), "UPDATE account SET money = 1");
        hold(&fixture, "sub", &held);
        struct patience patience = patience_of(&fixture);
        assert_int_equal(rename(home_file(&fixture, "sub"), home_file(&fixture, "real")), 0);
        assert_int_equal(symlink("out", home_file(&fixture, "sub")), 0);
        assert_int_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
        assert_int_equal(connection_run(&connection, total, &money), SQLITE_OK);
        assert_int_equal(money, 100000);
        assert_int_equal(connection_run(&connection, "UPDATE account SET money = 2", NULL),
                         SQLITE_OK);
        connection_close(&connection);
        held_close(&held);
        assert_string_equal(value_in(home_file(&fixture, "real/x.db"), total), "200");
        assert_string_equal(value_in(home_file(&fixture, "out/x.db"), total), "100");
        fixture_stop(&fixture);
    }
}

/* Another database takes its name, for good or for the moment in which SQLite opens it. */
static void another_in_its_place(void **state)
{
    (void)state;
    struct fixture fixture;
    struct held held;
    struct connection connection;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    make_database(home_file(&fixture, "y"), "delete", 4096, 10);
    hold(&fixture, "", &held);
    struct patience patience = patience_of(&fixture);
    assert_int_equal(rename(home_file(&fixture, "x.db"), home_file(&fixture, "z")), 0);
    assert_int_equal(link(home_file(&fixture, "y"), home_file(&fixture, "x.db")), 0);
    assert_int_not_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
    assert_false(held_is_here(&held));
    connection_close(&connection);
    assert_int_equal(unlink(home_file(&fixture, "x.db")), 0);
    assert_int_not_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
    connection_close(&connection);
    held_close(&held);
    fixture_stop(&fixture);
}

/* Mode and owner of what SQLite makes are the pinned file's, whatever has its name now. */
static void another_while_its_log_is_made(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        struct held held;
        struct connection connection;
        struct stat made;
        char side[16];
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
        assert_int_equal(chmod(home_file(&fixture, "x.db"), 0600), 0);
        write_file(home_file(&fixture, "open to all"), secret, sizeof secret);
        assert_int_equal(chmod(home_file(&fixture, "open to all"), 0666), 0);
        hold(&fixture, "", &held);
        struct patience patience = patience_of(&fixture);
        assert_int_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
        assert_int_equal(unlink(home_file(&fixture, "x.db")), 0);
        assert_int_equal(rename(home_file(&fixture, "open to all"), home_file(&fixture, "x.db")),
                         0);
        assert_int_not_equal(connection_run(&connection, "PRAGMA user_version = 7", NULL),
                             SQLITE_OK);
        snprintf(side, sizeof side, "x.db%s", mode == 0 ? "-wal" : "-journal");
        if (stat(home_file(&fixture, side), &made) == 0)
            assert_int_equal(made.st_mode & 0077, 0);
        connection_close(&connection);
        held_close(&held);
        fixture_stop(&fixture);
    }
}

/* The journal came to name one after we looked at it: SQLite neither opens nor deletes that. */
static void super_journal_named_after_the_look(void **state)
{
    (void)state;
    static const char *const supers[] = {"foreign/file", "closed/super"};
    for (int closed = 0; closed < (geteuid() == 0 ? 2 : 1); closed++) {
        struct fixture fixture;
        struct held held;
        struct connection connection;
        struct as_owner owner;
        int64_t ignored;
        fixture_start(&fixture, "");
        make_foreign(&fixture);
        make_hot_journal(&fixture, "x.db");
        assert_int_equal(mkdir(home_file(&fixture, "closed"), 0700), 0);
        write_file(home_file(&fixture, "closed/super"), secret, sizeof secret);
        name_super_journal(&fixture, "x.db-journal", supers[closed]);
        if (closed == 1) {
            give_all(&fixture, USER);
            assert_int_equal(chown(home_file(&fixture, "closed"), 0, 0), 0);
        }
        hold(&fixture, "", &held);
        struct patience patience = patience_of(&fixture);
        assert_true(held_begin(&held, &owner));
        assert_int_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
        assert_int_not_equal(connection_run(&connection, "PRAGMA schema_version", &ignored),
                             SQLITE_OK);
        connection_close(&connection);
        as_owner_end(&owner);
        held_close(&held);
        assert_true(exists(home_file(&fixture, supers[closed])));
        /* Cannot tell: not undone, and not thrown away. */
        assert_int_equal(exists(home_file(&fixture, "x.db-journal")), closed);
        fixture_stop(&fixture);
    }
}

static struct fixture *under_way;
static const char *replacement;

/* The first step of a copy is over: somebody renames another one over it. */
static void replace_under_way(const struct hb_host *host, const struct hb_entry *entry,
                              uint64_t done, uint64_t whole)
{
    (void)host;
    (void)entry;
    (void)done;
    (void)whole;
    if (replacement != NULL)
        assert_int_equal(rename(home_file(under_way, replacement), home_file(under_way, "x.db")),
                         0);
    replacement = NULL;
}

static void replaced_while_it_is_copied(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, "snapshot=copy\n");
    under_way = &fixture;
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    make_database(home_file(&fixture, "new"), "delete", 4096, 10);
    value_in(home_file(&fixture, "new"), "UPDATE account SET money = 1");
    replacement = "new";
    fixture.fake.host.progress = replace_under_way;
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_null(replacement);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100");
    fixture_stop(&fixture);
}

/* ---- owners, modes, rights ---------------------------------------------------------- */

/* A mode that a filter or a snapshot decided, wider than the one that is there, or narrower. */
static void the_mode_is_the_one_asked_for(void **state)
{
    (void)state;
    static const mode_t wanted[] = {0640, 0600, 0644};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct fixture fixture;
        struct stat found;
        fixture_start(&fixture, "");
        fixture.mode = wanted[i];
        make_database(home_file(&fixture, "x.db"), "wal", 4096, 10);
        make_database(home_file(&fixture, "old"), "wal", 4096, 10);
        assert_int_equal(chmod(home_file(&fixture, "x.db"), i == 1 ? 0644 : 0600), 0);
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
        for (int side = 0; side < 3; side++) {
            const char *path = home_file(&fixture, side == 0   ? "x.db"
                                                   : side == 1 ? "x.db-wal"
                                                               : "x.db-shm");
            assert_int_equal(stat(path, &found), 0);
            assert_int_equal(found.st_mode & 07777, wanted[i]);
        }
        assert_int_equal(fixture.fake.doubtful, 0);
        fixture_stop(&fixture);
    }
}

/* With an access list the group bits are the mask of the list, and say nothing of the group. */
static void a_log_is_open_to_nobody_else(void **state)
{
    (void)state;
    static const struct {
        uint16_t kind, may;
        uint32_t who;
    } list[] = {{0x01, 6, ~0u}, {0x02, 6, USER}, {0x04, 0, ~0u}, {0x10, 6, ~0u}, {0x20, 0, ~0u}};
    unsigned char value[4 + sizeof list] = {2}, made[sizeof value];
    memcpy(value + 4, list, sizeof list);
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        struct held held;
        struct connection connection;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
        if (setxattr(home_file(&fixture, "x.db"), "system.posix_acl_access", value, sizeof value,
                     0) != 0) {
            fixture_stop(&fixture);
            print_message("no access lists here\n");
            skip();
        }
        hold(&fixture, "", &held);
        struct patience patience = patience_of(&fixture);
        assert_int_equal(connection_open(&connection, &held, SQLITE_OPEN_READWRITE, "", &patience),
                         SQLITE_OK);
        assert_int_equal(connection_run(&connection, "BEGIN IMMEDIATE", NULL), SQLITE_OK);
        assert_int_equal(connection_run(&connection, "UPDATE account SET money = 1", NULL),
                         SQLITE_OK);
        const char *log = home_file(&fixture, mode == 0 ? "x.db-wal" : "x.db-journal");
        struct stat found;
        bool closed = stat(log, &found) == 0 && (found.st_mode & 077) == 0;
        bool alike = getxattr(log, "system.posix_acl_access", made, sizeof made) == sizeof value &&
                     memcmp(made, value, sizeof value) == 0;
        connection_run(&connection, "ROLLBACK", NULL);
        connection_close(&connection);
        held_close(&held);
        assert_true(closed || alike);
        fixture_stop(&fixture);
    }
}

/* What SQLite makes in a home of his is his, in his directory or in root's. */
static void root_in_the_home_of_a_user(void **state)
{
    (void)state;
    need_root();
    for (int mode = 0; mode < 2; mode++)
        for (int page = 1024; page <= 4096; page += 3072)
            for (int of_root = 0; of_root < 2; of_root++) {
                struct fixture fixture;
                fixture_start(&fixture, "");
                make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
                make_database(home_file(&fixture, "old"), "wal", page, 20);
                value_in(home_file(&fixture, "old"), "UPDATE account SET money = 3");
                give_all(&fixture, USER);
                if (of_root)
                    assert_int_equal(chown(fixture.fake.home, 0, 0), 0);
                assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
                if (put_back(&fixture, "old", "x.db") != HB_RESTORE_DONE)
                    fail_msg("%s: %s", modes[mode], fixture.fake.message);
                expect_owner(&fixture, "x.db", USER);
                assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
                assert_string_equal(value_in(home_file(&fixture, "out"), total), "300");
                expect_owner(&fixture, "x.db", USER);
                assert_int_equal(fixture.fake.doubtful, 0);
                fixture_stop(&fixture);
            }
}

/* Left there by a program that ran as root. */
static void a_database_of_root_in_the_home_of_a_user(void **state)
{
    (void)state;
    need_root();
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        struct hb_entry entry = entry_of("x.db");
        struct hb_source source = {.size = sizeof source};
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
        make_database(home_file(&fixture, "old"), "wal", 4096, 10);
        assert_int_equal(chown(fixture.fake.home, USER, USER), 0);
        /* He can read it, and write it, but what SQLite makes would not be root's. */
        assert_int_equal(chmod(home_file(&fixture, "x.db"), 0666), 0);
        assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_STATUS_ENTRY);
        assert_non_null(strstr(fixture.fake.message, "would belong to user 1234"));
        char *names = names_like(&fixture, "x.db");
        assert_string_equal(names, "x.db");
        free(names);
        /* He cannot. */
        assert_int_equal(chmod(home_file(&fixture, "x.db"), 0600), 0);
        assert_int_equal(open_judged(&fixture, &entry, &source), HB_STATUS_ENTRY);
        assert_non_null(strstr(fixture.fake.message, "belongs to user 0"));
        assert_int_equal(put_back(&fixture, "old", "x.db"), HB_STATUS_ENTRY);
        assert_string_equal(value_in(home_file(&fixture, "x.db"), total), "100000");
        fixture_stop(&fixture);
    }
}

/* Whether a transaction over several databases was completed, he may not be able to know. */
static void super_journals_that_cannot_be_asked_for(void **state)
{
    (void)state;
    need_root();
    struct fixture fixture;
    struct hb_entry entry = entry_of("x.db");
    struct hb_source source = {.size = sizeof source};
    fixture_start(&fixture, "");
    make_hot_journal(&fixture, "x.db");
    assert_int_equal(mkdir(home_file(&fixture, "closed"), 0700), 0);
    write_file(home_file(&fixture, "closed/super"), secret, sizeof secret);
    name_super_journal(&fixture, "x.db-journal", "closed/super");
    make_database(home_file(&fixture, "old"), "delete", 4096, 10);
    give_all(&fixture, USER);
    assert_int_equal(chown(home_file(&fixture, "closed"), 0, 0), 0);
    assert_int_equal(open_judged(&fixture, &entry, &source), HB_STATUS_ENTRY);
    assert_non_null(strstr(fixture.fake.message, "cannot tell"));
    assert_int_equal(chmod(home_file(&fixture, "closed"), 0755), 0);
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
    assert_true(exists(home_file(&fixture, "closed/super")));
    fixture_stop(&fixture);
}

static void super_journal_of_a_relative_name(void **state)
{
    (void)state;
    struct fixture fixture;
    struct hb_entry entry = entry_of("x.db");
    struct hb_source source = {.size = sizeof source};
    fixture_start(&fixture, "");
    make_hot_journal(&fixture, "x.db");
    name_super_journal(&fixture, "x.db-journal", "./super");
    assert_int_equal(open_judged(&fixture, &entry, &source), HB_STATUS_ENTRY);
    assert_non_null(strstr(fixture.fake.message, "cannot tell"));
    fixture_stop(&fixture);
}

/* Another program's lease makes open() wait, unless it is told not to. */
static void a_lease_makes_nobody_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    struct hb_entry entry = entry_of("x.db");
    struct hb_source source = {.size = sizeof source};
    int ready[2];
    char byte;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t holder = fork();
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(home_file(&fixture, "x.db"), O_RDWR | O_CLOEXEC);
        signal(SIGIO, SIG_IGN);
        byte = fcntl(fd, F_SETLEASE, F_WRLCK) == 0 ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    int64_t started = monotonic_ms();
    if (byte == 'y') {
        assert_int_equal(open_judged(&fixture, &entry, &source), HB_STATUS_ENTRY);
        assert_true(monotonic_ms() - started < 20000);
    }
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    assert_int_equal(take(&fixture, "x.db", "out"), HB_OK);
    close(ready[0]);
    close(ready[1]);
    fixture_stop(&fixture);
}

/* ---- without /proc ------------------------------------------------------------------ */

static bool hide_proc(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/proc", "tmpfs", 0, NULL) == 0;
}

/* 0: all is as it should be. */
static int use_without_proc(struct fixture *fixture)
{
    if (!hide_proc())
        return 77;
    if (take(fixture, "x.db", "out") != HB_OK)
        return 1;
    if (put_back(fixture, "old", "new.db") != HB_RESTORE_RENAME)
        return 3;
    if (put_back(fixture, "old", "x.db") != HB_STATUS_ENTRY ||
        strstr(fixture->fake.message, "there is no /proc") == NULL)
        return 2;
    return 0;
}

static void without_proc(void **state)
{
    (void)state;
    need_root();
    for (int mode = 0; mode < 2; mode++) {
        struct fixture fixture;
        int status;
        fixture_start(&fixture, "");
        make_database(home_file(&fixture, "x.db"), modes[mode], 4096, 10);
        make_database(home_file(&fixture, "old"), "wal", 4096, 10);
        pid_t child = fork();
        if (child == 0)
            _exit(use_without_proc(&fixture));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 77) {
            assert_int_equal(WEXITSTATUS(status), 0);
            assert_string_equal(value_in(home_file(&fixture, "out"), total), "100000");
        }
        fixture_stop(&fixture);
    }
}

/* ---- held, but deleted --------------------------------------------------------------- */

static void start_holder(struct fixture *fixture, struct actor *actor, const char *settings)
{
    fixture_start(fixture, settings);
    make_database(home_file(fixture, "x.db"), "wal", 4096, 10);
    make_database(home_file(fixture, "old"), "wal", 4096, 10);
    actor_start(actor, home_file(fixture, "x.db"));
    assert_string_equal(actor_ask(actor, total), "100000");
}

static void expect_held(struct fixture *fixture)
{
    fixture->fake.message[0] = '\0';
    int status = put_back(fixture, "old", "x.db");
    if (status != HB_STATUS_ENTRY || strstr(fixture->fake.message, "python") == NULL ||
        strstr(fixture->fake.message, "still has the deleted database") == NULL)
        fail_msg("%d, \"%s\"", status, fixture->fake.message);
}

static void a_deleted_one_that_is_held(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    start_holder(&fixture, &actor, "");
    unlink(home_file(&fixture, "x.db"));
    unlink(home_file(&fixture, "x.db-wal"));
    unlink(home_file(&fixture, "x.db-shm"));
    expect_held(&fixture);
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10); /* a new one bears its name */
    expect_held(&fixture);
    actor_stop(&actor);
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_DONE);
    fixture_stop(&fixture);
}

static void its_log_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    start_holder(&fixture, &actor, "");
    unlink(home_file(&fixture, "x.db-wal"));
    expect_held(&fixture);
    actor_kill(&actor);
    fixture_stop(&fixture);
}

/* The old one still has another name. */
static void one_of_two_names(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    start_holder(&fixture, &actor, "");
    assert_int_equal(link(home_file(&fixture, "x.db"), home_file(&fixture, "y")), 0);
    unlink(home_file(&fixture, "x.db"));
    expect_held(&fixture);
    actor_kill(&actor);
    fixture_stop(&fixture);
}

static void a_deleted_one_that_is_held_and_forced(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor actor;
    start_holder(&fixture, &actor, "force-held=yes\n");
    unlink(home_file(&fixture, "x.db"));
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_RENAME);
    actor_kill(&actor);
    fixture_stop(&fixture);
}

/* The program runs in a container: its paths are not ours. */
static void held_by_a_container(void **state)
{
    (void)state;
    need_root();
    struct fixture fixture;
    int ready[2];
    char byte;
    fixture_start(&fixture, "");
    make_database(home_file(&fixture, "x.db"), "delete", 4096, 10);
    make_database(home_file(&fixture, "old"), "delete", 4096, 10);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t holder = fork();
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool away = unshare(CLONE_NEWNS) == 0 &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount(fixture.fake.home, "/mnt", NULL, MS_BIND, NULL) == 0 &&
                    open("/mnt/x.db", O_RDONLY | O_CLOEXEC) >= 0;
        if (write(ready[1], away ? "y" : "n", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    unlink(home_file(&fixture, "x.db"));
    int status = put_back(&fixture, "old", "x.db");
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    if (byte == 'y') {
        assert_int_equal(status, HB_STATUS_ENTRY);
        assert_non_null(strstr(fixture.fake.message, "still has the deleted database"));
    }
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_RENAME);
    fixture_stop(&fixture);
    if (byte != 'y') {
        print_message("a mount namespace is not permitted here\n");
        skip();
    }
}

/* A deleted one of that name in another directory, and a file that is only called so. */
static void what_only_looks_like_it(void **state)
{
    (void)state;
    struct fixture fixture;
    struct actor elsewhere, called;
    fixture_start(&fixture, "");
    assert_int_equal(mkdir(home_file(&fixture, "sub"), 0700), 0);
    make_database(home_file(&fixture, "sub/x.db"), "wal", 4096, 10);
    make_database(home_file(&fixture, "x.db (deleted)"), "wal", 4096, 10);
    make_database(home_file(&fixture, "old"), "wal", 4096, 10);
    actor_start(&elsewhere, home_file(&fixture, "sub/x.db"));
    actor_start(&called, home_file(&fixture, "x.db (deleted)"));
    assert_string_equal(actor_ask(&elsewhere, total), "100000");
    assert_string_equal(actor_ask(&called, total), "100000");
    unlink(home_file(&fixture, "sub/x.db"));
    assert_int_equal(put_back(&fixture, "old", "x.db"), HB_RESTORE_RENAME);
    actor_kill(&elsewhere);
    actor_kill(&called);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plants_beside_a_database),
        cmocka_unit_test(side_files_of_another_owner),
        cmocka_unit_test(planted_after_the_look),
        cmocka_unit_test(links_that_come_and_go),
        cmocka_unit_test(directory_swapped_for_a_link),
        cmocka_unit_test(another_in_its_place),
        cmocka_unit_test(another_while_its_log_is_made),
        cmocka_unit_test(super_journal_named_after_the_look),
        cmocka_unit_test(replaced_while_it_is_copied),
        cmocka_unit_test(the_mode_is_the_one_asked_for),
        cmocka_unit_test(a_log_is_open_to_nobody_else),
        cmocka_unit_test(root_in_the_home_of_a_user),
        cmocka_unit_test(a_database_of_root_in_the_home_of_a_user),
        cmocka_unit_test(super_journals_that_cannot_be_asked_for),
        cmocka_unit_test(super_journal_of_a_relative_name),
        cmocka_unit_test(a_lease_makes_nobody_wait),
        cmocka_unit_test(without_proc),
        cmocka_unit_test(a_deleted_one_that_is_held),
        cmocka_unit_test(its_log_alone),
        cmocka_unit_test(one_of_two_names),
        cmocka_unit_test(a_deleted_one_that_is_held_and_forced),
        cmocka_unit_test(held_by_a_container),
        cmocka_unit_test(what_only_looks_like_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The key of an installation: made once, and believed only where nobody else could read it or put
 * it there. */
#include "base/memory.h"
#include "files/state_key.h"
#include "scratch.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SCRATCH/state/hbcore/reuse.key */
struct fixture {
    char *scratch, *state, *directory, *file;
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->scratch = scratch_new();
    fixture->state = scratch_path(fixture->scratch, "state");
    fixture->directory = scratch_path(fixture->scratch, "state/hbcore");
    fixture->file = scratch_path(fixture->scratch, "state/hbcore/reuse.key");
    setenv("XDG_STATE_HOME", fixture->state, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_remove(fixture->scratch);
    free(fixture->state);
    free(fixture->directory);
    free(fixture->file);
    free(fixture);
    return 0;
}

/* `why` NULL: it is known. */
static void expect(bool make, const char *why, int line)
{
    struct hb_state_key key;
    hb_state_key_find(make, &key);
    if (key.known != (why == NULL) || (key.why == NULL) != (why == NULL) ||
        (why != NULL && strstr(key.why, why) == NULL))
        fail_msg("line %d: %s", line, key.known ? "known" : key.why == NULL ? "none" : key.why);
    hb_state_key_clear(&key);
}
#define KNOWN()      expect(false, NULL, __LINE__)
#define REFUSED(why) expect(true, why, __LINE__)

static void test_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct hb_state_key first, second;
    struct stat status;
    hb_state_key_find(false, &first);
    assert_false(first.known || first.made);
    assert_null(first.why); /* there is none, and none was to be made */
    hb_state_key_clear(&first);
    hb_state_key_find(true, &first);
    assert_true(first.known && first.made);
    assert_int_equal(stat(fixture->file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, HB_KEY_BYTES);
    assert_true(first.inode == status.st_ino);
    assert_int_equal(stat(fixture->directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    hb_state_key_find(true, &second);
    assert_true(second.known && !second.made);
    assert_memory_equal(first.key, second.key, HB_KEY_BYTES);
    hb_state_key_clear(&first);
    hb_state_key_clear(&second);
}

static void test_others_can_reach_it(void **state)
{
    struct fixture *fixture = *state;
    expect(true, NULL, __LINE__);
    static const mode_t files[] = {0640, 0604, 0620}, directories[] = {0720, 0702, 0777};
    for (size_t i = 0; i < 3; i++) {
        chmod(fixture->file, files[i]);
        REFUSED("others can read it");
        chmod(fixture->file, 0600);
        chmod(fixture->directory, directories[i]);
        REFUSED("others can write to it");
        chmod(fixture->directory, 0755);
        KNOWN();
    }
    if (geteuid() != 0)
        return; /* only root can give it away */
    assert_int_equal(chown(fixture->file, 12345, 12345), 0);
    REFUSED("another user");
    assert_int_equal(chown(fixture->file, 0, 0), 0);
    assert_int_equal(chown(fixture->directory, 12345, 12345), 0);
    REFUSED("another user");
    assert_int_equal(chown(fixture->directory, 0, 0), 0);
    KNOWN();
}

static void test_what_is_no_key(void **state)
{
    struct fixture *fixture = *state;
    struct hb_state_key key;
    expect(true, NULL, __LINE__);
    HB_AUTO_FREE char *other = scratch_path(fixture->directory, "other");
    assert_int_equal(rename(fixture->file, other), 0);
    assert_int_equal(symlink("other", fixture->file), 0);
    REFUSED("reuse.key"); /* no link is followed */
    unlink(fixture->file);
    assert_int_equal(mkfifo(fixture->file, 0600), 0);
    REFUSED("others can read it"); /* nor a pipe waited for */
    unlink(fixture->file);
    free(scratch_write(fixture->directory, "reuse.key", "half a key"));
    hb_state_key_find(false, &key);
    assert_true(key.exists && !key.known);
    hb_state_key_clear(&key);
    hb_state_key_find(true, &key);
    assert_true(key.known && key.made); /* it is replaced */
    hb_state_key_clear(&key);
}

/* In another user's directory root makes none. */
static void test_not_in_another_users_directory(void **state)
{
    struct fixture *fixture = *state;
    if (geteuid() != 0)
        skip(); /* only root can give it away */
    assert_int_equal(mkdir(fixture->state, 0755), 0);
    assert_int_equal(chown(fixture->state, 12345, 12345), 0);
    REFUSED("another user's directory");
    assert_int_equal(access(fixture->directory, F_OK), -1);
}

static void test_names_of_keys(void **state)
{
    static const struct {
        const char *root, *path;
        bool key;
    } rows[] = {
        {"/home", ".local/state/hbcore/reuse.key", true},
        {"/home", "hbcore/reuse.key", true},
        {"/var/lib/hbcore", "reuse.key", true},
        {"/home", "hbcore/reuse.key.0123456789abcdef", true}, /* while it is made */
        {"/home", "hbcore/reuse.keys", false},
        {"/home", "xhbcore/reuse.key", false},
        {"/home", "hbcore/x/reuse.key", false},
        {"/home", "reuse.key", false},
        {"/home", "hbcore/xreuse.key", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (hb_state_key_is_at(rows[i].root, rows[i].path) != rows[i].key)
            fail_msg("%s in %s", rows[i].path, rows[i].root);
}

static void test_names_of_histories(void **state)
{
    static const struct {
        const char *root, *path;
        bool history;
    } rows[] = {
        {"/home", ".local/state/hbcore/find.history", true},
        {"/var/lib/hbcore", "find.history", true},
        {"/home", "hbcore/find.history-journal", true},
        {"/home", "hbcore/find.history-wal", true},
        {"/home", "hbcore/find.history-shm", true},
        {"/home", "hbcore/find.history.txt", false},
        {"/home", "hbcore/find.history-journals", false},
        {"/home", "hbcore/history", false},
        {"/home", "xhbcore/find.history", false},
        {"/home", "find.history", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (hb_state_history_is_at(rows[i].root, rows[i].path) != rows[i].history)
            fail_msg("%s in %s", rows[i].path, rows[i].root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_made_once),
        TEST(test_others_can_reach_it),
        TEST(test_what_is_no_key),
        TEST(test_not_in_another_users_directory),
        cmocka_unit_test(test_names_of_keys),
        cmocka_unit_test(test_names_of_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

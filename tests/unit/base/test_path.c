/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text. */
#include "base/memory.h"
#include "base/path.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>

static void test_paths_that_cannot_be(void **state)
{
    static const struct {
        const char *path, *problem; /* NULL: there is none */
        size_t skip;
    } rows[] = {
        {"a", NULL, 0},
        {"a/b/c", NULL, 0},
        {"./a", NULL, 2},
        {".//./a", NULL, 5},
        {"...", NULL, 0},
        {"a..b", NULL, 0},
        {"", "no name", 0},
        {".", "no name", 0},
        {"./", "no name", 2},
        {"/etc/passwd", "absolute", 0},
        {"..", "contains '..'", 0},
        {"a/../b", "contains '..'", 0},
        {"a/..", "contains '..'", 0},
        {"a//b", "empty component", 0},
        {"a/./b", "empty component", 0},
        {"a/", "empty component", 0},
        {"1/2/3/4", "too many", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t skip;
        const char *found = hb_path_problem(rows[i].path, 3, &skip);
        if ((found == NULL) != (rows[i].problem == NULL) ||
            (found != NULL && strstr(found, rows[i].problem) == NULL) || skip != rows[i].skip)
            fail_msg("'%s': %s, skips %zu", rows[i].path, found == NULL ? "fine" : found, skip);
    }
    char longest[300];
    size_t skip;
    memset(longest, 'x', sizeof longest);
    longest[255] = '\0';
    assert_null(hb_path_problem(longest, 3, &skip));
    longest[255] = 'x';
    longest[256] = '\0';
    assert_non_null(hb_path_problem(longest, 3, &skip));
}

static void test_what_means_nothing(void **state)
{
    static const struct {
        const char *path, *meaning;
    } rows[] = {
        {"a/b", "a/b"},
        {"a//b", "a/b"},
        {"a/./b", "a/b"},
        {"./a/././/b/.", "a/b"},
        {"a/../b", "a/../b"},
        {"a/...", "a/..."},
        {"a/.b//c.", "a/.b/c."},
        {"/a", "a"},
        {"", ""},
        {".", ""},
        {"/", ""},
        {".//./", ""},
        {"//", ""},
        {"..", ".."},
        {"./..", ".."},
        {".a", ".a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char meaning[32] = "";
        *hb_path_put_meaning(meaning, rows[i].path) = '\0';
        assert_string_equal(meaning, rows[i].meaning);
        assert_int_equal(hb_path_is_root(rows[i].path), *meaning == '\0');
    }
}

static void test_parts_of_names(void **state)
{
    size_t stem = 0;
    (void)state;
    assert_string_equal(hb_base_name("a/b"), "b");
    assert_string_equal(hb_base_name("b"), "b");
    assert_string_equal(hb_base_name("a/"), "");
    assert_true(hb_has_suffix("x.db-log", 8, "-log", &stem));
    assert_int_equal(stem, 4);
    assert_true(hb_has_suffix("x-log", 5, "-log", NULL));
    assert_false(hb_has_suffix("-log", 4, "-log", &stem)); /* of nothing */
    assert_false(hb_has_suffix("x-logs", 6, "-log", &stem));
}

static void test_tilde_and_working_directory(void **state)
{
    HB_AUTO_FREE char *here = realpath(".", NULL);
    HB_AUTO_FREE char *expected = hb_text("%s/x", here);
    HB_AUTO_FREE char *relative = hb_absolute("x");
    HB_AUTO_FREE char *absolute = hb_absolute("/x");
    (void)state;
    assert_string_equal(relative, expected);
    assert_string_equal(absolute, "/x");
    setenv("HOME", "/some/where", 1);
    HB_AUTO_FREE char *home = hb_expand_tilde("~/x");
    HB_AUTO_FREE char *other = hb_expand_tilde("~user/x");
    assert_string_equal(home, "/some/where/x");
    assert_string_equal(other, "~user/x");
}

/* A name for what is relative to a directory without one would lead into another directory. */
static void test_paths_of_the_configuration(void **state)
{
    const struct passwd *user = getpwuid(getuid());
    HB_AUTO_FREE char *tilde = hb_text("~%s/x", user->pw_name);
    HB_AUTO_FREE char *there = hb_text("%s/x", user->pw_dir);
    const struct {
        const char *path, *expanded, *problem;
    } rows[] = {
        {"~/x", "/some/where/x", NULL},
        {"~", "/some/where", NULL},
        {"$HOME/x", "/some/where/x", NULL},
        {"${HOME}", "/some/where", NULL},
        {"/a/b", "/a/b", NULL},
        {"a/~/b", "a/~/b", NULL},
        {"/a/$1/x$", "/a/$1/x$", NULL},
        {tilde, there, NULL},
        {"~no-such-user/x", "~no-such-user/x", "does not exist"},
        {"$HOMER/x", "$HOMER/x", "variable"},
        {"$USER", "$USER", "variable"},
        {"/mnt/${HOST}/x", "/mnt/${HOST}/x", "variable"},
        {"/mnt/$HOME", "/mnt/$HOME", "variable"},
    };
    (void)state;
    setenv("HOME", "/some/where", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        HB_AUTO_FREE char *expanded = hb_expand_path(rows[i].path);
        const char *problem = hb_path_unexpanded(rows[i].path);
        assert_string_equal(expanded, rows[i].expanded);
        if ((problem == NULL) != (rows[i].problem == NULL) ||
            (problem != NULL && strstr(problem, rows[i].problem) == NULL))
            fail_msg("'%s': %s", rows[i].path, problem == NULL ? "fine" : problem);
    }
}

static void test_no_working_directory(void **state)
{
    char name[] = "/tmp/hbcore-test-XXXXXX";
    (void)state;
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(before >= 0);
    assert_non_null(mkdtemp(name));
    assert_int_equal(chdir(name), 0);
    assert_int_equal(rmdir(name), 0);
    errno = 0;
    HB_AUTO_FREE char *relative = hb_absolute("x");
    int error = errno;
    HB_AUTO_FREE char *absolute = hb_absolute("/x");
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_null(relative);
    assert_int_equal(error, HB_NO_CURRENT);
    assert_string_equal(absolute, "/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_that_cannot_be),
        cmocka_unit_test(test_what_means_nothing),
        cmocka_unit_test(test_parts_of_names),
        cmocka_unit_test(test_tilde_and_working_directory),
        cmocka_unit_test(test_paths_of_the_configuration),
        cmocka_unit_test(test_no_working_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

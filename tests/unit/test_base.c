/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: paths as text, the table of paths, the hint about space. */
#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/path_table.h"
#include "scratch.h"

#include <errno.h>
#include <stdio.h>
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
        {"..", "outside", 0},
        {"a/../b", "outside", 0},
        {"a/..", "outside", 0},
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

/* ---- the table of paths -------------------------------------------------------------------- */

enum { ROWS = 5000 };

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const char *path = ((const char(*)[16])rows)[row];
    *bytes = strlen(path);
    return path;
}

static void test_rows_are_found_by_path(void **state)
{
    static char rows[ROWS + 2][16];
    struct hb_path_table table = {0};
    (void)state;
    assert_true(hb_path_table_find(&table, "x", 1, path_of, rows) == SIZE_MAX);
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(rows[i], sizeof rows[i], "d/%zu", i);
        assert_true(hb_path_table_put(&table, i, path_of, rows) == SIZE_MAX);
    }
    snprintf(rows[ROWS], sizeof rows[ROWS], "d/17");
    assert_int_equal(hb_path_table_put(&table, ROWS, path_of, rows), 17);
    assert_int_equal(table.used, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(hb_path_table_find(&table, rows[i], strlen(rows[i]), path_of, rows),
                         i == 17 ? ROWS : i);
    assert_true(hb_path_table_find(&table, "d/17x", 4, path_of, rows) ==
                ROWS); /* four bytes of it */
    assert_true(hb_path_table_find(&table, "d/", 2, path_of, rows) == SIZE_MAX);
    hb_path_table_clear(&table);
    assert_true(hb_path_table_find(&table, "d/1", 3, path_of, rows) == SIZE_MAX);
}

static void test_space_is_hinted_at(void **state)
{
    struct hb_error error;
    (void)state;
    hb_error_set(&error, HB_FATAL, "x");
    hb_error_space(&error, EIO, " now");
    assert_string_equal(error.hint, "");
    hb_error_space(&error, EDQUOT, " now");
    assert_string_equal(error.hint, "free some space now");
    hb_error_space(&error, ENOSPC, ", please");
    assert_string_equal(error.hint, "free some space, please");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_that_cannot_be),
        cmocka_unit_test(test_parts_of_names),
        cmocka_unit_test(test_tilde_and_working_directory),
        cmocka_unit_test(test_rows_are_found_by_path),
        cmocka_unit_test(test_space_is_hinted_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

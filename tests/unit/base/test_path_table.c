/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path_table.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_by_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/interned.h"
#include "scratch.h"

enum { MANY = 5000 };

struct row {
    uint32_t first, second;
};

/* Equal rows have one number, whatever came between; others have others, and all stay readable. */
static void test_equal_rows(void **state)
{
    struct hb_interned interned = {0};
    (void)state;
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < MANY; i++) {
            struct row row = {i, i / 7}, again = row;
            assert_int_equal(hb_intern(&interned, &row, sizeof row), i);
            assert_int_equal(hb_intern(&interned, &again, sizeof again), i);
        }
    assert_int_equal(interned.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct row *row = hb_interned_row(&interned, i);
        assert_int_equal(row->first, i);
        assert_int_equal(row->second, i / 7);
    }
    struct row other = {0, 1};
    assert_int_equal(hb_intern(&interned, &other, sizeof other), MANY);
    hb_interned_clear(&interned);
    assert_int_equal(interned.count, 0);
    assert_int_equal(hb_intern(&interned, &other, sizeof other), 0);
    hb_interned_clear(&interned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

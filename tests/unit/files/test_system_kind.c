/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a time of change is believed. */
#include "files/system_kind.h"
#include "scratch.h"

static void test_times_of_change(void **state)
{
    const struct stat alike = {.st_mtim = {100, 5}, .st_ctim = {100, 5}};
    const struct stat own = {.st_mtim = {100, 5}, .st_ctim = {100, 6}};
    const struct stat later = {.st_mtim = {100, 5}, .st_ctim = {101, 5}};
    (void)state;
    assert_int_equal(hb_change_times_of(-1), HB_CHANGE_TIMES_NONE); /* it cannot be told */
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_KEPT, &alike));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_KEPT, &own));
    assert_false(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &alike));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &own));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &later));
    assert_false(
        hb_change_time_tells(HB_CHANGE_TIMES_NONE, &later)); /* kept until the next mount */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_of_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

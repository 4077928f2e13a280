/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are those of stages: what is called so is never archived, and is removed. */
#include "files/stage_mark.h"
#include "scratch.h"

static void test_names(void **state)
{
    char name[HB_STAGE_NAME_BYTES];
    (void)state;
    hb_stage_name(0x123, name);
    assert_string_equal(name, ".hbcore-stage-0000000000000123");
    assert_true(hb_stage_is_name(name));
    assert_true(hb_stage_is_name(".hbcore-stage-0123456789abcdef"));
    assert_false(hb_stage_is_name(".hbcore-stage-0123456789abcdef0"));
    assert_false(hb_stage_is_name(".hbcore-stage-0123456789abcdef.txt"));
    assert_false(hb_stage_is_name(".hbcore-stage-0123456789abcde"));
    assert_false(hb_stage_is_name(".hbcore-stage-0123456789ABCDEF"));
    assert_false(hb_stage_is_name(".hbcore-stage-"));
    assert_false(hb_stage_is_name("x.hbcore-stage-0123456789abcdef"));
}

static void test_on_paths(void **state)
{
    (void)state;
    assert_true(hb_stage_on_path(".hbcore-stage-0123456789abcdef"));
    assert_true(hb_stage_on_path("a/.hbcore-stage-0123456789abcdef/b"));
    assert_false(hb_stage_on_path("a/.hbcore-stage-0123456789abcdef.txt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_on_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "scratch.h"

#include <errno.h>

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
        cmocka_unit_test(test_space_is_hinted_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/name.h"
#include "scratch.h"

#include <errno.h>
#include <string.h>

static void test_space_is_hinted_at(void **state)
{
    struct hb_error error;
    (void)state;
    hb_error_set(&error, HB_STATUS_FATAL, "x");
    hb_error_space(&error, EIO, " now");
    assert_string_equal(error.hint, "");
    hb_error_space(&error, EDQUOT, " now");
    assert_string_equal(error.hint, "free some space now");
    hb_error_space(&error, ENOSPC, ", please");
    assert_string_equal(error.hint, "free some space, please");
}

/* Also where a path is longer than all of it; and no character is cut in two. */
static void test_the_reason_is_kept(void **state)
{
    struct hb_error error;
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        char path[6000] = "ab";
        for (size_t i = shift; i + 3 < sizeof path; i += 2)
            memcpy(path + i, "ä", 3);
        hb_error_set(&error, HB_STATUS_FATAL, "%s: it is gone", path);
        assert_memory_equal(error.text, path, 100);
        assert_string_equal(error.text + strlen(error.text) - 12, ": it is gone");
        assert_non_null(strstr(error.text, "…"));
        assert_true(hb_is_utf8(error.text, strlen(error.text)));
        assert_true(strlen(error.text) + 4 >= sizeof error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space_is_hinted_at),
        cmocka_unit_test(test_the_reason_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

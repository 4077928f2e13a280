/* SPDX-License-Identifier: Apache-2.0 */
/* What is a URL and what a path, and which path a file: URL is. */
#include "base/memory.h"
#include "base/url.h"
#include "scratch.h"

#include <string.h>

static void test_schemes(void **state)
{
    static const char *const paths[] = {"",        "a",       "/s3://b", "./s3://b",
                                        "s3:/b",   "S3://b",  "3s://b",  "://b",
                                        "a b://c", "~/x://y", "off_1://"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(hb_url_scheme(paths[i]), 0);
    assert_int_equal(hb_url_scheme("s3://bucket/x"), 2);
    assert_int_equal(hb_url_scheme("off-site2://"), 9);
    assert_string_equal(hb_url_name("s3://bucket//x y"), "bucket//x y");
}

static void test_files(void **state)
{
    static const char *const rows[][2] = {
        {"file:///a/b", "/a/b"},
        {"file:/a", "/a"},
        {"file://localhost/a", "/a"},
        {"file:///a%20b%2Fc%25", "/a b/c%"},
        {"file:///a%", "/a%"},
        {"file:///%zz", "/%zz"},
        {"file:///", "/"},
    };
    static const char *const none[] = {"file:a", "file://host/a", "/file:/a", "file",
                                       "file:///a%00b"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        HB_AUTO_FREE char *path = hb_url_file(rows[i][0]);
        assert_non_null(path);
        assert_string_equal(path, rows[i][1]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(hb_url_file(none[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

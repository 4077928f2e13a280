/* SPDX-License-Identifier: Apache-2.0 */
/* What is a URL and what a path, and which path a file: URL is. */
#include "base/memory.h"
#include "base/url.h"
#include "scratch.h"

#include <string.h>

static void test_schemes(void **state)
{
    static const char *const paths[] = {"",       "a",    "/s3://b", "./s3://b", "s3:/b",
                                        "3s://b", "://b", "a b://c", "~/x://y",  "off_1://"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(hb_url_scheme(paths[i]), 0);
    assert_int_equal(hb_url_scheme("s3://bucket/x"), 2);
    assert_int_equal(hb_url_scheme("off-site2://"), 9);
    assert_int_equal(hb_url_scheme("Off.Site+2://"), 10);
    assert_string_equal(hb_url_name("s3://bucket//x y"), "bucket//x y");
}

static void test_slips(void **state)
{
    static const char *const slips[] = {"s3:bucket/x", "s3:/bucket", "my_box://x", "3s://b",
                                        "://b",        "a b://c",    "My_Box://"};
    static const char *const others[] = {"s3://b",   "S3://b", "./my_box://x",
                                         "/a_b://c", "a_b:/c", ""};
    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++)
        assert_true(hb_url_is_slip(slips[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(hb_url_is_slip(others[i]));
    HB_AUTO_FREE char *lower = hb_url_lower("S3://Bucket/X", 2);
    assert_string_equal(lower, "s3://Bucket/X");
    assert_true(hb_url_is_scheme("off.site+2") && !hb_url_is_scheme("2off") &&
                !hb_url_is_scheme("my_box") && !hb_url_is_scheme(""));
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
        {"file:////a", "//a"},
        {"file://localhost//a/", "//a/"},
        {"FILE://LocalHost/A/", "/A/"},
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
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

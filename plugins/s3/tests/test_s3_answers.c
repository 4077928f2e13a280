/* SPDX-License-Identifier: Apache-2.0 */
/* What answers mean, and where requests go: the parts that no service of the suite can show. */
#include "endpoint.h"
#include "mark.h"
#include "refusal.h"
#include "xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- refusals -------------------------------------------------------------------------------- */

static struct refusal refusal_from(long status, const char *lines, const char *body)
{
    struct http_response response = {.status = status};
    struct refusal refusal;
    text_put(&response.lines, lines);
    text_put(&response.body, body);
    refusal_of(&response, &refusal);
    http_clear(&response);
    return refusal;
}

static void test_refusals(void **state)
{
    static const struct {
        long status;
        const char *lines, *body, *code;
        uint32_t cause;
        enum then then;
    } rows[] = {
        {503, "", "<Error><Code>SlowDown</Code></Error>", "SlowDown", HB_CAUSE_BUSY, THEN_AGAIN},
        {200, "", "<Error><Code>InternalError</Code></Error>", "InternalError", HB_CAUSE_NETWORK,
         THEN_UNCLEAR},
        {502, "", "<html>no XML &nbsp;", "", HB_CAUSE_NETWORK, THEN_UNCLEAR},
        {503, "", "", "", HB_CAUSE_BUSY, THEN_UNCLEAR},
        {404, "", "", "", HB_CAUSE_NOT_FOUND, THEN_FAIL},
        {404, "", "<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey", HB_CAUSE_NOT_FOUND,
         THEN_FAIL},
        {418, "", "", "", HB_CAUSE_NONE, THEN_FAIL},
        {507, "", "", "", HB_CAUSE_NO_SPACE, THEN_FAIL},
        {403, "", "<e:Error xmlns:e='x'><Code>ExpiredToken</Code></e:Error>", "ExpiredToken",
         HB_CAUSE_AUTHENTICATION, THEN_KEYS},
        {301, "x-amz-bucket-region: eu-west-1\n", "", "", HB_CAUSE_UNSUPPORTED, THEN_REGION},
        {301, "", "", "", HB_CAUSE_UNSUPPORTED, THEN_FAIL},
        {400, "",
         "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
         "AuthorizationHeaderMalformed", HB_CAUSE_AUTHENTICATION, THEN_REGION},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct refusal refusal = refusal_from(rows[i].status, rows[i].lines, rows[i].body);
        assert_string_equal(refusal.code, rows[i].code);
        assert_int_equal(refusal.cause, rows[i].cause);
        assert_int_equal(refusal.then, rows[i].then);
    }
    struct refusal refusal =
        refusal_from(400, "", "<Error><Code>X</Code><Message>a&#10;b\x1b[31m</Message></Error>");
    assert_null(strchr(refusal.message, '\n'));
    assert_null(strchr(refusal.message, '\x1b'));
}

static bool in_body(const char *body)
{
    struct http_response response = {.status = 200};
    text_put(&response.body, body);
    bool found = refusal_in_body(&response);
    http_clear(&response);
    return found;
}

static void test_late_errors(void **state)
{
    (void)state;
    assert_true(in_body(""));
    assert_true(in_body("<CompleteMultipartUploadResult>"));
    assert_true(in_body("\n\n<Error><Code>InternalError</Code></Error>"));
    assert_false(in_body("<CompleteMultipartUploadResult><ETag>x</ETag>"
                         "</CompleteMultipartUploadResult>"));
    assert_false(in_body("<Result><Errors>0</Errors></Result>"));
}

/* ---- XML ------------------------------------------------------------------------------------- */

static bool count_elements(void *self, const char *path, const char *text)
{
    (void)path;
    (void)text;
    return ++*(int *)self < 100;
}

static bool is_read(const char *data)
{
    int count = 0;
    const struct xml_reader reader = {.self = &count, .element = count_elements};
    return xml_read(data, strlen(data), &reader);
}

static void test_xml(void **state)
{
    AUTO_TEXT deep = {0}, many = {0};
    (void)state;
    assert_true(is_read("<?xml version='1.0'?><a><b>1</b><b/></a>"));
    assert_false(is_read("<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'>]><a>&x;</a>"));
    assert_false(is_read("<a><b></a>"));
    assert_false(is_read("<a/>more"));
    for (int i = 0; i < 1000; i++)
        text_put(&deep, "<a>");
    for (int i = 0; i < 1000; i++)
        text_put(&deep, "</a>");
    assert_false(is_read(text_of(&deep)));
    text_put(&many, "<a>");
    for (int i = 0; i < 200; i++)
        text_put(&many, "<b/>");
    text_put(&many, "</a>");
    assert_false(is_read(text_of(&many))); /* whoever reads has ended it */
}

static void test_uris(void **state)
{
    char right[] = "a%2Fb+c%C3%A4", half[] = "a%2", none[] = "%zz", nul[] = "a%00b";
    (void)state;
    assert_true(uri_decode(right));
    assert_string_equal(right, "a/b c\xc3\xa4");
    assert_false(uri_decode(half));
    assert_false(uri_decode(none));
    assert_false(uri_decode(nul));
}

/* ---- where requests go ----------------------------------------------------------------------- */

static void check_place(const char *endpoint, enum path_style style, const char *region,
                        const char *bucket, const char *key, const char *url)
{
    struct hb_value values[OPTIONS];
    const struct hb_value *pointers[OPTIONS];
    const struct hb_settings settings = {
        .size = sizeof settings, .count = OPTIONS, .values = pointers, .section = "store:s3"};
    const struct s3 s3 = {.settings = &settings};
    struct object_name name = {.key = key};
    struct endpoint place;
    AUTO_TEXT whole = {0};
    for (size_t i = 0; i < OPTIONS; i++) {
        values[i] = (struct hb_value){.size = sizeof values[i], .text = ""};
        pointers[i] = &values[i];
    }
    values[ENDPOINT].text = endpoint;
    values[PATH_STYLE].number = style;
    snprintf(name.bucket, sizeof name.bucket, "%s", bucket);
    endpoint_of(&s3, region, &name, &place);
    assert_true(endpoint_is_whole(&place));
    text_format(&whole, "%s%s", text_of(&place.base), text_of(&place.path));
    assert_string_equal(text_of(&whole), url);
    assert_non_null(strstr(text_of(&place.base), text_of(&place.host)));
    endpoint_clear(&place);
}

static void test_places(void **state)
{
    (void)state;
    check_place("", STYLE_AUTO, "eu-central-1", "b", "a b/c",
                "https://b.s3.eu-central-1.amazonaws.com/a%20b/c");
    check_place("", STYLE_AUTO, "eu-central-1", "b.c", "x",
                "https://s3.eu-central-1.amazonaws.com/b.c/x");
    check_place("", STYLE_YES, "us-east-1", "b", "", "https://s3.us-east-1.amazonaws.com/b");
    check_place("", STYLE_AUTO, "us-east-1", "b", "", "https://b.s3.us-east-1.amazonaws.com/");
    check_place("", STYLE_AUTO, "cn-north-1", "b", "x",
                "https://b.s3.cn-north-1.amazonaws.com.cn/x");
    check_place("http://h:9000", STYLE_AUTO, "r", "b", "../x", "http://h:9000/b/../x");
    check_place("https://h:443/", STYLE_AUTO, "r", "b", "x", "https://h/b/x");
    check_place("https://h/store", STYLE_AUTO, "r", "b", "x", "https://h/store/b/x");
    check_place("https://h", STYLE_NO, "r", "b", "x", "https://b.h/x");
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void test_marks(void **state)
{
    AUTO_TEXT one = {0}, other = {0};
    (void)state;
    mark_of("n/a.zip", "home", &one);
    mark_of("n/a.zip", "another", &other);
    assert_string_not_equal(text_of(&one), text_of(&other));
    assert_int_equal(mark_of_what(text_of(&one)), strlen("n/a.zip"));
    assert_int_equal(mark_of_what("n/a.zip"), 0);
    assert_int_equal(mark_of_what(MARK "0123456789abcdef"), 0);
    assert_int_equal(mark_of_what("a" MARK "0123456789abcdeF"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_late_errors),
        cmocka_unit_test(test_xml),      cmocka_unit_test(test_uris),
        cmocka_unit_test(test_places),   cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The INI reader: what libinih would get wrong is refused, with its line. */
#include "base/memory.h"
#include "config/ini_text.h"
#include "scratch.h"

#include <string.h>

struct parsed {
    struct hb_ini *ini;
    struct caught caught;
    int status;
};

static struct parsed *parse_bytes(const char *data, size_t bytes)
{
    struct parsed *parsed = hb_alloc(sizeof *parsed);
    /* On the heap to the byte, so that the sanitizer sees a read beyond the end. */
    HB_AUTO_FREE char *copy = hb_alloc(bytes);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    parsed->status = hb_ini_parse(copy, bytes, catch_line, &parsed->caught, &parsed->ini);
    assert_int_equal(parsed->status, parsed->caught.count == 0 ? HB_OK : HB_STATUS_FATAL);
    return parsed;
}

static void drop(struct parsed *parsed)
{
    hb_ini_free(parsed->ini);
    free(parsed);
}

/* One error, on `line`, that says `why`. */
static void expect_error(const char *text, unsigned line, const char *why)
{
    struct parsed *parsed = parse_bytes(text, strlen(text));
    if (parsed->caught.count != 1)
        print_error("errors of: %s\n", text);
    assert_int_equal(parsed->caught.count, 1);
    assert_contains(parsed->caught.errors[0].text, why);
    assert_int_equal(parsed->caught.lines[0], line);
    assert_true(parsed->caught.errors[0].hint[0] != '\0');
    drop(parsed);
}

static struct parsed *expect_right(const char *text)
{
    struct parsed *parsed = parse_bytes(text, strlen(text));
    if (parsed->caught.count > 0)
        fail_msg("line %u: %s", parsed->caught.lines[0], parsed->caught.errors[0].text);
    return parsed;
}

static void expect_entry(const struct parsed *parsed, const char *section, const char *key,
                         const char *value, unsigned line)
{
    const struct hb_ini_section *found = hb_ini_section(parsed->ini, section);
    assert_non_null(found);
    const struct hb_ini_entry *entry = hb_ini_entry(found, key);
    assert_non_null(entry);
    assert_string_equal(entry->value, value);
    assert_int_equal(entry->line, line);
}

static void test_right(void **state)
{
    (void)state;
    struct parsed *parsed = expect_right("; comment\n\n[a]\nkey = value\nother:x=y\n  # indented\n"
                                         "empty =\n[filter:b]\n[c]\nlast = 1;2#3");
    assert_int_equal(parsed->ini->count, 3);
    expect_entry(parsed, "a", "key", "value", 4);
    expect_entry(parsed, "a", "other", "x=y", 5);
    expect_entry(parsed, "a", "empty", "", 7);
    expect_entry(parsed, "c", "last", "1;2#3", 10);
    assert_string_equal(parsed->ini->sections[1].name, "filter:b");
    assert_int_equal(parsed->ini->sections[1].line, 8);
    assert_int_equal(parsed->ini->sections[1].count, 0);
    drop(parsed);
}

static void test_encodings(void **state)
{
    (void)state;
    struct parsed *parsed = expect_right("\xef\xbb\xbf[a]\r\nkey = v\xc3\xa4lue\r\n more\r\n");
    expect_entry(parsed, "a", "key", "v\xc3\xa4lue more", 2);
    drop(parsed);
    drop(expect_right(""));
    drop(expect_right("\xef\xbb\xbf"));
    drop(expect_right("\n\n"));
    static const char nul[] = "[a]\nk = v\0w\n";
    parsed = parse_bytes(nul, sizeof nul - 1);
    assert_int_equal(parsed->caught.count, 1);
    assert_int_equal(parsed->caught.lines[0], 2);
    assert_contains(parsed->caught.errors[0].text, "NUL");
    drop(parsed);
    expect_error("[a]\nk = \x1b[31m\n", 2, "control character (0x1b)");
    expect_error("[a]\rk = v\r", 1, "control character (0x0d)");
}

static void test_continued(void **state)
{
    (void)state;
    struct parsed *parsed = expect_right(
        "[a]\nlist = one\n    two\n\tthree\n\n  ; comment\n  four\nempty =\n  first\n");
    expect_entry(parsed, "a", "list", "one two three four", 2);
    expect_entry(parsed, "a", "empty", "first", 8);
    const struct hb_ini_entry *entry = hb_ini_entry(hb_ini_section(parsed->ini, "a"), "list");
    assert_int_equal(entry->more_count, 3);
    assert_int_equal(entry->more[2].line, 7);
    assert_string_equal(entry->more[2].text, "four");
    drop(parsed);
    expect_error("[a]\n  key = value\n", 2, "no value above");
    expect_error("  key = value\n", 1, "no value above");
    expect_error("[a]\nk = v\n  [b]\nx = y\n", 3, "must not be indented");
    expect_error("[a]\nk = v\n  more ; comment\n", 3, "a comment cannot follow");
    expect_error("[a]\nbad\n  more\n", 2, "no '='"); /* and `more` joins nothing */
}

/* A line of exactly `bytes`, in front and behind of which others stand. */
static char *long_line(const char *start, size_t bytes)
{
    HB_AUTO_FREE char *line = hb_alloc(bytes + 1);
    memset(line, 'x', bytes);
    memcpy(line, start, strlen(start));
    return hb_text("[a]\n%s\nafter = 1\n", line);
}

static void test_long_lines(void **state)
{
    (void)state;
    HB_AUTO_FREE char *fits = long_line("key = ", HB_INI_LONGEST_LINE);
    struct parsed *parsed = expect_right(fits);
    assert_int_equal(strlen(parsed->ini->sections[0].entries[0].value), HB_INI_LONGEST_LINE - 6);
    expect_entry(parsed, "a", "after", "1", 3);
    drop(parsed);
    HB_AUTO_FREE char *value = long_line("key = ", HB_INI_LONGEST_LINE + 1);
    HB_AUTO_FREE char *comment = long_line("; k = v ", 500);
    HB_AUTO_FREE char *header = long_line("[", 500);
    HB_AUTO_FREE char *indented = hb_text("[a]\nlist = a\n  %0300d\nb = c\n", 7);
    expect_error(value, 2, "the line is 200 bytes long, at most 199");
    expect_error(comment, 2, "the comment is 500 bytes long");
    expect_error(header, 2, "the line is 500 bytes long");
    expect_error(indented, 3, "302 bytes long");
    HB_AUTO_FREE char *crlf = hb_text("[a]\r\nk = %0195d\r\nl = m\r\n", 7);
    drop(expect_right(crlf));
}

static void test_headers(void **state)
{
    (void)state;
    expect_error("[a\nk = v\n", 1, "']' is missing");
    expect_error("[a] text\nk = v\n", 1, "follows a section's name");
    expect_error("[a] ; comment\nk = v\n", 1, "a comment cannot follow");
    expect_error("[a] # comment\nk = v\n", 1, "a comment cannot follow");
    expect_error("[]\nk = v\n", 1, "has no name");
    expect_error("[  ]\nk = v\n", 1, "has no name");
    expect_error("[a ;b]\nk = v\n", 1, "a comment cannot follow");
    expect_error("[a]\n[b]\n[a]\n", 3, "[a] is repeated; it is first on line 1");
    HB_AUTO_FREE char *longest = hb_text("[%049d]\nk = v\n", 7);
    drop(expect_right(longest));
    HB_AUTO_FREE char *too_long = hb_text("[%050d]\nk = v\n", 7);
    expect_error(too_long, 1, "50 bytes long, at most 49");
    /* The keys below a malformed header are not those of the section before. */
    static const char text[] = "[a]\nk = 1\n[b\nk = 2\nl = 3\n[c]\nk = 4\n";
    struct parsed *parsed = parse_bytes(text, sizeof text - 1);
    assert_int_equal(parsed->caught.count, 1);
    assert_int_equal(parsed->ini->count, 2);
    assert_int_equal(hb_ini_section(parsed->ini, "a")->count, 1);
    expect_entry(parsed, "a", "k", "1", 2);
    expect_entry(parsed, "c", "k", "4", 7);
    drop(parsed);
}

static void test_keys(void **state)
{
    (void)state;
    expect_error("k = v\n[a]\n", 1, "'k ' is outside any section");
    expect_error("[a]\nword\n", 2, "'word' has no '='");
    expect_error("[a]\nkey secret\n", 2, "'key …' has no '='");
    expect_error("[a]\n= v\n", 2, "no key before the '='");
    expect_error("[a]\n: v\n", 2, "no key before the ':'");
    expect_error("[a]\nk = 1\nl = 2\nk = 3\n", 4, "'k' is repeated in [a]; it is first on line 2");
    expect_error("[a]\nk = 1\nk = 2\n  more\n", 3, "'k' is repeated");
    expect_error("[a]\nglobs = *.tmp ; *.bak\n", 2, "'; *.bak': a comment cannot follow");
    expect_error("[a]\nk = ;v\n", 2, "a comment cannot follow");
    expect_error("[a]\nk = v\t;w\n", 2, "a comment cannot follow");
    drop(expect_right("[a]\nk =;v\nl = #v # w\n"));
}

static void test_all_errors(void **state)
{
    (void)state;
    static const char text[] = "outside = 1\n[a\nx = 1\n[b]\nword\n= 2\nk = v ; c\n[b]\nk = 1\n";
    static const unsigned lines[] = {1, 2, 5, 6, 7, 8};
    struct parsed *parsed = parse_bytes(text, sizeof text - 1);
    assert_int_equal(parsed->caught.count, sizeof lines / sizeof *lines);
    for (size_t i = 0; i < parsed->caught.count; i++)
        assert_int_equal(parsed->caught.lines[i], lines[i]);
    drop(parsed);
}

static void test_set(void **state)
{
    (void)state;
    struct parsed *parsed = expect_right("[a]\nk = one\n  two\n");
    hb_ini_set(parsed->ini, "a", "k", "three");
    hb_ini_set(parsed->ini, "b:c", "l", "four");
    expect_entry(parsed, "a", "k", "three", 0);
    expect_entry(parsed, "b:c", "l", "four", 0);
    assert_int_equal(parsed->ini->sections[0].entries[0].more_count, 0);
    drop(parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),      cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_continued),  cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_keys),
        cmocka_unit_test(test_all_errors), cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

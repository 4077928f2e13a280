/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of patterns, one by one; tests/patterns compares them with git's. */
#include "base/memory.h"
#include "base/patterns.h"
#include "scratch.h"

#include <string.h>

/* A list, separated by blanks, and a path, a directory with a '/' behind it. */
static bool ask(const char *list, const char *path, bool include)
{
    struct hb_patterns *patterns = hb_patterns_new();
    HB_AUTO_FREE char *lines = hb_copy_text(list);
    for (char *at = lines; (at = strchr(at, ' ')) != NULL;)
        *at = '\n';
    hb_patterns_add_lines(patterns, lines, strlen(lines));
    size_t bytes = strlen(path);
    bool directory = path[bytes - 1] == '/';
    bool found = include ? hb_patterns_include(patterns, path, bytes - directory, directory)
                         : hb_patterns_exclude(patterns, path, bytes - directory, directory, NULL);
    hb_patterns_free(patterns);
    return found;
}

static void test_rules(void **state)
{
    static const struct {
        const char *list, *path;
        bool excluded;
    } cases[] = {
        {"*.db", "x.db", true},
        {"*.db", "a/b/x.db", true},
        {"/*.db", "a/x.db", false},
        {"/*.db", "x.db", true},
        {"a/*.db", "a/x.db", true},
        {"a/*.db", "b/a/x.db", false},
        {"a/*.db", "a/b/x.db", false},
        {"**/a/x", "b/a/x", true},
        {"**/a/x", "a/x", true},
        {"a/**", "a/b/c", true},
        {"a/**", "a/", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/", "a/", true},
        {"a/", "a", false},
        {"a/", "b/a/x", true},
        {"* !*.md", "x.md", false},
        {"* !*.md", "a/x.md", true},
        {"!*.md *", "x.md", true},
        {"a/* !a/b", "a/b/c", false},
        {"a/* !a/b", "a/c/b", true},
        {"a !a/b", "a/b", true},
        {"\\!a", "!a", true},
        {"\\#a", "#a", true},
        {"#a", "#a", false},
        {"[a-c]?", "bx", true},
        {"[!a-c]?", "bx", false},
        {"[[:digit:]]", "7", true},
        {"[", "[", false},
        {"a\\", "a\\", false},
        {"A", "a", false},
        {"?", "\xc3\xa9", false},
        {"??", "\xc3\xa9", true},
        {"*\xff", "a\xff", true},
        {"a?b", "a\nb", true},
        {"", "a", false},
        {"/", "a/", false},
        {"*", "a/b", true},
        {"*a*b", "aab", true},
        {"*a*b", "aba", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ask(cases[i].list, cases[i].path, false) != cases[i].excluded)
            fail_msg("%s: %s: not %d", cases[i].list, cases[i].path, cases[i].excluded);
}

/* What names a directory names what is below; a later pattern may take a part of it back. */
static void test_include(void **state)
{
    (void)state;
    assert_true(ask("sub", "sub/a/b", true));
    assert_false(ask("sub !sub/a", "sub/a/b", true));
    assert_true(ask("!sub/a sub", "sub/a/b", true));
    assert_true(ask("sub !sub/a b", "sub/a/b", true));
    assert_false(ask("sub/", "sub", true));
    assert_false(ask("sub", "other", true));
}

/* As the lines of a file: blanks at the end, what ends a line elsewhere, a byte order mark. */
static void test_lines(void **state)
{
    static const char text[] = "\xEF\xBB\xBF one \r\n\r\n#two\nthree\\ \n   \nfour\t\nfive\r";
    static const char *const expected[] = {" one", "three\\ ", "four\t", "five"};
    struct hb_patterns *patterns = hb_patterns_new();
    (void)state;
    hb_patterns_add_lines(patterns, text, sizeof text - 1);
    assert_int_equal(hb_patterns_count(patterns), sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(hb_patterns_text(patterns, i), expected[i]);
    hb_patterns_free(patterns);
}

static void test_whole(void **state)
{
    struct hb_patterns *patterns = hb_patterns_new();
    (void)state;
    assert_null(hb_patterns_add(patterns, "a/*.c", 5, HB_PATTERN_WHOLE));
    assert_null(hb_patterns_add(patterns, "*.d", 3, HB_PATTERN_WHOLE));
    assert_true(hb_patterns_include(patterns, "a/x.c", 5, false));
    assert_false(hb_patterns_include(patterns, "b/x.d", 5, false));
    assert_true(hb_patterns_include(patterns, "x.d", 3, false));
    assert_true(hb_patterns_include(patterns, "x.d/y", 5, false));
    hb_patterns_free(patterns);
}

static void test_which_matched(void **state)
{
    struct hb_patterns *patterns = hb_patterns_new();
    size_t which;
    (void)state;
    hb_patterns_add_lines(patterns, "a\na/b\n*\n!c\nd\n", 13);
    assert_true(hb_patterns_exclude(patterns, "a/b", 3, false, &which));
    assert_int_equal(which, 2);
    assert_false(hb_patterns_exclude(patterns, "c", 1, false, &which));
    assert_int_equal(which, HB_NO_PATTERN);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(hb_patterns_has_matched(patterns, i), i < 4);
    hb_patterns_free(patterns);
}

static void test_what_can_never_match(void **state)
{
    static const char *const wrong[] = {"",     "/",   "!",  "./a",       "a/./b", "../a",
                                        "a//b", "a//", "[a", "a[[:no:]]", "a\\",   "[a-"};
    struct hb_patterns *patterns = hb_patterns_new();
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (hb_patterns_add(patterns, wrong[i], strlen(wrong[i]), HB_PATTERN_GIT) == NULL)
            fail_msg("%s", wrong[i]);
    hb_patterns_free(patterns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),         cmocka_unit_test(test_include),
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_whole),
        cmocka_unit_test(test_which_matched), cmocka_unit_test(test_what_can_never_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

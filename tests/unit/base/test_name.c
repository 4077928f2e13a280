/* SPDX-License-Identifier: Apache-2.0 */
/* Names that may be any bytes: on a terminal, in a shell, in JSON and back. */
#include "base/memory.h"
#include "base/name.h"
#include "scratch.h"

#include <string.h>

/* Each is one sequence, whole or not, at the edges of RFC 3629. */
static const struct {
    const char *bytes;
    bool right;
} sequences[] = {
    {"\x7F", true},
    {"\x80", false},
    {"\xC1\xBF", false},
    {"\xC2\x80", true},
    {"\xC2", false},
    {"\xC2\x7F", false},
    {"\xDF\xBF", true},
    {"\xE0\x9F\xBF", false},
    {"\xE0\xA0\x80", true},
    {"\xE1\x80", false},
    {"\xED\x9F\xBF", true},
    {"\xED\xA0\x80", false},
    {"\xEF\xBF\xBF", true},
    {"\xF0\x8F\xBF\xBF", false},
    {"\xF0\x90\x80\x80", true},
    {"\xF1\x80\x80", false},
    {"\xF4\x8F\xBF\xBF", true},
    {"\xF4\x90\x80\x80", false},
    {"\xF5\x80\x80\x80", false},
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        HB_AUTO_FREE char *among = hb_text("a%sb", sequences[i].bytes);
        if (hb_is_utf8(among, strlen(among)) != sequences[i].right)
            fail_msg("row %zu is %s", i, sequences[i].right ? "refused" : "taken");
    }
    assert_true(hb_is_utf8("", 0));
    assert_false(hb_is_utf8("\xC3\xA9", 1)); /* what follows is not its own */
}

static void test_what_a_terminal_gets(void **state)
{
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"a\tb\n", "a\\x09b\\x0A"},
        {"\x1B[31m", "\\x1B[31m"},
        {"\x7F", "\\x7F"},
        {"\xC2\x9B", "\\xC2\\x9B"}, /* a control character in two bytes */
        {"\xC2\xA0", "\xC2\xA0"},
        {"caf\xC3\xA9", "caf\xC3\xA9"},
        {"caf\xE9", "caf\\xE9"},
        {"a\xE2\x80\xAEtxt.exe", "a\\xE2\\x80\\xAEtxt.exe"}, /* U+202E */
        {"\xE2\x80\x8E", "\\xE2\\x80\\x8E"},
        {"\xE2\x80\x8F", "\\xE2\\x80\\x8F"},
        {"\xE2\x80\xAA", "\\xE2\\x80\\xAA"},
        {"\xE2\x81\xA6", "\\xE2\\x81\\xA6"},
        {"\xE2\x81\xA9", "\\xE2\\x81\\xA9"},
        {"\xD8\x9C", "\\xD8\\x9C"},
        {"\xE2\x80\x8D", "\xE2\x80\x8D"}, /* its neighbours: a joiner, as in emoji */
        {"\xE2\x80\x90", "\xE2\x80\x90"},
        {"\xE2\x80\xA9", "\xE2\x80\xA9"},
        {"\xE2\x80\xAF", "\xE2\x80\xAF"},
        {"\xE2\x81\xA5", "\xE2\x81\xA5"},
        {"\xE2\x81\xAA", "\xE2\x81\xAA"},
        {"\xD8\x9D", "\xD8\x9D"},
        {"\xD7\x90", "\xD7\x90"}, /* Hebrew as such is shown */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        HB_AUTO_FREE char *shown = hb_printable(rows[i][0]);
        assert_string_equal(shown, rows[i][1]);
    }
}

static void test_words_of_a_shell(void **state)
{
    static const char *const rows[][2] = {
        {"/a/b.c-d_e", "/a/b.c-d_e"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},
        {"$HOME", "'$HOME'"},
        {"~", "'~'"},
        {"a\nb", "$'a\\012b'"},
        {"-x", "-x"},
        {"\x1B"
         "1'\\\xFF",
         "$'\\0331\\'\\\\\\377'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        HB_AUTO_FREE char *word = hb_shell_word(rows[i][0]);
        assert_string_equal(word, rows[i][1]);
    }
}

static void test_json_and_back(void **state)
{
    static const char *const names[] = {"plain",    "caf\xC3\xA9", "\xE9",
                                        "\xE9\xE8", "x\xFFy",      "\x01"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *object = json_object();
        hb_json_name(object, "path", names[i]);
        assert_non_null(json_string_value(json_object_get(object, "path")));
        assert_int_equal(json_object_get(object, "path_base64") == NULL,
                         hb_is_utf8(names[i], strlen(names[i])));
        HB_AUTO_FREE char *again = hb_json_name_of(object, "path");
        assert_string_equal(again, names[i]);
        json_decref(object);
    }
    json_t *object = json_pack("{s:s, s:s}", "path", "x\xEF\xBF\xBD", "path_base64", "eP8=");
    HB_AUTO_FREE char *bytes = hb_json_name_of(object, "path");
    assert_string_equal(bytes, "x\xFF");
    json_object_set_new(object, "path_base64", json_string("e*8="));
    assert_null(hb_json_name_of(object, "path")); /* half a name is none */
    assert_null(hb_json_name_of(object, "other"));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_what_a_terminal_gets),
        cmocka_unit_test(test_words_of_a_shell),
        cmocka_unit_test(test_json_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

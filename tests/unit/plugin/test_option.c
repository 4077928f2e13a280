/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values from text. */
#include "base/memory.h"
#include "base/nearest.h"
#include "config/settings.h"
#include "plugin/option.h"
#include "scratch.h"

#include <string.h>

static struct hb_option option_of(enum hb_option_type type)
{
    return (struct hb_option){.size = sizeof(struct hb_option),
                              .type = (uint32_t)type,
                              .key = "key",
                              .default_text = "",
                              .help = ""};
}

static void expect_number(const struct hb_option *option, const char *text, int64_t number)
{
    struct hb_value value;
    struct hb_error error;
    int status = hb_value_parse(option, text, &value, &error);
    if (status != HB_OK)
        fail_msg("'%s' was refused: %s", text, error.text);
    assert_int_equal(value.number, number);
    assert_string_equal(value.text, text);
    hb_value_clear(&value);
}

static void expect_refusal(const struct hb_option *option, const char *text, const char *why)
{
    struct hb_value value;
    struct hb_error error;
    if (hb_value_parse(option, text, &value, &error) == HB_OK)
        fail_msg("'%s' was taken", text);
    assert_contains(error.text, why);
    assert_contains(error.text, "key: ");
}

static void test_boolean(void **state)
{
    (void)state;
    struct hb_option option = option_of(HB_OPTION_BOOLEAN);
    static const char *const yes[] = {"yes", "true", "on", "1", "YES"};
    static const char *const no[] = {"no", "false", "off", "0", "Off"};
    for (size_t i = 0; i < 5; i++) {
        expect_number(&option, yes[i], 1);
        expect_number(&option, no[i], 0);
    }
    expect_refusal(&option, "maybe", "neither yes nor no");
    expect_refusal(&option, "", "neither yes nor no");
}

static void test_integer(void **state)
{
    (void)state;
    struct hb_option option = option_of(HB_OPTION_INTEGER);
    expect_number(&option, "9223372036854775807", INT64_MAX);
    expect_number(&option, "-9223372036854775808", INT64_MIN);
    expect_refusal(&option, "9223372036854775808", "not within");
    static const char *const bad[] = {"", " 1", "+1", "1 ", "1K", "0x10", "-", "1.5", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refusal(&option, bad[i], "not a whole number");
    option.minimum = 1;
    option.maximum = 12;
    expect_number(&option, "1", 1);
    expect_number(&option, "12", 12);
    expect_refusal(&option, "13", "13 is not within 1 to 12");
    expect_refusal(&option, "0", "0 is not within 1 to 12");
}

static void test_integer_or_word(void **state)
{
    (void)state;
    static const char *const words[] = {"fast", "best", NULL};
    struct hb_option option = option_of(HB_OPTION_INTEGER);
    option.maximum = 12;
    option.choices = words;
    expect_number(&option, "0", 0);
    expect_number(&option, "12", 12);
    expect_number(&option, "fast", 13);
    expect_number(&option, "best", 14);
    expect_refusal(&option, "13", "13 is neither within 0 to 12 nor fast nor best");
    expect_refusal(&option, "-1", "-1 is neither within 0 to 12 nor fast nor best");
    expect_refusal(&option, "", "'' is neither a whole number nor fast nor best");
    expect_refusal(&option, "Fast", "'Fast' is neither a whole number nor fast nor best");
    expect_refusal(&option, "fast ", "'fast ' is neither");
    struct hb_value value;
    struct hb_error error;
    assert_int_equal(hb_value_parse(&option, "fats", &value, &error), HB_STATUS_FATAL);
    assert_string_equal(error.hint, "did you mean 'fast'?");
    option.type = HB_OPTION_BYTES; /* takes none */
    expect_refusal(&option, "fast", "number of bytes");
}

static void test_units(void **state)
{
    (void)state;
    struct hb_option bytes = option_of(HB_OPTION_BYTES), seconds = option_of(HB_OPTION_SECONDS);
    expect_number(&bytes, "24M", 24 << 20);
    expect_number(&bytes, "1k", 1024);
    expect_number(&bytes, "8388607T", 8388607LL << 40);
    expect_refusal(&bytes, "8388608T", "not within"); /* 2^63 */
    expect_refusal(&bytes, "99999999999999999999K", "not within");
    expect_refusal(&bytes, "-1", "below 0");
    expect_refusal(&bytes, "1KB", "number of bytes");
    expect_refusal(&bytes, "1 K", "number of bytes");
    expect_refusal(&bytes, "1m2", "number of bytes");
    expect_number(&seconds, "90", 90);
    expect_number(&seconds, "5m", 300);
    expect_number(&seconds, "2h", 7200);
    expect_number(&seconds, "1d", 86400);
    expect_refusal(&seconds, "1w", "a time");
    bytes.minimum = 1 << 20;
    bytes.maximum = 1LL << 36;
    expect_refusal(&bytes, "1K", "1K is not within 1M to 64G");
}

static void test_mode(void **state)
{
    (void)state;
    struct hb_option option = option_of(HB_OPTION_MODE);
    expect_number(&option, "0600", 0600);
    expect_number(&option, "755", 0755);
    expect_refusal(&option, "800", "octal");
    expect_refusal(&option, "68", "octal");
    expect_refusal(&option, "10000", "not within 0000 to 7777");
    expect_refusal(&option, "-1", "not within 0000 to 7777");
}

static void test_choice(void **state)
{
    (void)state;
    static const char *const choices[] = {"skip", "store", NULL};
    struct hb_option option = option_of(HB_OPTION_CHOICE);
    option.choices = choices;
    expect_number(&option, "skip", 0);
    expect_number(&option, "store", 1);
    expect_refusal(&option, "Store", "not one of: skip, store");
    struct hb_value value;
    struct hb_error error;
    assert_int_equal(hb_value_parse(&option, "stroe", &value, &error), HB_STATUS_FATAL);
    assert_string_equal(error.hint, "did you mean 'store'?");
    option.type = HB_OPTION_LIST;
    expect_refusal(&option, "skip nothing", "'nothing' is not one of: skip, store");
}

static void expect_list(const char *text, const char *const *words)
{
    struct hb_option option = option_of(HB_OPTION_LIST);
    struct hb_value value;
    struct hb_error error;
    if (hb_value_parse(&option, text, &value, &error) != HB_OK)
        fail_msg("'%s' was refused: %s", text, error.text);
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        assert_non_null(value.list[count]);
        assert_string_equal(value.list[count], words[count]);
    }
    assert_null(value.list[count]);
    assert_int_equal(value.list_count, count);
    hb_value_clear(&value);
}

static void test_list(void **state)
{
    (void)state;
    expect_list("", (const char *const[]){NULL});
    expect_list(" \t ", (const char *const[]){NULL});
    expect_list("a", (const char *const[]){"a", NULL});
    expect_list("*.pyc\t.git  x=y", (const char *const[]){"*.pyc", ".git", "x=y", NULL});
    expect_list("\"with blank\" b", (const char *const[]){"with blank", "b", NULL});
    expect_list("\"a\\\"b\" \"c\\\\d\" \"e\\*f\"",
                (const char *const[]){"a\"b", "c\\d", "e\\*f", NULL});
    expect_list("a\\b \"\"", (const char *const[]){"a\\b", "", NULL});
    struct hb_option option = option_of(HB_OPTION_LIST);
    expect_refusal(&option, "a \"b c", "not closed");
    expect_refusal(&option, "a \"b\\\"", "not closed");
    expect_refusal(&option, "a \"b\"c d", "middle of a word");
    expect_refusal(&option, "a b\"c\"", "middle of a word");
}

static void expect_description(struct hb_option option, const char *text)
{
    HB_AUTO_FREE char *description = hb_option_describe(&option);
    assert_string_equal(description, text);
}

static void test_describe(void **state)
{
    (void)state;
    static const char *const choices[] = {"skip", "store", NULL};
    struct hb_option option = option_of(HB_OPTION_INTEGER);
    expect_description(option, "integer");
    option.maximum = 12;
    expect_description(option, "integer 0..12");
    option.choices = choices;
    expect_description(option, "integer 0..12 or skip|store");
    option.type = HB_OPTION_BYTES;
    option.maximum = 24 << 20;
    expect_description(option, "bytes 0..24M");
    expect_description(option_of(HB_OPTION_BOOLEAN), "yes|no");
    expect_description(option_of(HB_OPTION_LIST), "list");
    expect_description(option_of(HB_OPTION_STRING), "text");
    option = option_of(HB_OPTION_CHOICE);
    option.choices = choices;
    expect_description(option, "skip|store");
    option.type = HB_OPTION_LIST;
    expect_description(option, "list of skip|store");
}

static const char *next_word(const void *context, size_t index)
{
    return ((const char *const *)context)[index];
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"", "format", "workers", "on", "one-file-system", NULL};
    assert_string_equal(hb_nearest("fromat", next_word, words), "format");
    assert_string_equal(hb_nearest("Format", next_word, words), "format");
    assert_string_equal(hb_nearest("wokers", next_word, words), "workers");
    assert_string_equal(hb_nearest("one-filesystem", next_word, words), "one-file-system");
    assert_null(hb_nearest("zebra", next_word, words));
    assert_null(hb_nearest("", next_word, words));
    assert_null(hb_nearest("xy", next_word, words));
    char longest[500];
    memset(longest, 'f', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(hb_nearest(longest, next_word, words));
}

/* The core's own tables must hold to what is asked of plugins. */
static void test_own_tables(void **state)
{
    (void)state;
    for (const struct hb_settings_table *table = hb_settings_tables; table->section != NULL;
         table++)
        for (size_t i = 0; i < table->count; i++) {
            const struct hb_option *option = table->options[i];
            struct hb_value value;
            struct hb_error error;
            if (hb_value_parse(option, option->default_text, &value, &error) != HB_OK)
                fail_msg("[%s] %s", table->section, error.text);
            hb_value_clear(&value);
            assert_non_null(option->help);
            size_t at = (size_t)((const char *)hb_setting_at(option, table) - (const char *)table);
            assert_true(at < table->bytes);
            for (size_t other = 0; other < i; other++) /* each has a member of its own */
                assert_ptr_not_equal(hb_setting_at(table->options[other], table),
                                     hb_setting_at(option, table));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boolean),
        cmocka_unit_test(test_integer),
        cmocka_unit_test(test_integer_or_word),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_own_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress_line.h"
#include "scratch.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

static int width(const char *text)
{
    wchar_t wide[HB_PROGRESS_LINE_BYTES];
    size_t count = mbstowcs(wide, text, HB_PROGRESS_LINE_BYTES);
    assert_true(count != (size_t)-1);
    return wcswidth(wide, count);
}

static const struct hb_progress_line middle = {.files = 1234,
                                               .all_files = 15028,
                                               .bytes = 327575142,
                                               .all_bytes = 881328128,
                                               .rate = 103074201,
                                               .left = 5.4,
                                               .name = "sessions/2026-10-31/session_6f1.json"};

static void check(const struct hb_progress_line *line, int columns, const char *expected)
{
    char text[HB_PROGRESS_LINE_BYTES];
    assert_string_equal(hb_progress_line(line, columns, text), expected);
    assert_true(width(text) <= columns);
}

static void test_what_there_is_room_for(void **state)
{
    (void)state;
    check(&middle, 110,
          " 37%  312.4/840.5 MB   1234/15028 files    98.3 MB/s  0:00:05 left  "
          "sessions/2026-10-31/session_6f1.json");
    check(&middle, 79,
          " 37%  312.4/840.5 MB   1234/15028 files    98.3 MB/s  0:00:05 left  "
          "...6f1.json");
    check(&middle, 70, " 37%  312.4/840.5 MB   1234/15028 files    98.3 MB/s  0:00:05 left");
    check(&middle, 60, " 37%  312.4/840.5 MB   1234/15028 files  0:00:05 left");
    check(&middle, 39, " 37%  312.4/840.5 MB  0:00:05 left");
    check(&middle, 20, " 37%  0:00:05 left");
    check(&middle, 10, " 37%");
    check(&middle, 3, "");
}

static void test_phases_say_which(void **state)
{
    struct hb_progress_line line = {
        .verb = "restored", .files = 7, .all_files = 436, .rate = -1, .left = -1, .name = "a.db"};
    (void)state;
    check(&line, 79, "restored    1%    7/436 files  -:--:-- left  a.db");
    check(&line, 24, "  1%  -:--:-- left");
}

static void test_an_entry_that_is_prepared(void **state)
{
    struct hb_progress_line line = middle;
    (void)state;
    line.prepared = 0.456;
    check(&line, 79,
          " 37%  312.4/840.5 MB   1234/15028 files  copying 45%  0:00:05 left  ...6f1.json");
    line.prepared = 1;
    check(&line, 70, " 37%  312.4/840.5 MB   1234/15028 files  copying 99%  0:00:05 left");
}

/* Whatever has been done: the fields stay where they are. */
static void test_nothing_moves(void **state)
{
    char text[HB_PROGRESS_LINE_BYTES];
    struct hb_progress_line line = middle;
    size_t bytes = strlen(hb_progress_line(&line, 70, text));
    (void)state;
    for (line.bytes = 0; line.bytes <= line.all_bytes; line.bytes += 7654321) {
        line.files = line.bytes / 60000;
        line.rate = (double)line.bytes - 1;
        line.left = (double)(line.all_bytes - line.bytes) / 50000;
        assert_int_equal(strlen(hb_progress_line(&line, 70, text)), bytes);
    }
}

static void test_more_than_was_said(void **state)
{
    struct hb_progress_line line = {.files = 3,
                                    .all_files = 2,
                                    .bytes = 5000,
                                    .all_bytes = 4096,
                                    .rate = 1,
                                    .left = 400 * 3600.0};
    (void)state;
    check(&line, 79, "100%  4.0/4.0 KB  2/2 files        1 B/s  400:00:00 left");
    check(&(struct hb_progress_line){.rate = -1, .left = 0}, 79, "100%  0/0 files  0:00:00 left");
    check(&(struct hb_progress_line){.bytes = 5, .all_bytes = 17, .rate = -1, .left = -1}, 79,
          " 29%   5/17 B  0/0 files               -:--:-- left");
}

/* Characters of two columns, of none, and bytes that are no character. */
static void test_names_in_columns(void **state)
{
    struct hb_progress_line line = {.rate = -1, .left = -1};
    char text[HB_PROGRESS_LINE_BYTES];
    (void)state;
    line.name = "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x81\xAE\xE3\x83\x95\xE3\x82\xA1";
    for (int columns = 0; columns < 60; columns++)
        assert_true(width(hb_progress_line(&line, columns, text)) <= columns);
    line.name = "cafe\xCC\x81/\xC3\xA9";
    check(&line, 60, "100%  0/0 files  -:--:-- left  cafe\xCC\x81/\xC3\xA9");
    line.ascii = true;
    check(&line, 60, "100%  0/0 files  -:--:-- left  cafe?/?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_there_is_room_for),
        cmocka_unit_test(test_phases_say_which),
        cmocka_unit_test(test_nothing_moves),
        cmocka_unit_test(test_more_than_was_said),
        cmocka_unit_test(test_names_in_columns),
        cmocka_unit_test(test_an_entry_that_is_prepared),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

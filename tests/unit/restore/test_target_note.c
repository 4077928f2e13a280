/* SPDX-License-Identifier: Apache-2.0 */
/* What a target was: any difference counts, and what is written comes back. */
#include "base/memory.h"
#include "restore/target_note.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct stat usual(void)
{
    return (struct stat){.st_mode = S_IFREG | 0640,
                         .st_ino = 42,
                         .st_size = 7,
                         .st_mtim = {.tv_sec = 1000, .tv_nsec = 5}};
}

static void test_any_difference(void **state)
{
    struct stat rows[9];
    (void)state;
    for (size_t i = 0; i < 9; i++)
        rows[i] = usual();
    rows[1].st_ino++;
    rows[2].st_size++;
    rows[3].st_mtim.tv_sec++;
    rows[4].st_mtim.tv_nsec++;
    rows[5].st_mode = S_IFLNK | 0777;
    rows[6].st_mode = S_IFDIR | 0700;
    rows[7].st_mode = S_IFIFO | 0600;
    rows[8].st_mode = S_IFREG | 0600; /* which is no content */
    struct hb_target_note note = hb_target_note_of(&rows[0], true);
    for (size_t i = 0; i < 9; i++)
        if (hb_target_is_as_noted(&note, &rows[i]) != (i == 0 || i == 8))
            fail_msg("row %zu", i);
    assert_false(hb_target_is_as_noted(&note, NULL));
    note = hb_target_note_of(NULL, true);
    assert_true(hb_target_is_as_noted(&note, NULL));
    assert_false(hb_target_is_as_noted(&note, &rows[0]));
    note = hb_target_note_of(&rows[0], false); /* inodes have other numbers each time */
    assert_true(hb_target_is_as_noted(&note, &rows[1]));
    note = hb_target_note_of(&rows[6], true); /* of a directory only that it is one */
    rows[6].st_mtim.tv_sec++;
    rows[6].st_ino++;
    assert_true(hb_target_is_as_noted(&note, &rows[6]));
}

/* So young that another change may leave it the same time. */
static void test_young_times(void **state)
{
    static const struct {
        struct timespec there, now;
        bool fine, racy;
    } rows[] = {
        /* Two seconds, where there are no more than seconds in a time, or others' inodes. */
        {{97, 0}, {100, 0}, true, false},
        {{98, 0}, {100, 0}, true, true},
        {{97, 5}, {100, 0}, false, false},
        {{98, 5}, {100, 0}, false, true},
        {{200, 0}, {100, 0}, true, true}, /* in the future */
        /* A tenth of a second. */
        {{99, 500000000}, {99, 700000000}, true, false},
        {{99, 500000000}, {99, 600000000}, true, true},
        {{99, 500000000}, {99, 599999999}, true, true},
        {{99, 950000000}, {100, 10000000}, true, true},
        {{99, 850000000}, {100, 10000000}, true, false},
        {{98, 950000000}, {100, 10000000}, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hb_target_note note = {.what = HB_NOTED_FILE,
                                      .seconds = rows[i].there.tv_sec,
                                      .nanoseconds = (uint32_t)rows[i].there.tv_nsec};
        if (hb_target_note_is_racy(&note, rows[i].fine, &rows[i].now) != rows[i].racy)
            fail_msg("row %zu", i);
        note.what = HB_NOTED_LINK;
        assert_false(hb_target_note_is_racy(&note, rows[i].fine, &rows[i].now));
    }
}

static void test_content(void **state)
{
    unsigned char hash[HB_NOTE_CONTENT_BYTES], none[HB_NOTE_CONTENT_BYTES] = {0};
    HB_AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(scratch_write(*state, "file", "content"));
    assert_int_equal(symlinkat("file", fd, "link"), 0);
    hb_note_file(fd, "file", hash);
    assert_true(hb_file_is_as_noted(fd, "file", hash));
    assert_false(hb_file_is_as_noted(fd, "link", hash)); /* no link is followed */
    assert_false(hb_file_is_as_noted(fd, "nothing", hash));
    free(scratch_write(*state, "file", "Content"));
    assert_false(hb_file_is_as_noted(fd, "file", hash));
    hb_note_file(fd, "nothing", hash);
    assert_memory_equal(hash, none, sizeof none);
    assert_false(hb_file_is_as_noted(fd, "nothing", hash)); /* it was not read, so nobody knows */
    free(scratch_write(*state, "file", ""));
    assert_false(hb_file_is_as_noted(fd, "file", none));
}

static void test_it_comes_back(void **state)
{
    unsigned char content[HB_NOTE_CONTENT_BYTES], again[HB_NOTE_CONTENT_BYTES];
    char text[HB_NOTE_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 37);
    for (uint8_t what = 0; what <= HB_NOTED_NOTHING; what++) {
        struct hb_target_note note = {.what = what}, read;
        if (what == HB_NOTED_FILE || what == HB_NOTED_LINK)
            note = (struct hb_target_note){
                what, what == HB_NOTED_FILE, 0777, 999999999, -123456789, UINT64_MAX, UINT64_MAX};
        hb_target_note_write(&note, content, text);
        assert_true(hb_target_note_read(text, &read, again));
        assert_int_equal(read.what, note.what);
        assert_int_equal(read.mode, note.mode);
        assert_int_equal(read.nanoseconds, note.nanoseconds);
        assert_true(read.seconds == note.seconds && read.inode == note.inode &&
                    read.bytes == note.bytes);
        assert_int_equal(read.has_content, note.has_content);
        if (note.has_content)
            assert_memory_equal(again, content, sizeof content);
    }
}

static void test_what_is_no_note(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "f",
        "f 1 2 3 4",
        "f 1 2 3 4 1ff 00",     /* content that is cut */
        "f 1 2 3 4 200",        /* setgid and all above */
        "f 1 2 3 3b9aca00 1ff", /* a thousand million nanoseconds */
        "f 1 2 3 4 -1",
        "f 1 2 3 4  1ff",
        "f 10000000000000000 2 3 4 1ff", /* 17 digits */
        "f1 2 3 4 1ff",
        "f 1 2 3 4 1FF",
        "d x",
        "- 00",
    };
    unsigned char content[HB_NOTE_CONTENT_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hb_target_note note;
        if (hb_target_note_read(rows[i], &note, content))
            fail_msg("taken: '%s'", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_difference),
        cmocka_unit_test(test_young_times),
        scratch_test(test_content),
        cmocka_unit_test(test_it_comes_back),
        cmocka_unit_test(test_what_is_no_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

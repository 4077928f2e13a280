/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what is written comes back, and any damage to it is noticed. */
#include "base/memory.h"
#include "restore/journal.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const struct hb_journal_row rows[] = {
    {.type = HB_TYPE_DIRECTORY,
     .flags = HB_ROW_NEW,
     .index = 0,
     .mode = 0750,
     .path = "a",
     .link = ""},
    {.type = HB_TYPE_FILE,
     .flags = HB_ROW_CLAIMED | HB_ROW_KEEP_MODE | HB_ROW_HAS_MTIME,
     .stage = 1,
     .index = 4000000000,
     .mode = 0600,
     .mtime_seconds = -5,
     .mtime_nanoseconds = 999999999,
     .bytes = UINT64_MAX,
     .path = "a/\xff\nname with blanks",
     .link = "",
     .note = {.what = HB_NOTED_FILE,
              .has_content = true,
              .mode = 0640,
              .seconds = -7,
              .nanoseconds = 999999999,
              .inode = UINT64_MAX,
              .bytes = UINT64_MAX},
     .content = {0, 1, 0xff, 0x10, [31] = 0xab}},
    {.type = HB_TYPE_DIRECTORY,
     .flags = HB_ROW_TREE,
     .index = 3,
     .bytes = 12345,
     .files = UINT64_MAX,
     .path = "b/tree",
     .link = ""},
    {.type = HB_TYPE_SYMLINK,
     .index = 7,
     .mode = 0777,
     .path = "l",
     .link = "../else where",
     .note = {.what = HB_NOTED_LINK, .mode = 0777, .seconds = 1, .inode = 2, .bytes = 3}},
    {.type = HB_TYPE_FILE,
     .index = 8,
     .mode = 0600,
     .path = "of which nothing is known",
     .link = "",
     .note = {.what = HB_NOTED_NOTHING}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

struct fixture {
    char *directory;
    struct hb_stage stage;
    struct hb_error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    assert_int_equal(hb_stage_open(fixture->directory, &fixture->stage, NULL, &fixture->error),
                     HB_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_stage_close(&fixture->stage);
    scratch_remove(fixture->directory);
    free(fixture);
    return 0;
}

static void write_rows(struct fixture *fixture)
{
    struct hb_journal_writer *writer;
    assert_int_equal(hb_journal_create(&fixture->stage, "/a/b c.zip", &writer, &fixture->error),
                     HB_OK);
    hb_journal_add_stage(writer, 1, "mounted/.hbcore-stage-0123456789abcdef");
    for (size_t i = 0; i < ROWS; i++)
        hb_journal_add(writer, &rows[i]);
    assert_int_equal(hb_journal_finish(writer, &fixture->error), HB_OK);
    struct hb_journal *journal;
    assert_int_equal(hb_journal_open(fixture->stage.fd, &journal, &fixture->error),
                     HB_STATUS_NOMATCH);
    assert_int_equal(hb_journal_commit(writer, &fixture->error), HB_OK);
    hb_journal_writer_free(writer);
}

static void assert_row(const struct hb_journal_row *row, const struct hb_journal_row *wanted)
{
    assert_int_equal(row->type, wanted->type);
    assert_int_equal(row->flags, wanted->flags);
    assert_int_equal(row->stage, wanted->stage);
    assert_int_equal(row->index, wanted->index);
    assert_int_equal(row->mode, wanted->mode);
    assert_int_equal(row->mtime_seconds, wanted->mtime_seconds);
    assert_int_equal(row->mtime_nanoseconds, wanted->mtime_nanoseconds);
    assert_int_equal(row->bytes, wanted->bytes);
    assert_int_equal(row->files, wanted->files);
    assert_string_equal(row->path, wanted->path);
    assert_string_equal(row->link, wanted->link);
    assert_int_equal(row->note.what, wanted->note.what);
    assert_int_equal(row->note.has_content, wanted->note.has_content);
    assert_int_equal(row->note.mode, wanted->note.mode);
    assert_int_equal(row->note.seconds, wanted->note.seconds);
    assert_int_equal(row->note.nanoseconds, wanted->note.nanoseconds);
    assert_int_equal(row->note.inode, wanted->note.inode);
    assert_int_equal(row->note.bytes, wanted->note.bytes);
    if (row->note.has_content)
        assert_memory_equal(row->content, wanted->content, sizeof row->content);
}

static void test_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct hb_journal *journal;
    struct hb_journal_row row;
    write_rows(fixture);
    assert_int_equal(hb_journal_open(fixture->stage.fd, &journal, &fixture->error), HB_OK);
    assert_string_equal(hb_journal_archive(journal), "/a/b c.zip");
    assert_int_equal(hb_journal_next(journal, &row, &fixture->error), HB_STATUS_SKIP);
    assert_int_equal(row.stage, 1);
    assert_string_equal(row.path, "mounted/.hbcore-stage-0123456789abcdef");
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(hb_journal_next(journal, &row, &fixture->error), HB_OK);
        assert_row(&row, &rows[i]);
    }
    assert_int_equal(hb_journal_next(journal, &row, &fixture->error), HB_STATUS_END);
    hb_journal_close(journal);
}

static char *read_journal(const struct fixture *fixture, size_t *bytes)
{
    HB_AUTO_FREE char *path = scratch_path(fixture->stage.path, HB_STAGE_JOURNAL);
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    char *data = hb_alloc(4096);
    *bytes = fread(data, 1, 4096, file);
    fclose(file);
    assert_in_range(*bytes, 100, 4095);
    return data;
}

static int open_bytes(const char *data, size_t bytes)
{
    struct hb_journal *journal;
    struct hb_error error = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    rewind(file);
    int status = hb_journal_read(file, &journal, &error);
    if (status == HB_OK)
        hb_journal_close(journal);
    else
        assert_contains(error.text, "damaged");
    return status;
}

static void test_damage_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes;
    write_rows(fixture);
    HB_AUTO_FREE char *data = read_journal(fixture, &bytes);
    assert_int_equal(open_bytes(data, bytes), HB_OK);
    for (size_t i = 0; i < bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            data[i] = (char)(data[i] ^ 1 << bit);
            if (open_bytes(data, bytes) == HB_OK)
                fail_msg("bit %d of byte %zu was changed, and it was taken", bit, i);
            data[i] = (char)(data[i] ^ 1 << bit);
        }
        if (open_bytes(data, i) == HB_OK)
            fail_msg("it was cut to %zu bytes, and was taken", i);
    }
}

/* What is noted of a file is no change where it has none: permissions, the inode's own times. */
static void test_what_is_a_change(void **state)
{
    (void)state;
    const struct stat there = {.st_mode = S_IFREG | 0644,
                               .st_ino = 5,
                               .st_size = 6,
                               .st_mtim = {.tv_sec = 7, .tv_nsec = 8},
                               .st_ctim = {.tv_sec = 9}};
    struct hb_target_note note = hb_target_note_of(&there, true);
    struct stat now = there;
    now.st_mode = S_IFREG | 0600;
    now.st_ctim.tv_sec = 10;
    assert_true(hb_target_is_as_noted(&note, &now));
    assert_false(hb_target_is_as_noted(&note, NULL));
    now.st_ino = 6;
    assert_false(hb_target_is_as_noted(&note, &now));
    note = hb_target_note_of(&there, false); /* inodes are numbered anew there */
    assert_true(hb_target_is_as_noted(&note, &now));
    now.st_mtim.tv_nsec = 9;
    assert_false(hb_target_is_as_noted(&note, &now));
    now = there;
    now.st_mode = S_IFLNK | 0777;
    assert_false(hb_target_is_as_noted(&note, &now));
    note = hb_target_note_of(NULL, true);
    assert_true(hb_target_is_as_noted(&note, NULL));
    assert_false(hb_target_is_as_noted(&note, &there));
}

/*
 * Reading stops in the middle, though all of it was there when it was opened: the rows before that
 * come as they were written, and what is left of a record is none.
 */
static void test_cut_while_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes;
    write_rows(fixture);
    HB_AUTO_FREE char *data = read_journal(fixture, &bytes);
    for (size_t left = strlen(data) + 1; left < bytes; left++) {
        struct hb_journal *journal;
        struct hb_journal_row row;
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(setvbuf(file, NULL, _IONBF, 0), 0);
        assert_int_equal(fwrite(data, 1, bytes, file), bytes);
        assert_int_equal(hb_journal_read(file, &journal, &fixture->error), HB_OK);
        assert_int_equal(ftruncate(fileno(file), (off_t)left), 0);
        int status = hb_journal_next(journal, &row, &fixture->error);
        if (status == HB_STATUS_SKIP) { /* the stage */
            assert_string_equal(row.path, "mounted/.hbcore-stage-0123456789abcdef");
            status = hb_journal_next(journal, &row, &fixture->error);
        }
        for (size_t i = 0; status == HB_OK; i++) {
            assert_in_range(i, 0, ROWS - 1);
            assert_row(&row, &rows[i]);
            status = hb_journal_next(journal, &row, &fixture->error);
        }
        if (status != HB_STATUS_FATAL)
            fail_msg("cut to %zu of %zu bytes: %d", left, bytes, status);
        hb_journal_close(journal);
    }
}

/* Root may have given it away; what it says counts as somebody else's then. */
static void test_of_another_user(void **state)
{
    struct fixture *fixture = *state;
    struct hb_journal *journal;
    if (geteuid() != 0)
        skip(); /* only root can give files away */
    write_rows(fixture);
    assert_int_equal(fchownat(fixture->stage.fd, HB_STAGE_JOURNAL, 65534, 65534, 0), 0);
    assert_int_equal(hb_journal_open(fixture->stage.fd, &journal, &fixture->error),
                     HB_STATUS_FATAL);
    assert_contains(fixture->error.text, "damaged");
    assert_int_equal(fchownat(fixture->stage.fd, HB_STAGE_JOURNAL, 0, 0, 0), 0);
    assert_int_equal(hb_journal_open(fixture->stage.fd, &journal, &fixture->error), HB_OK);
    hb_journal_close(journal);
}

/* A run that is alive, or a stage that others can write to, is never taken over. */
static void test_adopt(void **state)
{
    struct fixture *fixture = *state;
    struct hb_stage taken;
    char name[sizeof fixture->stage.name];
    memcpy(name, fixture->stage.name, sizeof name);
    write_rows(fixture);
    assert_int_equal(hb_stage_adopt(fixture->directory, name, &taken), HB_STATUS_LATER);
    assert_int_equal(errno, EWOULDBLOCK);
    hb_stage_leave(&fixture->stage);
    HB_AUTO_CLOSE int parent = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hb_stage_sweep(parent), 0);
    HB_AUTO_FREE char *path = scratch_path(fixture->directory, name);
    assert_int_equal(chmod(path, 0770), 0);
    assert_int_equal(hb_stage_adopt(fixture->directory, name, &taken), HB_STATUS_NOMATCH);
    assert_int_equal(chmod(path, 0700), 0);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int status = hb_stage_adopt(fixture->directory, name, &taken), reason = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, HB_STATUS_LATER); /* it may be there */
    assert_int_equal(reason, EMFILE);
    assert_int_equal(hb_stage_adopt(fixture->directory, ".hbcore-stage-0123456789abcdef", &taken),
                     HB_STATUS_NOMATCH);
    HB_AUTO_FREE char *nowhere = scratch_path(fixture->directory, "nowhere");
    assert_int_equal(hb_stage_adopt(nowhere, name, &taken), HB_STATUS_NOMATCH);
    assert_int_equal(hb_stage_adopt(fixture->directory, name, &taken), HB_OK);
    hb_stage_close(&taken);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* ---- journals with a right hash that nobody of us wrote -------------------------------------- */

#define STAGE ".hbcore-stage-0123456789abcdef"

/* What reading all of it comes to: HB_STATUS_END, or a failure. The head, a stage, one row. */
static int read_made(const char *head, const char *stage, const char *stage_path, const char *row,
                     const char *path, unsigned claimed)
{
    const char *const records[] = {head, stage, stage_path, row, path, "" /* no link */, "-"};
    struct hb_journal *journal;
    struct hb_journal_row found;
    struct hb_error error;
    char text[1000], *at = text;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        at = stpcpy(at, records[i]) + 1;
    at += snprintf(at, 32, "end %u ", claimed);
    at += snprintf(at, 32, "%016" PRIx64, (uint64_t)XXH3_64bits(text, (size_t)(at - text))) + 1;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, (size_t)(at - text), file), at - text);
    int status = hb_journal_read(file, &journal, &error);
    if (status != HB_OK)
        return status;
    while (status == HB_OK || status == HB_STATUS_SKIP)
        status = hb_journal_next(journal, &found, &error);
    hb_journal_close(journal);
    return status;
}

static void test_what_must_not_be_believed(void **state)
{
    static const char head[] = "hbcore-journal 2 7 archive", row[] = "f 0 1 5 384 0 0 3";
    static const struct {
        const char *head, *stage, *stage_path, *row, *path;
        unsigned claimed;
        int status;
    } made[] = {
        {head, "stage 1", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_END},
        {"hbcore-journal 3 7 archive", "stage 1", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {"hbcore-journal 2 x archive", "stage 1", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, row, "a/b", 0, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, row, "a/b", 2, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/other", row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE "0", row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "../" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "/tmp/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "./a/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 0", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 64", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage x", "mounted/" STAGE, row, "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, row, "../b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, row, "/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, row, "./b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 64 5 384 0 0 3", "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 512 0 0 3", "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 384 0 1000000000 3", "a/b", 1,
         HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "x 0 1 5 384 0 0 3", "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 384 0 0 3 ", "a/b", 1, HB_STATUS_END},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 384 0 0 3 4", "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 384 0 0 -3", "a/b", 1, HB_STATUS_FATAL},
        {head, "stage 1", "mounted/" STAGE, "f 0 1 5 384 0 0", "a/b", 1, HB_STATUS_FATAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        int status = read_made(made[i].head, made[i].stage, made[i].stage_path, made[i].row,
                               made[i].path, made[i].claimed);
        if (status != made[i].status)
            fail_msg("journal %zu: %d", i, status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_while_it_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_another_user, set_up, tear_down),
        cmocka_unit_test(test_what_is_a_change),
        cmocka_unit_test(test_what_must_not_be_believed),
        cmocka_unit_test_setup_teardown(test_adopt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

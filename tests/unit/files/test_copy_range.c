/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a file into another, whoever copies it: the kernel, by blocks or bytes, or we. */
#include "base/memory.h"
#include "files/copy_range.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = (3 << 20) + 4097 };

/* Longer than what is copied at once in places, shorter in others. */
static unsigned char buffer[1 << 20];

struct fixture {
    char *directory;
    unsigned char *data, *found;
    int from;
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    fixture->data = hb_alloc(BYTES);
    fixture->found = hb_alloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        fixture->data[i] = (unsigned char)(i * 7 + i / 4096);
    HB_AUTO_FREE char *path = scratch_path(fixture->directory, "from");
    fixture->from = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fixture->from, fixture->data, BYTES, 0), BYTES);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->from);
    scratch_remove(fixture->directory);
    free(fixture->data);
    free(fixture->found);
    free(fixture);
    return 0;
}

static int new_file(const char *directory)
{
    return open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

/* `bytes` from `offset` on, behind `at` bytes that are there already; then some more behind them.
 */
static void copy(struct fixture *fixture, int to, struct hb_range_copy how, uint64_t offset,
                 uint64_t at, uint64_t bytes)
{
    how.from = fixture->from;
    how.to = to;
    how.buffer = buffer;
    how.buffer_bytes = sizeof buffer;
    how.offset = offset;
    how.at = at;
    memset(fixture->found, 'x', BYTES);
    assert_int_equal(ftruncate(to, 0), 0);
    assert_int_equal(lseek(to, 0, SEEK_SET), 0);
    assert_int_equal(write(to, fixture->found, at), at);
    for (uint64_t left = bytes; left > 0;) {
        int64_t done = hb_copy_range(&how, left);
        assert_in_range(done, 1, left);
        left -= (uint64_t)done;
    }
    assert_int_equal(write(to, "behind", 6), 6);
    assert_int_equal(how.offset, offset + bytes);
    assert_int_equal(how.at, at + bytes);
    assert_int_equal(lseek(to, 0, SEEK_END), at + bytes + 6);
    assert_int_equal(pread(to, fixture->found, bytes, (off_t)at), bytes);
    assert_memory_equal(fixture->found, fixture->data + offset, bytes);
    assert_int_equal(pread(to, fixture->found, 6, (off_t)(at + bytes)), 6);
    assert_memory_equal(fixture->found, "behind", 6);
}

static void copy_everywhere(struct fixture *fixture, int to, struct hb_range_copy how)
{
    static const uint64_t places[][2] = {
        {0, 0},      {5, 5},    {4096, 8192}, {4095, 4095}, {1, 0},
        {4000, 100}, {0, 4096}, {100, 8292},  {65536, 0},   {70000, 70000 + 65536}};
    static const uint64_t lengths[] = {1, 4095, 4096, 4097, 65536, 70001, 1 << 20, 3 << 20};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++)
            if (places[i][0] + lengths[j] <= BYTES)
                copy(fixture, to, how, places[i][0], places[i][1], lengths[j]);
}

static void everywhere(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_CLOSE int to = new_file(fixture->directory);
    copy_everywhere(fixture, to, (struct hb_range_copy){0});
    copy_everywhere(fixture, to, (struct hb_range_copy){.unshared = true});
    copy_everywhere(fixture, to, (struct hb_range_copy){.refused = true});
}

/* Where files lie in memory: it is another file system, as a rule. */
static void into_another_file_system(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_CLOSE int to = new_file("/dev/shm");
    if (to < 0) {
        print_message("skipped: /dev/shm: %s\n", strerror(errno));
        skip();
    }
    copy_everywhere(fixture, to, (struct hb_range_copy){0});
}

static uint64_t blocks_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

/* Room for all that may come, and none for what did not. */
static void room_is_given_back(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_CLOSE int to = new_file(fixture->directory);
    enum { COPIED = 100000, MOST = 1 << 20 };
    struct hb_range_copy how = {.from = fixture->from,
                                .to = to,
                                .end = BYTES,
                                .unshared = true,
                                .buffer = buffer,
                                .buffer_bytes = sizeof buffer};
    assert_int_equal(hb_copy_range(&how, COPIED), COPIED);
    assert_int_equal(how.room, BYTES);
    hb_copy_range_end(&how, COPIED);
    assert_true(blocks_of(to) < MOST);
    assert_int_equal(lseek(to, 0, SEEK_END), COPIED);
    how = (struct hb_range_copy){.from = fixture->from,
                                 .to = to,
                                 .at = COPIED,
                                 .unshared = true,
                                 .buffer = buffer,
                                 .buffer_bytes = sizeof buffer};
    assert_int_equal(hb_copy_range(&how, COPIED), COPIED);
    assert_int_equal(how.room, COPIED * 2);
    hb_copy_range_end(&how, COPIED * 2);
    assert_int_equal(lseek(to, 0, SEEK_END), COPIED * 2);
}

static void too_short(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_CLOSE int to = new_file(fixture->directory);
    struct hb_range_copy how = {.from = fixture->from,
                                .to = to,
                                .offset = BYTES - 10,
                                .buffer = buffer,
                                .buffer_bytes = sizeof buffer};
    assert_int_equal(hb_copy_range(&how, 4096), 10);
    assert_int_equal(hb_copy_range(&how, 4086), 0);
    assert_true(how.reading);
}

static void cannot_be_written(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_CLOSE int to = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct hb_range_copy how = {
        .from = fixture->from, .to = to, .buffer = buffer, .buffer_bytes = sizeof buffer};
    assert_int_equal(hb_copy_range(&how, BYTES), -ENOSPC);
    assert_false(how.reading);
    how = (struct hb_range_copy){
        .from = -1, .to = to, .buffer = buffer, .buffer_bytes = sizeof buffer};
    assert_int_equal(hb_copy_range(&how, BYTES), -EBADF);
    assert_true(how.reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(into_another_file_system, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cannot_be_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

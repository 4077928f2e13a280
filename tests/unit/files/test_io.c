/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing and copying all. */
#include "base/memory.h"
#include "files/io.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void test_what_is_written_comes_back(void **state)
{
    HB_AUTO_FREE char *path = scratch_write(*state, "file", "0123456789");
    HB_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    char text[32] = "";
    assert_int_equal(hb_write_all_at(fd, "abc", 3, 4), 0);
    assert_int_equal(hb_read_all_at(fd, text, sizeof text, 0), 10);
    assert_string_equal(text, "0123abc789");
    assert_int_equal(hb_read_all_at(fd, text, sizeof text, 10), 0); /* the end */
    assert_int_equal(hb_read_all(fd, text, 3), 3);                  /* the position is its own */
    assert_memory_equal(text, "012", 3);
    assert_int_equal(hb_read_all_at(-1, text, 1, 0), -EBADF);
    assert_int_equal(hb_write_all(-1, text, 1), -EBADF);
}

static void *drip(void *argument)
{
    int fd = *(int *)argument;
    for (int i = 0; i < 5; i++)
        if (write(fd, "drop", 4) != 4)
            abort();
    close(fd);
    return NULL;
}

/* A pipe gives less than is asked for: "some" takes that, "all" goes on. */
static void test_a_pipe(void **state)
{
    int ends[2];
    char text[64];
    pthread_t thread;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, drip, &ends[1]), 0);
    int64_t some = hb_read_some(ends[0], text, 4);
    assert_in_range(some, 1, 4);
    assert_int_equal(hb_read_all(ends[0], text, sizeof text), 20 - some);
    assert_int_equal(hb_read_some(ends[0], text, sizeof text), 0);
    pthread_join(thread, NULL);
    close(ends[0]);
}

static void test_a_copy(void **state)
{
    size_t bytes = (3 << 20) + 17; /* more than its buffer, and no multiple */
    HB_AUTO_FREE char *data = hb_alloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 7 + i / 251);
    HB_AUTO_FREE char *from = scratch_write_bytes(*state, "from", data, bytes);
    HB_AUTO_FREE char *to = scratch_write(*state, "to", "");
    HB_AUTO_CLOSE int source = open(from, O_RDONLY | O_CLOEXEC);
    HB_AUTO_CLOSE int copy = open(to, O_RDWR | O_CLOEXEC);
    HB_AUTO_FREE char *again = hb_alloc(bytes + 1);
    assert_int_equal(hb_copy_all(source, copy), 0);
    assert_int_equal(hb_read_all_at(copy, again, bytes + 1, 0), bytes);
    assert_memory_equal(again, data, bytes);
    assert_int_equal(hb_copy_all(source, -1), -EBADF);
}

/* A limit of the file's size: what was asked for cannot be written in full, and that is told. */
static void test_a_short_write_is_no_success(void **state)
{
    HB_AUTO_FREE char *path = scratch_write(*state, "file", "");
    HB_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    struct rlimit usual, small;
    char data[4096] = {1};
    getrlimit(RLIMIT_FSIZE, &usual);
    small = (struct rlimit){1000, usual.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int result = hb_write_all(fd, data, sizeof data);
    setrlimit(RLIMIT_FSIZE, &usual);
    assert_int_equal(result, -EFBIG);
}

static void test_times(void **state)
{
    struct stat status;
    HB_AUTO_FREE char *path = scratch_write(*state, "file", "");
    HB_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    HB_AUTO_CLOSE int directory = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 6}};
    futimens(fd, times);
    assert_int_equal(hb_set_mtime(fd, 1000, 123456789), 0);
    fstat(fd, &status);
    assert_int_equal(status.st_mtim.tv_sec, 1000);
    assert_int_equal(status.st_mtim.tv_nsec, 123456789);
    assert_int_equal(status.st_atim.tv_sec, 5); /* it stays */
    assert_int_equal(symlinkat("file", directory, "link"), 0);
    assert_int_equal(hb_set_mtime_at(directory, "link", 2000, 0), 0);
    fstatat(directory, "link", &status, AT_SYMLINK_NOFOLLOW);
    assert_int_equal(status.st_mtim.tv_sec, 2000);
    fstat(fd, &status);
    assert_int_equal(status.st_mtim.tv_sec, 1000);
    assert_int_equal(hb_set_mtime_at(directory, "nothing", 1, 0), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_what_is_written_comes_back),
        scratch_test(test_a_pipe),
        scratch_test(test_a_copy),
        scratch_test(test_a_short_write_is_no_success),
        scratch_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* core/files: reading and writing all, listing, directories that are made. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/listing.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- io ------------------------------------------------------------------------------------ */

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

/* ---- listing ------------------------------------------------------------------------------- */

static void test_names_are_sorted_by_bytes(void **state)
{
    static const char *const names[] = {"b", "B", "a-", "a", "\xFF", ".hidden", "a.b"};
    static const char *const sorted[] = {".hidden", "B", "a", "a-", "a.b", "b", "\xFF"};
    struct hb_listing listing;
    for (size_t i = 0; i < 7; i++)
        free(scratch_write(*state, names[i], ""));
    HB_AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int twice = 0; twice < 2; twice++) { /* the descriptor can be used again */
        assert_int_equal(hb_listing_read(fd, &listing), 0);
        assert_int_equal(listing.count, 7);
        for (size_t i = 0; i < 7; i++) {
            assert_string_equal(listing.names[i], sorted[i]);
            assert_int_equal(hb_listing_find(&listing, sorted[i]), i);
        }
        assert_true(hb_listing_find(&listing, "c") == SIZE_MAX);
        assert_true(hb_listing_find(&listing, ".") == SIZE_MAX);
        hb_listing_free(&listing);
    }
    assert_int_equal(hb_listing_read(-1, &listing), -EBADF);
    assert_true(hb_listing_find(&listing, "a") == SIZE_MAX);
    hb_listing_free(&listing);
}

static int remove_it(void *context, const char *name)
{
    return unlinkat(*(int *)context, name, 0) == 0 ? 0 : 1;
}

static int stop_at_third(void *context, const char *name)
{
    (void)name;
    return ++*(int *)context == 3 ? 42 : 0;
}

/* More than fit into one buffer; each may be removed as it comes. */
static void test_one_by_one(void **state)
{
    struct hb_listing listing;
    char name[80];
    int count = 0;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "%060d", i);
        free(scratch_write(*state, name, ""));
    }
    HB_AUTO_CLOSE int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hb_listing_each(fd, stop_at_third, &count), 42);
    assert_int_equal(count, 3);
    assert_int_equal(hb_listing_each(fd, remove_it, &fd), 0);
    assert_int_equal(hb_listing_read(fd, &listing), 0);
    assert_int_equal(listing.count, 0);
    hb_listing_free(&listing);
}

/* ---- directories --------------------------------------------------------------------------- */

static int make(const char *path)
{
    struct hb_directory directory;
    int result = hb_directory_open(path, true, &directory);
    hb_directory_close(&directory);
    return result;
}

static void expect_made(const char *directory, const char *path, const char *there)
{
    struct stat status;
    HB_AUTO_FREE char *full = hb_text("%s/%s", directory, path);
    HB_AUTO_FREE char *expected = hb_text("%s/%s", directory, there);
    int result = make(full);
    if (result != 0 || stat(expected, &status) != 0 || !S_ISDIR(status.st_mode))
        fail_msg("%s: %s, and %s is no directory", path, strerror(-result), there);
}

static void test_directories_are_made(void **state)
{
    const char *directory = *state;
    HB_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_made(directory, "a/b/c", "a/b/c");
    expect_made(directory, "a/b/c", "a/b/c");
    expect_made(directory, "d//e/./f/", "d/e/f");
    expect_made(directory, "g/h/../i", "g/i");
    expect_made(directory, "j/.", "j");
    assert_int_equal(symlinkat("a/b", fd, "link"), 0);
    expect_made(directory, "link/k", "a/b/k");
    expect_made(directory, "link", "a/b");
    assert_int_equal(make("/"), 0);
    free(scratch_write(directory, "file", ""));
    HB_AUTO_FREE char *below = hb_text("%s/file/x", directory);
    HB_AUTO_FREE char *file = hb_text("%s/file", directory);
    assert_int_equal(make(below), -ENOTDIR);
    assert_int_equal(make(file), -ENOTDIR);
}

static int set_up(void **state)
{
    *state = scratch_new();
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_written_comes_back),
        TEST(test_a_pipe),
        TEST(test_a_copy),
        TEST(test_a_short_write_is_no_success),
        TEST(test_times),
        TEST(test_names_are_sorted_by_bytes),
        TEST(test_one_by_one),
        TEST(test_directories_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

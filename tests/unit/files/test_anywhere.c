/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are made on the way. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

/* The kernel calls what was removed "X (deleted)", which leads nowhere, or to something else. */
static void test_what_was_removed_has_no_name(void **state)
{
    const char *directory = *state;
    HB_AUTO_FREE char *path = hb_text("%s/a", directory);
    HB_AUTO_FREE char *other = hb_text("%s/a (deleted)", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HB_AUTO_FREE char *before = hb_path_of(fd);
    assert_string_equal(before, path);
    assert_int_equal(rmdir(path), 0);
    HB_AUTO_FREE char *after = hb_path_of(fd);
    assert_null(after);
    assert_int_equal(mkdir(other, 0700), 0);
    HB_AUTO_FREE char *later = hb_path_of(fd);
    assert_null(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_directories_are_made),
        scratch_test(test_what_was_removed_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

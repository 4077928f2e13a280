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

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_directories_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

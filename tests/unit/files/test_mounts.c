/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems below a directory. With mounts of our own, in a mount namespace of our own, where
 * that is allowed; a process of its own is in it.
 */
#include "base/memory.h"
#include "files/anywhere.h"
#include "files/mounts.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the namespace: the assertions of cmocka do not reach the parent. */
#define HOLDS(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            print_error("line %d: %s\n", __LINE__, #what);                                         \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static bool make_private(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static uint64_t mount_at(const char *directory, const char *name)
{
    HB_AUTO_FREE char *path = scratch_path(directory, name);
    HB_AUTO_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? 0 : hb_mount_of(fd);
}

/* Where the path would come to lie; its mount is that of `there`. */
static int found_at(const struct hb_root *root, const char *directory, const char *path,
                    const char *there)
{
    struct hb_mount_place place = {.directory = NULL};
    int result = hb_mount_find(root, path, &place);
    HB_AUTO_FREE char *found = place.directory;
    if (result != 0 || strcmp(found, there) != 0 ||
        place.mount != mount_at(directory, *there == '\0' ? "home" : "home/inner")) {
        print_error("%s: %d, in '%s'\n", path, result, found == NULL ? "-" : found);
        return 1;
    }
    return 0;
}

/* home has a file system at home/inner, and home2 another: DIRECTORY/home/inner, DIRECTORY/home2/x.
 */
static int in_namespace(const char *directory)
{
    HB_AUTO_FREE char *home = scratch_path(directory, "home");
    HB_AUTO_FREE char *beside = scratch_path(directory, "home2");
    HB_AUTO_FREE char *inner = scratch_path(directory, "home/inner");
    HB_AUTO_FREE char *other = scratch_path(directory, "home2/x");
    HB_AUTO_FREE char *below = scratch_path(directory, "home/inner/below");
    HB_AUTO_FREE char *twice = scratch_path(directory, "home/twice");
    struct hb_root root;
    HOLDS(mkdir(home, 0700) == 0 && mkdir(beside, 0700) == 0 && mkdir(inner, 0700) == 0 &&
          mkdir(other, 0700) == 0 && mkdir(twice, 0700) == 0);
    HOLDS(!hb_mounts_below(home));
    HOLDS(mount("none", other, "tmpfs", 0, NULL) == 0);
    HOLDS(!hb_mounts_below(home)); /* that is home2's */
    HOLDS(hb_mounts_below(beside));
    HOLDS(!hb_mounts_below(other)); /* itself does not count */
    HOLDS(hb_mounts_below("/"));
    HOLDS(mount("none", inner, "tmpfs", 0, NULL) == 0);
    HOLDS(hb_mounts_below(home));
    HOLDS(mkdir(below, 0700) == 0);
    HOLDS(mount_at(directory, "home") != mount_at(directory, "home/inner"));
    HOLDS(mount_at(directory, "home") == mount_at(directory, "home2"));
    HOLDS(mount_at(directory, "home/inner") == mount_at(directory, "home/inner/below"));
    HOLDS(mount_at(directory, "home/inner") != 0);
    HOLDS(mount(home, twice, NULL, MS_BIND, NULL) == 0); /* the same file system, once more */
    HOLDS(mount_at(directory, "home/twice") != mount_at(directory, "home"));
    HOLDS(hb_root_open(home, &root) == 0);
    HOLDS(symlinkat("inner", root.fd, "link") == 0);
    HOLDS(found_at(&root, directory, "file", "") == 0);
    HOLDS(found_at(&root, directory, "missing/directory/file", "") == 0);
    HOLDS(found_at(&root, directory, "inner", "inner") == 0);
    HOLDS(found_at(&root, directory, "inner/file", "inner") == 0);
    HOLDS(found_at(&root, directory, "inner/missing/file", "inner") == 0);
    HOLDS(found_at(&root, directory, "inner/below/file", "inner/below") == 0);
    HOLDS(found_at(&root, directory, "link/file", "inner") == 0);
    int made = openat(root.fd, "inner/plain", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    HOLDS(made >= 0 && close(made) == 0);
    HOLDS(found_at(&root, directory, "inner/plain/file", "inner") == 0);
    HOLDS(hb_is_mounted(root.fd, "inner") && !hb_is_mounted(root.fd, "inner/plain"));
    HOLDS(symlinkat("/", root.fd, "out") == 0);
    struct hb_mount_place place;
    HOLDS(hb_mount_find(&root, "out/file", &place) == -EXDEV);
    hb_root_close(&root);
    return 0;
}

static void test_mounts(void **state)
{
    char real[4096];
    int status;
    assert_non_null(realpath(*state, real));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(make_private() ? in_namespace(real) : 77);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_without_mounts(void **state)
{
    struct hb_root root;
    struct hb_mount_place place;
    assert_int_equal(hb_root_open(*state, &root), 0);
    assert_false(hb_mounts_below(*state));
    assert_true(hb_mount_of(root.fd) != 0);
    assert_true(hb_mount_of(-1) == 0);
    assert_int_equal(hb_mount_find(&root, "a/b/c", &place), 0);
    assert_string_equal(place.directory, "");
    assert_true(place.mount == hb_mount_of(root.fd));
    free(place.directory);
    hb_root_close(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_mounts),
        scratch_test(test_without_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where a path below a directory ends: never outside, whatever links lie on the way. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "files/beneath.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * SCRATCH/home is the root, SCRATCH/home2 a neighbour whose name begins alike. In it: file,
 * dir/inner/deep, and what each test adds.
 */
struct fixture {
    char *scratch, *home, *neighbour;
    struct hb_root root;
    int fd; /* of the home */
};

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    char *made = scratch_new(), real[4096];
    assert_non_null(realpath(made, real));
    fixture->scratch = hb_copy_text(real);
    free(made);
    fixture->home = scratch_path(fixture->scratch, "home");
    fixture->neighbour = scratch_path(fixture->scratch, "home2");
    assert_int_equal(mkdir(fixture->home, 0700), 0);
    assert_int_equal(mkdir(fixture->neighbour, 0700), 0);
    free(scratch_write(fixture->neighbour, "secret", "secret"));
    assert_int_equal(hb_root_open(fixture->home, &fixture->root), 0);
    fixture->fd = fixture->root.fd;
    assert_int_equal(mkdirat(fixture->fd, "dir", 0700), 0);
    assert_int_equal(mkdirat(fixture->fd, "dir/inner", 0700), 0);
    free(scratch_write(fixture->home, "file", "file"));
    free(scratch_write(fixture->home, "dir/inner/deep", "deep"));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_root_close(&fixture->root);
    scratch_remove(fixture->scratch);
    free(fixture->home);
    free(fixture->neighbour);
    free(fixture);
    return 0;
}

static void link_to(const struct fixture *fixture, const char *name, const char *target)
{
    assert_int_equal(symlinkat(target, fixture->fd, name), 0);
}

/* The path resolves to `expected`, by its real name; or with `expected` NULL to -error. */
static void expect(const struct fixture *fixture, const char *path, unsigned flags,
                   const char *expected, int error)
{
    struct hb_place place;
    int result = hb_beneath_resolve(&fixture->root, path, flags, &place, NULL);
    if (result != -error || (expected != NULL && strcmp(place.path, expected) != 0))
        fail_msg("%s: %s, %s", path, strerror(-result), place.path == NULL ? "-" : place.path);
    if (expected != NULL) {
        struct stat there;
        assert_int_equal(fstatat(place.directory_fd, place.name, &there, AT_SYMLINK_NOFOLLOW) == 0,
                         place.exists);
        assert_true(!place.exists || there.st_ino == place.status.st_ino);
    }
    hb_place_clear(&place);
}

static void test_plain_paths(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "file", 0, "file", 0);
    expect(fixture, "new", 0, "new", 0);
    expect(fixture, "dir/inner/deep", 0, "dir/inner/deep", 0);
    expect(fixture, "dir/inner/new", 0, "dir/inner/new", 0);
    expect(fixture, "nothing/new", 0, NULL, ENOENT);
    expect(fixture, "file/new", 0, NULL, ENOTDIR);
}

static void test_links_that_end_inside(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *absolute = hb_text("%s/dir/inner", fixture->home);
    HB_AUTO_FREE char *alias = scratch_path(fixture->scratch, "alias");
    HB_AUTO_FREE char *around = hb_text("%s/dir", alias);
    assert_int_equal(symlink("home", alias), 0); /* another way to the home */
    link_to(fixture, "link", "dir/inner");
    link_to(fixture, "dir/up", "../file");
    link_to(fixture, "dir/absolute", absolute);
    link_to(fixture, "around", around);
    link_to(fixture, "to-link", "link/deep");
    link_to(fixture, "dangling", "dir/missing");
    expect(fixture, "link/deep", 0, "dir/inner/deep", 0);
    expect(fixture, "link", HB_KEEP_LAST, "link", 0);
    expect(fixture, "dir/up", 0, "file", 0);
    expect(fixture, "dir/absolute/deep", 0, "dir/inner/deep", 0);
    expect(fixture, "around/inner/deep", 0, "dir/inner/deep", 0);
    expect(fixture, "to-link", 0, "dir/inner/deep", 0);
    expect(fixture, "dangling", 0, "dir/missing", 0);
}

/* Each of these would reach SCRATCH, home2 or something else outside. */
static void test_links_that_lead_outside(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *neighbour = hb_text("%s/secret", fixture->neighbour);
    link_to(fixture, "out", "..");
    link_to(fixture, "dir/out", "../../home2");
    link_to(fixture, "far", "dir/../../home2/secret");
    link_to(fixture, "absolute", neighbour);
    link_to(fixture, "root", "/");
    link_to(fixture, "proc", "/proc/self/root");
    expect(fixture, "out/home2/secret", 0, NULL, EXDEV);
    expect(fixture, "out", 0, NULL, EXDEV);
    expect(fixture, "dir/out/secret", 0, NULL, EXDEV);
    expect(fixture, "far", 0, NULL, EXDEV);
    expect(fixture, "absolute", 0, NULL, EXDEV);
    expect(fixture, "root/etc/passwd", 0, NULL, EXDEV);
    expect(fixture, "proc/etc/passwd", 0, NULL, EXDEV);
    expect(fixture, "absolute", HB_KEEP_LAST, "absolute", 0);
}

static void test_links_that_lead_nowhere(void **state)
{
    struct fixture *fixture = *state;
    char name[24], target[24];
    link_to(fixture, "circle", "circle");
    link_to(fixture, "self", ".");
    expect(fixture, "circle", 0, NULL, ELOOP);
    expect(fixture, "circle/x", 0, NULL, ELOOP);
    expect(fixture, "self", 0, NULL, EISDIR); /* it has no name of its own */
    for (int i = 0; i < 45; i++) {
        snprintf(name, sizeof name, "chain%d", i);
        snprintf(target, sizeof target, "chain%d", i + 1);
        link_to(fixture, name, i == 44 ? "file" : target);
    }
    expect(fixture, "chain6", 0, "file", 0); /* 39 links */
    expect(fixture, "chain0", 0, NULL, ELOOP);
}

/* Of a way that comes to nothing, what was made goes again; what somebody uses stays. */
static void test_directories_that_are_made(void **state)
{
    struct fixture *fixture = *state;
    struct hb_place place;
    struct stat status;
    unsigned made = 0;
    assert_int_equal(
        hb_beneath_resolve(&fixture->root, "a/b/c/file", HB_MAKE_PARENTS, &place, &made), 0);
    assert_int_equal(made, 3);
    assert_string_equal(place.path, "a/b/c/file");
    hb_place_clear(&place);
    assert_int_equal(fstatat(fixture->fd, "a/b/c", &status, 0), 0);
    link_to(fixture, "a/out", "/");
    made = 0;
    link_to(fixture, "late", "x/y/../../../outside");
    assert_int_equal(hb_beneath_resolve(&fixture->root, "late", HB_MAKE_PARENTS, &place, &made),
                     -EXDEV);
    hb_place_clear(&place);
    assert_int_equal(made, 0);
    assert_int_equal(fstatat(fixture->fd, "x", &status, 0), -1);
    assert_int_equal(
        hb_beneath_resolve(&fixture->root, "late", HB_MAKE_PARENTS | HB_KEEP_MADE, &place, &made),
        -EXDEV);
    hb_place_clear(&place);
    assert_int_equal(made, 2);
    assert_int_equal(fstatat(fixture->fd, "x/y", &status, 0), 0);
}

/* More directories than are kept open. */
static void test_a_long_way_back(void **state)
{
    struct fixture *fixture = *state;
    enum { DEEP = 150 };
    HB_AUTO_FREE char *path = hb_copy_text("dir");
    for (int i = 0; i < DEEP; i++) {
        char *longer = hb_text("%s/d", path);
        free(path);
        path = longer;
        assert_int_equal(mkdirat(fixture->fd, path, 0700), 0);
    }
    HB_AUTO_FREE char *up = hb_alloc(3 * DEEP + 3 + 1);
    for (int i = 0; i < DEEP; i++)
        memcpy(up + 3 * (size_t)i, "../", 4);
    HB_AUTO_FREE char *target = hb_text("%s../file", up);
    HB_AUTO_FREE char *outside = hb_text("%s../../home2", up);
    HB_AUTO_FREE char *back = hb_text("%s/back", path);
    HB_AUTO_FREE char *out = hb_text("%s/out", path);
    link_to(fixture, back, target);
    link_to(fixture, out, outside);
    expect(fixture, back, 0, "file", 0);
    expect(fixture, out, 0, NULL, EXDEV);
}

/* ---- opening, in one call and step by step ------------------------------------------------- */

static void expect_open(const struct fixture *fixture, const char *path, const char *content,
                        int error)
{
    char text[16] = "";
    int fd = hb_beneath_open(&fixture->root, path, O_RDONLY, 0);
    if (fd >= 0) {
        assert_true(read(fd, text, sizeof text - 1) >= 0);
        close(fd);
    }
    if ((fd >= 0) != (content != NULL) || (content == NULL && error != 0 && fd != -error) ||
        (content != NULL && strcmp(text, content) != 0))
        fail_msg("%s: %s, '%s'", path, fd < 0 ? strerror(-fd) : "open", text);
}

/* As root in one directory after the other, or where nobody else has a hand in it all at once, as
 * others do. */
static void open_all(struct fixture *fixture, bool at_once)
{
    fixture->root.only_of_owner = at_once;
    HB_AUTO_FREE char *absolute = hb_text("%s/file", fixture->home);
    expect_open(fixture, "file", "file", 0);
    expect_open(fixture, "dir/inner/deep", "deep", 0);
    expect_open(fixture, "inside", NULL, ELOOP); /* no link at all, wherever it leads to */
    expect_open(fixture, "inside/deep", NULL, 0);
    expect_open(fixture, "outside/secret", NULL, 0);
    expect_open(fixture, "last", NULL, ELOOP);
    expect_open(fixture, "..", NULL, 0);
    expect_open(fixture, "../home2/secret", NULL, 0);
    expect_open(fixture, "dir/../../home2/secret", NULL, 0);
    expect_open(fixture, absolute, NULL, 0);
    int fd = hb_beneath_open(&fixture->root, "dir/made", O_WRONLY | O_CREAT | O_EXCL, 0640);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlinkat(fixture->fd, "dir/made", 0), 0);
}

static void make_links(const struct fixture *fixture)
{
    link_to(fixture, "inside", "dir/inner");
    link_to(fixture, "outside", "../home2");
    link_to(fixture, "last", "file");
}

static void test_opening(void **state)
{
    make_links(*state);
    open_all(*state, false);
    open_all(*state, true);
}

/* As by a kernel that does not know openat2(2). */
static bool forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number of the call */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_opening_step_by_step(void **state)
{
    struct fixture *fixture = *state;
    int status;
    make_links(fixture);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!forbid_openat2())
            _exit(77);
        open_all(fixture, true);
        open_all(fixture, false); /* what fails ends the process, with another code than 0 */
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain_paths),
        TEST(test_links_that_end_inside),
        TEST(test_links_that_lead_outside),
        TEST(test_links_that_lead_nowhere),
        TEST(test_directories_that_are_made),
        TEST(test_a_long_way_back),
        TEST(test_opening),
        TEST(test_opening_step_by_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

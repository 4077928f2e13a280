/* SPDX-License-Identifier: Apache-2.0 */
/* Whose files are believed. */
#include "base/memory.h"
#include "files/trust.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int check(const char *path, bool sudo, struct hb_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int status = hb_trust_check(fd, path, "plugin", sudo, error);
    close(fd);
    return status;
}

static void expect_trusted(const char *path, bool sudo)
{
    struct hb_error error;
    if (check(path, sudo, &error) != HB_OK)
        fail_msg("%s", error.text);
}

static void expect_refused(const char *path, const char *why)
{
    struct hb_error error;
    if (check(path, true, &error) == HB_OK)
        fail_msg("%s was trusted, in spite of: %s", path, why);
    assert_contains(error.text, "plugin ");
    assert_contains(error.text, path);
    assert_contains(error.text, why);
    assert_true(error.hint[0] != '\0');
}

static void test_file_mode(void **state)
{
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    expect_trusted(file, false);
    chmod(file, 0644);
    expect_trusted(file, false);
    chmod(file, 0646);
    expect_refused(file, "written to by everybody");
}

static void test_directory_mode(void **state)
{
    HB_AUTO_FREE char *outer = scratch_path(*state, "outer");
    HB_AUTO_FREE char *inner = scratch_path(*state, "outer/inner");
    mkdir(outer, 0755);
    mkdir(inner, 0755);
    HB_AUTO_FREE char *file = scratch_write(inner, "file", "");
    expect_trusted(file, false);
    chmod(inner, 0757);
    expect_refused(file, "outer/inner can be written to by everybody");
    chmod(inner, 01757);
    expect_trusted(file, false);
    chmod(inner, 0755);
    chmod(outer, 0757);
    expect_refused(file, "outer can be written to by everybody");
}

/* A link in a directory that others can change leads wherever they want. */
static void test_links(void **state)
{
    HB_AUTO_FREE char *safe = scratch_path(*state, "safe");
    HB_AUTO_FREE char *open_to_all = scratch_path(*state, "open");
    HB_AUTO_FREE char *link = scratch_path(*state, "safe/link");
    HB_AUTO_FREE char *via = scratch_path(*state, "open/via");
    HB_AUTO_FREE char *through = scratch_path(*state, "open/via/file");
    HB_AUTO_FREE char *loop = scratch_path(*state, "safe/loop");
    mkdir(safe, 0755);
    mkdir(open_to_all, 0755);
    HB_AUTO_FREE char *file = scratch_write(safe, "file", "");
    assert_int_equal(symlink("../safe/./file", link), 0);
    assert_int_equal(symlink(safe, via), 0);
    assert_int_equal(symlink("loop", loop), 0);
    expect_trusted(link, false);
    expect_trusted(through, false);
    chmod(open_to_all, 0777);
    expect_trusted(link, false);
    expect_refused(through, "open can be written to by everybody");
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct hb_error error;
    assert_int_equal(hb_trust_check(fd, loop, "plugin", false, &error), HB_STATUS_FATAL);
    assert_contains(error.text, strerror(ELOOP));
    close(fd);
}

static void test_no_place(void **state)
{
    (void)state;
    expect_trusted("/dev/null", false);
    int ends[2];
    struct hb_error error;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(hb_trust_check(ends[0], "/dev/fd/63", "configuration", true, &error), HB_OK);
    close(ends[0]);
    close(ends[1]);
}

static void test_owner(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    assert_int_equal(chown(file, 12345, 0), 0);
    unsetenv("SUDO_UID");
    expect_refused(file, "belongs to user 12345");
    setenv("SUDO_UID", "12345", 1);
    expect_trusted(file, true);
    struct hb_error error;
    assert_int_equal(check(file, false, &error), HB_STATUS_FATAL);
    setenv("SUDO_UID", "12345x", 1);
    expect_refused(file, "belongs to user 12345");
    setenv("SUDO_UID", "12346", 1);
    expect_refused(file, "belongs to user 12345");
    unsetenv("SUDO_UID");
    HB_AUTO_FREE char *directory = scratch_path(*state, "theirs");
    mkdir(directory, 0755);
    HB_AUTO_FREE char *inside = scratch_write(directory, "file", "");
    assert_int_equal(chown(directory, 12345, 0), 0);
    expect_refused(inside, "theirs belongs to user 12345");
}

static void test_group(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can choose the group */
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    chmod(file, 0664);
    expect_trusted(file, false); /* root's own group */
    assert_int_equal(chown(file, 0, 54321), 0);
    chmod(file, 0664);
    expect_refused(file, "written to by others (its group)");
    chmod(file, 0644);
    expect_trusted(file, false);
}

/* In place of the C library's: the group of root has these members. */
static char *members[3] = {NULL};
struct group *getgrgid(gid_t gid)
{
    static char name[] = "root";
    static struct group group;
    group = (struct group){.gr_name = name, .gr_gid = gid, .gr_mem = members};
    return gid == 0 ? &group : NULL;
}

/* It has the user's name, and yet others are in it. */
static void test_members_of_a_group(void **state)
{
    static char root[] = "root", other[] = "other";
    if (geteuid() != 0)
        skip(); /* only root can choose the group */
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    assert_int_equal(chown(file, 0, 0), 0);
    chmod(file, 0664);
    members[0] = root;
    expect_trusted(file, false);
    members[1] = other;
    expect_refused(file, "written to by others (its group)");
    members[0] = members[1] = NULL;
}

/* With an access list the bits of the group are its mask: a user who is named in it may write. */
static void test_access_list(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can choose the group */
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    assert_int_equal(chown(file, 0, 0), 0);
    chmod(file, 0660);
    expect_trusted(file, false); /* the private group */
    if (!scratch_give_list(file))
        skip(); /* a file system without lists */
    expect_refused(file, "written to by others (its group)");
}

/* Who owns a link can put another one there, also where nobody else can. */
static void test_owner_of_a_link(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can give a link away */
    HB_AUTO_FREE char *file = scratch_write(*state, "file", "");
    HB_AUTO_FREE char *link = scratch_path(*state, "link");
    assert_int_equal(symlink(file, link), 0);
    expect_trusted(link, false);
    assert_int_equal(lchown(link, 12345, 0), 0);
    expect_refused(link, "link belongs to user 12345");
}

/* ---- user namespaces ---------------------------------------------------------------------- */

enum { TRUSTED = 10, REFUSED_AS_UNMAPPED, REFUSED_OTHERWISE, NO_NAMESPACE };

/* As that user, in a new namespace with that map ("": none; NULL: in this one). Never returns. */
static void look_from_inside(uid_t user, const char *map, int fd, const char *path)
{
    struct hb_error error;
    if (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 1); /* else what is in /proc is root's */
    if (map != NULL && unshare(CLONE_NEWUSER) != 0)
        _exit(NO_NAMESPACE);
    if (map != NULL && *map != '\0') {
        int file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        if (file < 0 || write(file, map, strlen(map)) < 0)
            _exit(NO_NAMESPACE);
        close(file);
    }
    int status = hb_trust_check(fd, path, "configuration", false, &error);
    _exit(status == HB_OK                                      ? TRUSTED
          : strstr(error.text, "does not map") == NULL         ? REFUSED_OTHERWISE
          : strstr(error.hint, "chown") == NULL && *error.hint ? REFUSED_AS_UNMAPPED
                                                               : 1);
}

/* `owner` has a file; what does `user` make of it? */
static int seen_by(char *directory, uid_t owner, uid_t user, const char *map)
{
    int status = 0;
    HB_AUTO_FREE char *file = scratch_write(directory, "conf", "");
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(chown(file, owner, owner), 0);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    pid_t child = fork();
    if (child == 0)
        look_from_inside(user, map, fd, file);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(fd);
    unlink(file);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE)
        skip(); /* not for users here */
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* There a stranger's file, one's own and oneself look alike. */
static void test_nobody_is_mapped(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(seen_by(*state, 12345, 12346, ""), REFUSED_AS_UNMAPPED);
    assert_int_equal(seen_by(*state, 12345, 12345, ""), REFUSED_AS_UNMAPPED);
    assert_int_equal(seen_by(*state, 65534, 65534, ""), REFUSED_AS_UNMAPPED);
}

/* As `unshare -Ur` does: nobody can change whose "/" is, and who it is cannot be seen. */
static void test_only_oneself_is_mapped(void **state)
{
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(seen_by(*state, 12345, 12345, "0 12345 1"), REFUSED_AS_UNMAPPED);
    assert_int_equal(seen_by(*state, 12346, 12345, "0 12345 1"), REFUSED_AS_UNMAPPED);
    assert_int_equal(seen_by(*state, 12346, 12345, "65534 12345 1"), REFUSED_AS_UNMAPPED);
}

/* Outside, the same number is a user like any other. */
static void test_nobody_is_somebody_elsewhere(void **state)
{
    char map[64] = "";
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, map, sizeof map - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0 || strstr(map, "4294967295") == NULL)
        skip(); /* a namespace of its own already */
    assert_int_equal(seen_by(*state, 65534, 65534, NULL), TRUSTED);
    assert_int_equal(seen_by(*state, 65534, 12345, NULL), REFUSED_OTHERWISE);
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
        TEST(test_file_mode),
        TEST(test_directory_mode),
        TEST(test_links),
        TEST(test_no_place),
        TEST(test_owner),
        TEST(test_group),
        TEST(test_members_of_a_group),
        TEST(test_access_list),
        TEST(test_owner_of_a_link),
        TEST(test_nobody_is_mapped),
        TEST(test_only_oneself_is_mapped),
        TEST(test_nobody_is_somebody_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What root may do in another user's directory. Each case is a process of its own, as root. */
#include "files/as_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

enum { USER = 1234, GROUP = 2345, PASSED = 0, MISSING = 77 };

static char base[PATH_MAX];

/* A directory of that user; in it a file of root's that nobody else may read. */
static int open_directory(uid_t user, gid_t group)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/XXXXXX", base);
    if (mkdtemp(path) == NULL)
        _exit(98);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int secret = openat(fd, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (secret < 0 || chown(path, user, group) != 0)
        _exit(98);
    close(secret);
    return fd;
}

/* Runs a case where it can do no harm: PASSED, MISSING, or another number. */
static int run(int (*body)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(body());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno);              \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static uid_t fsuid(void)
{
    return (uid_t)setfsuid((uid_t)-1);
}

static bool may_read_secret(int directory)
{
    int fd = openat(directory, "secret", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void *other_thread(void *directory)
{
    return (void *)(intptr_t)may_read_secret(*(int *)directory);
}

static int rights_of_one_thread(void)
{
    int directory = open_directory(USER, GROUP);
    struct as_owner owner;
    struct stat made;
    gid_t before[64], after[64];
    int groups_before = getgroups(64, before);
    EXPECT(as_owner_begin(&owner, directory) == 0 && owner.acting);
    EXPECT(fsuid() == USER && geteuid() == 0);
    EXPECT(!may_read_secret(directory) && errno == EACCES);
    EXPECT(fchownat(directory, "secret", USER, GROUP, 0) != 0 && errno == EPERM);
    EXPECT(fchmodat(directory, "secret", 0666, 0) != 0 && errno == EPERM);
    int fd = openat(directory, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && fstat(fd, &made) == 0);
    EXPECT(made.st_uid == USER && made.st_gid == GROUP); /* nobody knows user 1234 */
    close(fd);
    EXPECT(getgroups(64, after) == 0);
    errno = EXDEV;
    as_owner_end(&owner);
    EXPECT(errno == EXDEV);
    EXPECT(fsuid() == 0 && may_read_secret(directory));
    EXPECT(getgroups(64, after) == groups_before);
    EXPECT(memcmp(before, after, (size_t)groups_before * sizeof before[0]) == 0);
    as_owner_end(&owner); /* once more does nothing */
    EXPECT(fsuid() == 0);
    return PASSED;
}

static pthread_barrier_t barrier;

static void *waiting_thread(void *directory)
{
    pthread_barrier_wait(&barrier);
    return other_thread(directory);
}

static int threads_keep_their_own(void)
{
    int directory = open_directory(USER, GROUP);
    struct as_owner owner;
    pthread_t thread;
    void *could = NULL;
    pthread_barrier_init(&barrier, NULL, 2);
    EXPECT(pthread_create(&thread, NULL, waiting_thread, &directory) == 0);
    EXPECT(as_owner_begin(&owner, directory) == 0);
    pthread_barrier_wait(&barrier);
    EXPECT(pthread_join(thread, &could) == 0 && could != NULL);
    EXPECT(!may_read_secret(directory));
    as_owner_end(&owner);
    return PASSED;
}

static int groups_of_a_known_user(void)
{
    const struct passwd *known = getpwnam("daemon");
    gid_t wanted[64], got[64];
    int count = 64;
    if (known == NULL || known->pw_uid == 0)
        return MISSING;
    getgrouplist(known->pw_name, known->pw_gid, wanted, &count);
    gid_t first = known->pw_gid;
    int directory = open_directory(known->pw_uid, GROUP);
    struct as_owner owner;
    EXPECT(as_owner_begin(&owner, directory) == 0 && owner.acting);
    EXPECT((gid_t)setfsgid((gid_t)-1) == first); /* not the directory's */
    EXPECT(getgroups(64, got) == count);
    as_owner_end(&owner);
    return PASSED;
}

static int nothing_changes_in_ones_own(void)
{
    int own = open_directory(0, GROUP), foreign = open_directory(USER, GROUP);
    struct as_owner owner, inner;
    EXPECT(as_owner_begin(&owner, own) == 0 && !owner.acting && fsuid() == 0);
    as_owner_end(&owner);
    EXPECT(as_owner_begin(&owner, foreign) == 0 && owner.acting);
    EXPECT(as_owner_begin(&inner, foreign) == 0 && !inner.acting); /* it is so already */
    as_owner_end(&inner);
    EXPECT(fsuid() == USER);
    EXPECT(as_owner_begin(&inner, own) == 0 && !inner.acting); /* root's rights do not come back */
    EXPECT(!may_read_secret(own));
    as_owner_end(&inner);
    as_owner_end(&owner);
    EXPECT(as_owner_begin(&owner, -1) == -EBADF && !owner.acting);
    EXPECT(setuid(4321) == 0 && as_owner_begin(&owner, foreign) == 0 && !owner.acting);
    return PASSED;
}

/* A second user below the first, a look as ourselves in between, and all the way back. */
static int they_nest(void)
{
    enum { SECOND = 3456, SECOND_GROUP = 4567 };
    int first = open_directory(USER, GROUP), second = open_directory(SECOND, SECOND_GROUP);
    struct as_owner owner, inner, own;
    EXPECT(as_owner_begin(&owner, first) == 0);
    EXPECT(as_owner_begin(&inner, second) == 0 && inner.acting && fsuid() == SECOND);
    EXPECT((gid_t)setfsgid((gid_t)-1) == SECOND_GROUP && !may_read_secret(second));
    EXPECT(as_owner_suspend(&own) == 0 && own.acting && fsuid() == 0 && may_read_secret(second));
    as_owner_end(&own);
    EXPECT(fsuid() == SECOND && !may_read_secret(second));
    as_owner_end(&inner);
    EXPECT(fsuid() == USER && (gid_t)setfsgid((gid_t)-1) == GROUP && !may_read_secret(first));
    as_owner_end(&owner);
    EXPECT(fsuid() == 0 && may_read_secret(first));
    EXPECT(as_owner_suspend(&own) == 0 && !own.acting); /* nothing to be suspended */
    return PASSED;
}

/* Another directory of his, of another group: what is made there gets that. */
static int another_group_of_his(void)
{
    int one = open_directory(USER, GROUP), other = open_directory(USER, GROUP + 1);
    struct as_owner owner, inner;
    EXPECT(as_owner_begin(&owner, one) == 0 && (gid_t)setfsgid((gid_t)-1) == GROUP);
    EXPECT(as_owner_begin(&inner, other) == 0 && (gid_t)setfsgid((gid_t)-1) == GROUP + 1);
    as_owner_end(&inner);
    EXPECT((gid_t)setfsgid((gid_t)-1) == GROUP && fsuid() == USER);
    as_owner_end(&owner);
    return PASSED;
}

static void lose(uint32_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    syscall(SYS_capget, &header, data);
    data[0].effective &= ~mask;
    data[0].permitted &= ~mask;
    if (syscall(SYS_capset, &header, data) != 0)
        _exit(98);
}

static int without_the_power_to_become_him(void)
{
    static const uint32_t powers[] = {1u << CAP_CHOWN, 1u << CAP_DAC_OVERRIDE,
                                      1u << CAP_DAC_READ_SEARCH, 1u << CAP_FOWNER};
    int directory = open_directory(USER, GROUP);
    struct as_owner owner;
    lose(1u << CAP_SETUID);
    for (int i = 0; i < 4; i++) {
        EXPECT(as_owner_begin(&owner, directory) == -EPERM && !owner.acting);
        EXPECT(fsuid() == 0 && (gid_t)setfsgid((gid_t)-1) == 0);
        lose(powers[i]);
    }
    EXPECT(as_owner_begin(&owner, directory) == 0 && !owner.acting); /* a user like any other */
    return PASSED;
}

/* setfsuid() works there, and takes nothing away. */
static int with_powers_that_stay(void)
{
    int directory = open_directory(USER, GROUP);
    struct as_owner owner;
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0)
        return MISSING;
    EXPECT(as_owner_begin(&owner, directory) == -EPERM && !owner.acting && fsuid() == 0);
    return PASSED;
}

static int in_a_namespace_that_does_not_know_him(void)
{
    int directory = open_directory(USER, GROUP);
    struct as_owner owner;
    if (unshare(CLONE_NEWUSER) != 0)
        return MISSING;
    int map = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    if (map < 0 || write(map, "0 0 1", 5) != 5)
        return MISSING;
    close(map);
    EXPECT(geteuid() == 0);
    EXPECT(as_owner_begin(&owner, directory) == -EPERM && !owner.acting);
    return PASSED;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        int result = run(name);                                                                    \
        if (result == MISSING)                                                                     \
            skip();                                                                                \
        assert_int_equal(result, PASSED);                                                          \
    }

CASE(rights_of_one_thread)
CASE(threads_keep_their_own)
CASE(groups_of_a_known_user)
CASE(nothing_changes_in_ones_own)
CASE(they_nest)
CASE(another_group_of_his)
CASE(without_the_power_to_become_him)
CASE(with_powers_that_stay)
CASE(in_a_namespace_that_does_not_know_him)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_of_one_thread),
        cmocka_unit_test(test_threads_keep_their_own),
        cmocka_unit_test(test_groups_of_a_known_user),
        cmocka_unit_test(test_nothing_changes_in_ones_own),
        cmocka_unit_test(test_they_nest),
        cmocka_unit_test(test_another_group_of_his),
        cmocka_unit_test(test_without_the_power_to_become_him),
        cmocka_unit_test(test_with_powers_that_stay),
        cmocka_unit_test(test_in_a_namespace_that_does_not_know_him),
    };
    const char *scratch = getenv("TMPDIR");
    char command[PATH_MAX + 16];
    if (geteuid() != 0) {
        puts("skipped: only root can act as somebody else");
        return MISSING;
    }
    snprintf(base, sizeof base, "%s/as-owner-XXXXXX", scratch == NULL ? "/tmp" : scratch);
    if (mkdtemp(base) == NULL || chmod(base, 0755) != 0)
        return 98;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    return system(command) == 0 ? failed : 98;
}

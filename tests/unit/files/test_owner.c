/* SPDX-License-Identifier: Apache-2.0 */
/* What root makes and cannot give away: no other group gets what was meant for one. */
#include "base/memory.h"
#include "files/owner.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 1234, GROUP = 2345 };

/* A container may start root like that; and a file system without owners refuses it, too. */
static bool lose_chown(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0)
        return false;
    data[0].effective &= ~(1u << CAP_CHOWN);
    return syscall(SYS_capset, &header, data) == 0;
}

struct expected {
    mode_t made;
    gid_t group; /* that is meant */
    mode_t left;
};

static const struct expected cases[] = {
    {0660, GROUP, 0600}, {0664, GROUP, 0644}, {0604, GROUP, 0600}, {0640, GROUP, 0600},
    {0755, GROUP, 0755}, {0600, GROUP, 0600}, {0660, 0, 0660},
};

/* The number of the case that is wrong, or 0. */
static int give_each(const char *directory)
{
    HB_AUTO_CLOSE int there = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
        const struct hb_owner owner = hb_owner_known(USER, cases[i].group);
        char name[16];
        struct stat status;
        snprintf(name, sizeof name, "%d", i);
        for (int by_name = 0; by_name < 2; by_name++) {
            HB_AUTO_CLOSE int fd = openat(there, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0 || fchown(fd, 0, 0) != 0 || fchmod(fd, cases[i].made) != 0)
                return 100 + i;
            int given = by_name ? hb_owner_give_at(&owner, there, name) : hb_owner_give(&owner, fd);
            if (given != 0 || fstat(fd, &status) != 0 || status.st_uid != 0 ||
                (status.st_mode & 07777) != cases[i].left)
                return 1 + i;
        }
    }
    return 0;
}

static void cannot_be_given(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root gives anything away\n");
        skip();
    }
    char *directory = scratch_new();
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(lose_chown() ? give_each(directory) : 99);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    scratch_remove(directory);
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cannot_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

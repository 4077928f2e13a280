/* SPDX-License-Identifier: Apache-2.0 */
#include "files/lock.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>

/* "1: FLOCK  ADVISORY  WRITE 708 fe:00:131 0 EOF" (proc(5)): the process, if it is about the inode.
 */
static long holder_in_line(char *line, const struct stat *status)
{
    char *save = NULL, *end;
    const char *words[6] = {0};
    for (size_t i = 0; i < 6; i++)
        if ((words[i] = strtok_r(i == 0 ? line : NULL, " \n", &save)) == NULL)
            return 0;
    if (strcmp(words[1], "FLOCK") != 0) /* a waiter's line has "->" there */
        return 0;
    unsigned long major_number = strtoul(words[5], &end, 16);
    unsigned long minor_number = *end == ':' ? strtoul(end + 1, &end, 16) : 0;
    uint64_t inode = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
    bool same = inode == status->st_ino &&
                makedev((unsigned)major_number, (unsigned)minor_number) == status->st_dev;
    return same ? strtol(words[4], NULL, 10) : 0;
}

/* Who holds a flock on the inode, by /proc/locks; 0 where that cannot be known. */
static long lock_holder(int fd)
{
    struct stat status;
    FILE *locks = fopen("/proc/locks", "re");
    long holder = 0;
    if (locks == NULL || fstat(fd, &status) != 0) {
        if (locks != NULL)
            fclose(locks);
        return 0;
    }
    char *line = NULL;
    size_t capacity = 0;
    while (holder == 0 && getline(&line, &capacity, locks) > 0)
        holder = holder_in_line(line, &status);
    free(line);
    fclose(locks);
    return holder;
}

static void name_holder(int fd, const char *path_of, const char *what, struct hb_error *error)
{
    char path[64], command[256] = "";
    long pid = lock_holder(fd);
    if (pid <= 0) {
        hb_error_set(error, HB_STATUS_NOMATCH, "%s: another run is working on this %s", path_of,
                     what);
    } else {
        snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
        FILE *file = fopen(path, "re");
        size_t bytes = file == NULL ? 0 : fread(command, 1, sizeof command - 1, file);
        if (file != NULL)
            fclose(file);
        for (size_t i = 0; i + 1 < bytes; i++)
            if (command[i] == '\0' || command[i] == '\n')
                command[i] = ' ';
        hb_error_set(error, HB_STATUS_NOMATCH,
                     "%s: another run is working on this %s: process %ld%s%s%s", path_of, what, pid,
                     bytes > 0 ? " (" : "", command, bytes > 0 ? ")" : "");
    }
    hb_error_hint(error, "try again when that run has ended, or use --wait SECONDS");
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int lock(const struct hb_root *root, int operation, const char *what, int64_t wait_seconds,
                struct hb_error *error)
{
    double until = seconds_now() + (double)wait_seconds;
    while (flock(root->fd, operation | LOCK_NB) != 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be locked: %s", root->path,
                                strerror(errno));
        if (hb_interrupt_signal() != 0)
            return hb_error_set(error, HB_STATUS_CANCELLED,
                                "interrupted while waiting for the lock");
        if (seconds_now() >= until) {
            name_holder(root->fd, root->path, what, error);
            return HB_STATUS_NOMATCH;
        }
        /* flock has no time-out of its own: look again every 50 ms. */
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    return HB_OK;
}

int hb_home_lock(const struct hb_root *home, int64_t wait_seconds, struct hb_error *error)
{
    return lock(home, LOCK_EX, "home", wait_seconds, error);
}

int hb_root_lock(const struct hb_root *root, bool alone, int64_t wait_seconds,
                 struct hb_error *error)
{
    return lock(root, alone ? LOCK_EX : LOCK_SH, "directory", wait_seconds, error);
}

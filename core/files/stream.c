/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name in a directory that others can write to need not be what the user thinks it is: a pipe
 * that somebody else made there gets all that is written to it, and a link of his to /dev/null
 * loses it; to read from one means to wait for him. So those are looked at before they are opened.
 * What this process was started with
 * (/dev/stdout) is the caller's choice, whoever made it: under sudo it is the user's.
 */
#include "files/stream.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "files/rights.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

_Static_assert(HB_STREAM_OF_ANOTHER == ERFKILL, "see stream.h");

enum {
    MAXIMUM_LINKS = 40,
    INHERITED = 256, /* descriptors that are looked at */
    OVERFLOW_USER = 65534
};

bool hb_is_stream(const struct stat *status)
{
    return S_ISFIFO(status->st_mode) || S_ISCHR(status->st_mode);
}

static bool is_of_another(const struct stat *status)
{
    struct stat top;
    /* In a user namespace what is the system's belongs to nobody that is known. Devices only root
     * makes, so that none is what a user of that number put there. */
    if (status->st_uid == OVERFLOW_USER &&
        (S_ISCHR(status->st_mode) ||
         (S_ISLNK(status->st_mode) && stat("/", &top) == 0 && top.st_uid == OVERFLOW_USER)))
        return false;
    return status->st_uid != 0 && status->st_uid != geteuid();
}

/* Reads a link; *rest becomes what is still to be walked. False: it leads to no name, as in /proc.
 */
static bool follow(const char *link, char **at, char **rest)
{
    char target[PATH_MAX];
    ssize_t bytes = readlink(link, target, sizeof target - 1);
    if (bytes < 0)
        return false;
    target[bytes] = '\0';
    char *longer = hb_text("%s/%s", target, *rest);
    free(*rest);
    *rest = longer;
    if (*target == '/')
        **at = '\0';
    return true;
}

/* Is there a link of another user's on the way? 1, 0, or -errno: that is unknown. */
static int is_led_by_another(const char *path)
{
    HB_AUTO_FREE char *rest = hb_absolute(path);
    if (rest == NULL)
        return -errno;
    HB_AUTO_FREE char *at = hb_copy_text(""); /* no links in it */
    for (int links = 0; links <= MAXIMUM_LINKS;) {
        const char *start = rest + strspn(rest, "/");
        size_t bytes = strcspn(start, "/");
        struct stat status;
        if (bytes == 0)
            return 0;
        char *here = hb_text("%s/%.*s", at, (int)bytes, start);
        char *remains = hb_copy_text(start + bytes);
        free(rest);
        rest = remains;
        bool found = lstat(here, &status) == 0, is_link = found && S_ISLNK(status.st_mode);
        if (!is_link) {
            free(at);
            at = here;
        } else {
            found = follow(here, &at, &rest);
            free(here);
            links++;
        }
        if (is_link && is_of_another(&status))
            return 1;
        if (!found)
            return 0;
    }
    return 0; /* opening it says so */
}

static bool was_inherited(const struct stat *status, int ours)
{
    struct stat held;
    for (int fd = 0; fd < INHERITED; fd++)
        if (fd != ours && fstat(fd, &held) == 0 && held.st_dev == status->st_dev &&
            held.st_ino == status->st_ino)
            return true;
    return false;
}

/* 0 or -errno. */
static int look_at(const char *path, int fd, bool *is_fifo)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    *is_fifo = S_ISFIFO(status.st_mode);
    if (!hb_is_stream(&status))
        return -ESTALE;
    int led = is_led_by_another(path);
    if (led < 0)
        return led;
    return led != 0 || (is_of_another(&status) && !was_inherited(&status, fd))
               ? -HB_STREAM_OF_ANOTHER
               : 0;
}

bool hb_stream_is_of_another(const char *path)
{
    bool is_fifo = false;
    HB_AUTO_CLOSE int held = open(path, O_PATH | O_CLOEXEC);
    return held >= 0 && look_at(path, held, &is_fifo) == -HB_STREAM_OF_ANOTHER;
}

static void say_waiting(FILE *log, const char *path)
{
    HB_AUTO_FREE char *shown = hb_printable(path);
    if (log == NULL)
        return;
    fprintf(log, "%s: no program reads this pipe yet; waiting for a reader ...\n", shown);
    fflush(log);
}

int hb_stream_open(const char *path, FILE *log)
{
    char name[64];
    bool is_fifo = false;
    /* Nothing happens by this: neither a device nor a pipe is told. */
    HB_AUTO_CLOSE int held = open(path, O_PATH | O_CLOEXEC);
    if (held < 0)
        return -errno;
    int result = look_at(path, held, &is_fifo);
    if (result != 0)
        return result;
    snprintf(name, sizeof name, "/proc/self/fd/%d", held);
    int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
    int fd = open(name, is_fifo ? flags | O_NONBLOCK : flags);
    if (fd < 0 && errno == ENXIO && is_fifo) {
        say_waiting(log, path);
        fd = open(name, flags);
    } else if (fd >= 0 && is_fifo && fcntl(fd, F_SETFL, 0) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd < 0 ? -errno : fd;
}

const char *hb_stream_explain(int error)
{
    return error == HB_STREAM_OF_ANOTHER
               ? "it is a pipe or a device of another user, or another user's link leads there"
               : hb_rights_explain(error);
}

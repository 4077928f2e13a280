/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include "settings.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 1 << 20 };

static void close_it(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* What the person at the terminal can do where there is no such file. */
static const char *missing(int which)
{
    if (which == RECIPIENTS_FILE)
        return "write public keys (age1...) into it, one a line, or correct its name";
    return "correct its name, or fetch the file from where it is kept; `age-keygen -o FILE` makes "
           "a new key, which opens no archive that is there";
}

static int fail(const struct hb_host *host, const struct hb_settings *settings, int which,
                const char *path, const char *what, int error)
{
    uint32_t cause = error == ENOENT                     ? HB_CAUSE_NOT_FOUND
                     : error == EACCES || error == EPERM ? HB_CAUSE_DENIED
                                                         : HB_CAUSE_NONE;
    return settings_fail(host, settings, which, cause, error == ENOENT ? missing(which) : NULL,
                         "%s: %s%s%s", path, what, error == 0 ? "" : ": ",
                         error == 0 ? "" : strerror(error));
}

/* Root, us, and who has called sudo: as of the configuration itself. */
static bool is_trusted(uid_t owner)
{
    const char *sudo = getenv("SUDO_UID");
    if (owner == 0 || owner == geteuid())
        return true;
    return geteuid() == 0 && sudo != NULL && *sudo != '\0' && owner == strtoul(sudo, NULL, 10);
}

static int check_mode(const struct hb_host *host, const struct hb_settings *settings, int which,
                      const char *path, enum file_kind kind, const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return fail(host, settings, which, path, "is not a regular file", 0);
    if (status->st_size > FILE_MOST)
        return fail(host, settings, which, path, "is longer than 1 MiB", 0);
    if (kind == FILE_TRUSTED && !is_trusted(status->st_uid))
        return fail(host, settings, which, path,
                    "refused, because it belongs to somebody who is neither root nor you", 0);
    if (kind == FILE_TRUSTED && (status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(host, settings, which, path,
                    "refused, because others can write to it, and so add keys of their own; "
                    "`chmod go-w` it",
                    0);
    if (kind == FILE_SECRET && (status->st_mode & (S_IRGRP | S_IROTH)) != 0)
        host->note(host, NULL,
                   "[%s] %s: %s: others can read this secret key (mode %04o); "
                   "`chmod go-rwx` it",
                   settings->section, age_options[which]->key, path, status->st_mode & 07777);
    return HB_OK;
}

/* As many bytes as the file has now; 0: well, else errno. */
static int read_all(int fd, struct locked *out)
{
    size_t done = 0;
    while (done < out->bytes) {
        ssize_t got = read(fd, out->data + done, out->bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    out->bytes = done;
    return 0;
}

/* As the host does it for options that are one path. */
static int expand(const char *path, char *out, size_t room)
{
    const char *home = getenv("HOME");
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if ((home == NULL || *home == '\0') &&
        getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        home = found->pw_dir;
    bool tilde = *path == '~';
    if (tilde && home == NULL)
        return ENOENT;
    int bytes = snprintf(out, room, "%s%s", tilde ? home : "", tilde ? path + 1 : path);
    return bytes < 0 || (size_t)bytes >= room ? ENAMETOOLONG : 0;
}

int file_read(const struct hb_host *host, const struct hb_settings *settings, int which,
              const char *path, enum file_kind kind, struct locked *out)
{
    char full[PATH_MAX];
    struct stat status;
    int error = expand(path, full, sizeof full);
    if (error != 0)
        return fail(host, settings, which, path, "cannot be opened", error);
    /* A FIFO must not hold us up. */
    __attribute__((cleanup(close_it))) int fd =
        open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail(host, settings, which, full, "cannot be opened", errno);
    int answer = check_mode(host, settings, which, full, kind, &status);
    if (answer != HB_OK)
        return answer;
    *out = locked_new((size_t)status.st_size);
    if (out->data == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    error = read_all(fd, out);
    if (error == 0)
        return HB_OK;
    locked_free(out);
    return fail(host, settings, which, full, "cannot be read", error);
}

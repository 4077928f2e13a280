/* SPDX-License-Identifier: Apache-2.0 */
/* Opens files below the home, also through links that end below it. */
#include "home.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The host refuses every link on the way. realpath() only says where one leads; what it names is
 * opened from the held home again, so that a link put there meanwhile is refused as well.
 */
int hermes_open(const struct hb_host *host, const char *path, int flags)
{
    char named[PATH_MAX], real[PATH_MAX];
    int fd = host->open_beneath(host, path, flags, 0);
    const char *home = host->home_path(host);
    /* ENOTDIR: a link where a directory was asked for. */
    if (fd >= 0 || (errno != ELOOP && errno != ENOTDIR) || home == NULL)
        return fd < 0 ? -errno : fd;
    if (snprintf(named, sizeof named, "%s/%s", home, path) >= (int)sizeof named)
        return -ENAMETOOLONG;
    if (realpath(named, real) == NULL)
        return -errno;
    size_t length = strcmp(home, "/") == 0 ? 0 : strlen(home);
    if (strncmp(real, home, length) != 0 || real[length] != '/')
        return -EXDEV;
    fd = host->open_beneath(host, real + length + 1, flags, 0);
    return fd < 0 ? -errno : fd;
}

const char *hermes_reason(int error)
{
    return error == -EXDEV ? "leads outside the home" : strerror(-error);
}

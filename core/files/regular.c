/* SPDX-License-Identifier: Apache-2.0 */
#include "files/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int hb_open_regular(int directory_fd, const char *name, int flags)
{
    struct stat status;
    int fd = openat(directory_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? -ENOTSUP : -errno; /* a socket, or a FIFO that nobody reads */
    int result = fstat(fd, &status) != 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -ENOTSUP;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

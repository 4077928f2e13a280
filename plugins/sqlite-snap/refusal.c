/* SPDX-License-Identifier: Apache-2.0 */
/* Says why a database is not put back. */
#include "refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int refuse(const struct restoring *restoring, const char *reason)
{
    const struct hb_host *host = restoring->snap->host;
    return host->fail(host, HB_STATUS_ENTRY, "%s; the existing file is left as it was", reason);
}

int refuse_for_now(const struct restoring *restoring, const char *reason)
{
    const struct hb_host *host = restoring->snap->host;
    return host->fail(host, HB_STATUS_LATER, "%s; the existing file is left as it was", reason);
}

int status_for(int reason)
{
    static const int lasting[] = {EACCES, EPERM, ELOOP, ENOTDIR, EISDIR, ENAMETOOLONG};
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (reason == lasting[i])
            return HB_STATUS_ENTRY;
    return HB_STATUS_LATER;
}

/* The descriptor that the host lends may be one that only names the directory (O_PATH). */
bool flush_directory(const struct restoring *restoring)
{
    int fd = openat(restoring->target->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool flushed = fd >= 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return flushed;
}

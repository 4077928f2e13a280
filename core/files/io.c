/* SPDX-License-Identifier: Apache-2.0 */
#include "files/io.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { COPY_BYTES = 1 << 20 };

#define AT_POSITION UINT64_MAX /* where the descriptor is */

/* A call failed: is it to be made again? */
static bool is_interrupted(void)
{
    return errno == EINTR && hb_interrupt_signal() == 0;
}

static int write_all(int fd, const char *data, size_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t put =
            offset == AT_POSITION ? write(fd, data, bytes) : pwrite(fd, data, bytes, (off_t)offset);
        if (put < 0 && is_interrupted())
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        data += put;
        bytes -= (size_t)put;
        if (offset != AT_POSITION)
            offset += (uint64_t)put;
    }
    return 0;
}

int hb_write_all(int fd, const void *data, size_t bytes)
{
    return write_all(fd, data, bytes, AT_POSITION);
}

int hb_write_all_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
    return write_all(fd, data, bytes, offset);
}

static int64_t read_some(int fd, void *buffer, size_t bytes, uint64_t offset)
{
    for (;;) {
        ssize_t got = offset == AT_POSITION ? read(fd, buffer, bytes)
                                            : pread(fd, buffer, bytes, (off_t)offset);
        if (got >= 0)
            return got;
        if (!is_interrupted())
            return -errno;
    }
}

static int64_t read_all(int fd, char *buffer, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        int64_t got = read_some(fd, buffer + done, bytes - done,
                                offset == AT_POSITION ? offset : offset + done);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int64_t hb_read_some(int fd, void *buffer, size_t bytes)
{
    return read_some(fd, buffer, bytes, AT_POSITION);
}

int64_t hb_read_all(int fd, void *buffer, size_t bytes)
{
    return read_all(fd, buffer, bytes, AT_POSITION);
}

int64_t hb_read_all_at(int fd, void *buffer, size_t bytes, uint64_t offset)
{
    return read_all(fd, buffer, bytes, offset);
}

int hb_copy_all(int from, int to)
{
    HB_AUTO_FREE char *buffer = malloc(COPY_BYTES);
    if (buffer == NULL)
        return -ENOMEM;
    for (uint64_t offset = 0;;) {
        int64_t got = read_some(from, buffer, COPY_BYTES, offset);
        if (got <= 0)
            return (int)got;
        int result = write_all(to, buffer, (size_t)got, offset);
        if (result != 0)
            return result;
        offset += (uint64_t)got;
    }
}

int hb_set_mtime(int fd, int64_t seconds, uint32_t nanoseconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    return futimens(fd, times) == 0 ? 0 : -errno;
}

int hb_set_mtime_at(int directory_fd, const char *name, int64_t seconds, uint32_t nanoseconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    return utimensat(directory_fd, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

int hb_flush_directory(int fd)
{
    bool named = (fcntl(fd, F_GETFL) & O_PATH) != 0;
    HB_AUTO_CLOSE int opened = named ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if ((named && opened < 0) || fsync(named ? opened : fd) != 0)
        return errno == EINVAL ? 0 : -errno;
    return 0;
}

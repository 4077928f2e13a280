/* SPDX-License-Identifier: Apache-2.0 */
/* Sees whether a database or a file beside it has changed, and takes SQLite's shared lock. */
#include "live.h"

#include "files/file_times.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int live_open(const struct hb_host *host, const struct hb_entry *entry, struct held *live)
{
    char directory[PATH_MAX] = ".";
    const char *slash = strrchr(entry->path, '/');
    *live = (struct held){.directory_fd = -1, .pin = -1};
    if (slash != NULL && (size_t)(slash - entry->path) >= sizeof directory)
        return -ENAMETOOLONG;
    if (slash != NULL)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - entry->path), entry->path);
    int fd = host->open_beneath(host, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0)
        return -errno;
    int result = held_open_to_read(live, fd, slash == NULL ? entry->path : slash + 1);
    if (result == 0 && HB_HAS(host, read_as) && host->read_as != NULL &&
        host->read_as(host) == HB_READ_AS_ROOT)
        held_read_as_root(live);
    return result;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

void live_look(const struct held *live, struct look *look)
{
    struct timespec now;
    /* The clock that file times are taken from: it only moves with the kernel's tick. */
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    *look = (struct look){0};
    for (int i = 0; i < SIDES; i++) {
        char name[HELD_NAME_BYTES];
        struct stat found;
        held_side_name(live->name, (enum side)i, name);
        if (fstatat(live->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
            look->unsure = look->unsure || errno != ENOENT;
            continue;
        }
        look->side[i] =
            (struct trace){true, found.st_ino, found.st_size, found.st_mtim, found.st_ctim};
        if (i == SIDE_SHM)
            continue;
        look->racy = look->racy || !before(&found.st_ctim, &now);
        look->untold = look->untold || !hb_write_would_show(&found, &now);
    }
}

bool live_same(const struct look *old, const struct look *new)
{
    if (old->unsure || new->unsure)
        return false;
    for (int i = 0; i < SIDES; i++) {
        const struct trace *a = &old->side[i], *b = &new->side[i];
        if (a->exists != b->exists || a->inode != b->inode)
            return false;
        if (i == SIDE_SHM || !a->exists)
            continue;
        if (a->bytes != b->bytes || !same_time(&a->modified, &b->modified) ||
            !same_time(&a->changed, &b->changed))
            return false;
    }
    return true;
}

bool live_lock_shared(int fd)
{
    /* sqlite3's os.h: PENDING_BYTE, and the range that readers lock. */
    enum { PENDING_BYTE = 0x40000000, SHARED_FIRST = PENDING_BYTE + 2, SHARED_SIZE = 510 };
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = SHARED_FIRST, .l_len = SHARED_SIZE};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

int64_t read_fully(int fd, void *buffer, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(fd, (char *)buffer + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

bool write_fully(int fd, const void *buffer, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(fd, (const char *)buffer + done, bytes - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            done += (size_t)put;
    }
    return true;
}

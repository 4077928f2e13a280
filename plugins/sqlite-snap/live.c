/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const live_suffixes[SIDES] = {"", "-wal", "-shm", "-journal"};

bool live_is_here(const struct live *live)
{
    struct stat here;
    return lstat(live->path, &here) == 0 && here.st_dev == live->device &&
           here.st_ino == live->inode;
}

/* What the kernel calls the pinned file is canonical; without /proc the home's path has to do. */
static bool find_path(const struct hb_host *host, const struct hb_entry *entry, struct live *live)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", live->pin);
    ssize_t bytes = readlink(link, live->path, sizeof live->path - 1);
    if (bytes > 0) {
        live->path[bytes] = '\0';
        if (live_is_here(live))
            return true;
    }
    const char *home = host->home_path(host);
    if (home == NULL)
        return false;
    int length = snprintf(live->path, sizeof live->path, "%s/%s", home, entry->path);
    return length > 0 && (size_t)length < sizeof live->path && live_is_here(live);
}

int live_open(const struct hb_host *host, const struct hb_entry *entry, struct live *live)
{
    struct stat pinned;
    live->pin = host->open_beneath(host, entry->path, O_PATH | O_NOFOLLOW, 0);
    if (live->pin < 0)
        return HB_NOMATCH;
    if (fstat(live->pin, &pinned) == 0 && S_ISREG(pinned.st_mode)) {
        live->device = pinned.st_dev;
        live->inode = pinned.st_ino;
        if (find_path(host, entry, live))
            return HB_OK;
    }
    live_close(live);
    return HB_NOMATCH;
}

void live_close(struct live *live)
{
    close(live->pin);
    live->pin = -1;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

void live_look(const struct live *live, struct look *look)
{
    struct timespec now;
    /* The clock that file times are taken from: it only moves with the kernel's tick. */
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    *look = (struct look){0};
    for (int i = 0; i < SIDES; i++) {
        char path[PATH_MAX + 16];
        struct stat found;
        snprintf(path, sizeof path, "%s%s", live->path, live_suffixes[i]);
        if (lstat(path, &found) != 0)
            continue;
        look->side[i] =
            (struct trace){true, found.st_ino, found.st_size, found.st_mtim, found.st_ctim};
        if (i != SIDE_SHM && !before(&found.st_ctim, &now))
            look->racy = true;
    }
}

bool live_same(const struct look *old, const struct look *new)
{
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

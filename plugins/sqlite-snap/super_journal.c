/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the name of a super-journal at the end of a journal, and erases it from a copy. */
#include "super_journal.h"
#include "live.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BYTES = 16, PAGE_NUMBER_BYTES = 4 };

/* Length of its name, checksum of the name, magic: the last 16 bytes. 1, 0 or -errno. */
static int read_name(int fd, char name[PATH_MAX], off_t *body_bytes)
{
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char tail[TAIL_BYTES];
    struct stat now;
    if (fstat(fd, &now) != 0)
        return -errno;
    if (now.st_size < TAIL_BYTES + PAGE_NUMBER_BYTES)
        return 0;
    int64_t got = read_fully(fd, tail, sizeof tail, (uint64_t)now.st_size - TAIL_BYTES);
    if (got != TAIL_BYTES)
        return got < 0 ? (int)got : -EAGAIN; /* it was cut just now */
    if (memcmp(tail + 8, magic, sizeof magic) != 0)
        return 0;
    uint32_t length = (uint32_t)tail[0] << 24 | (uint32_t)tail[1] << 16 | (uint32_t)tail[2] << 8 |
                      (uint32_t)tail[3];
    if (length == 0 || length >= PATH_MAX ||
        (off_t)length > now.st_size - TAIL_BYTES - PAGE_NUMBER_BYTES)
        return 0;
    off_t at = now.st_size - TAIL_BYTES - (off_t)length;
    got = read_fully(fd, name, length, (uint64_t)at);
    if (got != (int64_t)length)
        return got < 0 ? (int)got : -EAGAIN;
    name[length] = '\0';
    *body_bytes = at - PAGE_NUMBER_BYTES;
    return 1;
}

int super_journal_is_named(int fd)
{
    char name[PATH_MAX];
    off_t body_bytes;
    return read_name(fd, name, &body_bytes);
}

/* 1, 0 or -ENOTRECOVERABLE. A relative name is relative to a directory that we do not know. */
static int is_there(const char *name)
{
    struct stat found;
    if (name[0] != '/')
        return -ENOTRECOVERABLE;
    if (stat(name, &found) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : -ENOTRECOVERABLE;
}

int super_journal_strip(int fd)
{
    char name[PATH_MAX];
    off_t body_bytes;
    int named;
    /* Without the name there may be another one at the new end. */
    while ((named = read_name(fd, name, &body_bytes)) == 1) {
        int there = is_there(name);
        if (there < 0)
            return there;
        if (ftruncate(fd, there ? body_bytes : 0) != 0)
            return -errno;
    }
    return named;
}

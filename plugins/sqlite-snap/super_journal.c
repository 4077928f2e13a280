/* SPDX-License-Identifier: Apache-2.0 */
#include "super_journal.h"
#include "live.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BYTES = 16, PAGE_NUMBER_BYTES = 4 };

/* Length of its name, checksum of the name, magic: the last 16 bytes. */
static bool read_name(int fd, char name[PATH_MAX], off_t *body_bytes)
{
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char tail[TAIL_BYTES];
    struct stat now;
    if (fstat(fd, &now) != 0 || now.st_size < TAIL_BYTES + PAGE_NUMBER_BYTES ||
        read_fully(fd, tail, sizeof tail, (uint64_t)now.st_size - TAIL_BYTES) != TAIL_BYTES ||
        memcmp(tail + 8, magic, sizeof magic) != 0)
        return false;
    uint32_t length = (uint32_t)tail[0] << 24 | (uint32_t)tail[1] << 16 | (uint32_t)tail[2] << 8 |
                      (uint32_t)tail[3];
    if (length == 0 || length >= PATH_MAX ||
        (off_t)length > now.st_size - TAIL_BYTES - PAGE_NUMBER_BYTES)
        return false;
    off_t at = now.st_size - TAIL_BYTES - (off_t)length;
    if (read_fully(fd, name, length, (uint64_t)at) != (int64_t)length)
        return false;
    name[length] = '\0';
    *body_bytes = at - PAGE_NUMBER_BYTES;
    return true;
}

bool super_journal_is_named(int fd)
{
    char name[PATH_MAX];
    off_t body_bytes;
    return read_name(fd, name, &body_bytes);
}

bool super_journal_strip(int fd)
{
    char name[PATH_MAX];
    off_t body_bytes;
    /* Without the name there may be another one at the new end. */
    while (read_name(fd, name, &body_bytes))
        if (ftruncate(fd, access(name, F_OK) == 0 ? body_bytes : 0) != 0)
            return false;
    return true;
}

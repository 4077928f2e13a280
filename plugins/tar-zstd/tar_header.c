/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the header of an entry: ustar, and pax records where ustar cannot say it. */
#include "tar_header.h"

#include "tar_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], typeflag;
    char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
    char prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a ustar header is one block");

#define OCTAL_11 UINT64_C(077777777777) /* what the fields of 12 and 8 bytes can hold */
#define OCTAL_7  UINT64_C(07777777)

static void put_octal(char *field, size_t width, uint64_t value)
{
    field[width - 1] = '\0';
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static unsigned checksum_of(const unsigned char *block)
{
    unsigned sum = 8 * ' ', itself = 0;
    size_t field = offsetof(struct ustar, checksum);
    for (size_t i = 0; i < TAR_BLOCK;
         i++) /* without a branch: the compiler does many bytes at a time */
        sum += block[i];
    for (size_t i = field; i < field + 8; i++)
        itself += block[i];
    return sum - itself;
}

static void seal(struct ustar *header)
{
    memcpy(header->magic, "ustar", 6);
    memcpy(header->version, "00", 2);
    put_octal(header->devmajor, sizeof header->devmajor, 0);
    put_octal(header->devminor, sizeof header->devminor, 0);
    put_octal(header->checksum, 7, checksum_of((const unsigned char *)header));
    header->checksum[7] = ' ';
}

/* Some old tars added signed characters up. */
static bool is_checksum(unsigned sum, const unsigned char block[TAR_BLOCK])
{
    unsigned right = checksum_of(block), high = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        high += block[i] >= 0x80;
    return sum == right || (int64_t)sum == (int64_t)right - 256 * (int64_t)high;
}

bool tar_header_plausible(const unsigned char block[TAR_BLOCK])
{
    const struct ustar *header = (const void *)block;
    unsigned sum = 0;
    size_t i = 0;
    while (i < 8 && header->checksum[i] == ' ')
        i++;
    for (; i < 8 && header->checksum[i] >= '0' && header->checksum[i] <= '7'; i++)
        sum = sum * 8 + (unsigned)(header->checksum[i] - '0');
    return block[0] != 0 && is_checksum(sum, block);
}

uint64_t tar_content_bytes(const struct hb_entry *entry)
{
    return entry->type == HB_FILE ? entry->bytes : 0;
}

/* "LENGTH key=value\n", where LENGTH counts itself. */
static bool put_record(struct tar_buffer *records, const char *key, const void *value, size_t bytes)
{
    char text[64];
    size_t rest = strlen(key) + bytes + 3, length = rest, digits;
    do {
        digits = (size_t)snprintf(text, sizeof text, "%zu", length);
        length = rest + digits;
    } while ((size_t)snprintf(NULL, 0, "%zu", length) != digits);
    int prefix = snprintf(text, sizeof text, "%zu %s=", length, key);
    return tar_buffer_append(records, text, (size_t)prefix) &&
           tar_buffer_append(records, value, bytes) && tar_buffer_append(records, "\n", 1);
}

static bool put_number(struct tar_buffer *records, const char *key, uint64_t number)
{
    char text[24];
    int bytes = snprintf(text, sizeof text, "%" PRIu64, number);
    return put_record(records, key, text, (size_t)bytes);
}

/* Seconds with an exact fraction. 1.5 s before the epoch is {-2, 500000000} there, "-1.5" here. */
static bool put_time(struct tar_buffer *records, const struct timespec *time)
{
    char text[40];
    uint64_t whole = (uint64_t)time->tv_sec;
    long fraction = time->tv_nsec;
    const char *sign = "";
    if (time->tv_sec < 0) {
        sign = "-";
        whole = -whole - (fraction != 0);
        fraction = fraction != 0 ? 1000000000L - fraction : 0;
    }
    int bytes = snprintf(text, sizeof text, "%s%" PRIu64, sign, whole);
    if (fraction != 0)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, ".%09ld", fraction);
    return put_record(records, "mtime", text, (size_t)bytes);
}

/* Splits at a '/' into prefix and name of ustar. False: it does not fit. */
static bool put_path(struct ustar *header, const char *path, size_t bytes)
{
    if (bytes <= sizeof header->name) {
        memcpy(header->name, path, bytes);
        return true;
    }
    for (size_t cut = bytes - sizeof header->name - 1; cut <= sizeof header->prefix; cut++) {
        if (cut + 1 >= bytes)
            return false;
        if (cut > 0 && path[cut] == '/') {
            memcpy(header->prefix, path, cut);
            memcpy(header->name, path + cut + 1, bytes - cut - 1);
            return true;
        }
    }
    return false;
}

struct names {
    const char *path; /* a directory's with its '/' */
    size_t path_bytes;
    const char *link;
    size_t link_bytes;
};

static bool put_names(struct ustar *header, const struct names *names, struct tar_buffer *records)
{
    enum tar_name_kind path = tar_name_kind(names->path, names->path_bytes);
    enum tar_name_kind link = tar_name_kind(names->link, names->link_bytes);
    bool good = true;
    if (path == TAR_NAME_BINARY || link == TAR_NAME_BINARY)
        good = put_record(records, "hdrcharset", "BINARY", 6);
    /* What does not fit is cut, for readers that know no pax. */
    if (!put_path(header, names->path, names->path_bytes)) {
        memcpy(header->name, names->path, sizeof header->name);
        path = TAR_NAME_BINARY;
    }
    if (good && path != TAR_NAME_ASCII)
        good = put_record(records, "path", names->path, names->path_bytes);
    size_t cut = names->link_bytes;
    if (cut > sizeof header->linkname) {
        cut = sizeof header->linkname;
        link = TAR_NAME_BINARY;
    }
    if (cut > 0)
        memcpy(header->linkname, names->link, cut);
    if (good && link != TAR_NAME_ASCII)
        good = put_record(records, "linkpath", names->link, names->link_bytes);
    return good;
}

static bool put_numbers(struct ustar *header, const struct hb_entry *entry,
                        struct tar_buffer *records)
{
    bool owner = (entry->flags & HB_ENTRY_HAS_OWNER) != 0, good = true;
    uint64_t bytes = tar_content_bytes(entry);
    uint32_t uid = owner ? entry->uid : 0, gid = owner ? entry->gid : 0;
    uint32_t mode = entry->type == HB_DIRECTORY ? 0755 : 0644;
    struct timespec mtime = {0};
    if (entry->flags & HB_ENTRY_HAS_MODE)
        mode = entry->mode & 07777;
    if (entry->flags & HB_ENTRY_HAS_MTIME)
        mtime = entry->mtime;
    uint64_t seconds = mtime.tv_sec < 0 ? 0 : (uint64_t)mtime.tv_sec;

    put_octal(header->mode, sizeof header->mode, mode);
    put_octal(header->uid, sizeof header->uid, uid > OCTAL_7 ? 0 : uid);
    put_octal(header->gid, sizeof header->gid, gid > OCTAL_7 ? 0 : gid);
    put_octal(header->size, sizeof header->size, bytes > OCTAL_11 ? OCTAL_11 : bytes);
    put_octal(header->mtime, sizeof header->mtime, seconds > OCTAL_11 ? OCTAL_11 : seconds);
    if (bytes > OCTAL_11)
        good = put_number(records, "size", bytes);
    if (good && uid > OCTAL_7)
        good = put_number(records, "uid", uid);
    if (good && gid > OCTAL_7)
        good = put_number(records, "gid", gid);
    if (good && (mtime.tv_sec < 0 || mtime.tv_nsec != 0 || seconds > OCTAL_11))
        good = put_time(records, &mtime);
    return good;
}

/* The extended header in front of `header`: an own ustar header, the records, padding. */
static bool put_extended(const struct tar_buffer *records, struct tar_buffer *out)
{
    struct ustar header = {.name = "././@PaxHeader", .typeflag = 'x'};
    put_octal(header.mode, sizeof header.mode, 0644);
    put_octal(header.uid, sizeof header.uid, 0);
    put_octal(header.gid, sizeof header.gid, 0);
    put_octal(header.size, sizeof header.size, records->bytes);
    put_octal(header.mtime, sizeof header.mtime, 0);
    seal(&header);
    return tar_buffer_append(out, &header, sizeof header) &&
           tar_buffer_append(out, records->data, records->bytes) &&
           tar_buffer_append(out, NULL, tar_padding(records->bytes));
}

static char typeflag_of(uint32_t type)
{
    switch (type) {
    case HB_FILE:
        return '0';
    case HB_HARDLINK:
        return '1';
    case HB_SYMLINK:
        return '2';
    case HB_DIRECTORY:
        return '5';
    default:
        return '\0';
    }
}

int tar_header_encode(const struct hb_entry *entry, struct tar_buffer *out)
{
    TAR_AUTO_BUFFER records = {0};
    TAR_AUTO_FREE char *directory = NULL;
    struct ustar header = {.typeflag = typeflag_of(entry->type)};
    bool is_link = entry->type == HB_SYMLINK || entry->type == HB_HARDLINK;
    struct names names = {.path = entry->path, .path_bytes = strlen(entry->path), .link = ""};
    if (is_link && entry->link != NULL) {
        names.link = entry->link;
        names.link_bytes = strlen(entry->link);
    }
    if (header.typeflag == '\0' || names.path_bytes == 0 || names.path_bytes > TAR_NAME_LIMIT ||
        names.link_bytes > TAR_NAME_LIMIT || (is_link && names.link_bytes == 0) ||
        ((entry->flags & HB_ENTRY_HAS_MTIME) &&
         (entry->mtime.tv_nsec < 0 || entry->mtime.tv_nsec >= 1000000000L)))
        return -EINVAL;
    if (entry->type == HB_DIRECTORY) {
        directory = malloc(names.path_bytes + 2);
        if (directory == NULL)
            return -ENOMEM;
        memcpy(directory, entry->path, names.path_bytes);
        memcpy(directory + names.path_bytes, "/", 2);
        names.path = directory;
        names.path_bytes++;
    }
    if (!put_names(&header, &names, &records) || !put_numbers(&header, entry, &records))
        return -ENOMEM;
    seal(&header);
    if ((records.bytes != 0 && !put_extended(&records, out)) ||
        !tar_buffer_append(out, &header, sizeof header))
        return -ENOMEM;
    return 0;
}

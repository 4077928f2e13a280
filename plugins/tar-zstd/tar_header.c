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
    return entry->type == HB_TYPE_FILE ? entry->bytes : 0;
}

/* ---- what ustar cannot say ---------------------------------------------------------- */

struct names {
    const char *path;
    size_t path_bytes; /* a directory's with its '/' */
    const char *link;
    size_t link_bytes;
};

static bool is_named(const struct hb_entry *entry, struct names *names)
{
    bool is_link = entry->type == HB_TYPE_SYMLINK || entry->type == HB_TYPE_HARDLINK;
    *names = (struct names){.path = entry->path, .path_bytes = strlen(entry->path), .link = ""};
    if (is_link && entry->link != NULL) {
        names->link = entry->link;
        names->link_bytes = strlen(entry->link);
    }
    if (names->path_bytes == 0 || names->path_bytes > TAR_NAME_LIMIT ||
        names->link_bytes > TAR_NAME_LIMIT || (is_link && names->link_bytes == 0))
        return false;
    names->path_bytes += entry->type == HB_TYPE_DIRECTORY;
    return true;
}

/* Where a long path is split into prefix and name, at a '/' that is not its last byte: 0, nowhere.
 */
static size_t cut_of(const char *path, size_t bytes)
{
    const struct ustar *header = NULL;
    for (size_t cut = bytes - sizeof header->name - 1;
         cut <= sizeof header->prefix && cut + 1 < bytes; cut++)
        if (cut > 0 && path[cut] == '/')
            return cut;
    return 0;
}

/* One pax record for each that is true, in this order. */
struct extras {
    bool charset, path, link, size, uid, gid, mtime;
    size_t cut; /* of the path; 0: it stands in one piece, or is cut off */
};

static struct extras extras_of(const struct hb_entry *entry, const struct names *names)
{
    const struct ustar *header = NULL;
    bool owner = (entry->flags & HB_ENTRY_HAS_OWNER) != 0;
    size_t slash = entry->type == HB_TYPE_DIRECTORY;
    enum tar_name_kind path = tar_name_kind(names->path, names->path_bytes - slash);
    enum tar_name_kind link = tar_name_kind(names->link, names->link_bytes);
    bool is_long = names->path_bytes > sizeof header->name;
    size_t cut = is_long ? cut_of(names->path, names->path_bytes) : 0;
    return (struct extras){
        .charset = path == TAR_NAME_BINARY || link == TAR_NAME_BINARY,
        .path = path != TAR_NAME_ASCII || (is_long && cut == 0),
        .link = link != TAR_NAME_ASCII || names->link_bytes > sizeof header->linkname,
        .size = tar_content_bytes(entry) > OCTAL_11,
        .uid = owner && entry->uid > OCTAL_7,
        .gid = owner && entry->gid > OCTAL_7,
        .mtime = (entry->flags & HB_ENTRY_HAS_MTIME) &&
                 (entry->mtime.tv_sec < 0 || entry->mtime.tv_nsec != 0 ||
                  (uint64_t)entry->mtime.tv_sec > OCTAL_11),
        .cut = cut,
    };
}

/* ---- pax records -------------------------------------------------------------------- */

static size_t digits_of(uint64_t number)
{
    size_t digits = 1;
    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* Of "LENGTH key=value\n", where LENGTH counts itself. */
static size_t record_bytes(const char *key, size_t value_bytes)
{
    size_t rest = strlen(key) + value_bytes + 3, digits = 1;
    while (digits_of(rest + digits) != digits)
        digits++;
    return rest + digits;
}

static bool put_record(struct tar_buffer *records, const char *key, const void *value, size_t bytes)
{
    char text[64];
    int prefix = snprintf(text, sizeof text, "%zu %s=", record_bytes(key, bytes), key);
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
struct seconds {
    bool negative;
    uint64_t whole;
    long fraction; /* nanoseconds */
};

static struct seconds seconds_of(const struct timespec *time)
{
    struct seconds seconds = {.whole = (uint64_t)time->tv_sec, .fraction = time->tv_nsec};
    if (time->tv_sec < 0) {
        seconds.negative = true;
        seconds.whole = -seconds.whole - (time->tv_nsec != 0);
        seconds.fraction = time->tv_nsec != 0 ? 1000000000L - time->tv_nsec : 0;
    }
    return seconds;
}

static size_t time_bytes(const struct timespec *time)
{
    struct seconds seconds = seconds_of(time);
    return seconds.negative + digits_of(seconds.whole) + (seconds.fraction != 0 ? 10 : 0);
}

static bool put_time(struct tar_buffer *records, const struct timespec *time)
{
    char text[40];
    struct seconds seconds = seconds_of(time);
    int bytes =
        snprintf(text, sizeof text, "%s%" PRIu64, seconds.negative ? "-" : "", seconds.whole);
    if (seconds.fraction != 0)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, ".%09ld", seconds.fraction);
    return put_record(records, "mtime", text, (size_t)bytes);
}

static bool put_records(const struct hb_entry *entry, const struct names *names,
                        const struct extras *extras, struct tar_buffer *records)
{
    return (!extras->charset || put_record(records, "hdrcharset", "BINARY", 6)) &&
           (!extras->path || put_record(records, "path", names->path, names->path_bytes)) &&
           (!extras->link || put_record(records, "linkpath", names->link, names->link_bytes)) &&
           (!extras->size || put_number(records, "size", tar_content_bytes(entry))) &&
           (!extras->uid || put_number(records, "uid", entry->uid)) &&
           (!extras->gid || put_number(records, "gid", entry->gid)) &&
           (!extras->mtime || put_time(records, &entry->mtime));
}

static uint64_t records_bytes(const struct hb_entry *entry, const struct names *names,
                              const struct extras *extras)
{
    uint64_t bytes = extras->charset ? record_bytes("hdrcharset", 6) : 0;
    if (extras->path)
        bytes += record_bytes("path", names->path_bytes);
    if (extras->link)
        bytes += record_bytes("linkpath", names->link_bytes);
    if (extras->size)
        bytes += record_bytes("size", digits_of(tar_content_bytes(entry)));
    if (extras->uid)
        bytes += record_bytes("uid", digits_of(entry->uid));
    if (extras->gid)
        bytes += record_bytes("gid", digits_of(entry->gid));
    if (extras->mtime)
        bytes += record_bytes("mtime", time_bytes(&entry->mtime));
    return bytes;
}

/* ---- ustar -------------------------------------------------------------------------- */

/* What does not fit is cut, for readers that know no pax. */
static void put_names(struct ustar *header, const struct names *names, size_t cut)
{
    size_t path = names->path_bytes, link = names->link_bytes;
    if (cut != 0) {
        memcpy(header->prefix, names->path, cut);
        memcpy(header->name, names->path + cut + 1, path - cut - 1);
    } else {
        memcpy(header->name, names->path, path < sizeof header->name ? path : sizeof header->name);
    }
    if (link > 0)
        memcpy(header->linkname, names->link,
               link < sizeof header->linkname ? link : sizeof header->linkname);
}

static void put_numbers(struct ustar *header, const struct hb_entry *entry)
{
    bool owner = (entry->flags & HB_ENTRY_HAS_OWNER) != 0;
    uint64_t bytes = tar_content_bytes(entry), seconds = 0;
    uint32_t uid = owner ? entry->uid : 0, gid = owner ? entry->gid : 0;
    uint32_t mode = entry->type == HB_TYPE_DIRECTORY ? 0755 : 0644;
    if (entry->flags & HB_ENTRY_HAS_MODE)
        mode = entry->mode & 07777;
    if ((entry->flags & HB_ENTRY_HAS_MTIME) && entry->mtime.tv_sec > 0)
        seconds = (uint64_t)entry->mtime.tv_sec;

    put_octal(header->mode, sizeof header->mode, mode);
    put_octal(header->uid, sizeof header->uid, uid > OCTAL_7 ? 0 : uid);
    put_octal(header->gid, sizeof header->gid, gid > OCTAL_7 ? 0 : gid);
    put_octal(header->size, sizeof header->size, bytes > OCTAL_11 ? OCTAL_11 : bytes);
    put_octal(header->mtime, sizeof header->mtime, seconds > OCTAL_11 ? OCTAL_11 : seconds);
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
    case HB_TYPE_FILE:
        return '0';
    case HB_TYPE_HARDLINK:
        return '1';
    case HB_TYPE_SYMLINK:
        return '2';
    case HB_TYPE_DIRECTORY:
        return '5';
    default:
        return '\0';
    }
}

static bool is_storable(const struct hb_entry *entry, struct names *names)
{
    return typeflag_of(entry->type) != '\0' && is_named(entry, names) &&
           (!(entry->flags & HB_ENTRY_HAS_MTIME) ||
            (entry->mtime.tv_nsec >= 0 && entry->mtime.tv_nsec < 1000000000L));
}

uint64_t tar_header_bytes(const struct hb_entry *entry)
{
    struct names names;
    if (!is_storable(entry, &names))
        return 0;
    struct extras extras = extras_of(entry, &names);
    uint64_t records = records_bytes(entry, &names, &extras);
    return TAR_BLOCK + (records != 0 ? TAR_BLOCK + records + tar_padding(records) : 0);
}

int tar_header_encode(const struct hb_entry *entry, struct tar_buffer *out)
{
    TAR_AUTO_BUFFER records = {0};
    TAR_AUTO_FREE char *directory = NULL;
    struct ustar header = {.typeflag = typeflag_of(entry->type)};
    struct names names;
    if (!is_storable(entry, &names))
        return -EINVAL;
    struct extras extras = extras_of(entry, &names);
    if (entry->type == HB_TYPE_DIRECTORY) {
        directory = malloc(names.path_bytes);
        if (directory == NULL)
            return -ENOMEM;
        memcpy(directory, entry->path, names.path_bytes - 1);
        directory[names.path_bytes - 1] = '/';
        names.path = directory;
    }
    put_names(&header, &names, extras.cut);
    put_numbers(&header, entry);
    seal(&header);
    if (!put_records(entry, &names, &extras, &records) ||
        (records.bytes != 0 && !put_extended(&records, out)) ||
        !tar_buffer_append(out, &header, sizeof header))
        return -ENOMEM;
    return 0;
}

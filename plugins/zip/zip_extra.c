/* SPDX-License-Identifier: Apache-2.0 */
/* Extra fields as bytes, and read again; zip_extra.h describes those of our own. */
#include "zip_extra.h"

#include "zip_bytes.h"
#include "zip_time.h"

#include <libdeflate.h>
#include <string.h>

enum {
    ID_ZIP64 = 0x0001,
    ID_NTFS = 0x000a,
    ID_TIMESTAMP = 0x5455,
    ID_UNIX_TIMES = 0x5855, /* Info-ZIP's older one; macOS still writes it */
    ID_OURS = 0x6268,
    ID_MARK = 0x7468,
    ID_UNICODE_PATH = 0x7075
};

enum { OURS_VERSION = 1, OURS_SECONDS = 1, OURS_NANOSECONDS = 2, OURS_RAW_NAME = 4 };
enum { MARK_NO_TRAILER, MARK_TRAILER };

/* ---- writing ---------------------------------------------------------------------------- */

static unsigned char *put_timestamp(unsigned char *to, int64_t seconds)
{
    to = zip_put16(zip_put16(to, ID_TIMESTAMP), 5);
    *to++ = 1; /* the modification time, and nothing else */
    return zip_put32(to, (uint32_t)(int32_t)seconds);
}

static unsigned char *put_ntfs(unsigned char *to, uint64_t ticks)
{
    to = zip_put16(zip_put16(to, ID_NTFS), 32);
    to = zip_put32(to, 0);
    to = zip_put16(zip_put16(to, 1), 24);
    to = zip_put64(to, ticks); /* modified, accessed, created: only the first is known */
    to = zip_put64(to, ticks);
    return zip_put64(to, ticks);
}

static unsigned char *put_ours(unsigned char *to, const struct zip_record *record, bool central)
{
    unsigned flags = record->raw_name ? OURS_RAW_NAME : 0;
    if (central && record->has_time && !zip_time_fits_32(record->time.tv_sec))
        flags |= OURS_SECONDS;
    if (central && record->has_time && record->time.tv_nsec != 0)
        flags |= OURS_NANOSECONDS;
    if (flags == 0)
        return to;
    unsigned char *field = zip_put16(to, ID_OURS) + 2, *end = field;
    *end++ = OURS_VERSION;
    *end++ = (unsigned char)flags;
    if (flags & OURS_SECONDS)
        end = zip_put64(end, (uint64_t)record->time.tv_sec);
    if (flags & OURS_NANOSECONDS)
        end = zip_put32(end, (uint32_t)record->time.tv_nsec);
    zip_put16(to + 2, (uint32_t)(end - field));
    return end;
}

unsigned char *zip_put_extra(unsigned char *to, const struct zip_record *record, bool central)
{
    uint64_t ticks;
    if (record->has_time && zip_time_fits_32(record->time.tv_sec))
        to = put_timestamp(to, record->time.tv_sec);
    else if (record->has_time && zip_time_to_ntfs(&record->time, &ticks))
        to = put_ntfs(to, ticks);
    return put_ours(to, record, central);
}

unsigned char *zip_put_mark(unsigned char to[ZIP_MARK_BYTES], bool trailer)
{
    to = zip_put16(zip_put16(to, ID_MARK), ZIP_MARK_BYTES - 4);
    memset(to, 0, ZIP_MARK_BYTES - 4);
    *to = trailer ? MARK_TRAILER : MARK_NO_TRAILER;
    return to + ZIP_MARK_BYTES - 4;
}

/* ---- reading ---------------------------------------------------------------------------- */

struct field {
    const unsigned char *data;
    size_t bytes;
};

struct fields {
    struct field zip64, ntfs, timestamp, unix_times, ours, mark, unicode;
};

static struct field *field_of(struct fields *fields, unsigned id)
{
    switch (id) {
    case ID_ZIP64:
        return &fields->zip64;
    case ID_NTFS:
        return &fields->ntfs;
    case ID_TIMESTAMP:
        return &fields->timestamp;
    case ID_UNIX_TIMES:
        return &fields->unix_times;
    case ID_OURS:
        return &fields->ours;
    case ID_MARK:
        return &fields->mark;
    case ID_UNICODE_PATH:
        return &fields->unicode;
    default:
        return NULL;
    }
}

/* What does not parse ends the search: tools pad extra fields with all sorts of bytes. */
static void find_fields(const unsigned char *extra, size_t bytes, struct fields *fields)
{
    for (size_t at = 0; bytes - at >= 4;) {
        size_t length = zip_get16(extra + at + 2);
        if (length > bytes - at - 4)
            return;
        struct field *field = field_of(fields, zip_get16(extra + at));
        if (field != NULL && field->data == NULL)
            *field = (struct field){extra + at + 4, length};
        at += 4 + length;
    }
}

static bool take_64(struct field *field, uint64_t *value)
{
    if (*value != ZIP_32_FULL)
        return true;
    if (field->bytes < 8)
        return false;
    *value = zip_get64(field->data);
    field->data += 8;
    field->bytes -= 8;
    return true;
}

static const char *parse_zip64(struct field field, struct zip_record *record, bool central)
{
    static const char too_short[] =
        "has a zip64 field without the values that the header leaves to it";
    if (field.data == NULL)
        return NULL;
    if (!take_64(&field, &record->bytes) || !take_64(&field, &record->packed))
        return too_short;
    record->room = ZIP_ROOM_64;
    if (!central)
        return NULL;
    if (!take_64(&field, &record->offset))
        return too_short;
    if (record->disk == ZIP_16_FULL) {
        if (field.bytes < 4)
            return too_short;
        record->disk = zip_get32(field.data);
    }
    return NULL;
}

static void parse_ntfs(struct field field, struct zip_record *record)
{
    for (size_t at = 4; field.bytes >= at + 4;) {
        size_t length = zip_get16(field.data + at + 2);
        if (length > field.bytes - at - 4)
            return;
        if (zip_get16(field.data + at) == 1 && length >= 8) {
            zip_time_from_ntfs(zip_get64(field.data + at + 4), &record->time);
            record->has_time = true;
            return;
        }
        at += 4 + length;
    }
}

static void parse_ours(struct field field, struct zip_record *record)
{
    if (field.bytes < 2 || field.data[0] != OURS_VERSION)
        return;
    unsigned flags = field.data[1];
    size_t at = 2;
    record->raw_name = (flags & OURS_RAW_NAME) != 0;
    if ((flags & OURS_SECONDS) && field.bytes >= at + 8) {
        record->time = (struct timespec){.tv_sec = (time_t)zip_get64(field.data + at)};
        record->has_time = true;
        at += 8;
    }
    if ((flags & OURS_NANOSECONDS) && field.bytes >= at + 4 && record->has_time) {
        uint32_t nanoseconds = zip_get32(field.data + at);
        if (nanoseconds < 1000000000)
            record->time.tv_nsec = (long)nanoseconds;
    }
}

/* Info-ZIP's field holds a checksum of the name that it stands for: renaming makes it void. */
static void parse_unicode(struct field field, struct zip_record *record)
{
    if (field.bytes < 6 || field.data[0] != 1)
        return;
    if (libdeflate_crc32(0, record->name, record->name_bytes) != zip_get32(field.data + 1))
        return;
    record->unicode = (const char *)field.data + 5;
    record->unicode_bytes = field.bytes - 5;
}

const char *zip_parse_extra(const unsigned char *extra, size_t bytes, struct zip_record *record,
                            bool central)
{
    struct fields fields = {0};
    find_fields(extra, bytes, &fields);
    const char *wrong = parse_zip64(fields.zip64, record, central);
    if (wrong != NULL)
        return wrong;
    struct field stamp = fields.timestamp, older = fields.unix_times;
    if (older.bytes >= 8) { /* accessed, modified */
        record->time = zip_time_from_32(zip_get32(older.data + 4), record->dos);
        record->has_time = true;
    }
    if (stamp.bytes >= 5 && (stamp.data[0] & 1) != 0) {
        record->time = zip_time_from_32(zip_get32(stamp.data + 1), record->dos);
        record->has_time = true;
    }
    if (fields.ntfs.data != NULL)
        parse_ntfs(fields.ntfs, record);
    if (fields.ours.data != NULL)
        parse_ours(fields.ours, record);
    record->marked = fields.mark.bytes >= 1 && fields.mark.data[0] == MARK_TRAILER;
    if (fields.unicode.data != NULL)
        parse_unicode(fields.unicode, record);
    return NULL;
}

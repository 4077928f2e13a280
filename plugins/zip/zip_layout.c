/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and parses the records of a zip archive. */
#include "zip_layout.h"

#include "zip_bytes.h"
#include "zip_extra.h"

#include <string.h>

enum { VERSION_PLAIN = 20, VERSION_64 = 45, MADE_BY_PLAIN = 30 };

bool zip_is_large(const struct zip_record *record)
{
    return record->packed >= ZIP_32_FULL || record->bytes >= ZIP_32_FULL;
}

static uint32_t saturate(uint64_t value)
{
    return value >= ZIP_32_FULL ? ZIP_32_FULL : (uint32_t)value;
}

static uint32_t stored_name_bytes(const struct zip_record *record)
{
    return (uint32_t)record->name_bytes + (record->slash ? 1 : 0);
}

static unsigned char *put_name(unsigned char *to, const struct zip_record *record)
{
    memcpy(to, record->name, record->name_bytes);
    to += record->name_bytes;
    if (record->slash)
        *to++ = '/';
    return to;
}

/* ---- local header (4.3.7) ------------------------------------------------------------- */

void zip_put_local_fixed(unsigned char to[ZIP_LOCAL_BYTES], const struct zip_record *record)
{
    bool later = (record->flags & ZIP_FLAG_DESCRIPTOR) != 0, wide = record->room == ZIP_ROOM_64;
    to = zip_put32(to, ZIP_LOCAL_SIGNATURE);
    to = zip_put16(to, wide ? VERSION_64 : VERSION_PLAIN);
    to = zip_put16(to, record->flags);
    to = zip_put16(to, record->method);
    to = zip_put32(to, record->dos);
    to = zip_put32(to, later ? 0 : record->crc);
    to = zip_put32(to, wide ? ZIP_32_FULL : later ? 0 : saturate(record->packed));
    to = zip_put32(to, wide ? ZIP_32_FULL : later ? 0 : saturate(record->bytes));
    zip_put16(to, stored_name_bytes(record));
    /* The length of the extra field is put by zip_put_local(), and is not patched. */
}

void zip_put_room(unsigned char to[ZIP_ROOM_BYTES], const struct zip_record *record)
{
    bool known = record->room == ZIP_ROOM_64 && (record->flags & ZIP_FLAG_DESCRIPTOR) == 0;
    to = zip_put16(to, record->room == ZIP_ROOM_64 ? 0x0001 : 0x6268);
    to = zip_put16(to, ZIP_ROOM_BYTES - 4);
    to = zip_put64(to, known ? record->bytes : 0);
    zip_put64(to, known ? record->packed : 0);
}

size_t zip_put_local(unsigned char *to, const struct zip_record *record)
{
    zip_put_local_fixed(to, record);
    unsigned char *extra = put_name(to + ZIP_LOCAL_BYTES, record), *end = extra;
    if (record->room != ZIP_ROOM_NONE) {
        zip_put_room(end, record);
        end += ZIP_ROOM_BYTES;
    }
    end = zip_put_extra(end, record, false);
    zip_put16(to + 28, (uint32_t)(end - extra));
    return (size_t)(end - to);
}

/* ---- data descriptor (4.3.9) ---------------------------------------------------------- */

size_t zip_put_descriptor(unsigned char *to, const struct zip_record *record)
{
    unsigned char *end = zip_put32(zip_put32(to, ZIP_DESCRIPTOR_SIGNATURE), record->crc);
    if (record->room == ZIP_ROOM_64) {
        end = zip_put64(zip_put64(end, record->packed), record->bytes);
    } else {
        end = zip_put32(end, saturate(record->packed));
        end = zip_put32(end, saturate(record->bytes));
    }
    return (size_t)(end - to);
}

/* ---- central directory (4.3.12) ------------------------------------------------------- */

static unsigned char *put_central_64(unsigned char *to, const struct zip_record *record)
{
    unsigned char *field = to + 4, *end = field;
    if (record->bytes >= ZIP_32_FULL)
        end = zip_put64(end, record->bytes);
    if (record->packed >= ZIP_32_FULL)
        end = zip_put64(end, record->packed);
    if (record->offset >= ZIP_32_FULL)
        end = zip_put64(end, record->offset);
    if (end == field)
        return to;
    zip_put16(zip_put16(to, 0x0001), (uint32_t)(end - field));
    return end;
}

size_t zip_put_central(unsigned char *to, const struct zip_record *record)
{
    bool wide =
        record->room == ZIP_ROOM_64 || zip_is_large(record) || record->offset >= ZIP_32_FULL;
    unsigned char *end = zip_put32(to, ZIP_CENTRAL_SIGNATURE);
    end = zip_put16(end, ZIP_MADE_BY_UNIX << 8 | (wide ? VERSION_64 : MADE_BY_PLAIN));
    end = zip_put16(end, wide ? VERSION_64 : VERSION_PLAIN);
    end = zip_put16(end, record->flags);
    end = zip_put16(end, record->method);
    end = zip_put32(end, record->dos);
    end = zip_put32(end, record->crc);
    end = zip_put32(end, saturate(record->packed));
    end = zip_put32(end, saturate(record->bytes));
    end = zip_put16(end, stored_name_bytes(record));
    memset(end, 0, 8); /* extra field (below), comment, disk, internal attributes */
    end = zip_put32(end + 8, record->attributes);
    end = zip_put32(end, saturate(record->offset));
    unsigned char *extra = put_name(end, record);
    end = zip_put_extra(put_central_64(extra, record), record, true);
    zip_put16(to + 30, (uint32_t)(end - extra));
    return (size_t)(end - to);
}

/* ---- end of the central directory (4.3.14 to 4.3.16) ------------------------------------ */

static unsigned char *put_end_64(unsigned char *to, uint64_t entries, uint64_t start,
                                 uint64_t bytes)
{
    to = zip_put32(to, ZIP_END64_SIGNATURE);
    to = zip_put64(to, ZIP_END64_BYTES - 12);
    to = zip_put16(to, ZIP_MADE_BY_UNIX << 8 | VERSION_64);
    to = zip_put16(to, VERSION_64);
    to = zip_put64(to, 0); /* both disk numbers */
    to = zip_put64(zip_put64(to, entries), entries);
    to = zip_put64(zip_put64(to, bytes), start);
    to = zip_put32(zip_put32(to, ZIP_LOCATOR_SIGNATURE), 0);
    return zip_put32(zip_put64(to, start + bytes), 1);
}

static void put_plain_end(unsigned char to[ZIP_END_BYTES], uint32_t entries, uint32_t start,
                          uint32_t bytes)
{
    to = zip_put32(zip_put32(to, ZIP_END_SIGNATURE), 0);
    to = zip_put16(zip_put16(to, entries), entries);
    zip_put16(zip_put32(zip_put32(to, bytes), start), 0);
}

/* Info-ZIP's zip looks for the signature from the last byte on, so it goes through the numbers. */
static bool imitates_end(const unsigned char record[ZIP_END_BYTES])
{
    for (size_t at = 1; at + 4 <= ZIP_END_BYTES; at++)
        if (zip_get32(record + at) == ZIP_END_SIGNATURE)
            return true;
    return false;
}

size_t zip_put_end(unsigned char *to, uint64_t entries, uint64_t start, uint64_t bytes)
{
    unsigned char plain[ZIP_END_BYTES], *end = to;
    uint32_t count = entries >= ZIP_16_FULL ? ZIP_16_FULL : (uint32_t)entries;
    bool wide = entries >= ZIP_16_FULL || start >= ZIP_32_FULL || bytes >= ZIP_32_FULL;
    put_plain_end(plain, count, saturate(start), saturate(bytes));
    if (imitates_end(plain)) {
        wide = true;
        put_plain_end(plain, ZIP_16_FULL, ZIP_32_FULL, ZIP_32_FULL);
    }
    if (wide)
        end = put_end_64(end, entries, start, bytes);
    memcpy(end, plain, ZIP_END_BYTES);
    return (size_t)(end + ZIP_END_BYTES - to);
}

/* ---- reading ---------------------------------------------------------------------------- */

size_t zip_central_bytes(const unsigned char from[ZIP_CENTRAL_BYTES])
{
    if (zip_get32(from) != ZIP_CENTRAL_SIGNATURE)
        return 0;
    return (size_t)ZIP_CENTRAL_BYTES + zip_get16(from + 28) + zip_get16(from + 30) +
           zip_get16(from + 32);
}

size_t zip_local_bytes(const unsigned char from[ZIP_LOCAL_BYTES])
{
    if (zip_get32(from) != ZIP_LOCAL_SIGNATURE)
        return 0;
    return (size_t)ZIP_LOCAL_BYTES + zip_get16(from + 26) + zip_get16(from + 28);
}

/* From `flags` to the sizes both headers have the same order. */
static void parse_common(const unsigned char *from, struct zip_record *record)
{
    record->flags = zip_get16(from);
    record->method = zip_get16(from + 2);
    record->dos = zip_get32(from + 4);
    record->crc = zip_get32(from + 8);
    record->packed = zip_get32(from + 12);
    record->bytes = zip_get32(from + 16);
    record->name_bytes = zip_get16(from + 20);
}

const char *zip_parse_central(const unsigned char *from, size_t bytes, struct zip_record *record)
{
    *record = (struct zip_record){0};
    if (bytes < ZIP_CENTRAL_BYTES || zip_central_bytes(from) == 0)
        return "has no central header where one must be";
    record->header_bytes = zip_central_bytes(from);
    if (record->header_bytes > bytes)
        return "has a central header that reaches beyond the central directory";
    record->made_by = zip_get16(from + 4);
    record->needed = zip_get16(from + 6);
    parse_common(from + 8, record);
    record->disk = zip_get16(from + 34);
    record->attributes = zip_get32(from + 38);
    record->offset = zip_get32(from + 42);
    record->name = (const char *)from + ZIP_CENTRAL_BYTES;
    return zip_parse_extra(from + ZIP_CENTRAL_BYTES + record->name_bytes, zip_get16(from + 30),
                           record, true);
}

const char *zip_parse_local(const unsigned char *from, size_t bytes, struct zip_record *record)
{
    *record = (struct zip_record){0};
    if (bytes < ZIP_LOCAL_BYTES || zip_local_bytes(from) == 0)
        return "has no local header where the central directory says";
    record->header_bytes = zip_local_bytes(from);
    if (record->header_bytes > bytes)
        return "has a local header that overlaps what follows it";
    record->needed = zip_get16(from + 4);
    parse_common(from + 6, record);
    record->name = (const char *)from + ZIP_LOCAL_BYTES;
    return zip_parse_extra(from + ZIP_LOCAL_BYTES + record->name_bytes, zip_get16(from + 28),
                           record, false);
}

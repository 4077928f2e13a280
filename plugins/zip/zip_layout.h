/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a zip archive (PKWARE APPNOTE 6.3, section 4.3) as bytes. No
 * input or output here, no allocation.
 */
#ifndef ZIP_LAYOUT_H
#define ZIP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define ZIP_LOCAL_SIGNATURE      0x04034b50u
#define ZIP_CENTRAL_SIGNATURE    0x02014b50u
#define ZIP_DESCRIPTOR_SIGNATURE 0x08074b50u
#define ZIP_END_SIGNATURE        0x06054b50u
#define ZIP_END64_SIGNATURE      0x06064b50u
#define ZIP_LOCATOR_SIGNATURE    0x07064b50u

enum {
    ZIP_LOCAL_BYTES = 30, /* fixed parts */
    ZIP_CENTRAL_BYTES = 46,
    ZIP_END_BYTES = 22,
    ZIP_END64_BYTES = 56,
    ZIP_LOCATOR_BYTES = 20,
    ZIP_NAME_MAX = 65535,
    ZIP_EXTRA_MAX = 128, /* of what we write */
    ZIP_CENTRAL_MAX = ZIP_CENTRAL_BYTES + 3 * 65535
};

#define ZIP_16_FULL 0xffffu
#define ZIP_32_FULL 0xffffffffu

/* General purpose flags (4.4.4). */
enum {
    ZIP_FLAG_ENCRYPTED = 1,
    ZIP_FLAG_DESCRIPTOR = 8,
    ZIP_FLAG_PATCH = 32,
    ZIP_FLAG_STRONG = 64,
    ZIP_FLAG_UTF8 = 2048,
    ZIP_FLAG_MASKED = 8192
};

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

/* Who made it (4.4.2), upper byte: those whose attributes hold a UNIX mode. */
enum { ZIP_MADE_BY_UNIX = 3, ZIP_MADE_BY_DARWIN = 19 };

/* External attributes: what MS-DOS calls a directory. */
enum { ZIP_DOS_DIRECTORY = 0x10 };

/* Where the local header of a long entry keeps room for 64-bit sizes. */
enum zip_room {
    ZIP_ROOM_NONE,
    ZIP_ROOM_SPARE, /* filled with a field that says nothing, to be patched if need be */
    ZIP_ROOM_64     /* the zip64 field */
};
enum { ZIP_ROOM_BYTES = 20 };

/* One entry, as its two headers describe it. */
struct zip_record {
    uint16_t made_by;
    uint16_t needed;
    uint16_t flags;
    uint16_t method;
    uint32_t dos; /* date in the upper half, time in the lower */
    uint32_t crc;
    uint64_t packed;
    uint64_t bytes;
    uint64_t offset; /* of the local header, as stored */
    uint32_t attributes;
    uint32_t disk;
    const char *name; /* as stored, not terminated */
    size_t name_bytes;
    bool slash;    /* writing: one '/' follows the name */
    bool raw_name; /* the name is bytes without an encoding (our own field) */
    bool marked;   /* reading: the archive has a trailer (zip_put_mark) */
    bool has_time; /* `time` comes from an extra field */
    enum zip_room room;
    struct timespec time;
    const char *unicode; /* Info-ZIP's name in UTF-8, checked against `name`; or NULL */
    size_t unicode_bytes;
    size_t header_bytes; /* reading: of the header, name, extra field and comment */
};

static inline uint16_t zip_get16(const unsigned char *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t zip_get32(const unsigned char *from)
{
    return zip_get16(from) | (uint32_t)zip_get16(from + 2) << 16;
}

static inline uint64_t zip_get64(const unsigned char *from)
{
    return zip_get32(from) | (uint64_t)zip_get32(from + 4) << 32;
}

/* Each returns the place after what it wrote. */
static inline unsigned char *zip_put16(unsigned char *to, uint32_t value)
{
    to[0] = (unsigned char)(value & 255);
    to[1] = (unsigned char)(value >> 8 & 255);
    return to + 2;
}

static inline unsigned char *zip_put32(unsigned char *to, uint32_t value)
{
    return zip_put16(zip_put16(to, value & 65535), value >> 16);
}

static inline unsigned char *zip_put64(unsigned char *to, uint64_t value)
{
    return zip_put32(zip_put32(to, (uint32_t)(value & ZIP_32_FULL)), (uint32_t)(value >> 32));
}

/*
 * Writing. `to` has room for the fixed part, the name, its '/' and ZIP_EXTRA_MAX. Returns
 * the bytes written.
 */
size_t zip_put_local(unsigned char *to, const struct zip_record *record);
size_t zip_put_central(unsigned char *to, const struct zip_record *record);
/* The fixed part and the room, again, with what is known at the end of the entry. */
void zip_put_local_fixed(unsigned char to[ZIP_LOCAL_BYTES], const struct zip_record *record);
void zip_put_room(unsigned char to[ZIP_ROOM_BYTES], const struct zip_record *record);
/* 24 bytes at most. */
size_t zip_put_descriptor(unsigned char *to, const struct zip_record *record);
/* End of the central directory, with zip64 records where they are needed: 98 bytes at most. */
size_t zip_put_end(unsigned char *to, uint64_t entries, uint64_t start, uint64_t bytes);

/* Does the entry need 64-bit sizes in its local header? */
bool zip_is_large(const struct zip_record *record);

/*
 * Reading. Both need the whole record in memory (zip_central_bytes says how much), and leave
 * pointers into it. NULL, or what is wrong, as the end of a sentence that names the member.
 */
const char *zip_parse_central(const unsigned char *from, size_t bytes, struct zip_record *record);
const char *zip_parse_local(const unsigned char *from, size_t bytes, struct zip_record *record);

/* Length of the whole header whose fixed part is at `from`; 0: it is none. */
size_t zip_central_bytes(const unsigned char from[ZIP_CENTRAL_BYTES]);
size_t zip_local_bytes(const unsigned char from[ZIP_LOCAL_BYTES]);

#endif

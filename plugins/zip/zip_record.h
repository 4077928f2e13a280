/* SPDX-License-Identifier: Apache-2.0 */
/* One entry as its headers describe it, and what their fields can say (APPNOTE, section 4.4). */
#ifndef ZIP_RECORD_H
#define ZIP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { ZIP_NAME_MAX = 65535 };

/* A field with this value leaves the number to the zip64 field or record. */
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

/* Who made it (4.4.2), upper byte: those whose attributes hold a UNIX mode, then those of Windows.
 */
enum { ZIP_MADE_BY_UNIX = 3, ZIP_MADE_BY_DARWIN = 19 };
enum {
    ZIP_MADE_BY_DOS = 0,
    ZIP_MADE_BY_HPFS = 6,
    ZIP_MADE_BY_NTFS = 10,
    ZIP_MADE_BY_INFOZIP_NTFS = 11,
    ZIP_MADE_BY_VFAT = 14
};

/* External attributes: what MS-DOS calls a directory, and a file that nobody may write. */
enum { ZIP_DOS_READ_ONLY = 0x01, ZIP_DOS_DIRECTORY = 0x10 };

/* Where the local header of a long entry keeps room for 64-bit sizes. */
enum zip_room {
    ZIP_ROOM_NONE,
    ZIP_ROOM_SPARE, /* filled with a field that says nothing, to be patched if need be */
    ZIP_ROOM_64     /* the zip64 field */
};

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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Tells which names survive in a pax record as they are. */
#include "tar_name.h"

#include <stdint.h>
#include <string.h>

/*
 * libarchive brings UTF-8 of pax records into normal form C, which changes the bytes of a name with
 * combining characters. These ranges contain no combining character, and no two characters of them
 * compose. A name with any other character is stored as binary, at the price of a warning by GNU
 * tar, which does not know the record but restores the bytes.
 */
static const struct {
    uint32_t first, last;
} stable[] = {
    {0x0000, 0x02ff}, {0x0370, 0x0482}, {0x048a, 0x0590},   {0x1e00, 0x20cf},   {0x2100, 0x2cee},
    {0x3000, 0x3029}, {0x3030, 0x3098}, {0x309b, 0xa66e},   {0xac00, 0xd7a3},   {0xe000, 0xf8ff},
    {0xfe00, 0xfe0f}, {0xff01, 0xfffd}, {0x1f000, 0x1faff}, {0x20000, 0x2f7ff},
};

static int is_stable(uint32_t point)
{
    for (size_t i = 0; i < sizeof stable / sizeof *stable; i++)
        if (point >= stable[i].first && point <= stable[i].last)
            return 1;
    return 0;
}

/* Reads one code point: its length, or 0 where the bytes are not UTF-8 (RFC 3629). */
static size_t decode_point(const unsigned char *at, size_t bytes, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80             ? 1
                    : (at[0] & 0xe0) == 0xc0 ? 2
                    : (at[0] & 0xf0) == 0xe0 ? 3
                    : (at[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    if (length == 0 || length > bytes)
        return 0;
    *point = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (at[i] & 0x3fu);
    }
    if (*point < smallest[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return length;
}

/* How many bytes at its start are ASCII, in words. */
static size_t ascii_words(const char *name, size_t bytes)
{
    size_t at = 0;
    for (uint64_t word; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, name + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return at;
}

enum tar_name_kind tar_name_kind(const char *name, size_t bytes)
{
    enum tar_name_kind kind = TAR_NAME_ASCII;
    for (size_t i = ascii_words(name, bytes); i < bytes;) {
        uint32_t point;
        size_t length = decode_point((const unsigned char *)name + i, bytes - i, &point);
        if (length == 0 || !is_stable(point))
            return TAR_NAME_BINARY;
        if (length > 1)
            kind = TAR_NAME_UTF8;
        i += length;
    }
    return kind;
}

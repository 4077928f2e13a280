/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the encoding of a name, and turns code page 437 into UTF-8. */
#include "zip_name.h"

#include <string.h>

/* Code page 437, upper half. */
static const uint16_t cp437[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* Bytes that follow a leading byte, and the bounds of the first of them (Unicode, table 3-7). */
static unsigned sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef)
        return 2;
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

enum zip_encoding zip_name_encoding(const char *name, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)name, *end = at + bytes;
    enum zip_encoding found = ZIP_NAME_ASCII;
    while (at < end) {
        if (*at < 0x80) {
            at++;
            continue;
        }
        unsigned char low, high;
        unsigned follow = sequence(*at++, &low, &high);
        if (follow == 0 || (size_t)(end - at) < follow || *at < low || *at > high)
            return ZIP_NAME_BYTES;
        for (unsigned i = 1; i < follow; i++)
            if ((at[i] & 0xc0) != 0x80)
                return ZIP_NAME_BYTES;
        at += follow;
        found = ZIP_NAME_UTF8;
    }
    return found;
}

static size_t from_cp437(const struct zip_record *record, char *text)
{
    char *to = text;
    for (size_t i = 0; i < record->name_bytes; i++) {
        unsigned char byte = (unsigned char)record->name[i];
        if (byte < 0x80) {
            *to++ = (char)byte;
            continue;
        }
        unsigned code = cp437[byte - 0x80];
        if (code >= 0x800) {
            *to++ = (char)(0xe0 | code >> 12);
            *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        } else {
            *to++ = (char)(0xc0 | code >> 6);
        }
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return (size_t)(to - text);
}

bool zip_is_windows(const struct zip_record *record)
{
    switch (record->made_by >> 8) {
    case ZIP_MADE_BY_DOS:
    case ZIP_MADE_BY_HPFS:
    case ZIP_MADE_BY_NTFS:
    case ZIP_MADE_BY_INFOZIP_NTFS:
    case ZIP_MADE_BY_VFAT:
        return true;
    default:
        return false;
    }
}

static size_t copy(char *text, const char *name, size_t bytes)
{
    memcpy(text, name, bytes);
    return bytes;
}

/*
 * Only Windows and MS-DOS convert names to a code page. Info-ZIP and bsdtar on UNIX write the bytes
 * of the file system, without the flag where their locale is unknown to them: those are the name.
 */
size_t zip_name_text(const struct zip_record *record, char *text)
{
    bool plain = record->raw_name || (record->flags & ZIP_FLAG_UTF8) != 0;
    size_t bytes =
        !plain && record->unicode != NULL  ? copy(text, record->unicode, record->unicode_bytes)
        : !plain && zip_is_windows(record) ? from_cp437(record, text)
                                           : copy(text, record->name, record->name_bytes);
    text[bytes] = '\0';
    return bytes;
}

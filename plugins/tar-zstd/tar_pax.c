/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the last blocks of the tar stream, and parses the pax records in them. */
#include "tar_pax.h"

#include <string.h>

#define PAX_LIMIT (1u << 20) /* libarchive refuses longer ones */

int tar_tap_read(struct tar_tap *tap, const unsigned char **data, size_t *bytes)
{
    int slot = 1 - tap->newest;
    if (!tap->ended) {
        uint64_t start = tap->start[tap->newest] + tap->bytes[tap->newest];
        size_t filled = 0;
        tap->newest = slot;
        tap->start[slot] = start;
        tap->bytes[slot] = 0;
        while (filled < TAR_TAP_BLOCK) {
            size_t got = 0;
            tap->status = tap->source->read(tap->source, tap->block[slot] + filled,
                                            TAR_TAP_BLOCK - filled, &got);
            if (tap->status != HB_OK)
                return tap->status;
            filled += got;
            tap->ended = got == 0;
            if (got == 0)
                break;
        }
        tap->bytes[slot] = filled;
        *bytes = filled;
    } else {
        *bytes = 0;
    }
    *data = tap->block[slot];
    return HB_OK;
}

bool tar_tap_copy(const struct tar_tap *tap, uint64_t offset, void *out, size_t bytes)
{
    unsigned char *to = out;
    for (int age = 1; age >= 0 && bytes > 0; age--) {
        int slot = age ? 1 - tap->newest : tap->newest;
        if (offset < tap->start[slot] || offset - tap->start[slot] >= tap->bytes[slot])
            continue;
        size_t at = (size_t)(offset - tap->start[slot]), here = tap->bytes[slot] - at;
        if (here > bytes)
            here = bytes;
        memcpy(to, tap->block[slot] + at, here);
        to += here;
        offset += here;
        bytes -= here;
    }
    return bytes == 0;
}

/* "12.5", and "-12.5": seconds are counted down from the epoch, the fraction too. */
static bool parse_time(const char *text, struct timespec *time)
{
    int64_t seconds = 0;
    long fraction = 0;
    bool negative = *text == '-';
    text += negative;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(seconds, 10, &seconds) ||
            __builtin_add_overflow(seconds, negative ? '0' - *text : *text - '0', &seconds))
            return false;
    if (*text == '.') {
        long unit = 100000000;
        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
            fraction += unit * (*text - '0');
    }
    bool borrows = negative && fraction != 0;
    if (*text != '\0' || (borrows && __builtin_sub_overflow(seconds, 1, &seconds)))
        return false;
    time->tv_sec = seconds;
    time->tv_nsec = borrows ? 1000000000L - fraction : fraction;
    return true;
}

static bool set_text(struct tar_buffer *text, const char *value, size_t bytes)
{
    text->bytes = 0;
    return bytes == 0 || (tar_buffer_append(text, value, bytes) && tar_buffer_append(text, "", 1));
}

static bool is_key(const char *key, size_t bytes, const char *wanted)
{
    return bytes == strlen(wanted) && memcmp(key, wanted, bytes) == 0;
}

/* Of one header. */
struct records {
    struct tar_pax *pax;
    bool sparse_name; /* a GNU.sparse.name was seen, which outranks path */
    bool own_mtime;
};

static bool time_of(const char *value, size_t bytes, struct timespec *time)
{
    char text[64];
    if (bytes >= sizeof text)
        return false;
    memcpy(text, value, bytes);
    text[bytes] = '\0';
    return parse_time(text, time);
}

static bool is_version(const char *key, size_t key_bytes, const char *value, size_t bytes)
{
    bool major = is_key(key, key_bytes, "GNU.sparse.major");
    bool minor = is_key(key, key_bytes, "GNU.sparse.minor");
    return (major || minor) && !(bytes == 1 && (*value == '0' || *value == '1'));
}

/* One record's key and value. False: out of memory. */
static bool apply(struct records *records, const char *key, size_t key_bytes, const char *value,
                  size_t bytes)
{
    static const char sparse[] = "GNU.sparse.";
    struct tar_pax *pax = records->pax;
    pax->sparse |= key_bytes > sizeof sparse && memcmp(key, sparse, sizeof sparse - 1) == 0;
    if (is_key(key, key_bytes, "GNU.sparse.name")) {
        records->sparse_name = true;
        return set_text(&pax->path, value, bytes);
    }
    if (is_key(key, key_bytes, "path") && !records->sparse_name)
        return set_text(&pax->path, value, bytes);
    if (is_key(key, key_bytes, "linkpath"))
        return set_text(&pax->link, value, bytes);
    pax->unknown_sparse |= is_version(key, key_bytes, value, bytes);
    if (is_key(key, key_bytes, "mtime")) {
        records->own_mtime = true;
        pax->has_mtime = bytes > 0 && *value == '-' && time_of(value, bytes, &pax->mtime);
    }
    return true;
}

/* The same of a global header. */
static bool apply_global(struct records *records, const char *key, size_t key_bytes,
                         const char *value, size_t bytes)
{
    static const char *const weighty[] = {"path", "linkpath", "size", "hdrcharset"};
    struct tar_pax *pax = records->pax;
    if (is_key(key, key_bytes, "mtime"))
        pax->global.has_mtime = time_of(value, bytes, &pax->global.mtime);
    for (size_t i = 0; i < sizeof weighty / sizeof *weighty; i++)
        pax->global.more |= is_key(key, key_bytes, weighty[i]);
    return true;
}

/* "LENGTH key=value\n" and so on. What is malformed ends it; libarchive reports it. */
static bool parse_records(struct records *records, const char *at, size_t left,
                          bool (*take)(struct records *records, const char *key, size_t key_bytes,
                                       const char *value, size_t bytes))
{
    while (left > 0) {
        size_t length = 0, digits = 0;
        while (digits < left && digits < 8 && at[digits] >= '0' && at[digits] <= '9')
            length = length * 10 + (size_t)(at[digits++] - '0');
        if (digits == 0 || digits == left || at[digits] != ' ' || length > left ||
            length < digits + 3 || at[length - 1] != '\n')
            return true;
        const char *key = at + digits + 1, *end = at + length - 1;
        const char *equals = memchr(key, '=', (size_t)(end - key));
        if (equals == NULL)
            return true;
        if (!take(records, key, (size_t)(equals - key), equals + 1, (size_t)(end - equals - 1)))
            return false;
        at += length;
        left -= length;
    }
    return true;
}

static uint64_t octal(const unsigned char *field, size_t width)
{
    uint64_t number = 0;
    size_t i = 0;
    while (i < width && field[i] == ' ')
        i++;
    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
        number = number << 3 | (uint64_t)(field[i] - '0');
    return number;
}

uint64_t tar_pax_size(const unsigned char block[TAR_BLOCK])
{
    return octal(block + 124, 12);
}

bool tar_pax_read(const struct tar_tap *tap, uint64_t offset, struct tar_pax *pax)
{
    unsigned char block[TAR_BLOCK];
    pax->path.bytes = pax->link.bytes = 0;
    pax->has_mtime = false;
    pax->sparse = pax->unknown_sparse = false;
    pax->type = 0;
    struct records found = {.pax = pax};
    /* More than a few special headers in front of one entry are not worth following. */
    for (int headers = 0; headers < 8 && tar_tap_copy(tap, offset, block, sizeof block);
         headers++) {
        unsigned char type = block[156];
        uint64_t bytes = tar_pax_size(block);
        if (type == '\0' || strchr("xXgLKV", type) == NULL || bytes > PAX_LIMIT) {
            pax->type = type;
            pax->bytes = bytes;
            pax->end = offset + TAR_BLOCK;
            break;
        }
        if (type == 'x' || type == 'g') {
            TAR_AUTO_BUFFER records = {0};
            if (!tar_buffer_reserve(&records, bytes + 1))
                return false;
            if (!tar_tap_copy(tap, offset + TAR_BLOCK, records.data, bytes))
                break;
            if (!parse_records(&found, (const char *)records.data, bytes,
                               type == 'x' ? apply : apply_global))
                return false;
        }
        offset += TAR_BLOCK + bytes + tar_padding(bytes);
    }
    if (pax->global.has_mtime && !found.own_mtime) {
        pax->has_mtime = true;
        pax->mtime = pax->global.mtime;
    }
    return true;
}

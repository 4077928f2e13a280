/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzip2, LZMA, zstd, xz and PPMd by libarchive. It has no function for a single method, so the
 * member is handed to it as a zip of its own, of one local header and the data. What comes out is
 * counted and checked by whoever takes it.
 */
#include "zip_method.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ENCRYPTED = ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED };
enum { METHOD_LZMA = 14, METHOD_XZ = 95, METHOD_PPMD = 98 };
enum { METHOD_FLAGS = 2 | 4 }; /* what a method has to say about itself (4.4.4) */

static const struct {
    uint16_t method;
    bool known; /* to libarchive 3.6 */
    const char *name;
} methods[] = {
    {1, false, "Shrink"},   {2, false, "Reduce"},  {3, false, "Reduce"},    {4, false, "Reduce"},
    {5, false, "Reduce"},   {6, false, "Implode"}, {9, false, "Deflate64"}, {12, true, "bzip2"},
    {14, true, "LZMA"},     {93, true, "zstd"},    {95, true, "xz"},        {96, false, "JPEG"},
    {97, false, "WavPack"}, {98, true, "PPMd"},
};

const char *zip_method_problem(const struct zip_record *record, char *text)
{
    const char *name = "a method that is not known";
    if (record->flags & ENCRYPTED)
        return "is encrypted; `7z x ARCHIVE` asks for the password and unpacks it";
    if (record->flags & ZIP_FLAG_PATCH)
        return "is a patch of another file, not a file";
    if (record->method == ZIP_STORED || record->method == ZIP_DEFLATED)
        return NULL;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].method != record->method)
            continue;
        if (methods[i].known)
            return NULL;
        name = methods[i].name;
    }
    snprintf(text, ZIP_WHY_BYTES,
             "is compressed by %s (method %d), which is not read here; `7z x ARCHIVE` unpacks it",
             name, record->method);
    return text;
}

/* ---- what the packed bytes begin with ---------------------------------------------------- */

/*
 * LZMA and xz say how large a dictionary the decoder has to keep: up to 4 GiB in an archive of a
 * few bytes. No distance is longer than the content, so LZMA's number, which nothing protects, is
 * cut.
 */
enum { DICTIONARY_MOST = 128 << 20, DICTIONARY_LEAST = 4096 };
enum { LZMA_DICTIONARY = 5, LZMA_HEADER = 9, XZ_STREAM_HEADER = 12, XZ_LZMA2 = 0x21 };

static uint64_t lzma_dictionary(const unsigned char *data, size_t bytes)
{
    return bytes < LZMA_HEADER ? 0 : zip_get32(data + LZMA_DICTIONARY);
}

/* A number in 7 bits a byte. Ends at `bytes`. */
static uint64_t xz_number(const unsigned char *data, size_t bytes, size_t *at)
{
    uint64_t number = 0;
    for (unsigned shift = 0; *at < bytes && shift < 63; shift += 7) {
        unsigned char byte = data[(*at)++];
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return number;
}

/* Of the first block; its header has a checksum (The .xz File Format, 3.1 and 5.3.1). */
static uint64_t xz_dictionary(const unsigned char *data, size_t bytes)
{
    size_t at = XZ_STREAM_HEADER + 2;
    if (bytes < at)
        return 0;
    unsigned flags = data[at - 1];
    for (unsigned size = 0x40; size <= 0x80; size <<= 1)
        if ((flags & size) != 0)
            xz_number(data, bytes, &at);
    for (unsigned filters = (flags & 3) + 1; filters > 0 && at < bytes; filters--) {
        uint64_t id = xz_number(data, bytes, &at), length = xz_number(data, bytes, &at);
        if (id == XZ_LZMA2 && at < bytes)
            return data[at] >= 40 ? UINT32_MAX
                                  : (uint64_t)(2 | (data[at] & 1U)) << (data[at] / 2 + 11);
        if (length > bytes - at)
            return 0;
        at += (size_t)length;
    }
    return 0;
}

/*
 * PPMd's model: an order and how it starts again when its memory is full (APPNOTE 5.10). Of what
 * libarchive does not take, all else is damage to it: it only says this about the member alone.
 */
static const char *ppmd_problem(const unsigned char *data, size_t bytes, char *text)
{
    enum { HEADER = 2, LEAST_ORDER = 2, LAST_METHOD = 2 };
    if (bytes < HEADER)
        return NULL;
    unsigned word = zip_get16(data), order = (word & 15) + 1, method = word >> 12;
    if (order >= LEAST_ORDER && method <= LAST_METHOD)
        return NULL;
    snprintf(text, ZIP_WHY_BYTES,
             "is compressed by PPMd with parameters that are not read here (order %u, restoration "
             "%u); `7z t ARCHIVE` tells whether they are read elsewhere",
             order, method);
    return text;
}

static const char *memory_problem(const struct zip_record *record, const unsigned char *data,
                                  size_t bytes, char *text)
{
    uint64_t needed = record->method == METHOD_LZMA ? lzma_dictionary(data, bytes)
                      : record->method == METHOD_XZ ? xz_dictionary(data, bytes)
                                                    : 0;
    if (record->method == METHOD_LZMA && needed > record->bytes)
        needed = record->bytes;
    if (needed <= (uint64_t)DICTIONARY_MOST)
        return NULL;
    snprintf(text, ZIP_WHY_BYTES,
             "needs %llu MB of memory to be unpacked, more than the %d MB that are taken here; "
             "`7z x ARCHIVE` unpacks it",
             (unsigned long long)(needed >> 20), DICTIONARY_MOST >> 20);
    return text;
}

const char *zip_method_claim_problem(const struct zip_record *record, const unsigned char *data,
                                     size_t bytes, char *text)
{
    return record->method == METHOD_PPMD ? ppmd_problem(data, bytes, text)
                                         : memory_problem(record, data, bytes, text);
}

bool zip_method_has_claim(const struct zip_record *record)
{
    return record->method == METHOD_LZMA || record->method == METHOD_XZ ||
           record->method == METHOD_PPMD;
}

/* Again where it is decoded: the archive may have changed since it was listed. */
static int check_claim(const struct zip_passage *passage, const unsigned char *data, size_t bytes)
{
    const struct hb_host *host = passage->zip->host;
    char text[ZIP_WHY_BYTES];
    const char *why = zip_method_claim_problem(passage->record, data, bytes, text);
    return why == NULL ? HB_OK : host->fail(host, HB_STATUS_ENTRY, "it %s", why);
}

/* The start of an LZMA member with a dictionary that is no longer than the content. */
static void put_lzma_header(unsigned char *header, const unsigned char *data, uint64_t bytes)
{
    uint64_t most = bytes > DICTIONARY_LEAST ? bytes : DICTIONARY_LEAST;
    memcpy(header, data, LZMA_HEADER);
    if (zip_get32(data + LZMA_DICTIONARY) > most)
        zip_put32(header + LZMA_DICTIONARY, (uint32_t)most);
}

/* ---- libarchive ------------------------------------------------------------------------- */

/* What libarchive reads: the header, then the data. */
struct feed {
    const struct zip_passage *passage;
    unsigned char header[ZIP_LOCAL_BYTES + 1 + ZIP_ROOM_BYTES];
    unsigned char lzma[LZMA_HEADER];
    bool headed;
    uint64_t at;
    int status; /* of the passage */
};

static la_ssize_t feed_read(struct archive *archive, void *self, const void **data)
{
    struct feed *feed = self;
    const struct zip_passage *passage = feed->passage;
    size_t bytes = 0;
    if (!feed->headed) {
        feed->headed = true;
        struct zip_record only = {
            .flags = passage->record->flags & METHOD_FLAGS,
            .method = passage->record->method,
            .crc = passage->record->crc,
            .packed = passage->record->packed,
            .bytes = passage->record->bytes,
            .name = "-",
            .name_bytes = 1,
            .room = zip_is_large(passage->record) ? ZIP_ROOM_64 : ZIP_ROOM_NONE,
        };
        *data = feed->header;
        return (la_ssize_t)zip_put_local(feed->header, &only);
    }
    if (feed->at == passage->record->packed)
        return 0;
    feed->status = passage->next(passage->self, feed->at, data, &bytes);
    if (feed->status == HB_OK && feed->at == 0) {
        feed->status = check_claim(passage, *data, bytes);
        if (passage->record->method == METHOD_LZMA && bytes >= LZMA_HEADER) {
            put_lzma_header(feed->lzma, *data, passage->record->bytes);
            *data = feed->lzma;
            bytes = LZMA_HEADER;
        }
    }
    feed->at += bytes;
    if (feed->status == HB_OK)
        return (la_ssize_t)bytes;
    archive_set_error(archive, EIO, "not read");
    return -1;
}

static int pass_all(const struct feed *feed, struct archive *archive)
{
    const struct zip_passage *passage = feed->passage;
    const struct hb_host *host = passage->zip->host;
    const void *data;
    size_t bytes;
    la_int64_t offset;
    int result;
    while ((result = archive_read_data_block(archive, &data, &bytes, &offset)) == ARCHIVE_OK) {
        int status = bytes == 0 ? HB_OK : passage->take(passage->self, data, bytes);
        if (status != HB_OK)
            return status;
    }
    if (feed->status != HB_OK)
        return feed->status;
    if (result == ARCHIVE_FAILED)
        return host->fail(host, HB_STATUS_ENTRY, "it cannot be decoded: %s",
                          archive_error_string(archive));
    /* A warning is about size or checksum, which whoever takes the content checks, too. */
    if (result == ARCHIVE_EOF || result == ARCHIVE_WARN)
        return HB_OK;
    return host->fail(host, HB_STATUS_FATAL,
                      "its compressed data are broken; the archive is damaged or forged");
}

int zip_method_decode(const struct zip_passage *passage)
{
    struct feed feed = {.passage = passage};
    struct archive_entry *entry;
    struct archive *archive = archive_read_new();
    if (archive == NULL)
        return zip_no_memory(passage->zip);
    int status = HB_STATUS_FATAL;
    if (archive_read_support_format_zip_streamable(archive) == ARCHIVE_OK &&
        archive_read_open(archive, &feed, NULL, feed_read, NULL) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) >= ARCHIVE_WARN)
        status = pass_all(&feed, archive);
    else if (feed.status != HB_OK)
        status = feed.status;
    else
        passage->zip->host->fail(passage->zip->host, HB_STATUS_FATAL, "it cannot be decoded: %s",
                                 archive_error_string(archive));
    archive_read_free(archive);
    return status;
}

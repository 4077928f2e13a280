/* SPDX-License-Identifier: Apache-2.0 */
#include "forge_zip.h"

#include "script.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

enum { MEMBERS = 6, ROOM = 1 << 18 };

struct member {
    struct made name, packed, extra, comment;
    uint64_t bytes, offset;
    uint32_t crc, time, attributes;
    uint16_t method, flags, maker, version;
    bool wide;
};

static void name_of(struct script *script, struct member *member, unsigned number)
{
    static const char *const parts[] = {"a",
                                        "d/",
                                        "../",
                                        "./",
                                        "\\",
                                        "\xe9",
                                        "\xc3\xa4",
                                        "PK\1\2",
                                        "PK\5\6",
                                        "PK\6\7",
                                        "/",
                                        "C:",
                                        "long-name-of-a-file"};
    for (unsigned i = script_below(script, 4); i > 0; i--) {
        const char *part = parts[script_below(script, sizeof parts / sizeof *parts)];
        made_put(&member->name, part, strlen(part));
    }
    if (script_below(script, 4) == 3)
        script_copy(script, &member->name, script_below(script, 40));
    made_fill(&member->name, 'a' + (int)number, 1);
    if (script_below(script, 8) == 7)
        made_fill(&member->name, '/', 1);
}

/* zlib's stream, with flushes at odd places. */
static void deflated(struct script *script, const struct made *content, struct made *packed)
{
    z_stream stream = {0};
    static uint8_t out[ROOM];
    if (deflateInit2(&stream, (int)script_below(script, 10), Z_DEFLATED, -15, 8,
                     (int)script_below(script, 5)) != Z_OK)
        abort();
    size_t first = content->bytes == 0 ? 0 : script_number(script, 2) % (content->bytes + 1);
    static const int flushes[] = {Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK};
    stream.next_in = content->data;
    stream.avail_in = (unsigned)first;
    stream.next_out = out;
    stream.avail_out = sizeof out;
    deflate(&stream, flushes[script_below(script, 5)]);
    stream.avail_in = (unsigned)(content->bytes - first);
    deflate(&stream, Z_FINISH);
    made_put(packed, out, sizeof out - stream.avail_out);
    deflateEnd(&stream);
}

/* What a spoilt stream means becomes the truth, where it means anything. */
static void truth_of_deflate(struct member *member)
{
    static uint8_t out[ROOM];
    z_stream stream = {0};
    if (inflateInit2(&stream, -15) != Z_OK)
        abort();
    stream.next_in = member->packed.data;
    stream.avail_in = (unsigned)member->packed.bytes;
    stream.next_out = out;
    stream.avail_out = sizeof out;
    if (inflate(&stream, Z_FINISH) == Z_STREAM_END) {
        member->bytes = stream.total_out;
        member->crc = (uint32_t)crc32(0, out, (unsigned)stream.total_out);
        member->packed.bytes = stream.total_in;
    }
    inflateEnd(&stream);
}

static la_ssize_t take(struct archive *archive, void *to, const void *data, size_t bytes)
{
    (void)archive;
    made_put(to, data, bytes);
    return (la_ssize_t)bytes;
}

/* Through a filter of libarchive; method 14 has a header of its own. */
static void filtered(const struct made *content, struct member *member)
{
    struct archive *out = archive_write_new();
    struct archive_entry *file = archive_entry_new();
    struct made packed = {0};
    archive_write_set_format_raw(out);
    archive_write_add_filter(out, member->method == 12   ? ARCHIVE_FILTER_BZIP2
                                  : member->method == 14 ? ARCHIVE_FILTER_LZMA
                                  : member->method == 93 ? ARCHIVE_FILTER_ZSTD
                                                         : ARCHIVE_FILTER_XZ);
    archive_write_set_options(out,
                              member->method == 93 ? "compression-level=1" : "compression-level=0");
    archive_write_set_bytes_per_block(out, 0);
    archive_entry_set_filetype(file, AE_IFREG);
    archive_write_open(out, &packed, NULL, take, NULL);
    archive_write_header(out, file);
    archive_write_data(out, content->data, content->bytes);
    archive_write_close(out);
    archive_write_free(out);
    archive_entry_free(file);
    size_t skip = member->method == 14 && packed.bytes > 13 ? 13 : 0;
    if (skip != 0) {
        made_put(&member->packed, "\x09\x14\5\0", 4);
        made_put(&member->packed, packed.data, 5);
    }
    made_put(&member->packed, packed.data + skip, packed.bytes - skip);
    made_free(&packed);
}

static void content_of(struct script *script, struct member *member)
{
    static const uint16_t methods[] = {0, 8, 8, 8, 12, 14, 93, 95};
    struct made content = {0};
    script_content(script, &content);
    member->method = methods[script_below(script, 8)];
    if (script_lies(script))
        member->method = (uint16_t)script_number(script, 1);
    member->bytes = content.bytes;
    member->crc = (uint32_t)crc32(0, content.data, (unsigned)content.bytes);
    if (member->method == 8)
        deflated(script, &content, &member->packed);
    else if (member->method == 12 || member->method == 14 || member->method == 93 ||
             member->method == 95)
        filtered(&content, member);
    else
        made_put(&member->packed, content.data, content.bytes);
    if (member->method != 0)
        script_spoil(script, &member->packed, 3);
    if (member->method == 8)
        truth_of_deflate(member);
    made_free(&content);
}

static void extra_of(struct script *script, struct member *member)
{
    static const uint16_t numbers[] = {0x5455, 0x5855, 0x000a, 0x7075, 0x6268,
                                       0x7468, 0x9901, 0x7875, 0x0001, 0xcafe};
    for (unsigned i = script_below(script, 3); i > 0; i--) {
        struct made field = {0};
        uint16_t number = numbers[script_below(script, sizeof numbers / sizeof *numbers)];
        if (number == 0x7075 && !script_lies(script)) {
            made_number(&field, 1, 1);
            made_number(&field, crc32(0, member->name.data, (unsigned)member->name.bytes), 4);
        }
        script_copy(script, &field, script_below(script, 48));
        made_number(&member->extra, number, 2);
        made_number(&member->extra, script_lies(script) ? script_number(script, 2) : field.bytes,
                    2);
        made_put(&member->extra, field.data, field.bytes);
        made_free(&field);
    }
}

static void member_of(struct script *script, struct member *member, unsigned number)
{
    static const uint16_t flags[] = {0, 0, 8, 0x800, 0x808, 6, 1, 0x20};
    static const uint32_t modes[] = {0100644, 0120777, 040755, 010644, 0, 0104755, 060644, 0140644};
    name_of(script, member, number);
    content_of(script, member);
    extra_of(script, member);
    script_copy(script, &member->comment, script_below(script, 8));
    member->flags = flags[script_below(script, 6)];
    if (script_lies(script))
        member->flags = flags[script_below(script, 8)];
    if (member->method == 14)
        member->flags |= 2; /* its stream has an end mark */
    member->time = (uint32_t)script_number(script, 4);
    member->maker = script_below(script, 3) != 2 ? 3 : (uint16_t)script_below(script, 20);
    member->attributes = modes[script_below(script, 8)] << 16;
    if (script_below(script, 4) == 3)
        member->attributes = (uint32_t)script_number(script, 4);
    member->wide = script_below(script, 6) == 5;
    member->version = member->wide ? 45 : 20;
}

/* The fields that both headers share, up to the length of the extra field. */
static void common_fields(struct made *out, const struct member *member, bool local, size_t extra)
{
    bool later = local && (member->flags & 8) != 0;
    made_number(out, member->version, 2);
    made_number(out, member->flags, 2);
    made_number(out, member->method, 2);
    made_number(out, member->time, 4);
    made_number(out, later ? 0 : member->crc, 4);
    made_number(out, member->wide ? UINT32_MAX : later ? 0 : member->packed.bytes, 4);
    made_number(out, member->wide ? UINT32_MAX : later ? 0 : member->bytes, 4);
    made_number(out, member->name.bytes, 2);
    made_number(out, extra, 2);
}

static void extra_fields(struct made *out, const struct member *member)
{
    if (member->wide) {
        made_number(out, 1, 2);
        made_number(out, 16, 2);
        made_number(out, member->bytes, 8);
        made_number(out, member->packed.bytes, 8);
    }
    made_put(out, member->extra.data, member->extra.bytes);
}

static void local_part(struct script *script, struct made *out, struct member *member)
{
    size_t extra = member->extra.bytes + (member->wide ? 20 : 0), start = out->bytes;
    member->offset = start;
    made_number(out, 0x04034b50, 4);
    common_fields(out, member, true, extra);
    made_put(out, member->name.data, member->name.bytes);
    extra_fields(out, member);
    if (script_lies(script))
        out->data[start + script_number(script, 1) % (out->bytes - start)] ^=
            (uint8_t)script_number(script, 1);
    made_put(out, member->packed.data, member->packed.bytes);
    if ((member->flags & 8) == 0)
        return;
    if (script_below(script, 2) == 0)
        made_number(out, 0x08074b50, 4);
    made_number(out, member->crc, 4);
    made_number(out, member->packed.bytes, member->wide ? 8 : 4);
    made_number(out, member->bytes, member->wide ? 8 : 4);
}

static void central_part(struct script *script, struct made *out, const struct member *member)
{
    size_t extra = member->extra.bytes + (member->wide ? 20 : 0), start = out->bytes;
    made_number(out, 0x02014b50, 4);
    made_number(out, (uint64_t)member->maker << 8 | 30, 2);
    common_fields(out, member, false, extra);
    made_number(out, member->comment.bytes, 2);
    made_number(out, 0, 4); /* disk, kind of text */
    made_number(out, member->attributes, 4);
    made_number(out, member->offset, 4);
    made_put(out, member->name.data, member->name.bytes);
    extra_fields(out, member);
    made_put(out, member->comment.data, member->comment.bytes);
    if (script_lies(script))
        out->data[start + script_number(script, 1) % (out->bytes - start)] ^=
            (uint8_t)script_number(script, 1);
}

static void wide_end(struct made *out, unsigned count, size_t start, size_t size)
{
    size_t place = out->bytes;
    made_number(out, 0x06064b50, 4);
    made_number(out, 44, 8);
    made_number(out, 45 << 16 | 45, 4);
    made_number(out, 0, 8);
    made_number(out, count, 8);
    made_number(out, count, 8);
    made_number(out, size, 8);
    made_number(out, start, 8);
    made_number(out, 0x07064b50, 4);
    made_number(out, 0, 4);
    made_number(out, place, 8);
    made_number(out, 1, 4);
}

static void end_part(struct script *script, struct made *out, unsigned count, size_t start)
{
    size_t size = out->bytes - start;
    struct made comment = {0};
    if (script_below(script, 4) == 3)
        wide_end(out, count, start, size);
    if (script_below(script, 4) == 3)
        script_copy(script, &comment, script_below(script, 60));
    made_number(out, 0x06054b50, 4);
    made_number(out, 0, 4);
    made_number(out, count, 2);
    made_number(out, count, 2);
    made_number(out, size, 4);
    made_number(out, start, 4);
    made_number(out, comment.bytes, 2);
    made_put(out, comment.data, comment.bytes);
    made_free(&comment);
    if (script_below(script, 8) == 7)
        made_fill(out, 0, script_below(script, 100));
}

uint8_t *forge_zip(const uint8_t *data, size_t bytes, size_t *made)
{
    struct script script = {data, bytes};
    struct member members[MEMBERS] = {0};
    struct made out = {0};
    unsigned count = 1 + script_below(&script, MEMBERS);
    if (script_below(&script, 8) == 7)
        script_copy(&script, &out, script_below(&script, 64)); /* a stub */
    for (unsigned i = 0; i < count; i++) {
        member_of(&script, &members[i], i);
        local_part(&script, &out, &members[i]);
    }
    if (script_below(&script, 8) == 7)
        script_copy(&script, &out, script_below(&script, 64)); /* a gap */
    size_t start = out.bytes;
    for (unsigned i = 0; i < count; i++)
        central_part(&script, &out, &members[i]);
    end_part(&script, &out, count, start);
    for (unsigned i = 0; i < count; i++) {
        made_free(&members[i].name);
        made_free(&members[i].packed);
        made_free(&members[i].extra);
        made_free(&members[i].comment);
    }
    *made = out.bytes;
    return out.data;
}

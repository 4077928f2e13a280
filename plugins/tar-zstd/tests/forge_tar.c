/* SPDX-License-Identifier: Apache-2.0 */
#include "forge_tar.h"

#include "fixture.h"
#include "script.h"
#include "tar_bytes.h"
#include "tar_list.h"
#include "tar_table.h"

#include <stdio.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

enum { BLOCK = 512, MEMBERS = 6, ROOM = 1 << 20 };

/* ---- plain tars ---- */

static const char *some_name(struct script *script)
{
    static const char *const names[] = {"a",    "b",    "d/a",    "d/", "./a",          "../a",
                                        "/a",   "d//a", "d/./a/", ".",  "\xc3\xa4\xe9", "a\\b",
                                        "x/y/z"};
    return names[script_below(script, sizeof names / sizeof *names)];
}

/* In octal, in base 256, with blanks, or anything. */
static void number_field(struct script *script, uint8_t *field, int width, uint64_t number)
{
    switch (script_below(script, 12)) {
    case 9:
        field[0] = script_lies(script) ? 0xff : 0x80;
        for (int i = 1; i < width; i++)
            field[width - i] = (uint8_t)(i <= 8 ? number >> 8 * (i - 1) : 0);
        break;
    case 10:
        snprintf((char *)field, (size_t)width, "%*llo", width - 1, (unsigned long long)number);
        break;
    case 11:
        if (script_lies(script)) {
            for (int i = 0; i < width; i++)
                field[i] = (uint8_t)script_number(script, 1);
            break;
        }
        __attribute__((fallthrough));
    default:
        snprintf((char *)field, (size_t)width, "%0*llo", width - 1, (unsigned long long)number);
    }
}

static void text_field(uint8_t *field, size_t width, const char *text)
{
    size_t bytes = strnlen(text, width);
    memcpy(field, text, bytes);
}

static void seal(uint8_t *block)
{
    unsigned sum = 8 * ' ';
    for (int i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? 0 : block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    block[155] = ' ';
}

static void pad(struct made *out)
{
    made_fill(out, 0, -out->bytes & (BLOCK - 1));
}

static void header(struct script *script, struct made *out, char kind, const char *name,
                   const char *link, uint64_t bytes)
{
    static const char magics[][9] = {"ustar\00000", "ustar  ", "\0\0\0\0\0\0\0"};
    uint8_t block[BLOCK] = {0};
    text_field(block, 100, name);
    number_field(script, block + 100, 8,
                 script_below(script, 4) == 3 ? script_number(script, 2) : 0644);
    number_field(script, block + 108, 8, script_below(script, 4));
    number_field(script, block + 116, 8, script_below(script, 4));
    number_field(script, block + 124, 12, script_lies(script) ? script_number(script, 8) : bytes);
    number_field(script, block + 136, 12, script_number(script, 5));
    block[156] = (uint8_t)kind;
    text_field(block + 157, 100, link);
    memcpy(block + 257, magics[script_below(script, 5) % 3], 8);
    if (script_below(script, 8) == 7)
        text_field(block + 345, 155, some_name(script));
    if (script_lies(script))
        block[script_number(script, 2) % BLOCK] = (uint8_t)script_number(script, 1);
    seal(block);
    made_put(out, block, sizeof block);
}

/* One pax record, its length right unless it lies. */
static void pax_record(struct script *script, struct made *out)
{
    static const char *const keys[] = {"path",
                                       "linkpath",
                                       "size",
                                       "mtime",
                                       "uid",
                                       "hdrcharset",
                                       "comment",
                                       "GNU.sparse.major",
                                       "GNU.sparse.minor",
                                       "GNU.sparse.name",
                                       "GNU.sparse.realsize",
                                       "GNU.sparse.map",
                                       "GNU.sparse.size",
                                       "GNU.sparse.numblocks",
                                       "GNU.sparse.offset",
                                       "GNU.sparse.numbytes",
                                       "SCHILY.xattr.user.a",
                                       "LIBARCHIVE.xattr.user.b",
                                       "SCHILY.acl.access",
                                       "gname"};
    static const char *const values[] = {
        "0", "1",   "5",      "1000",       "-1.5", "1700000000.123456789",
        "",  "a/b", "BINARY", "0,4,1000,4", "2000", "99999999999999999999"};
    const char *key = keys[script_below(script, sizeof keys / sizeof *keys)];
    struct made value = {0}, line = {0};
    if (script_below(script, 3) == 2) {
        script_copy(script, &value, script_below(script, 64));
    } else {
        const char *text = values[script_below(script, sizeof values / sizeof *values)];
        made_put(&value, text, strlen(text));
    }
    size_t body = strlen(key) + value.bytes + 3, length = body + 1;
    char number[24];
    while ((size_t)snprintf(number, sizeof number, "%zu", length) + body != length)
        length++;
    if (script_lies(script))
        snprintf(number, sizeof number, "%u", script_below(script, 256));
    made_put(&line, number, strlen(number));
    made_fill(&line, ' ', 1);
    made_put(&line, key, strlen(key));
    made_fill(&line, '=', 1);
    made_put(&line, value.data, value.bytes);
    made_fill(&line, '\n', 1);
    made_put(out, line.data, line.bytes);
    made_free(&value);
    made_free(&line);
}

static void extended(struct script *script, struct made *out, char kind)
{
    struct made records = {0};
    for (unsigned i = script_below(script, 5); i > 0; i--)
        pax_record(script, &records);
    header(script, out, kind, "pax", "", records.bytes);
    made_put(out, records.data, records.bytes);
    pad(out);
    made_free(&records);
}

static void gnu_name(struct script *script, struct made *out, char kind)
{
    struct made name = {0};
    made_fill(&name, 'n', script_number(script, 1));
    script_copy(script, &name, script_below(script, 32));
    made_fill(&name, 0, 1);
    header(script, out, kind, "././@LongLink", "", name.bytes);
    made_put(out, name.data, name.bytes);
    pad(out);
    made_free(&name);
}

/* GNU's old sparse header: up to four ranges, and a block of 21 more. */
static void sparse_member(struct script *script, struct made *out)
{
    uint8_t block[BLOCK] = "sparse";
    uint64_t offset = 0, stored = 0;
    unsigned ranges = script_below(script, 5);
    for (unsigned i = 0; i < ranges; i++) {
        uint64_t bytes = script_below(script, 64);
        offset += script_number(script, 2);
        number_field(script, block + 386 + (size_t)24 * i, 12, offset);
        number_field(script, block + 398 + (size_t)24 * i, 12, bytes);
        offset += bytes;
        stored += bytes;
    }
    number_field(script, block + 100, 8, 0644);
    number_field(script, block + 124, 12, stored);
    number_field(script, block + 136, 12, 1700000000);
    block[156] = 'S';
    memcpy(block + 257, "ustar  ", 8);
    block[482] = script_lies(script);
    number_field(script, block + 483, 12, offset + script_below(script, 200));
    seal(block);
    made_put(out, block, sizeof block);
    made_fill(out, 's', (size_t)stored);
    pad(out);
}

static void member(struct script *script, struct made *out)
{
    static const char kinds[] = "0000512167LKxgVDMSQ\0";
    struct made content = {0};
    char kind = kinds[script_below(script, sizeof kinds - 1)];
    switch (kind) {
    case 'x':
    case 'g':
        extended(script, out, kind);
        return;
    case 'L':
    case 'K':
        gnu_name(script, out, kind);
        return;
    case 'S':
        sparse_member(script, out);
        return;
    default:
        break;
    }
    if (kind == '0' || kind == '7' || kind == 0 || script_lies(script))
        script_content(script, &content);
    header(script, out, kind, some_name(script),
           kind == '1' || kind == '2' ? some_name(script) : "", content.bytes);
    made_put(out, content.data, content.bytes);
    pad(out);
    made_free(&content);
}

static void plain_tar(struct script *script, struct made *out)
{
    for (unsigned i = 1 + script_below(script, 2 * MEMBERS); i > 0; i--)
        member(script, out);
    made_fill(out, 0, (size_t)BLOCK * (script_below(script, 8) == 7 ? script_below(script, 4) : 2));
}

/* ---- packed ---- */

static void gzipped(struct script *script, const struct made *tar, struct made *out)
{
    static uint8_t room[ROOM * 2];
    z_stream stream = {.next_in = tar->data, .avail_in = (unsigned)tar->bytes};
    stream.next_out = room;
    stream.avail_out = sizeof room;
    if (deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    deflate(&stream, Z_FINISH);
    made_put(out, room, sizeof room - stream.avail_out);
    deflateEnd(&stream);
    if (script_lies(script))
        script_spoil(script, out, 3);
}

/* Frames of any length, skippable ones between them. */
static void in_zstd(struct script *script, const struct made *tar, struct made *out)
{
    static uint8_t room[ROOM * 2];
    for (size_t at = 0; at < tar->bytes;) {
        size_t bytes = script_below(script, 2) == 0 ? tar->bytes : 1 + script_number(script, 2);
        if (bytes > tar->bytes - at)
            bytes = tar->bytes - at;
        size_t packed = ZSTD_compress(room, sizeof room, tar->data + at, bytes, 1);
        made_put(out, room, packed);
        at += bytes;
        if (script_below(script, 8) == 7) {
            made_number(out, 0x184d2a50 + script_below(script, 16), 4);
            made_number(out, 8, 4);
            made_number(out, script_number(script, 8), 8);
        }
    }
    if (script_lies(script))
        script_spoil(script, out, 3);
}

/* ---- the plugin's own, with another index ---- */

struct own {
    struct fake_host fake;
    struct memory memory;
    struct tar_zstd tar;
    struct tar_table *table;
};

static int quiet_fail(const struct hb_host *host, int status, const char *format, ...)
{
    (void)host;
    (void)format;
    return status;
}

static void *plain_alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes);
}

static void plain_release(const struct hb_host *host, void *data)
{
    (void)host;
    free(data);
}

static int never(const struct hb_host *host)
{
    (void)host;
    return 0;
}

static void write_own(struct script *script, struct own *own)
{
    struct sample samples[MEMBERS];
    struct made contents[MEMBERS] = {0};
    unsigned count = 1 + script_below(script, MEMBERS);
    char names[MEMBERS][24];
    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "m%u-%llu", i,
                 (unsigned long long)script_number(script, 2));
        script_content(script, &contents[i]);
        switch (script_below(script, 5)) {
        case 3:
            samples[i] = sample_directory(names[i]);
            break;
        case 4:
            samples[i] = sample_link(names[i], some_name(script));
            break;
        default:
            samples[i] = sample_file(names[i], contents[i].data, contents[i].bytes);
        }
    }
    memory_init(&own->memory, true);
    if (write_archive(&own->fake, "level=1\nframe-size=256K", &own->memory, samples, count,
                      "trailer", script_below(script, 8)) != HB_OK)
        abort();
    for (unsigned i = 0; i < count; i++)
        made_free(&contents[i]);
}

/* The records of the index again, spoilt, and every checksum made to fit. */
static void forge_index(struct script *script, const struct own *own, struct made *out)
{
    const struct memory *memory = &own->memory;
    const struct tar_table *table = own->table;
    struct tar_index_header head = table->index;
    struct made records = {0};
    static uint8_t room[1 << 16];
    uint8_t header_bytes[TAR_INDEX_HEADER];
    size_t index = (size_t)table->records_offset - TAR_INDEX_HEADER - TAR_SKIPPABLE_HEADER;
    size_t behind = (size_t)(table->records_offset + table->records_bytes);
    size_t raw = ZSTD_decompress(room, sizeof room, memory->data + table->records_offset,
                                 (size_t)table->records_bytes);
    if (ZSTD_isError(raw))
        abort();
    made_put(&records, room, raw);
    script_spoil(script, &records, 3);
    size_t packed = ZSTD_compress(room, sizeof room, records.data, records.bytes, 1);
    head.payload_hash = XXH64(room, packed, 0);
    tar_index_header_write(&head, header_bytes);
    made_put(out, memory->data, index);
    made_number(out, TAR_MAGIC_INDEX, 4);
    made_number(out, sizeof header_bytes + packed, 4);
    made_put(out, header_bytes, sizeof header_bytes);
    made_put(out, room, packed);
    made_put(out, memory->data + behind, memory->bytes - behind);
    made_free(&records);
    size_t rows = table->count + 2 + (head.flags & 1); /* index, end, trailer */
    size_t row = out->bytes - TAR_SEEK_FOOTER_SIZE - (rows - table->count) * TAR_SEEK_ROW;
    tar_put32(out->data + row, (uint32_t)(TAR_SKIPPABLE_HEADER + sizeof header_bytes + packed));
}

static void own_archive(struct script *script, struct made *out)
{
    struct own own = {.fake.host = {.size = sizeof own.fake.host,
                                    .fail = quiet_fail,
                                    .cancelled = never,
                                    .alloc = plain_alloc,
                                    .release = plain_release}};
    own.tar.host = &own.fake.host;
    write_own(script, &own);
    memory_rewind(&own.memory, true);
    if (tar_table_read(&own.tar, &own.memory.input, &own.table) != HB_OK)
        abort();
    forge_index(script, &own, out);
    tar_table_free(own.table);
    memory_free(&own.memory);
    if (script_lies(script))
        script_spoil(script, out, 2);
}

uint8_t *forge_tar(const uint8_t *data, size_t bytes, size_t *made)
{
    struct script script = {data, bytes};
    struct made tar = {0}, out = {0};
    unsigned container = script_below(&script, 8);
    if (container == 7) {
        own_archive(&script, &out);
    } else {
        plain_tar(&script, &tar);
        if (container == 6)
            gzipped(&script, &tar, &out);
        else if (container == 5)
            in_zstd(&script, &tar, &out);
        else
            made_put(&out, tar.data, tar.bytes);
    }
    made_free(&tar);
    *made = out.bytes;
    return out.data;
}

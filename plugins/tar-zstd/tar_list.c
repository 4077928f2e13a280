/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists an archive of ours from its member index, without touching its data. The index must fit the
 * archive completely: each byte of the tar belongs to exactly one member, and each header is as
 * long as that of the entry is. So no byte of the tar can be hidden by an index.
 */
#include "tar_list.h"

#include "tar_bytes.h"
#include "tar_table.h"

#include <string.h>
#include <xxhash.h>

#define CHUNK        (64u << 10)
#define RECORD_LIMIT (2 * TAR_NAME_LIMIT + 256)

struct listing {
    const struct tar_zstd *tar;
    const struct tar_table *table;
    const struct hb_lister *lister;
    struct tar_buffer raw; /* decompressed, not yet read */
    struct tar_buffer path, link;
    uint64_t members;
    uint64_t raw_bytes;
    uint64_t tar_offset; /* where the next member starts */
    uint64_t group;      /* first frame of the present group */
    uint64_t frame;      /* that was looked up last */
    uint64_t next_frame; /* one behind the last frame that a member has touched */
};

/* ---- reading one record --------------------------------------------------------- */

struct cursor {
    const unsigned char *at, *end;
    bool bad;
};

static uint64_t get_varint(struct cursor *cursor)
{
    uint64_t number = 0;
    if (cursor->at < cursor->end && *cursor->at < 0x80) /* as most are */
        return *cursor->at++;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        unsigned char byte = *cursor->at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    cursor->bad = true;
    return 0;
}

static const unsigned char *get_bytes(struct cursor *cursor, uint64_t bytes)
{
    const unsigned char *start = cursor->at;
    if (bytes > (uint64_t)(cursor->end - cursor->at)) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += bytes;
    return start;
}

/* A text into `out`, with a NUL behind it. False: out of memory. */
static bool get_text(struct cursor *cursor, struct tar_buffer *out)
{
    uint64_t bytes = get_varint(cursor);
    const unsigned char *text = get_bytes(cursor, bytes);
    out->bytes = 0;
    if (text == NULL || bytes == 0 || bytes > TAR_NAME_LIMIT || memchr(text, 0, bytes) != NULL) {
        cursor->bad = true;
        return tar_buffer_append(out, NULL, 1);
    }
    return tar_buffer_append(out, text, (size_t)bytes) && tar_buffer_append(out, NULL, 1);
}

static uint32_t get_number(struct cursor *cursor, uint32_t most)
{
    uint64_t number = get_varint(cursor);
    cursor->bad |= number > most;
    return (uint32_t)number;
}

static bool get_entry(struct listing *listing, struct cursor *cursor, struct hb_entry *entry,
                      uint64_t *header_blocks)
{
    const unsigned char *kind = get_bytes(cursor, 2);
    *entry = (struct hb_entry){.size = sizeof *entry, .index = listing->members};
    if (kind == NULL)
        return true;
    entry->type = kind[0];
    entry->flags = kind[1];
    cursor->bad |= entry->type < HB_TYPE_FILE || entry->type > HB_TYPE_HARDLINK || entry->flags > 7;
    if (!get_text(cursor, &listing->path))
        return false;
    entry->path = (const char *)listing->path.data;
    entry->path_bytes = listing->path.bytes - 1;
    *header_blocks = get_varint(cursor);
    entry->bytes = get_varint(cursor);
    cursor->bad |= entry->bytes != 0 && entry->type != HB_TYPE_FILE;
    if (entry->type == HB_TYPE_SYMLINK || entry->type == HB_TYPE_HARDLINK) {
        if (!get_text(cursor, &listing->link))
            return false;
        entry->link = (const char *)listing->link.data;
    }
    if (entry->flags & HB_ENTRY_HAS_MODE)
        entry->mode = get_number(cursor, 07777);
    if (entry->flags & HB_ENTRY_HAS_MTIME) {
        const unsigned char *seconds = get_bytes(cursor, 8);
        if (seconds != NULL)
            entry->mtime.tv_sec = (time_t)tar_get64(seconds);
        entry->mtime.tv_nsec = (long)get_number(cursor, 999999999);
    }
    if (entry->flags & HB_ENTRY_HAS_OWNER) {
        entry->uid = get_number(cursor, UINT32_MAX);
        entry->gid = get_number(cursor, UINT32_MAX);
    }
    cursor->bad |= cursor->at != cursor->end;
    return true;
}

/* ---- members ---------------------------------------------------------------------- */

static int damaged(const struct listing *listing)
{
    return listing->tar->host->fail(listing->tar->host, HB_STATUS_FATAL,
                                    "the archive's member index contradicts itself at entry %llu; "
                                    "it is damaged or forged, use another copy",
                                    (unsigned long long)listing->members + 1);
}

/* The frame that holds `offset`, which is not before the one that was asked for last. */
static uint64_t find_frame(struct listing *listing, uint64_t offset)
{
    const struct tar_table *table = listing->table;
    while (listing->frame + 1 < table->count &&
           table->frames[listing->frame + 1].tar_offset <= offset)
        listing->frame++;
    return listing->frame;
}

/* Members that share a frame are a group, which is named by its first frame. */
static void place(struct listing *listing, uint64_t end, struct hb_member *member)
{
    const struct tar_table *table = listing->table;
    uint64_t first = find_frame(listing, listing->tar_offset);
    uint64_t last = find_frame(listing, end - 1);
    if (listing->members == 0 || first >= listing->next_frame)
        listing->group = first;
    uint64_t untouched = first > listing->next_frame ? first : listing->next_frame;
    if (listing->members == 0)
        untouched = first;
    if (last >= untouched) {
        member->stored_bytes =
            table->frames[last + 1].file_offset - table->frames[untouched].file_offset;
        listing->next_frame = last + 1;
    }
    member->group = listing->group;
    member->token = listing->tar_offset;
}

static int list_member(struct listing *listing, const unsigned char *record, size_t bytes)
{
    struct cursor cursor = {.at = record, .end = record + bytes};
    struct hb_entry entry;
    struct hb_member member = {.size = sizeof member, .entry = &entry};
    uint64_t blocks = 0, end = 0;
    if (!get_entry(listing, &cursor, &entry, &blocks))
        return tar_no_memory(listing->tar->host);
    /*
     * If the header were shorter than the record says, what follows it would be read by every other
     * program, but not by this one. What it says is compared when the member is decoded.
     */
    if (cursor.bad || __builtin_mul_overflow(blocks, TAR_BLOCK, &end) || end == 0 ||
        end != tar_header_bytes(&entry))
        return damaged(listing);
    if (__builtin_add_overflow(end, entry.bytes, &end) ||
        __builtin_add_overflow(end, tar_padding(entry.bytes), &end) ||
        __builtin_add_overflow(end, listing->tar_offset, &end) ||
        end > listing->table->index.tar_bytes)
        return damaged(listing);
    place(listing, end, &member);
    int status = listing->lister->member(listing->lister, &member);
    listing->tar_offset = end;
    listing->members++;
    return status;
}

/* Reads whole records from what is decompressed; a part of one stays for the next time. */
static int list_records(struct listing *listing)
{
    size_t at = 0;
    int status = HB_OK;
    while (status == HB_OK) {
        struct cursor cursor = {.at = listing->raw.data + at,
                                .end = listing->raw.data + listing->raw.bytes};
        uint64_t bytes = get_varint(&cursor);
        if (cursor.bad && cursor.end - cursor.at == 0 && listing->raw.bytes - at < 10)
            break;
        if (cursor.bad || bytes > RECORD_LIMIT)
            return damaged(listing);
        const unsigned char *record = get_bytes(&cursor, bytes);
        if (record == NULL)
            break;
        status = list_member(listing, record, (size_t)bytes);
        at = (size_t)(cursor.at - listing->raw.data);
    }
    if (at != 0)
        memmove(listing->raw.data, listing->raw.data + at, listing->raw.bytes - at);
    listing->raw.bytes -= at;
    return status;
}

/* ---- the index as a whole ---------------------------------------------------------- */

typedef int chunk_reader(void *self, const unsigned char *data, size_t bytes);

static int for_each_chunk(const struct hb_input *input, const struct tar_table *table,
                          unsigned char *buffer, chunk_reader *reader, void *self)
{
    int status = HB_OK;
    for (uint64_t done = 0; status == HB_OK && done < table->records_bytes;) {
        uint64_t left = table->records_bytes - done;
        size_t bytes = left < CHUNK ? (size_t)left : CHUNK;
        status = tar_read_exactly(input, buffer, bytes, table->records_offset + done);
        if (status == HB_OK)
            status = reader(self, buffer, bytes);
        done += bytes;
    }
    return status;
}

static int hash_chunk(void *self, const unsigned char *data, size_t bytes)
{
    XXH64_update(self, data, bytes);
    return HB_OK;
}

static int check_hash(const struct tar_zstd *tar, const struct hb_input *input,
                      const struct tar_table *table, unsigned char *buffer)
{
    XXH64_state_t *hash = XXH64_createState();
    if (hash == NULL)
        return tar_no_memory(tar->host);
    XXH64_reset(hash, 0);
    int status = for_each_chunk(input, table, buffer, hash_chunk, hash);
    if (status == HB_OK && XXH64_digest(hash) != table->index.payload_hash)
        status = HB_STATUS_NOMATCH;
    XXH64_freeState(hash);
    return status;
}

struct unpacking {
    struct listing listing;
    ZSTD_DCtx *decompressor;
    size_t expected; /* 0 once the frame has ended */
};

static int unpack_chunk(void *self, const unsigned char *data, size_t bytes)
{
    struct unpacking *unpacking = self;
    struct listing *listing = &unpacking->listing;
    ZSTD_inBuffer in = {.src = data, .size = bytes};
    bool full = false;
    while (in.pos < in.size || full) {
        if (!tar_buffer_reserve(&listing->raw, CHUNK))
            return tar_no_memory(listing->tar->host);
        ZSTD_outBuffer out = {.dst = listing->raw.data + listing->raw.bytes, .size = CHUNK};
        if (unpacking->expected == 0)
            return damaged(listing);
        unpacking->expected = ZSTD_decompressStream(unpacking->decompressor, &out, &in);
        if (ZSTD_isError(unpacking->expected))
            return damaged(listing);
        full = unpacking->expected != 0 && out.pos == out.size;
        listing->raw.bytes += out.pos;
        listing->raw_bytes += out.pos;
        if (listing->raw_bytes > listing->table->index.raw_bytes)
            return damaged(listing);
        int status = list_records(listing);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

static int list_all(struct tar_zstd *tar, const struct hb_input *input,
                    const struct tar_table *table, const struct hb_lister *lister,
                    unsigned char *buffer)
{
    struct unpacking unpacking = {
        .listing = {.tar = tar, .table = table, .lister = lister},
        .decompressor = ZSTD_createDCtx(),
        .expected = 1,
    };
    struct listing *listing = &unpacking.listing;
    int status = HB_OK;
    if (unpacking.decompressor == NULL)
        status = tar_no_memory(tar->host);
    if (status == HB_OK) {
        ZSTD_DCtx_setParameter(unpacking.decompressor, ZSTD_d_windowLogMax, TAR_WINDOW_LOG_MAX);
        status = for_each_chunk(input, table, buffer, unpack_chunk, &unpacking);
    }
    if (status == HB_STATUS_NOMATCH)
        status = damaged(listing); /* it was longer when its hash was taken */
    if (status == HB_OK &&
        (unpacking.expected != 0 || listing->raw.bytes != 0 ||
         listing->raw_bytes != table->index.raw_bytes || listing->members != table->index.members ||
         listing->tar_offset != table->index.tar_bytes))
        status = damaged(listing);
    ZSTD_freeDCtx(unpacking.decompressor);
    tar_buffer_free(&listing->raw);
    tar_buffer_free(&listing->path);
    tar_buffer_free(&listing->link);
    return status;
}

int tar_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct tar_zstd *tar = self;
    struct tar_table *table = NULL;
    int status = tar_table_read(tar, input, &table);
    if (status != HB_OK)
        return status;
    TAR_AUTO_FREE unsigned char *buffer = malloc(CHUNK);
    status = buffer == NULL ? tar_no_memory(tar->host) : check_hash(tar, input, table, buffer);
    if (status != HB_OK) {
        tar_table_free(table);
        return status;
    }
    tar_table_free(tar->table);
    tar->table = table;
    return list_all(tar, input, table, lister, buffer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive, front to back: frames with entries, then the member index, the host's trailer, the
 * end of the tar stream, and the seek table.
 *
 *      | frame | frame | ... | index | trailer | end frame | seek table |
 *        tar bytes             skip    skip      2 zero      skip
 *                                                blocks
 *        tar --zstd reads the frames, and passes over what is marked skip (skippable frames)
 *
 * What it promises. Any tar and any zstd reads the archive. This plugin finds a member without
 * reading the rest, and notices what is damaged or cut out, also when it reads from a pipe. The
 * same entries in the same units give the same bytes, by the same release of zstd.
 *
 * What it must not do.
 *  - Seek back: all goes to the sink in order, so the archive can be written to a pipe.
 *  - Keep in memory what grows with the content: of each member there is a compressed record, of
 *    each frame a row of 12 bytes, and nothing else.
 *  - Close an archive whose entries and frames disagree (tar_finish()): each later member would be
 *    read from the wrong place.
 *
 * Why this order. Index and trailer stand in front of the end of the tar stream. A reader of a pipe
 * that has seen an index knows then that a seek table must follow, so no cut goes unnoticed, not
 * even one exactly between two frames. Why the index says nothing about places: headers and data
 * follow each other without gaps, so the place of a member is the sum of the lengths before it, and
 * that sum has to agree with the seek table. Two places for one fact could differ.
 *
 * README.md has the layout byte by byte; tar_table.c reads the end, tar_list.c the index.
 */
#include "tar_write.h"

#include "tar_bytes.h"
#include "tar_encode.h"
#include "tar_index.h"

#include <string.h>
#include <xxhash.h>

#define RAW_BATCH (64u << 10)

/* The index is compressed as it grows: 400,000 members cost a few megabytes here. */
struct tar_writer {
    ZSTD_CCtx *index_compressor;
    struct tar_buffer index;  /* compressed records */
    struct tar_buffer record; /* of one member */
    struct tar_buffer raw;    /* records that wait to be compressed together */
    struct tar_buffer header; /* of one member, for its length */
    struct tar_buffer rows;   /* of the seek table */
    uint64_t members;
    uint64_t index_raw_bytes;
    uint64_t entry_bytes; /* of the tar stream, by the entries begun */
    uint64_t frame_bytes; /* of the tar stream, by the frames appended */
};

void tar_writer_free(struct tar_writer *writer)
{
    if (writer == NULL)
        return;
    ZSTD_freeCCtx(writer->index_compressor);
    tar_buffer_free(&writer->index);
    tar_buffer_free(&writer->record);
    tar_buffer_free(&writer->raw);
    tar_buffer_free(&writer->header);
    tar_buffer_free(&writer->rows);
    free(writer);
}

static struct tar_writer *writer_of(struct tar_zstd *tar)
{
    if (tar->writer != NULL)
        return tar->writer;
    struct tar_writer *writer = calloc(1, sizeof *writer);
    if (writer != NULL && (writer->index_compressor = tar_compressor(3)) != NULL)
        tar->writer = writer;
    else
        tar_writer_free(writer);
    return tar->writer;
}

/* Compresses the records that wait. */
static bool index_compress(struct tar_writer *writer, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = {.src = writer->raw.data, .size = writer->raw.bytes};
    size_t pending;
    do {
        if (!tar_buffer_reserve(&writer->index, ZSTD_CStreamOutSize()))
            return false;
        ZSTD_outBuffer out = {.dst = writer->index.data + writer->index.bytes,
                              .size = ZSTD_CStreamOutSize()};
        pending = ZSTD_compressStream2(writer->index_compressor, &out, &in, directive);
        if (ZSTD_isError(pending))
            return false;
        writer->index.bytes += out.pos;
    } while (directive == ZSTD_e_end ? pending != 0 : in.pos < in.size);
    writer->index_raw_bytes += writer->raw.bytes;
    writer->raw.bytes = 0;
    return true;
}

static bool put_text(struct tar_buffer *record, const char *text)
{
    size_t bytes = strlen(text);
    return tar_buffer_varint(record, bytes) && tar_buffer_append(record, text, bytes);
}

/* One record of the index without its length; README.md has the layout. */
static bool put_member(struct tar_buffer *record, const struct hb_entry *entry, size_t header_bytes)
{
    const unsigned char kind[2] = {(unsigned char)entry->type, (unsigned char)(entry->flags & 7)};
    bool is_link = entry->type == HB_TYPE_SYMLINK || entry->type == HB_TYPE_HARDLINK;
    bool good = tar_buffer_append(record, kind, sizeof kind) && put_text(record, entry->path) &&
                tar_buffer_varint(record, header_bytes / TAR_BLOCK) &&
                tar_buffer_varint(record, tar_content_bytes(entry));
    if (good && is_link)
        good = put_text(record, entry->link);
    if (good && (entry->flags & HB_ENTRY_HAS_MODE))
        good = tar_buffer_varint(record, entry->mode & 07777);
    if (good && (entry->flags & HB_ENTRY_HAS_MTIME)) {
        unsigned char seconds[8];
        tar_put64(seconds, (uint64_t)entry->mtime.tv_sec);
        good = tar_buffer_append(record, seconds, sizeof seconds) &&
               tar_buffer_varint(record, (uint64_t)entry->mtime.tv_nsec);
    }
    if (good && (entry->flags & HB_ENTRY_HAS_OWNER))
        good = tar_buffer_varint(record, entry->uid) && tar_buffer_varint(record, entry->gid);
    return good;
}

int tar_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    (void)sink;
    struct tar_zstd *tar = self;
    struct tar_writer *writer = writer_of(tar);
    if (writer == NULL)
        return tar_no_memory(tar->host);
    writer->header.bytes = 0;
    int error = tar_header_encode(entry, &writer->header);
    if (error != 0)
        return tar_header_failed(tar->host, error);

    writer->record.bytes = 0;
    if (!put_member(&writer->record, entry, writer->header.bytes) ||
        !tar_buffer_varint(&writer->raw, writer->record.bytes) ||
        !tar_buffer_append(&writer->raw, writer->record.data, writer->record.bytes) ||
        (writer->raw.bytes >= RAW_BATCH && !index_compress(writer, ZSTD_e_continue)))
        return tar_no_memory(tar->host);
    uint64_t content = tar_content_bytes(entry), bytes = writer->header.bytes;
    if (__builtin_add_overflow(bytes, content, &bytes) ||
        __builtin_add_overflow(bytes, tar_padding(content), &bytes) ||
        __builtin_add_overflow(bytes, writer->entry_bytes, &writer->entry_bytes))
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "the archive would be too long for its index");
    writer->members++;
    return HB_OK;
}

static int add_row(const struct tar_zstd *tar, uint64_t stored, uint64_t raw, uint32_t checksum)
{
    unsigned char row[TAR_SEEK_ROW];
    struct tar_buffer *rows = &tar->writer->rows;
    if (stored > UINT32_MAX || raw > UINT32_MAX)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "a frame of %llu bytes is too long for the seek table; lower "
                               "frame-size",
                               (unsigned long long)stored);
    if (rows->bytes / TAR_SEEK_ROW >= TAR_SEEK_MAX_FRAMES)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "more frames than a seek table holds; raise frame-size");
    tar_put32(row, (uint32_t)stored);
    tar_put32(row + 4, (uint32_t)raw);
    tar_put32(row + 8, checksum);
    return tar_buffer_append(rows, row, sizeof row) ? HB_OK : tar_no_memory(tar->host);
}

/* The row of a frame in the seek table. */
static int add_frame(const struct tar_zstd *tar, const struct hb_unit *unit)
{
    struct tar_note note;
    memcpy(&note, unit->note, sizeof note);
    if (tar->writer == NULL || note.magic != TAR_NOTE_MAGIC)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "was given data that is not an encoded frame");
    tar->writer->frame_bytes += note.tar_bytes;
    return add_row(tar, unit->bytes, note.tar_bytes, note.checksum);
}

int tar_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    int status = add_frame(self, unit);
    return status == HB_OK ? hb_sink_write_unit(sink, unit) : status;
}

int tar_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    const struct tar_zstd *tar = self;
    uint64_t stored = 0;
    int status = HB_OK;
    for (size_t i = 0; status == HB_OK && i < adoption->entry_count; i++)
        status = tar_begin_entry(self, sink, adoption->entries[i]);
    for (size_t i = 0; status == HB_OK && i < adoption->unit_count; i++) {
        status = add_frame(tar, &adoption->units[i]);
        stored += adoption->units[i].bytes;
    }
    if (status == HB_OK && stored != adoption->range->bytes)
        status = tar->host->fail(tar->host, HB_STATUS_FATAL,
                                 "was to take over a range that does not hold just its frames");
    return status == HB_OK ? sink->copy(sink, adoption->range) : status;
}

int tar_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    (void)self;
    (void)sink;
    (void)entry;
    return HB_OK;
}

/* A skippable frame of two parts, with its row. */
static int write_skippable(const struct tar_zstd *tar, const struct hb_sink *sink, uint32_t magic,
                           const struct tar_buffer *head, const void *body, size_t bytes)
{
    unsigned char start[TAR_SKIPPABLE_HEADER];
    uint64_t content = (uint64_t)head->bytes + bytes;
    if (content > UINT32_MAX - TAR_SKIPPABLE_HEADER)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "the member index has %llu bytes, more than a frame holds",
                               (unsigned long long)content);
    tar_put32(start, magic);
    tar_put32(start + 4, (uint32_t)content);
    int status = sink->write(sink, start, sizeof start);
    if (status == HB_OK)
        status = sink->write(sink, head->data, head->bytes);
    if (status == HB_OK && bytes != 0)
        status = sink->write(sink, body, bytes);
    if (status == HB_OK)
        status = add_row(tar, sizeof start + content, 0, (uint32_t)XXH64("", 0, 0));
    return status;
}

static int write_index(const struct tar_zstd *tar, const struct hb_sink *sink, bool has_trailer)
{
    struct tar_writer *writer = tar->writer;
    unsigned char bytes[TAR_INDEX_HEADER];
    if (!index_compress(writer, ZSTD_e_end))
        return tar_no_memory(tar->host);
    const struct tar_index_header header = {
        .flags = has_trailer ? TAR_INDEX_HAS_TRAILER : 0,
        .members = writer->members,
        .raw_bytes = writer->index_raw_bytes,
        .tar_bytes = writer->frame_bytes,
        .frames = writer->rows.bytes / TAR_SEEK_ROW,
        .rows_hash = XXH64(writer->rows.data, writer->rows.bytes, 0),
        .payload_hash = XXH64(writer->index.data, writer->index.bytes, 0),
    };
    tar_index_header_write(&header, bytes);
    const struct tar_buffer head = {.data = bytes, .bytes = sizeof bytes};
    return write_skippable(tar, sink, TAR_MAGIC_INDEX, &head, writer->index.data,
                           writer->index.bytes);
}

static int write_trailer(const struct tar_zstd *tar, const struct hb_sink *sink,
                         const void *trailer, size_t bytes)
{
    unsigned char start[TAR_TRAILER_HEADER];
    if (bytes > TAR_TRAILER_LIMIT)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "the trailer has %zu bytes, but a reader accepts at most %u", bytes,
                               TAR_TRAILER_LIMIT);
    memcpy(start, TAR_TRAILER_SIGNATURE, 8);
    tar_put64(start + 8, XXH64(trailer, bytes, 0));
    const struct tar_buffer head = {.data = start, .bytes = sizeof start};
    return write_skippable(tar, sink, TAR_MAGIC_TRAILER, &head, trailer, bytes);
}

static int write_end(const struct tar_zstd *tar, const struct hb_sink *sink)
{
    static const unsigned char zero[TAR_END_BYTES];
    unsigned char frame[TAR_END_BYTES];
    ZSTD_CCtx *compressor = tar_compressor(tar->level);
    if (compressor == NULL)
        return tar_no_memory(tar->host);
    size_t bytes = ZSTD_compress2(compressor, frame, sizeof frame, zero, sizeof zero);
    ZSTD_freeCCtx(compressor);
    if (ZSTD_isError(bytes))
        return tar_no_memory(tar->host);
    int status = sink->write(sink, frame, bytes);
    return status == HB_OK ? add_row(tar, bytes, sizeof zero, tar_get32(frame + bytes - 4))
                           : status;
}

static int write_seek_table(const struct tar_zstd *tar, const struct hb_sink *sink)
{
    const struct tar_buffer *rows = &tar->writer->rows;
    unsigned char start[TAR_SKIPPABLE_HEADER], footer[TAR_SEEK_FOOTER_SIZE];
    tar_put32(start, TAR_MAGIC_SEEK);
    tar_put32(start + 4, (uint32_t)(rows->bytes + sizeof footer));
    tar_put32(footer, (uint32_t)(rows->bytes / TAR_SEEK_ROW));
    footer[4] = TAR_SEEK_CHECKSUMS;
    tar_put32(footer + 5, TAR_SEEK_FOOTER);
    int status = sink->write(sink, start, sizeof start);
    if (status == HB_OK)
        status = sink->write(sink, rows->data, rows->bytes);
    return status == HB_OK ? sink->write(sink, footer, sizeof footer) : status;
}

int tar_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct tar_zstd *tar = self;
    struct tar_writer *writer = writer_of(tar);
    if (writer == NULL)
        return tar_no_memory(tar->host);
    if (writer->entry_bytes != writer->frame_bytes)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "the entries have %llu bytes, the frames %llu; the archive "
                               "would be damaged",
                               (unsigned long long)writer->entry_bytes,
                               (unsigned long long)writer->frame_bytes);
    int status = write_index(tar, sink, bytes != 0);
    if (status == HB_OK && bytes != 0)
        status = write_trailer(tar, sink, trailer, bytes);
    if (status == HB_OK)
        status = write_end(tar, sink);
    return status == HB_OK ? write_seek_table(tar, sink) : status;
}

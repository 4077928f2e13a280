/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an archive that this plugin wrote: its seek table, the place of its index, the
 * trailer. It is read from the back, and believed only as far as its parts agree:
 *
 *      frames ... | index | trailer | end frame | rows of the seek table, footer |
 *
 *      footer          how many rows there are, and so where they start
 *      last row        the end frame
 *      row before it   the trailer, if there is one
 *      row before that the index, which has hashes of the rows of the entries and of its records
 *
 * HB_STATUS_NOMATCH is not an error. The archive is another program's, or of a later version, or
 * damaged at its end; one pass from the front (tar_walk.c) finds out which.
 */
#include "tar_table.h"

#include "tar_bytes.h"

#include <string.h>
#include <xxhash.h>

int tar_read_exactly(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset)
{
    int64_t got = input->read_at(input, buffer, bytes, offset);
    if (got < 0)
        return (int)got;
    return (uint64_t)got == bytes ? HB_OK : HB_STATUS_NOMATCH;
}

void tar_table_free(struct tar_table *table)
{
    if (table == NULL)
        return;
    free(table->frames);
    free(table);
}

size_t tar_table_find(const struct tar_table *table, uint64_t offset)
{
    size_t low = 0, high = table->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (table->frames[middle].tar_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The rows of the seek table at the end of the input. More than 64 MiB of them are not believed. */
static int read_rows(const struct hb_input *input, struct tar_buffer *rows, uint64_t *frame_offset)
{
    const uint64_t around = TAR_SKIPPABLE_HEADER + TAR_SEEK_FOOTER_SIZE;
    unsigned char footer[TAR_SEEK_FOOTER_SIZE], start[TAR_SKIPPABLE_HEADER];
    if (input->read_at == NULL || input->bytes == HB_SIZE_UNKNOWN || input->bytes < around)
        return HB_STATUS_NOMATCH;
    int status = tar_read_exactly(input, footer, sizeof footer, input->bytes - sizeof footer);
    if (status != HB_OK)
        return status;
    uint64_t bytes = (uint64_t)tar_get32(footer) * TAR_SEEK_ROW;
    if (tar_get32(footer + 5) != TAR_SEEK_FOOTER || footer[4] != TAR_SEEK_CHECKSUMS ||
        bytes > (64u << 20) || bytes > input->bytes - around)
        return HB_STATUS_NOMATCH;
    *frame_offset = input->bytes - around - bytes;
    status = tar_read_exactly(input, start, sizeof start, *frame_offset);
    if (status != HB_OK)
        return status;
    if (tar_get32(start) != TAR_MAGIC_SEEK || tar_get32(start + 4) != bytes + sizeof footer)
        return HB_STATUS_NOMATCH;
    if (!tar_buffer_reserve(rows, bytes))
        return -ENOMEM;
    rows->bytes = bytes;
    return tar_read_exactly(input, rows->data, bytes, *frame_offset + sizeof start);
}

static uint32_t row_stored(const struct tar_buffer *rows, size_t i)
{
    return tar_get32(rows->data + i * TAR_SEEK_ROW);
}

static uint32_t row_raw(const struct tar_buffer *rows, size_t i)
{
    return tar_get32(rows->data + i * TAR_SEEK_ROW + 4);
}

static bool row_is_of(const struct tar_buffer *rows, size_t i, const void *content, size_t bytes)
{
    return row_raw(rows, i) == bytes &&
           tar_get32(rows->data + i * TAR_SEEK_ROW + 8) == (uint32_t)XXH64(content, bytes, 0);
}

/*
 * Sums cannot overflow: at most 5.6 million rows of 32-bit numbers. False: a frame is said to be
 * empty. None of ours is, and no member would lie in it, so that it would never be looked into.
 */
static bool fill_frames(struct tar_table *table, const struct tar_buffer *rows)
{
    struct tar_frame at = {0};
    bool empty = false;
    for (size_t i = 0; i < table->count; i++) {
        table->frames[i] = at;
        table->frames[i].checksum = tar_get32(rows->data + i * TAR_SEEK_ROW + 8);
        at.file_offset += row_stored(rows, i);
        at.tar_offset += row_raw(rows, i);
        empty |= row_raw(rows, i) == 0;
    }
    table->frames[table->count] = at;
    return !empty;
}

/* Is the frame of row `i` skippable, with this magic, and as long as its row says? */
static int read_special(const struct hb_input *input, const struct tar_buffer *rows, size_t i,
                        uint32_t magic, void *head, size_t head_bytes, uint64_t offset)
{
    unsigned char start[TAR_SKIPPABLE_HEADER];
    if (!row_is_of(rows, i, "", 0) || row_stored(rows, i) < sizeof start + head_bytes)
        return HB_STATUS_NOMATCH;
    int status = tar_read_exactly(input, start, sizeof start, offset);
    if (status == HB_OK &&
        (tar_get32(start) != magic || tar_get32(start + 4) != row_stored(rows, i) - sizeof start))
        return HB_STATUS_NOMATCH;
    return status == HB_OK ? tar_read_exactly(input, head, head_bytes, offset + sizeof start)
                           : status;
}

/* Where a frame lies: its row, and its place in the file. */
struct at {
    size_t row;
    uint64_t offset;
};

/*
 * From the end: the tar end, then perhaps a trailer, before which the entries and their index lie.
 * On HB_OK *at is the frame in front of the trailer, or of the tar end.
 */
static int find_trailer(const struct hb_input *input, const struct tar_buffer *rows, uint64_t end,
                        struct tar_table *table, struct at *at)
{
    static const unsigned char zeros[TAR_END_BYTES];
    unsigned char trailer[TAR_TRAILER_HEADER];
    size_t i = rows->bytes / TAR_SEEK_ROW;
    if (i < 2 || !row_is_of(rows, i - 1, zeros, sizeof zeros))
        return HB_STATUS_NOMATCH;
    uint64_t offset = end - row_stored(rows, --i);
    offset -= row_stored(rows, --i);
    int status = read_special(input, rows, i, TAR_MAGIC_TRAILER, trailer, sizeof trailer, offset);
    if (status < 0)
        return status;
    if (status == HB_OK) {
        if (i == 0 || memcmp(trailer, TAR_TRAILER_SIGNATURE, 8) != 0)
            return HB_STATUS_NOMATCH;
        table->trailer_offset = offset + TAR_SKIPPABLE_HEADER;
        table->trailer_bytes = row_stored(rows, i) - TAR_SKIPPABLE_HEADER;
        offset -= row_stored(rows, --i);
    }
    *at = (struct at){i, offset};
    return HB_OK;
}

static int read_specials(const struct hb_input *input, const struct tar_buffer *rows, uint64_t end,
                         struct tar_table *table)
{
    unsigned char head[TAR_INDEX_HEADER];
    struct at at;
    int status = find_trailer(input, rows, end, table, &at);
    if (status != HB_OK)
        return status;
    size_t i = at.row;
    uint64_t offset = at.offset;
    status = read_special(input, rows, i, TAR_MAGIC_INDEX, head, sizeof head, offset);
    if (status != HB_OK)
        return status;
    if (!tar_index_header_read(head, &table->index) || table->index.frames != i ||
        ((table->index.flags & TAR_INDEX_HAS_TRAILER) != 0) != (table->trailer_bytes != 0))
        return HB_STATUS_NOMATCH;
    table->count = i;
    table->records_offset = offset + TAR_SKIPPABLE_HEADER + TAR_INDEX_HEADER;
    table->records_bytes = row_stored(rows, i) - TAR_SKIPPABLE_HEADER - TAR_INDEX_HEADER;
    return XXH64(rows->data, i * TAR_SEEK_ROW, 0) == table->index.rows_hash ? HB_OK
                                                                            : HB_STATUS_NOMATCH;
}

static bool sum_fits(const struct tar_buffer *rows, uint64_t end)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rows->bytes / TAR_SEEK_ROW; i++)
        sum += row_stored(rows, i);
    return sum == end;
}

/*
 * What `stored` holds, as far as it can be unpacked. HB_OK: the blocks that end a tar, and nothing
 * else; HB_STATUS_NOMATCH: something else, be it only the header of another member; HB_STATUS_END:
 * it is damaged.
 */
static int unpack_end(ZSTD_DCtx *decompressor, const unsigned char *stored, size_t bytes)
{
    unsigned char block[TAR_BLOCK];
    ZSTD_inBuffer in = {.src = stored, .size = bytes};
    size_t given = 0, expected = 1;
    bool zeros = true, full = false;
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {.dst = block, .size = sizeof block};
        do {
            expected = ZSTD_decompressStream(decompressor, &out, &in);
        } while (!ZSTD_isError(expected) && out.pos < out.size && in.pos < in.size);
        full = !ZSTD_isError(expected) && out.pos == out.size && expected != 0;
        if (out.pos == sizeof block && tar_header_plausible(block))
            return HB_STATUS_NOMATCH;
        if (ZSTD_isError(expected))
            return HB_STATUS_END;
        zeros = zeros && tar_is_zero(block, out.pos);
        given += out.pos;
    }
    if (expected != 0)
        return HB_STATUS_END;
    return zeros && given == TAR_END_BYTES ? HB_OK : HB_STATUS_NOMATCH;
}

/*
 * Does the end frame, which no entry needs, still hold the blocks that end a tar? If it is damaged
 * that costs no entry. If it is sound and holds something else, the tar goes on there.
 */
static int check_end(const struct tar_zstd *tar, const struct hb_input *input,
                     const struct tar_buffer *rows, uint64_t end)
{
    unsigned char stored[4 * TAR_END_BYTES]; /* more than it takes, even if it is not compressed */
    uint32_t bytes = row_stored(rows, rows->bytes / TAR_SEEK_ROW - 1);
    if (bytes > sizeof stored)
        return HB_STATUS_NOMATCH;
    int status = tar_read_exactly(input, stored, bytes, end - bytes);
    if (status != HB_OK)
        return status;
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    status =
        decompressor != NULL ? unpack_end(decompressor, stored, bytes) : tar_no_memory(tar->host);
    ZSTD_freeDCtx(decompressor);
    if (status != HB_STATUS_END)
        return status;
    tar->host->note(tar->host, NULL,
                    "its last frame, the end of the tar, is damaged: every file can be "
                    "restored, but not by other programs nor from a pipe, which have to read "
                    "it; make a new backup");
    return HB_OK;
}

int tar_table_read(const struct tar_zstd *tar, const struct hb_input *input, struct tar_table **out)
{
    TAR_AUTO_BUFFER rows = {0};
    uint64_t end = 0;
    int status = read_rows(input, &rows, &end);
    if (status == -ENOMEM)
        return tar_no_memory(tar->host);
    if (status != HB_OK)
        return status;
    struct tar_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return tar_no_memory(tar->host);
    status = sum_fits(&rows, end) ? read_specials(input, &rows, end, table) : HB_STATUS_NOMATCH;
    if (status == HB_OK) {
        table->frames = calloc(table->count + 1, sizeof *table->frames);
        if (table->frames == NULL) {
            status = tar_no_memory(tar->host);
        } else {
            if (!fill_frames(table, &rows) ||
                table->frames[table->count].tar_offset != table->index.tar_bytes)
                status = HB_STATUS_NOMATCH;
        }
    }
    if (status == HB_OK)
        status = check_end(tar, input, &rows, end);
    if (status == HB_OK)
        *out = table;
    else
        tar_table_free(table);
    return status;
}

/* Finds the trailer behind an index of a later version, which this version cannot read. */
static int find_before_later_index(const struct tar_zstd *tar, const struct hb_input *input,
                                   struct tar_table *table)
{
    TAR_AUTO_BUFFER rows = {0};
    unsigned char head[TAR_INDEX_HEADER];
    struct at index;
    uint64_t end = 0;
    int status = read_rows(input, &rows, &end);
    if (status == -ENOMEM)
        return tar_no_memory(tar->host);
    if (status == HB_OK)
        status = sum_fits(&rows, end) ? find_trailer(input, &rows, end, table, &index)
                                      : HB_STATUS_NOMATCH;
    if (status == HB_OK)
        status =
            read_special(input, &rows, index.row, TAR_MAGIC_INDEX, head, sizeof head, index.offset);
    return status == HB_OK && !tar_index_is_later(head) ? HB_STATUS_NOMATCH : status;
}

int tar_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    struct tar_zstd *tar = self;
    struct tar_table *table = NULL, later = {0};
    int status = tar_table_read(tar, input, &table);
    if (status == HB_STATUS_NOMATCH)
        status = find_before_later_index(tar, input, &later);
    if (status != HB_OK)
        return status;
    const struct tar_table *found = table != NULL ? table : &later;
    uint64_t offset = found->trailer_offset, stored = found->trailer_bytes;
    tar_table_free(table);
    if (stored == 0)
        return HB_STATUS_NOMATCH;
    if (stored - TAR_TRAILER_HEADER > TAR_TRAILER_LIMIT)
        return tar->host->fail(tar->host, HB_STATUS_FATAL, "the archive's trailer is too long");
    size_t length = (size_t)stored - TAR_TRAILER_HEADER;
    unsigned char *content = tar->host->alloc(tar->host, (size_t)stored);
    if (content == NULL)
        return tar_no_memory(tar->host);
    status = tar_read_exactly(input, content, (size_t)stored, offset);
    if (status >= 0 && (status != HB_OK ||
                        XXH64(content + TAR_TRAILER_HEADER, length, 0) != tar_get64(content + 8)))
        status = tar->host->fail(tar->host, HB_STATUS_FATAL,
                                 "the archive's trailer is damaged (checksum); use another copy");
    if (status != HB_OK) {
        tar->host->release(tar->host, content);
        return status;
    }
    memmove(content, content + TAR_TRAILER_HEADER, length);
    *data = content;
    *bytes = length;
    return HB_OK;
}

/* ---- as it lies -------------------------------------------------------------------- */

/* The frame that begins with this byte of the tar stream; SIZE_MAX: none does. */
static size_t frame_at(const struct tar_table *table, uint64_t tar_offset)
{
    if (table->count == 0 || tar_offset >= table->index.tar_bytes)
        return SIZE_MAX;
    size_t frame = tar_table_find(table, tar_offset);
    return table->frames[frame].tar_offset == tar_offset ? frame : SIZE_MAX;
}

int tar_span(void *self, const struct hb_member *first, const struct hb_member *next,
             struct hb_range *range)
{
    const struct tar_table *table = ((const struct tar_zstd *)self)->table;
    if (table == NULL)
        return HB_STATUS_NOMATCH;
    size_t from = frame_at(table, first->token);
    size_t to = next == NULL ? table->count : frame_at(table, next->token);
    if (from == SIZE_MAX || to == SIZE_MAX || from >= to)
        return HB_STATUS_NOMATCH;
    range->offset = table->frames[from].file_offset;
    range->bytes = table->frames[to].file_offset - range->offset;
    return HB_OK;
}

/* There is nothing but frames; the note of a single one is in the seek table. */
int tar_locate(void *self, const struct hb_member *member, const struct hb_range *range,
               const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
               uint64_t *head)
{
    const struct tar_table *table = ((const struct tar_zstd *)self)->table;
    (void)data;
    (void)bytes;
    size_t frame = frame_at(table, member->token);
    *head = 0;
    if (frame == SIZE_MAX || unit_count > table->count - frame ||
        table->frames[frame + unit_count].file_offset != range->offset + range->bytes)
        return HB_STATUS_NOMATCH;
    if (unit_count > 1)
        return HB_OK;
    const struct tar_note note = {
        .magic = TAR_NOTE_MAGIC,
        .checksum = table->frames[frame].checksum,
        .tar_bytes = table->frames[frame + 1].tar_offset - table->frames[frame].tar_offset,
    };
    memcpy(units->note, &note, sizeof note);
    units->bytes = range->bytes;
    return HB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of zstd (RFC 8878) one after the other, each verified. Skippable frames are looked into
 * for what is ours: index, trailer, seek table.
 */
#include "tar_source_zstd.h"

#include "tar_bytes.h"
#include "tar_index.h"

#include <string.h>
#include <xxhash.h>
#include <zstd_errors.h>

struct unzstd {
    ZSTD_DCtx *decompressor;
    bool in_frame;
    bool full;        /* the last call filled its output: there may be more */
    bool has_index;   /* an index of ours was seen: a seek table must be the last frame */
    bool index_fits;  /* its head is sound, and the frames before it are those that it tells of */
    bool has_trailer; /* and it says that there is a trailer */
    uint64_t index_tar_bytes; /* the tar, without its end */
    bool seek_is_last;        /* the last frame seen is a seek table */
    bool seek_fits;           /* and its frames are those that were seen */
    bool index_broken;        /* index or seek table are damaged, which costs nothing but time */
    /* What the seek table should say of the frames so far; and of the skippable ones as well. */
    XXH64_state_t *rows, *all_rows;
    XXH64_state_t *hash; /* of what is read right now */
    uint64_t frames, skippables, tar_bytes;
    uint64_t stored, raw;  /* of the present frame */
    uint64_t place;        /* of the present frame in the archive */
    unsigned char tail[4]; /* its last bytes */
};

static int zstd_failed(struct tar_source *source, const char *why)
{
    return source->tar->host->fail(source->tar->host, HB_STATUS_FATAL,
                                   "the archive cannot be decompressed: zstd: %s; it is damaged "
                                   "or cut off, use another copy",
                                   why);
}

static const char cut_off[] = "it ends in the middle of a frame";

/* ---- skippable frames ------------------------------------------------------------------- */

static int skip(struct tar_source *source, uint64_t bytes)
{
    struct tar_inflow *inflow = &source->inflow;
    while (bytes > 0) {
        int status = tar_inflow_want(inflow, 1);
        if (status != HB_OK)
            return status;
        uint64_t here = inflow->bytes - inflow->at;
        if (here == 0)
            return zstd_failed(source, cut_off);
        if (here > bytes)
            here = bytes;
        inflow->at += (size_t)here;
        bytes -= here;
    }
    return HB_OK;
}

/* How many bytes can be taken before the magic number of a frame of zstd may begin; at least one.
 */
static size_t before_frame(const struct tar_inflow *inflow)
{
    static const unsigned char magic[] = {0x28, 0xB5, 0x2F, 0xFD};
    const unsigned char *from = inflow->data + inflow->at;
    size_t here = inflow->bytes - inflow->at;
    const unsigned char *found = memmem(from + 1, here - 1, magic, sizeof magic);
    if (found != NULL)
        return (size_t)(found - from);
    return inflow->ended || here < sizeof magic ? here : here - sizeof magic + 1;
}

static bool trailer_follows(const struct tar_inflow *inflow)
{
    return inflow->bytes - inflow->at >= TAR_SKIPPABLE_HEADER + TAR_TRAILER_HEADER &&
           memcmp(inflow->data + inflow->at + TAR_SKIPPABLE_HEADER, TAR_TRAILER_SIGNATURE, 8) == 0;
}

static bool index_follows(const struct tar_inflow *inflow)
{
    return inflow->bytes - inflow->at >= TAR_SKIPPABLE_HEADER + TAR_INDEX_HEADER &&
           memcmp(inflow->data + inflow->at + TAR_SKIPPABLE_HEADER, TAR_INDEX_SIGNATURE, 8) == 0;
}

/* Is the next frame one of zstd? */
static bool frame_follows(const struct tar_inflow *inflow)
{
    return inflow->bytes - inflow->at >= 4 &&
           tar_get32(inflow->data + inflow->at) == TAR_MAGIC_ZSTD;
}

/*
 * The trailer, up to where its checksum is right: at its end as its frame tells it, or, should that
 * be damaged, where the next frame begins. Memory grows with what is there, not with the claim.
 */
static int collect_trailer(struct tar_source *source, uint64_t claim, uint64_t checksum)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    struct tar_buffer *out = &source->trailer;
    XXH64_reset(unzstd->hash, 0);
    for (;;) {
        int status = tar_inflow_want(inflow, 4);
        if (status != HB_OK)
            return status;
        if ((out->bytes == claim || frame_follows(inflow)) &&
            XXH64_digest(unzstd->hash) == checksum)
            return HB_OK;
        if (inflow->at == inflow->bytes || out->bytes >= TAR_TRAILER_LIMIT)
            return zstd_failed(source, out->bytes < claim ? cut_off
                                                          : "the checksum of its trailer is wrong");
        size_t bytes = before_frame(inflow);
        if (out->bytes < claim && bytes > claim - out->bytes)
            bytes = (size_t)(claim - out->bytes);
        if (bytes > TAR_TRAILER_LIMIT - out->bytes)
            bytes = TAR_TRAILER_LIMIT - out->bytes;
        if (!tar_buffer_append(out, inflow->data + inflow->at, bytes))
            return tar_no_memory(source->tar->host);
        XXH64_update(unzstd->hash, inflow->data + inflow->at, bytes);
        inflow->at += bytes;
    }
}

/* *bytes: what the frame says that it has; becomes what it has. So, too, for the index. */
static int read_trailer_frame(struct tar_source *source, uint64_t *bytes)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    uint64_t checksum = tar_get64(inflow->data + inflow->at + 8), said = *bytes;
    inflow->at += TAR_TRAILER_HEADER;
    if (source->has_trailer)
        return zstd_failed(source, "it has two trailers");
    int status = collect_trailer(source, said < TAR_TRAILER_HEADER ? 0 : said - TAR_TRAILER_HEADER,
                                 checksum);
    *bytes = TAR_TRAILER_HEADER + source->trailer.bytes;
    unzstd->index_broken |= *bytes != said;
    source->has_trailer = true;
    return status;
}

/* The records of an index, which say where they end; but their frame may be damaged, or they. */
struct records {
    uint64_t claim; /* by their frame; or UINT64_MAX, for there is at least the frame of none */
    uint64_t bytes; /* so far */
    const struct tar_index_header *header;
    unsigned char *scratch; /* of ZSTD_DStreamOutSize() */
    uint64_t raw;
    bool unpacked; /* as far as can be */
};

/* Takes some of what is there, not beyond the claim or the end of what can be unpacked. */
static void take_records(struct unzstd *unzstd, struct tar_inflow *inflow, struct records *records)
{
    const unsigned char *data = inflow->data + inflow->at;
    size_t here = inflow->bytes - inflow->at;
    if (records->bytes < records->claim && here > records->claim - records->bytes)
        here = (size_t)(records->claim - records->bytes);
    if (!records->unpacked) {
        ZSTD_inBuffer in = {.src = data, .size = here};
        ZSTD_outBuffer out = {.dst = records->scratch, .size = ZSTD_DStreamOutSize()};
        size_t expected = ZSTD_decompressStream(unzstd->decompressor, &out, &in);
        records->raw += out.pos;
        records->unpacked =
            ZSTD_isError(expected) || expected == 0 || records->raw > records->header->raw_bytes;
        if (!ZSTD_isError(expected))
            here = in.pos;
    }
    XXH64_update(unzstd->hash, data, here);
    records->bytes += here;
    inflow->at += here;
}

/* Passes over the records; *bytes as above. Whether they are sound is told by unzstd->hash. */
static int skip_records(struct tar_source *source, struct records *records)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    ZSTD_DCtx_reset(unzstd->decompressor, ZSTD_reset_session_only);
    for (;;) {
        int status = tar_inflow_want(inflow, TAR_SKIPPABLE_HEADER + TAR_TRAILER_HEADER);
        if (status != HB_OK)
            return status;
        bool at_claim = records->bytes == records->claim, after = records->bytes > records->claim;
        if ((at_claim || records->unpacked) &&
            XXH64_digest(unzstd->hash) == records->header->payload_hash)
            return HB_OK;
        if (at_claim && (frame_follows(inflow) || trailer_follows(inflow)))
            return HB_OK;
        if (inflow->at == inflow->bytes || ((at_claim || after) && records->unpacked))
            return zstd_failed(source, cut_off);
        take_records(unzstd, inflow, records);
    }
}

/*
 * Are the frames in front of the index those that it was written for, all and in order? `bytes` are
 * those of its frame, all of which are used.
 */
static int read_index_frame(struct tar_source *source, uint64_t *bytes)
{
    struct unzstd *unzstd = source->self;
    struct tar_index_header header;
    unsigned char head[TAR_INDEX_HEADER];
    memcpy(head, source->inflow.data + source->inflow.at, sizeof head);
    source->inflow.at += sizeof head;
    XXH64_reset(unzstd->hash, 0);
    /* With a damaged head, only the loss of a trailer would go unnoticed. */
    unzstd->has_index = true;
    if (!tar_index_header_read(head, &header)) {
        unzstd->index_broken |= !tar_index_is_later(head);
        return skip(source, *bytes < sizeof head ? 0 : *bytes - sizeof head);
    }
    struct records records = {.claim = *bytes > sizeof head ? *bytes - sizeof head : UINT64_MAX,
                              .header = &header,
                              .scratch = malloc(ZSTD_DStreamOutSize())};
    if (records.scratch == NULL)
        return tar_no_memory(source->tar->host);
    int status = skip_records(source, &records);
    free(records.scratch);
    if (status != HB_OK)
        return status;
    unzstd->index_broken |=
        header.payload_hash != XXH64_digest(unzstd->hash) || *bytes != sizeof head + records.bytes;
    *bytes = sizeof head + records.bytes;
    unzstd->has_trailer = (header.flags & TAR_INDEX_HAS_TRAILER) != 0;
    if (header.frames != unzstd->frames || header.tar_bytes != unzstd->tar_bytes ||
        header.rows_hash != XXH64_digest(unzstd->rows))
        return zstd_failed(source, "frames are missing, or in another order");
    unzstd->index_fits = true;
    unzstd->index_tar_bytes = header.tar_bytes;
    return HB_OK;
}

/* Does it say what it should, all of it, of all frames? */
static bool is_footer(const unsigned char *footer, uint64_t count)
{
    return tar_get32(footer) == count && footer[4] == TAR_SEEK_CHECKSUMS &&
           tar_get32(footer + 5) == TAR_SEEK_FOOTER;
}

/* What is behind the rows: the footer, if the frame is as long as it should be. */
static int read_footer(struct tar_source *source, uint64_t bytes, uint64_t count)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    int status = tar_inflow_want(inflow, TAR_SEEK_FOOTER_SIZE);
    if (status != HB_OK)
        return status;
    unzstd->index_broken |= bytes != TAR_SEEK_FOOTER_SIZE || inflow->bytes - inflow->at < bytes ||
                            !is_footer(inflow->data + inflow->at, count) ||
                            XXH64_digest(unzstd->hash) != XXH64_digest(unzstd->all_rows);
    return skip(source, bytes);
}

/*
 * The seek table must account for every byte before it: that shows when frames were cut out, index
 * and trailer among them. `bytes` are those of its frame that have not been used.
 */
static int read_seek_table(struct tar_source *source, uint64_t bytes)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    uint64_t stored = 0, raw = 0, count = 0;
    XXH64_reset(unzstd->hash, 0);
    for (; bytes >= TAR_SEEK_ROW; bytes -= TAR_SEEK_ROW, count++) {
        int status = tar_inflow_want(inflow, TAR_SEEK_ROW);
        const unsigned char *row = inflow->data + inflow->at;
        if (status != HB_OK)
            return status;
        if (inflow->bytes - inflow->at < TAR_SEEK_ROW)
            return zstd_failed(source, cut_off);
        stored += tar_get32(row);
        raw += tar_get32(row + 4);
        XXH64_update(unzstd->hash, row, TAR_SEEK_ROW);
        inflow->at += TAR_SEEK_ROW;
    }
    unzstd->seek_fits =
        bytes == TAR_SEEK_FOOTER_SIZE && stored == unzstd->place && raw == unzstd->tar_bytes;
    return read_footer(source, bytes, count);
}

/* How long the seek table should be: it has a row for each frame so far. */
static uint64_t table_bytes(const struct unzstd *unzstd)
{
    return (unzstd->frames + unzstd->skippables) * TAR_SEEK_ROW + TAR_SEEK_FOOTER_SIZE;
}

/* Has all come that the index tells of, and the end of the tar? Then only the table can follow. */
static bool table_is_due(const struct tar_source *source)
{
    const struct unzstd *unzstd = source->self;
    return unzstd->index_fits && source->has_trailer == unzstd->has_trailer &&
           unzstd->tar_bytes >= unzstd->index_tar_bytes + TAR_END_BYTES;
}

/* It begins with other bytes than it should: all that is left, which must be as long as it. */
static int pass_damaged_table(struct tar_source *source)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    uint64_t bytes = 0, wanted = TAR_SKIPPABLE_HEADER + table_bytes(unzstd);
    for (;;) {
        int status = tar_inflow_want(inflow, 1);
        if (status != HB_OK)
            return status;
        if (inflow->at == inflow->bytes)
            break;
        bytes += inflow->bytes - inflow->at;
        inflow->at = inflow->bytes;
    }
    if (bytes != wanted)
        return zstd_failed(source,
                           bytes < wanted ? cut_off : "bytes that are not a frame follow a frame");
    unzstd->seek_is_last = unzstd->index_broken = true;
    return HB_OK;
}

/* The seek table has a row for it, too, with no content and the checksum of that. */
static void account_skippable(struct unzstd *unzstd, uint64_t bytes)
{
    unsigned char row[TAR_SEEK_ROW];
    tar_put32(row, (uint32_t)(bytes + TAR_SKIPPABLE_HEADER));
    tar_put32(row + 4, 0);
    tar_put32(row + 8, (uint32_t)XXH64("", 0, 0));
    XXH64_update(unzstd->all_rows, row, sizeof row);
    unzstd->place += TAR_SKIPPABLE_HEADER + bytes;
    unzstd->skippables++;
}

static int read_skippable(struct tar_source *source, uint32_t magic, uint64_t *bytes)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    /* By signature too: one wrong bit of the magic number must not hide what follows. */
    bool index = index_follows(inflow), trailer = trailer_follows(inflow);
    inflow->at += TAR_SKIPPABLE_HEADER;
    if (index || (magic == TAR_MAGIC_INDEX && *bytes >= TAR_INDEX_HEADER &&
                  inflow->bytes - inflow->at >= TAR_INDEX_HEADER)) {
        unzstd->index_broken |= magic != TAR_MAGIC_INDEX;
        return read_index_frame(source, bytes);
    }
    if (trailer) {
        unzstd->index_broken |= magic != TAR_MAGIC_TRAILER; /* it is not found from the end */
        return read_trailer_frame(source, bytes);
    }
    unzstd->seek_is_last = magic == TAR_MAGIC_SEEK;
    return unzstd->seek_is_last ? read_seek_table(source, *bytes) : skip(source, *bytes);
}

/* ---- frames -------------------------------------------------------------------------------- */

/* Between frames. *end: the archive is at its end. */
static int next_frame(struct tar_source *source, bool *end)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    int status = tar_inflow_want(inflow, TAR_SKIPPABLE_HEADER + TAR_INDEX_HEADER);
    size_t here = inflow->bytes - inflow->at;
    const unsigned char *head = inflow->data + inflow->at;
    *end = status == HB_OK && here == 0;
    if (status != HB_OK || *end)
        return status;
    if (here < TAR_SKIPPABLE_HEADER)
        return zstd_failed(source, cut_off);
    uint32_t magic = tar_get32(head);
    bool due = !unzstd->seek_is_last && table_is_due(source);
    unzstd->seek_is_last = false;
    uint64_t bytes = tar_get32(head + 4);
    if (magic != TAR_MAGIC_ZSTD && due && (magic != TAR_MAGIC_SEEK || bytes != table_bytes(unzstd)))
        return pass_damaged_table(source);
    if ((magic & ~0xFu) == TAR_MAGIC_SKIPPABLE ||
        (magic != TAR_MAGIC_ZSTD && (index_follows(inflow) || trailer_follows(inflow)))) {
        status = read_skippable(source, magic, &bytes);
        account_skippable(unzstd, bytes);
        return status;
    }
    if (magic != TAR_MAGIC_ZSTD)
        return zstd_failed(source, "bytes that are not a frame follow a frame");
    ZSTD_DCtx_reset(unzstd->decompressor, ZSTD_reset_session_only);
    unzstd->in_frame = true;
    unzstd->stored = unzstd->raw = 0;
    return HB_OK;
}

/* Counts what a call took and gave; the row of a frame that has ended goes into the hash. */
static void account(struct unzstd *unzstd, const unsigned char *taken, size_t bytes, size_t given)
{
    size_t keep = bytes < sizeof unzstd->tail ? bytes : sizeof unzstd->tail;
    memmove(unzstd->tail, unzstd->tail + keep, sizeof unzstd->tail - keep);
    memcpy(unzstd->tail + sizeof unzstd->tail - keep, taken + bytes - keep, keep);
    unzstd->stored += bytes;
    unzstd->raw += given;
    unzstd->tar_bytes += given;
    if (unzstd->in_frame)
        return;
    unsigned char row[TAR_SEEK_ROW];
    tar_put32(row, (uint32_t)unzstd->stored);
    tar_put32(row + 4, (uint32_t)unzstd->raw);
    memcpy(row + 8, unzstd->tail, sizeof unzstd->tail);
    XXH64_update(unzstd->rows, row, sizeof row);
    XXH64_update(unzstd->all_rows, row, sizeof row);
    unzstd->place += unzstd->stored;
    unzstd->frames++;
}

static int zstd_read(struct tar_source *source, void *buffer, size_t room, size_t *got)
{
    struct unzstd *unzstd = source->self;
    struct tar_inflow *inflow = &source->inflow;
    *got = 0;
    while (*got == 0) {
        bool end = false;
        int status = unzstd->in_frame ? HB_OK : next_frame(source, &end);
        if (status != HB_OK || end)
            return status;
        if (!unzstd->in_frame)
            continue;
        status = tar_inflow_want(inflow, unzstd->full ? 0 : 1);
        if (status != HB_OK)
            return status;
        if (inflow->at == inflow->bytes && !unzstd->full)
            return zstd_failed(source, cut_off);
        ZSTD_inBuffer in = {.src = inflow->data, .size = inflow->bytes, .pos = inflow->at};
        ZSTD_outBuffer out = {.dst = buffer, .size = room};
        size_t expected = ZSTD_decompressStream(unzstd->decompressor, &out, &in);
        if (ZSTD_getErrorCode(expected) == ZSTD_error_frameParameter_windowTooLarge)
            return source->tar->host->fail(
                source->tar->host, HB_STATUS_FATAL,
                "it was compressed with a window of more than 128 MiB, more memory than is "
                "allowed: unpack it with zstd -d --long=31, and use the .tar");
        if (ZSTD_isError(expected))
            return zstd_failed(source, ZSTD_getErrorName(expected));
        unzstd->in_frame = expected != 0;
        account(unzstd, inflow->data + inflow->at, in.pos - inflow->at, out.pos);
        inflow->at = in.pos;
        unzstd->full = expected != 0 && out.pos == out.size;
        *got = out.pos;
    }
    return HB_OK;
}

static int zstd_check(struct tar_source *source)
{
    const struct unzstd *unzstd = source->self;
    if (unzstd->has_index && !unzstd->seek_is_last)
        return zstd_failed(source, "its seek table is missing at the end");
    /* An index whose frames have all come is proof enough; without one, the table has to be. */
    if (unzstd->seek_is_last && !unzstd->seek_fits && !unzstd->index_fits)
        return zstd_failed(source, "its seek table lists other frames; some are missing");
    if (unzstd->has_trailer && !source->has_trailer)
        return zstd_failed(source, "its trailer is missing");
    if (unzstd->has_index && unzstd->index_broken)
        source->tar->host->note(source->tar->host, NULL,
                                "its index is damaged, and nothing else: every file in it is sound "
                                "and was found by reading all of it; make a new backup, for what "
                                "damaged it may go on");
    return HB_OK;
}

static void zstd_close(struct tar_source *source)
{
    struct unzstd *unzstd = source->self;
    ZSTD_freeDCtx(unzstd->decompressor);
    XXH64_freeState(unzstd->rows);
    XXH64_freeState(unzstd->all_rows);
    XXH64_freeState(unzstd->hash);
    free(unzstd);
}

int tar_source_zstd(struct tar_source *source)
{
    struct unzstd *unzstd = calloc(1, sizeof *unzstd);
    if (unzstd == NULL)
        return tar_no_memory(source->tar->host);
    source->self = unzstd;
    source->read = zstd_read;
    source->check = zstd_check;
    source->close = zstd_close;
    unzstd->decompressor = ZSTD_createDCtx();
    unzstd->rows = XXH64_createState();
    unzstd->all_rows = XXH64_createState();
    unzstd->hash = XXH64_createState();
    if (unzstd->decompressor == NULL || unzstd->rows == NULL || unzstd->all_rows == NULL ||
        unzstd->hash == NULL)
        return tar_no_memory(source->tar->host);
    XXH64_reset(unzstd->rows, 0);
    XXH64_reset(unzstd->all_rows, 0);
    ZSTD_DCtx_setParameter(unzstd->decompressor, ZSTD_d_windowLogMax, TAR_WINDOW_LOG_MAX);
    return HB_OK;
}

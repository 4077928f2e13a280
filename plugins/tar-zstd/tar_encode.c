/* SPDX-License-Identifier: Apache-2.0 */
/* Segments to one independent zstd frame, on any thread. */
#include "tar_encode.h"

#include "tar_bytes.h"
#include "tar_worker.h"

#include <string.h>

_Static_assert(sizeof(struct tar_note) <= sizeof((struct hb_unit *)0)->note, "the note fits");

ZSTD_CCtx *tar_compressor(int level)
{
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    if (compressor == NULL)
        return NULL;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1))) {
        ZSTD_freeCCtx(compressor);
        return NULL;
    }
    return compressor;
}

static uint32_t padding_of(const struct hb_segment *segment)
{
    return segment->flags & HB_UNIT_LAST ? tar_padding(tar_content_bytes(segment->entry)) : 0;
}

/* All headers of the unit into worker->header, one after the other; the length of its tar bytes. */
static int measure(const struct tar_zstd *tar, struct tar_worker *worker,
                   const struct hb_segment *const *segments, size_t count, uint64_t *tar_bytes)
{
    uint64_t total = 0;
    bool over = false;
    worker->header.bytes = 0;
    worker->lengths.bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct hb_segment *segment = segments[i];
        uint64_t content = tar_content_bytes(segment->entry);
        if (segment->flags & HB_UNIT_FIRST) {
            size_t length = worker->header.bytes;
            int error = tar_header_encode(segment->entry, &worker->header);
            if (error != 0)
                return tar_header_failed(tar->host, error);
            length = worker->header.bytes - length;
            if (!tar_buffer_append(&worker->lengths, &length, sizeof length))
                return tar_no_memory(tar->host);
        }
        /* A size that was announced and not kept would shift all that follows. */
        if (segment->offset > content || segment->bytes > content - segment->offset ||
            ((segment->flags & HB_UNIT_LAST) && segment->offset + segment->bytes != content))
            return tar->host->fail(tar->host, HB_STATUS_FATAL,
                                   "%s: its content is not as long as its header says",
                                   segment->entry->path);
        over |= __builtin_add_overflow(total, segment->bytes, &total);
        over |= __builtin_add_overflow(total, padding_of(segment), &total);
    }
    over |= __builtin_add_overflow(total, worker->header.bytes, &total);
    if (over || total == 0 || total > TAR_FRAME_LIMIT)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "a frame of %llu bytes cannot be written",
                               (unsigned long long)total);
    *tar_bytes = total;
    return HB_OK;
}

/* Output always has room for the worst case, so one call takes all of its input. */
static bool compress(ZSTD_CCtx *compressor, ZSTD_outBuffer *out, const void *data, size_t bytes,
                     uint64_t *left)
{
    ZSTD_inBuffer in = {.src = data, .size = bytes};
    *left -= bytes;
    ZSTD_EndDirective directive = *left == 0 ? ZSTD_e_end : ZSTD_e_continue;
    for (;;) {
        size_t pending = ZSTD_compressStream2(compressor, out, &in, directive);
        if (ZSTD_isError(pending) || (pending != 0 && out->pos == out->size))
            return false;
        if (directive == ZSTD_e_end ? pending == 0 : in.pos == in.size)
            return true;
    }
}

static bool compress_segments(struct tar_worker *worker, const struct hb_segment *const *segments,
                              size_t count, ZSTD_outBuffer *out, uint64_t tar_bytes)
{
    static const unsigned char zero[TAR_BLOCK];
    const unsigned char *header = worker->header.data;
    const unsigned char *length_at = worker->lengths.data;
    uint64_t left = tar_bytes;
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        const struct hb_segment *segment = segments[i];
        if (segment->flags & HB_UNIT_FIRST) {
            size_t length;
            memcpy(&length, length_at, sizeof length);
            length_at += sizeof length;
            good = compress(worker->compressor, out, header, length, &left);
            header += length;
        }
        if (good && segment->bytes != 0)
            good = compress(worker->compressor, out, segment->data, (size_t)segment->bytes, &left);
        if (good && padding_of(segment) != 0)
            good = compress(worker->compressor, out, zero, padding_of(segment), &left);
    }
    return good && left == 0;
}

/*
 * The frame was packed into memory for the worst case. If it did not compress, the host gets that
 * memory, without a copy. Otherwise it gets a block that fits, because many blocks wait for their
 * turn.
 */
static int hand_over(const struct tar_zstd *tar, const ZSTD_outBuffer *packed, uint64_t tar_bytes,
                     struct hb_unit *out)
{
    struct tar_note note = {.magic = TAR_NOTE_MAGIC, .tar_bytes = tar_bytes};
    void *data = packed->dst;
    if (packed->pos < packed->size - packed->size / 8) {
        data = tar->host->alloc(tar->host, packed->pos);
        if (data != NULL)
            memcpy(data, packed->dst, packed->pos);
        tar->host->release(tar->host, packed->dst);
        if (data == NULL)
            return tar_no_memory(tar->host);
    }
    note.checksum = tar_get32((const unsigned char *)data + packed->pos - 4);
    memcpy(out->note, &note, sizeof note);
    out->data = data;
    out->bytes = packed->pos;
    return HB_OK;
}

/*
 * A part of a long file: a database, a log. Its frame ends before what repeats at a distance comes
 * again, so a table that remembers twice as many places of long matches saves 1.5 % there. The
 * table of short ones is an eighth of the level's: it stays in the processor's nearest cache, which
 * makes up for what the other costs in time, and costs 1.2 %. Frames of small files gain nothing by
 * either.
 */
static bool is_long_part(const struct tar_zstd *tar, size_t count, uint64_t tar_bytes)
{
    return tar->level == TAR_USUAL_LEVEL && count == 1 && tar_bytes >= TAR_LONG_PART;
}

static bool begin_frame(const struct tar_zstd *tar, ZSTD_CCtx *compressor, size_t count,
                        uint64_t tar_bytes)
{
    bool is_long = is_long_part(tar, count, tar_bytes); /* 0: as the level says */
    ZSTD_CCtx_reset(compressor, ZSTD_reset_session_only);
    return !ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_hashLog,
                                                is_long ? TAR_LONG_HASH_LOG : 0)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_chainLog,
                                                is_long ? TAR_LONG_CHAIN_LOG : 0)) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(compressor, tar_bytes));
}

int tar_encode(void *self, void *state, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out)
{
    struct tar_zstd *tar = self;
    struct tar_worker *worker = state;
    uint64_t tar_bytes = 0;
    int status = measure(tar, worker, segments, count, &tar_bytes);
    if (status != HB_OK)
        return status;
    if (worker->compressor == NULL)
        worker->compressor = tar_compressor(tar->level);
    ZSTD_outBuffer packed = {.size = ZSTD_compressBound((size_t)tar_bytes)};
    if (worker->compressor != NULL)
        packed.dst = tar->host->alloc(tar->host, packed.size);
    if (packed.dst == NULL)
        return tar_no_memory(tar->host);
    if (!begin_frame(tar, worker->compressor, count, tar_bytes) ||
        !compress_segments(worker, segments, count, &packed, tar_bytes)) {
        tar->host->release(tar->host, packed.dst);
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "zstd cannot compress a frame of %llu bytes; out of memory?",
                               (unsigned long long)tar_bytes);
    }
    return hand_over(tar, &packed, tar_bytes, out);
}

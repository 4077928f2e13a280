/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes members of one group from their frames. The header that each listed member should
 * have is made again and compared with the one in the frame. The listing has seen to it that
 * these headers and their contents are the whole tar (tar_list.c); so index and archive cannot say
 * different things of what is decoded.
 *
 * A member of several frames is decompressed ahead of what is compared and handed out
 * (tar_ahead.h), one member of the archive at a time, where the host decodes on several threads.
 * All else is decompressed piece by piece, in the memory of a piece.
 */
#include "tar_decode.h"

#include "tar_ahead.h"
#include "tar_bytes.h"
#include "tar_table.h"
#include "tar_worker.h"

#include <string.h>

struct target {
    const struct hb_member *member;
    const struct hb_output *output;
    uint64_t offset; /* of its header in the tar stream */
};

struct decoding {
    struct tar_zstd *tar;
    const struct tar_table *table;
    const struct hb_input *input;
    struct tar_worker *worker;
    struct target *targets; /* by offset */
    size_t count;
    size_t current;
    bool has_header;   /* worker->header is that of the current one */
    uint64_t position; /* in the tar stream */
    struct tar_ahead *ahead;
    bool alone; /* there is no thread to work ahead */
};

static int differs(const struct decoding *decoding)
{
    const struct hb_host *host = decoding->tar->host;
    return host->fail(host, HB_STATUS_FATAL,
                      "%s: the member index and the archive contradict each other; the archive is "
                      "damaged or forged, use another copy",
                      decoding->targets[decoding->current].member->entry->path);
}

/* Takes what the current member wants of `data`: how many bytes in *taken. */
static int take(struct decoding *decoding, const unsigned char *data, size_t bytes, size_t *taken)
{
    struct target *target = &decoding->targets[decoding->current];
    const struct tar_buffer *header = &decoding->worker->header;
    uint64_t content = tar_content_bytes(target->member->entry);
    uint64_t at = decoding->position - target->offset, left;
    if (at < header->bytes) {
        left = header->bytes - at;
        *taken = left < bytes ? (size_t)left : bytes;
        return memcmp(header->data + at, data, *taken) == 0 ? HB_OK : differs(decoding);
    }
    at -= header->bytes;
    if (at < content) {
        left = content - at;
        *taken = left < bytes ? (size_t)left : bytes;
        return target->output->write(target->output, data, *taken, at);
    }
    left = content + tar_padding(content) - at;
    *taken = left < bytes ? (size_t)left : bytes;
    for (size_t i = 0; i < *taken; i++)
        if (data[i] != 0)
            return differs(decoding);
    return HB_OK;
}

static uint64_t end_of(const struct decoding *decoding)
{
    const struct target *target = &decoding->targets[decoding->current];
    uint64_t content = tar_content_bytes(target->member->entry);
    return target->offset + decoding->worker->header.bytes + content + tar_padding(content);
}

/* Makes the header of the current member; its end must lie within the stream. */
static int begin_target(struct decoding *decoding)
{
    const struct target *target = &decoding->targets[decoding->current];
    uint64_t content = tar_content_bytes(target->member->entry), end;
    decoding->worker->header.bytes = 0;
    int error = tar_header_encode(target->member->entry, &decoding->worker->header);
    if (error == -ENOMEM)
        return tar_no_memory(decoding->tar->host);
    if (error != 0 ||
        __builtin_add_overflow(target->offset, decoding->worker->header.bytes, &end) ||
        __builtin_add_overflow(end, content, &end) ||
        __builtin_add_overflow(end, tar_padding(content), &end) ||
        end > decoding->table->index.tar_bytes)
        return differs(decoding);
    decoding->has_header = true;
    return HB_OK;
}

static int consume(struct decoding *decoding, const unsigned char *data, size_t bytes)
{
    while (bytes > 0 && decoding->current < decoding->count) {
        const struct target *target = &decoding->targets[decoding->current];
        size_t taken = bytes;
        int status = HB_OK;
        if (decoding->position < target->offset) {
            if (taken > target->offset - decoding->position)
                taken = (size_t)(target->offset - decoding->position);
        } else {
            if (!decoding->has_header && decoding->position != target->offset)
                return differs(decoding); /* members that overlap */
            if (!decoding->has_header)
                status = begin_target(decoding);
            if (status == HB_OK)
                status = take(decoding, data, bytes, &taken);
        }
        if (status != HB_OK)
            return status;
        data += taken;
        bytes -= taken;
        decoding->position += taken;
        if (decoding->has_header && decoding->position == end_of(decoding)) {
            decoding->current++;
            decoding->has_header = false;
        }
    }
    decoding->position += bytes;
    return HB_OK;
}

static int bad_frame(const struct decoding *decoding, size_t frame, const char *why)
{
    const struct hb_host *host = decoding->tar->host;
    return host->fail(host, HB_STATUS_FATAL,
                      "the archive is damaged at byte %llu: %s; use another copy",
                      (unsigned long long)decoding->table->frames[frame].file_offset, why);
}

/* Decompresses what is in `in`, and hands it on. *expected is 0 once the frame has ended. */
static int unpack(struct decoding *decoding, size_t frame, ZSTD_inBuffer *in, size_t *expected)
{
    struct tar_worker *worker = decoding->worker;
    uint64_t end = decoding->table->frames[frame + 1].tar_offset;
    bool full = false;
    while (in->pos < in->size || full) {
        ZSTD_outBuffer out = {.dst = worker->output, .size = ZSTD_DStreamOutSize()};
        if (*expected == 0)
            return bad_frame(decoding, frame, "the frame is shorter than the seek table says");
        *expected = ZSTD_decompressStream(worker->decompressor, &out, in);
        if (ZSTD_isError(*expected))
            return bad_frame(decoding, frame, ZSTD_getErrorName(*expected));
        if (out.pos > end - decoding->position)
            return bad_frame(decoding, frame, "the frame holds more than the seek table says");
        full = *expected != 0 && out.pos == out.size;
        int status = consume(decoding, worker->output, out.pos);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

enum { TAIL_BYTES = 4 /* the checksum that a frame ends with */ };

/* A frame in the place of another one may be sound and have the same length. */
static int compare_checksum(const struct decoding *decoding, size_t frame,
                            const unsigned char *tail)
{
    return tar_get32(tail) == decoding->table->frames[frame].checksum
               ? HB_OK
               : bad_frame(decoding, frame, "this is not the frame that the seek table lists");
}

static int check_checksum(const struct decoding *decoding, size_t frame)
{
    unsigned char tail[TAIL_BYTES];
    uint64_t end = decoding->table->frames[frame + 1].file_offset;
    int status = tar_read_exactly(decoding->input, tail, sizeof tail, end - sizeof tail);
    if (status == HB_STATUS_NOMATCH)
        return bad_frame(decoding, frame, "the archive ends there");
    return status == HB_OK ? compare_checksum(decoding, frame, tail) : status;
}

/* One frame to its end, where its checksum stands. */
static int decode_frame(struct decoding *decoding, size_t frame)
{
    const struct tar_frame *at = &decoding->table->frames[frame];
    struct tar_worker *worker = decoding->worker;
    uint64_t offset = at->file_offset, end = at[1].file_offset;
    size_t expected = 1;
    int status = HB_OK;
    ZSTD_DCtx_reset(worker->decompressor, ZSTD_reset_session_only);
    decoding->position = at->tar_offset;
    while (status == HB_OK && offset < end) {
        size_t bytes = ZSTD_DStreamInSize();
        if (bytes > end - offset)
            bytes = (size_t)(end - offset);
        if (decoding->tar->host->cancelled(decoding->tar->host))
            return HB_STATUS_CANCELLED;
        status = tar_read_exactly(decoding->input, worker->input, bytes, offset);
        if (status == HB_STATUS_NOMATCH)
            return bad_frame(decoding, frame, "the archive ends there");
        ZSTD_inBuffer in = {.src = worker->input, .size = bytes};
        if (status == HB_OK)
            status = unpack(decoding, frame, &in, &expected);
        offset += bytes;
    }
    if (status == HB_OK && (expected != 0 || decoding->position != at[1].tar_offset))
        return bad_frame(decoding, frame, "the frame is not as long as the seek table says");
    return status == HB_OK ? check_checksum(decoding, frame) : status;
}

static int prepare(const struct tar_zstd *tar, struct tar_worker *worker)
{
    if (worker->decompressor == NULL) {
        worker->decompressor = ZSTD_createDCtx();
        if (worker->decompressor != NULL)
            ZSTD_DCtx_setParameter(worker->decompressor, ZSTD_d_windowLogMax, TAR_WINDOW_LOG_MAX);
    }
    if (worker->input == NULL)
        worker->input = malloc(ZSTD_DStreamInSize());
    if (worker->output == NULL)
        worker->output = malloc(ZSTD_DStreamOutSize());
    if (worker->decompressor == NULL || worker->input == NULL || worker->output == NULL)
        return tar_no_memory(tar->host);
    return HB_OK;
}

/* ---- ahead ---------------------------------------------------------------------------------- */

enum { AHEAD_MEMBERS = 500000 };

static uint64_t stored_bytes(const struct tar_frame *at)
{
    return at[1].file_offset - at->file_offset;
}

static uint64_t tar_bytes(const struct tar_frame *at)
{
    return at[1].tar_offset - at->tar_offset;
}

/* Frames are of that kind which takes long and little memory. */
static bool is_worth_it(const struct decoding *decoding, size_t frame)
{
    const struct tar_frame *at = &decoding->table->frames[frame];
    uint64_t bytes = tar_bytes(at);
    return bytes <= TAR_AHEAD_FRAME && stored_bytes(at) >= TAIL_BYTES &&
           stored_bytes(at) <= bytes - bytes / 8;
}

/*
 * Is somebody there to work ahead? For one member of an archive at a time, and not where the host
 * needs its memory for very many members: it is bounded.
 */
static bool begin_ahead(struct decoding *decoding)
{
    struct tar_zstd *tar = decoding->tar;
    unsigned workers = atomic_load(&tar->workers);
    if (decoding->ahead != NULL)
        return true;
    if (decoding->alone || workers < 2 || decoding->table->index.members > AHEAD_MEMBERS ||
        atomic_exchange(&tar->is_ahead, true))
        return false;
    decoding->ahead = tar_ahead_begin(workers - 1);
    decoding->alone = decoding->ahead == NULL;
    if (decoding->alone)
        atomic_store(&tar->is_ahead, false);
    return !decoding->alone;
}

static void end_ahead(struct decoding *decoding)
{
    if (decoding->ahead == NULL)
        return;
    tar_ahead_end(decoding->ahead);
    atomic_store(&decoding->tar->is_ahead, false);
}

/* Reads the frame. HB_STATUS_NOMATCH: it is not one to be decompressed ahead. */
static int put_ahead(struct decoding *decoding, size_t frame)
{
    const struct tar_frame *at = &decoding->table->frames[frame];
    size_t stored = (size_t)stored_bytes(at), bytes = (size_t)tar_bytes(at);
    if (!is_worth_it(decoding, frame))
        return HB_STATUS_NOMATCH;
    unsigned char *room = tar_ahead_room(decoding->ahead, stored, bytes);
    if (room == NULL)
        return HB_STATUS_NOMATCH;
    int status = tar_read_exactly(decoding->input, room, stored, at->file_offset);
    if (status == HB_STATUS_NOMATCH)
        return bad_frame(decoding, frame, "the archive ends there");
    /* All of ours say it. One that does not might need memory for more than a frame. */
    if (status == HB_OK && ZSTD_getFrameContentSize(room, stored) != bytes)
        return HB_STATUS_NOMATCH;
    if (status == HB_OK)
        tar_ahead_put(decoding->ahead);
    return status;
}

static int take_ahead(struct decoding *decoding, size_t frame)
{
    if (decoding->tar->host->cancelled(decoding->tar->host))
        return HB_STATUS_CANCELLED;
    const struct tar_ahead_frame *found =
        tar_ahead_take(decoding->ahead, decoding->worker->decompressor);
    if (found->why != NULL)
        return bad_frame(decoding, frame, found->why);
    int status =
        compare_checksum(decoding, frame, found->stored + found->stored_bytes - TAIL_BYTES);
    decoding->position = decoding->table->frames[frame].tar_offset;
    if (status == HB_OK)
        status = consume(decoding, found->data, found->bytes);
    tar_ahead_drop(decoding->ahead);
    return status;
}

/* Frames from *frame on, to `end` or to one that is of another kind, where *frame is then. */
static int decode_ahead(struct decoding *decoding, size_t *frame, size_t end)
{
    size_t next = *frame;
    int status = HB_OK;
    if (end - next < 2 || !is_worth_it(decoding, next) || !begin_ahead(decoding))
        return HB_OK;
    do {
        while (status == HB_OK && next < end && tar_ahead_has_room(decoding->ahead)) {
            status = put_ahead(decoding, next);
            next += status == HB_OK;
        }
        if (status == HB_STATUS_NOMATCH) {
            end = next;
            status = HB_OK;
        }
        if (status == HB_OK && *frame < end)
            status = take_ahead(decoding, (*frame)++);
    } while (status == HB_OK && *frame < end);
    return status;
}

/* The current member lies in frames up to there, at least. */
static size_t frames_end(const struct decoding *decoding, size_t frame)
{
    const struct target *target = &decoding->targets[decoding->current];
    uint64_t last = decoding->table->index.tar_bytes - 1, end;
    if (!__builtin_add_overflow(target->offset, tar_content_bytes(target->member->entry), &end) &&
        end < last)
        last = end;
    size_t found = tar_table_find(decoding->table, last) + 1;
    return found > frame ? found : frame + 1;
}

/* ---- members -------------------------------------------------------------------------------- */

static int by_offset(const void *left, const void *right)
{
    const struct target *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int decode_targets(struct decoding *decoding)
{
    const struct tar_table *table = decoding->table;
    int status = HB_OK;
    size_t frame = 0;
    while (status == HB_OK && decoding->current < decoding->count) {
        const struct target *target = &decoding->targets[decoding->current];
        if (target->offset >= table->index.tar_bytes)
            return differs(decoding);
        if (!decoding->has_header) {
            /* Frames between two wanted members are not read. */
            size_t first = tar_table_find(table, target->offset);
            if (first < frame) /* it should have come up in a frame that has been read */
                return differs(decoding);
            frame = first;
        }
        if (frame >= table->count)
            return differs(decoding);
        size_t end = frames_end(decoding, frame);
        status = decode_ahead(decoding, &frame, end);
        if (status == HB_OK && frame < end)
            status = decode_frame(decoding, frame++);
    }
    return status;
}

int tar_decode(void *self, void *state, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs)
{
    struct tar_zstd *tar = self;
    if (tar->table == NULL || input->read_at == NULL)
        return tar->host->fail(tar->host, HB_STATUS_FATAL,
                               "was asked to decode a member that it did not list");
    int status = prepare(tar, state);
    if (status != HB_OK || count == 0)
        return status;
    TAR_AUTO_FREE struct target *targets = calloc(count, sizeof *targets);
    if (targets == NULL)
        return tar_no_memory(tar->host);
    for (size_t i = 0; i < count; i++)
        targets[i] = (struct target){members[i], outputs[i], members[i]->token};
    qsort(targets, count, sizeof *targets, by_offset);
    struct decoding decoding = {.tar = tar,
                                .table = tar->table,
                                .input = input,
                                .worker = state,
                                .targets = targets,
                                .count = count};
    status = decode_targets(&decoding);
    end_ahead(&decoding);
    return status;
}

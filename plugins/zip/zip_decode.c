/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member back. Nothing is kept of the listing but where local headers start, so a member is
 * read by its central header (which the host has as the token) and its local one, and both must
 * agree. Small members are decoded whole with libdeflate, large ones stream through ISA-L; in
 * both cases no byte more than declared gets out. What ISA-L refuses zlib judges, from the start:
 * what is intact is never lost to a mistake of the faster one.
 */
#include "zip_decode.h"

#include "zip_bytes.h"
#include "zip_index.h"
#include "zip_isal.h"
#include "zip_layout.h"
#include "zip_method.h"
#include "zip_name.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum {
    HEAD_BYTES = 4096,    /* read ahead for a local header; longer ones are read again */
    CENTRAL_BYTES = 512,  /* the same for one of the directory */
    INPUT_BYTES = 1 << 17 /* read at once for a streamed member */
};

/* A member that is being decoded. */
struct member {
    const struct zip *zip;
    struct zip_worker *worker;
    const struct hb_input *input;
    const struct hb_output *output;
    struct zip_record record;   /* as the central directory has it; without pointers */
    uint64_t start;             /* of the local header */
    uint64_t next;              /* of what follows the member */
    uint64_t data;              /* of its compressed data */
    const unsigned char *local; /* what is read already, from `start` on */
    size_t loaded;              /* how many bytes */
    uint64_t done;              /* content handed out */
    uint32_t crc;               /* of it */
    uint64_t known;             /* the host has so much of it from ISA-L, which gave up */
    uint32_t known_crc;         /* of that */
};

static int refuse(const struct member *member, const char *why)
{
    return member->zip->host->fail(member->zip->host, HB_STATUS_FATAL,
                                   "%s; the archive is damaged or forged", why);
}

/* ---- headers ------------------------------------------------------------------------------ */

static int check_method(const struct member *member)
{
    const struct hb_host *host = member->zip->host;
    const struct zip_record *record = &member->record;
    char text[ZIP_WHY_BYTES];
    const char *why = zip_method_problem(record, text);
    if (why != NULL)
        return host->fail(host, HB_STATUS_ENTRY, "it %s", why);
    if (record->method == ZIP_STORED && record->packed != record->bytes)
        return refuse(member, "it is stored, but its two sizes differ");
    return HB_OK;
}

/* With a descriptor the local header may leave the value out. */
static bool same_value(const struct zip_record *local, uint64_t there, uint64_t here)
{
    bool later = (local->flags & ZIP_FLAG_DESCRIPTOR) != 0;
    return there == here || (later && (there == 0 || there == ZIP_32_FULL));
}

/* In archives of other programs bits differ that say nothing to those who read. */
static unsigned flags_that_count(const struct member *member, const struct zip_record *central)
{
    unsigned flags = ZIP_FLAG_ENCRYPTED | ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_PATCH | ZIP_FLAG_STRONG |
                     ZIP_FLAG_MASKED;
    if (member->zip->index.has_trailer)
        return ~0u;
    bool ascii = zip_name_encoding(central->name, central->name_bytes) == ZIP_NAME_ASCII;
    return ascii ? flags : flags | ZIP_FLAG_UTF8;
}

static int compare_headers(const struct member *member, const struct zip_record *local,
                           const struct zip_record *central)
{
    if (local->name_bytes != central->name_bytes ||
        memcmp(local->name, central->name, local->name_bytes) != 0 ||
        local->raw_name != central->raw_name)
        return refuse(member,
                      "its name in the local header differs from that in the central directory");
    unsigned different = local->flags ^ central->flags;
    if (local->method != central->method || (different & flags_that_count(member, central)) != 0)
        return refuse(
            member,
            "its method or flags in the local header differ from those in the central directory");
    if (!same_value(local, local->crc, central->crc) ||
        !same_value(local, local->packed, central->packed) ||
        !same_value(local, local->bytes, central->bytes))
        return refuse(
            member,
            "its size or checksum in the local header differs from that in the central directory");
    return HB_OK;
}

static int load(struct member *member, size_t bytes)
{
    const struct zip *zip = member->zip;
    uint64_t end = zip->index.start < member->next ? member->next : zip->index.start;
    member->loaded = bytes;
    return zip_window_read(zip, member->input, &member->worker->members, member->start, bytes, end,
                           &member->local);
}

/*
 * Reads the local header, and all of a small member's data with it: at most one call for each of
 * the many small files of a home.
 */
static int load_local(struct member *member)
{
    uint64_t span = member->next - member->start;
    uint64_t want = HEAD_BYTES + member->record.name_bytes;
    if (member->record.packed <= ZIP_SMALL_BYTES)
        want += member->record.packed;
    if (want > span)
        want = span;
    int status = load(member, (size_t)want);
    if (status != HB_OK)
        return status;
    size_t header = want < ZIP_LOCAL_BYTES ? 0 : zip_local_bytes(member->local);
    return header <= want || header > span ? HB_OK : load(member, header);
}

static int open_local(struct member *member, const struct zip_record *central)
{
    struct zip_record local;
    int status = load_local(member);
    if (status != HB_OK)
        return status;
    const char *wrong = zip_parse_local(member->local, member->loaded, &local);
    if (wrong != NULL)
        return member->zip->host->fail(member->zip->host, HB_STATUS_FATAL,
                                       "it %s; the archive is damaged or forged", wrong);
    member->data = member->start + local.header_bytes;
    if (member->next - member->data < central->packed)
        return refuse(member, "its data overlap what follows it");
    return compare_headers(member, &local, central);
}

/* ---- content ------------------------------------------------------------------------------ */

/* What zlib makes of the beginning must be what the host has of it. */
static int compare_known(const struct member *member)
{
    return member->done != member->known || member->crc == member->known_crc
               ? HB_OK
               : refuse(member, "its compressed data mean different things to different programs");
}

static int hand_out(struct member *member, const unsigned char *data, size_t bytes)
{
    if (bytes > member->record.bytes - member->done)
        return refuse(member, "it decompresses to more than its size");
    for (size_t at = 0; at < bytes;) {
        size_t piece = bytes - at < ZIP_UNIT_BYTES ? bytes - at : ZIP_UNIT_BYTES;
        bool again = member->done < member->known;
        if (again && piece > member->known - member->done)
            piece = (size_t)(member->known - member->done);
        int status =
            again ? HB_OK : member->output->write(member->output, data + at, piece, member->done);
        member->crc = libdeflate_crc32(member->crc, data + at, piece);
        member->done += piece;
        at += piece;
        if (status == HB_OK && again)
            status = compare_known(member);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

static int inflate_whole(struct member *member, const unsigned char *packed)
{
    struct zip_worker *worker = member->worker;
    const struct zip_record *record = &member->record;
    size_t used = 0, got = 0;
    if (worker->decompressor == NULL)
        worker->decompressor = libdeflate_alloc_decompressor();
    if (worker->decompressor == NULL)
        return zip_no_memory(member->zip);
    int status = zip_reserve(member->zip, &worker->plain, &worker->plain_capacity,
                             (size_t)record->bytes + 1);
    if (status != HB_OK)
        return status;
    enum libdeflate_result result =
        libdeflate_deflate_decompress_ex(worker->decompressor, packed, (size_t)record->packed,
                                         worker->plain, (size_t)record->bytes, &used, &got);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
        return refuse(member, "it decompresses to more than its size");
    if (result != LIBDEFLATE_SUCCESS || used != record->packed)
        return refuse(member, "its compressed data are broken");
    return hand_out(member, worker->plain, got);
}

/* The next piece of the compressed data, in worker->packed. */
static int next_piece(struct member *member, uint64_t at, size_t *bytes)
{
    struct zip_worker *worker = member->worker;
    uint64_t left = member->record.packed - at;
    if (member->zip->host->cancelled(member->zip->host))
        return HB_STATUS_CANCELLED;
    *bytes = left < INPUT_BYTES ? (size_t)left : INPUT_BYTES;
    int status = zip_reserve(member->zip, &worker->packed, &worker->packed_capacity, INPUT_BYTES);
    if (status != HB_OK)
        return status;
    return zip_read(member->zip, member->input, worker->packed, *bytes, member->data + at);
}

static int copy_stream(struct member *member)
{
    size_t bytes;
    for (uint64_t at = 0; at < member->record.packed; at += bytes) {
        int status = next_piece(member, at, &bytes);
        if (status == HB_OK)
            status = hand_out(member, member->worker->packed, bytes);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

/* Inflates what is at next_in; *ended once the stream is complete. */
static int inflate_piece(struct member *member, z_stream *stream, bool *ended)
{
    int result = Z_OK;
    do {
        stream->next_out = member->worker->plain;
        stream->avail_out = ZIP_PIECE_BYTES;
        result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return refuse(member, "its compressed data are broken");
        int status = hand_out(member, member->worker->plain, ZIP_PIECE_BYTES - stream->avail_out);
        if (status != HB_OK)
            return status;
        *ended = result == Z_STREAM_END;
    } while (!*ended && (stream->avail_in > 0 || stream->avail_out == 0));
    return HB_OK;
}

static int inflate_stream(struct member *member)
{
    struct zip_worker *worker = member->worker;
    z_stream *stream = zip_inflater(member->zip, worker);
    int status = stream == NULL ? HB_STATUS_FATAL
                                : zip_reserve(member->zip, &worker->plain, &worker->plain_capacity,
                                              ZIP_PIECE_BYTES);
    bool ended = false;
    uint64_t at = 0;
    while (status == HB_OK && !ended && at < member->record.packed) {
        size_t bytes;
        status = next_piece(member, at, &bytes);
        if (status != HB_OK)
            return status;
        stream->next_in = worker->packed;
        stream->avail_in = (uInt)bytes;
        status = inflate_piece(member, stream, &ended);
        at += bytes - stream->avail_in;
    }
    if (status == HB_OK && (!ended || at != member->record.packed))
        return refuse(member, "its compressed data are broken");
    return status;
}

/* By ISA-L; *refused: it cannot, or something is wrong with the data. */
static int inflate_fast(struct member *member, bool *refused)
{
    struct zip_worker *worker = member->worker;
    enum zip_inflating inflating = ZIP_INFLATE_MORE;
    uint64_t at = 0;
    worker->fast_inflater = zip_isal_inflater(worker->fast_inflater);
    if (worker->fast_inflater == NULL)
        return zip_no_memory(member->zip);
    int status = zip_reserve(member->zip, &worker->plain, &worker->plain_capacity, ZIP_PIECE_BYTES);
    while (status == HB_OK && inflating == ZIP_INFLATE_MORE && at < member->record.packed) {
        size_t bytes = 0;
        status = next_piece(member, at, &bytes);
        struct zip_inflow flow = {.in = worker->packed, .in_bytes = bytes};
        do {
            flow.out = worker->plain;
            flow.out_bytes = ZIP_PIECE_BYTES;
            if (status == HB_OK)
                inflating = zip_isal_inflate(worker->fast_inflater, &flow);
            if (status == HB_OK)
                status = hand_out(member, worker->plain, ZIP_PIECE_BYTES - flow.out_bytes);
        } while (status == HB_OK && inflating == ZIP_INFLATE_MORE && flow.out_bytes == 0);
        at += bytes - flow.in_bytes;
    }
    *refused = inflating != ZIP_INFLATE_ENDED || at != member->record.packed;
    return status;
}

static int inflate_large(struct member *member)
{
    bool refused = false;
    int status = inflate_fast(member, &refused);
    if (status != HB_OK || !refused)
        return status;
    member->known = member->done;
    member->known_crc = member->crc;
    member->done = member->crc = 0;
    return inflate_stream(member);
}

static int feed_other(void *self, uint64_t at, const void **data, size_t *bytes)
{
    struct member *member = self;
    int status = next_piece(member, at, bytes);
    *data = member->worker->packed;
    return status;
}

static int take_other(void *self, const void *data, size_t bytes)
{
    return hand_out(self, data, bytes);
}

/* By another method than deflate. Of nothing, Python's LZMA makes a stream that libarchive refuses.
 */
static int decode_other(struct member *member)
{
    if (member->record.bytes == 0)
        return HB_OK;
    const struct zip_passage passage = {
        .zip = member->zip,
        .record = &member->record,
        .self = member,
        .next = feed_other,
        .take = take_other,
    };
    return zip_method_decode(&passage);
}

/* ---- data descriptor (4.3.9) -------------------------------------------------------------- */

/* Checksum and sizes at `at`, `width` bytes for each size. */
static bool descriptor_fits(const struct zip_record *record, const unsigned char *at, size_t bytes,
                            size_t width)
{
    if (bytes < 4 + 2 * width || zip_get32(at) != record->crc)
        return false;
    if (width == 8)
        return zip_get64(at + 4) == record->packed && zip_get64(at + 12) == record->bytes;
    return zip_get32(at + 4) == (record->packed & ZIP_32_FULL) &&
           zip_get32(at + 8) == (record->bytes & ZIP_32_FULL);
}

/*
 * A reader of a stream believes the descriptor, so it must say what the central directory says. Its
 * signature is optional, and nothing says how wide its sizes are.
 */
static int check_descriptor(const struct member *member)
{
    unsigned char found[24] = {0};
    const struct zip_record *record = &member->record;
    uint64_t place = member->data + record->packed, room = member->next - place;
    size_t bytes = room < sizeof found ? (size_t)room : sizeof found;
    int status = zip_read(member->zip, member->input, found, bytes, place);
    if (status != HB_OK)
        return status;
    for (size_t skip = 0; skip <= 4; skip += 4) {
        if (skip == 4 && (bytes < 4 || zip_get32(found) != ZIP_DESCRIPTOR_SIGNATURE))
            break;
        if (descriptor_fits(record, found + skip, bytes - skip, 4) ||
            descriptor_fits(record, found + skip, bytes - skip, 8))
            return HB_OK;
    }
    return refuse(member, "its data descriptor differs from the central directory");
}

static int decode_content(struct member *member)
{
    const struct zip_record *record = &member->record;
    size_t header = (size_t)(member->data - member->start);
    bool here = header <= member->loaded && record->packed <= member->loaded - header;
    const unsigned char *packed = member->local + header;
    int status;
    if (record->method == ZIP_STORED)
        status = here ? hand_out(member, packed, (size_t)record->packed) : copy_stream(member);
    else if (record->method != ZIP_DEFLATED)
        status = decode_other(member);
    else if (here && record->bytes <= ZIP_SMALL_BYTES)
        status = inflate_whole(member, packed);
    else
        status = inflate_large(member);
    if (status != HB_OK)
        return status;
    if (member->done != record->bytes)
        return refuse(member, "it decompresses to less than its size");
    if (member->crc != record->crc)
        return refuse(member, "its content does not match its checksum");
    return record->flags & ZIP_FLAG_DESCRIPTOR ? check_descriptor(member) : HB_OK;
}

/* ---- one member --------------------------------------------------------------------------- */

/* Reads the central header again. The record points into a window of the worker's. */
static int read_central(const struct zip *zip, struct zip_worker *worker,
                        const struct hb_input *input, uint64_t place, struct zip_record *record)
{
    const struct zip_index *index = &zip->index;
    const unsigned char *header;
    if (place < index->start || place - index->start > index->bytes ||
        index->bytes - (place - index->start) < ZIP_CENTRAL_BYTES)
        return zip->host->fail(zip->host, HB_STATUS_FATAL, "no such member in this archive");
    uint64_t end = index->start + index->bytes, left = end - place;
    size_t bytes = left < CENTRAL_BYTES ? (size_t)left : CENTRAL_BYTES;
    int status = zip_window_read(zip, input, &worker->central, place, bytes, end, &header);
    if (status != HB_OK)
        return status;
    bytes = zip_central_bytes(header);
    if (bytes > left)
        bytes = 0;
    if (bytes > CENTRAL_BYTES)
        status = zip_window_read(zip, input, &worker->central, place, bytes, end, &header);
    if (status != HB_OK)
        return status;
    const char *wrong =
        bytes == 0 ? "has no central header" : zip_parse_central(header, bytes, record);
    if (wrong != NULL)
        return zip->host->fail(zip->host, HB_STATUS_FATAL, "it now %s; the archive was changed",
                               wrong);
    return HB_OK;
}

/* Of a directory that is encrypted, say, there is nothing to be decoded: its headers must agree. */
static int decode_record(struct member *member, const struct zip_record *central, uint32_t type)
{
    const struct zip *zip = member->zip;
    member->record = *central;
    if (__builtin_add_overflow(central->offset, zip->index.shift, &member->start))
        return refuse(member, "it lies beyond the end of the archive");
    member->next = zip_index_next(&zip->index, member->start);
    if (member->next == 0)
        return zip->host->fail(
            zip->host, HB_STATUS_FATAL,
            "it has moved since the archive was listed; the archive was changed");
    char text[ZIP_WHY_BYTES];
    bool closed = type == HB_TYPE_DIRECTORY && zip_method_problem(central, text) != NULL;
    int status = closed ? HB_OK : check_method(member);
    if (status == HB_OK)
        status = open_local(member, central);
    return status == HB_OK && !closed ? decode_content(member) : status;
}

int zip_decode_one(const struct zip *zip, struct zip_worker *worker, const struct hb_input *input,
                   uint64_t place, uint32_t type, const struct hb_output *output)
{
    struct member member = {.zip = zip, .worker = worker, .input = input, .output = output};
    struct zip_record central = {0};
    int status = read_central(zip, worker, input, place, &central);
    return status == HB_OK ? decode_record(&member, &central, type) : status;
}

int zip_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs)
{
    int status = HB_OK;
    for (size_t i = 0; status == HB_OK && i < count; i++)
        status = zip_decode_one(self, worker, input, members[i]->token, members[i]->entry->type,
                                outputs[i]);
    return status;
}

/* The data starts behind the local header, and only that header tells its own length. */
static int find_data(const struct zip *zip, const struct hb_input *input,
                     const struct zip_record *record, uint64_t *data)
{
    unsigned char fixed[ZIP_LOCAL_BYTES];
    uint64_t start;
    if (__builtin_add_overflow(record->offset, zip->index.shift, &start))
        return HB_STATUS_NOMATCH;
    uint64_t next = zip_index_next(&zip->index, start);
    if (next == 0 || next - start < sizeof fixed)
        return HB_STATUS_NOMATCH;
    int status = zip_read(zip, input, fixed, sizeof fixed, start);
    if (status != HB_OK)
        return status;
    size_t header = zip_local_bytes(fixed);
    if (header == 0 || header > next - start || next - start - header < record->packed)
        return HB_STATUS_NOMATCH;
    *data = start + header;
    return HB_OK;
}

int zip_decode_look(const struct zip *zip, const struct hb_input *input,
                    const struct zip_record *record, char *text, const char **why)
{
    unsigned char claim[ZIP_CLAIM_BYTES];
    uint64_t data = 0;
    size_t bytes = record->packed < sizeof claim ? (size_t)record->packed : sizeof claim;
    int status = find_data(zip, input, record, &data);
    if (status == HB_OK)
        status = zip_read(zip, input, claim, bytes, data);
    if (status == HB_OK)
        *why = zip_method_claim_problem(record, claim, bytes, text);
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units: up to 512 KiB of one entry, deflated on its own, so that workers need not wait
 * for one another and a unit that did not change can be copied from an older archive.
 *
 * An entry of one unit is a whole deflate stream, or stored. The units of a longer one are
 * joined to one deflate stream: each but the last ends on a byte without the final bit.
 * libdeflate always ends its stream, so its output is walked to find the last block, whose
 * final bit is then cleared; an empty stored block fills up the byte (RFC 1951, 3.2.4). ISA-L,
 * the fast level, can do without.
 */
#include "zip_encode.h"

#include "zip_bytes.h"
#include "zip_isal.h"
#include "zip_worker.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum {
    STORED_BLOCK = 65535, /* content of one stored block at most */
    STORED_HEADER = 5,    /* its header, from a byte boundary */
    JOINT_BYTES = 5,      /* an empty stored block, wherever in the byte it starts */
    SAMPLE_BYTES = 16 << 10,
    SAMPLES = 4,
    SAMPLED_FROM = 32 << 10, /* smaller units are just tried */
    LARGE_FROM = 128 << 10,  /* of smaller ones the samples are half as large */
    PLAIN_BITS = 15 << 15    /* 7.5: surely compresses, see bits_a_byte() */
};

/* ---- what a unit takes ------------------------------------------------------------------ */

/* What stored blocks of so much content take. */
static size_t blocks_bytes(size_t bytes)
{
    return bytes + (bytes / STORED_BLOCK + 1) * STORED_HEADER;
}

/* As many stored blocks as it takes, and room for a joint. */
static size_t most_bytes(size_t bytes)
{
    return blocks_bytes(bytes) + JOINT_BYTES;
}

static int prepare_codec(const struct zip *zip, struct zip_worker *worker)
{
    bool fast = zip->level == ZIP_LEVEL_FAST;
    if (worker->sampler == NULL)
        worker->sampler = libdeflate_alloc_compressor(1);
    if (fast && worker->isal == NULL)
        worker->isal = zip_isal_new();
    if (!fast && worker->compressor == NULL)
        worker->compressor = libdeflate_alloc_compressor(zip->level);
    bool ready = fast ? worker->isal != NULL : worker->compressor != NULL;
    return ready && worker->sampler != NULL ? HB_OK : zip_no_memory(zip);
}

static int prepare(const struct zip *zip, struct zip_worker *worker, size_t bytes)
{
    int status = prepare_codec(zip, worker);
    if (status == HB_OK)
        status = zip_reserve(zip, &worker->plain, &worker->plain_capacity, bytes + 1);
    if (status != HB_OK)
        return status;
    return zip_reserve(zip, &worker->packed, &worker->packed_capacity, most_bytes(bytes));
}

/* ---- deflate ------------------------------------------------------------------------------ */

/* Parts of a unit, evenly spread from its start to its end. */
struct samples {
    const unsigned char *data;
    size_t each, stride;
};

/*
 * The bits that each byte of the samples takes if its value alone is coded, as 1/65536. The
 * logarithm is drawn as a line between powers of two, so that the result is too high, by 0.09 bits
 * at most.
 */
static uint64_t bits_a_byte(const struct samples *samples)
{
    uint32_t counts[256] = {0};
    uint64_t sum = 0; /* of count * log2(count) */
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t j = 0; j < samples->each; j++)
            counts[samples->data[i * samples->stride + j]]++;
    for (size_t i = 0; i < 256; i++) {
        if (counts[i] == 0)
            continue;
        unsigned whole = 31 - (unsigned)__builtin_clz(counts[i]);
        uint64_t part = ((uint64_t)counts[i] << 16 >> whole) - (1 << 16);
        sum += counts[i] * ((uint64_t)whole << 16 | part);
    }
    uint64_t bytes = SAMPLES * samples->each; /* a power of two */
    return ((uint64_t)__builtin_ctzll(bytes) << 16) - sum / bytes;
}

static bool samples_compress(struct zip_worker *worker, const struct samples *samples)
{
    size_t packed = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t got =
            libdeflate_deflate_compress(worker->sampler, samples->data + i * samples->stride,
                                        samples->each, worker->packed, samples->each);
        packed += got == 0 ? samples->each : got;
    }
    return packed <= SAMPLES * samples->each / 100 * 99;
}

/*
 * A few samples show that photographs and the like do not compress, without compressing all of
 * them. Most other content is recognised by counting bytes, which takes even less.
 */
static bool looks_incompressible(struct zip_worker *worker, const unsigned char *data, size_t bytes)
{
    if (bytes < SAMPLED_FROM)
        return false;
    struct samples samples = {.data = data,
                              .each = bytes < LARGE_FROM ? SAMPLE_BYTES / 2 : SAMPLE_BYTES};
    samples.stride = (bytes - samples.each) / (SAMPLES - 1);
    return bits_a_byte(&samples) >= PLAIN_BITS && !samples_compress(worker, &samples);
}

/*
 * Compressed into worker->packed; 0: no smaller than `limit` bytes. The fast codec leaves the end
 * open where it is not the `last`, the other does not know how.
 */
static size_t try_deflate(const struct zip *zip, struct zip_worker *worker,
                          const unsigned char *data, size_t bytes, size_t limit, bool last)
{
    if (zip->level == 0 || bytes == 0 || looks_incompressible(worker, data, bytes))
        return 0;
    if (zip->level == ZIP_LEVEL_FAST) {
        size_t packed =
            zip_isal_deflate(worker->isal, data, bytes, worker->packed, most_bytes(bytes), last);
        return packed < limit ? packed : 0;
    }
    return libdeflate_deflate_compress(worker->compressor, data, bytes, worker->packed, limit - 1);
}

/* Stored blocks, ending on a byte. Returns their length. */
static size_t store_blocks(unsigned char *to, const unsigned char *data, size_t bytes, bool last)
{
    const unsigned char *start = to;
    do {
        size_t block = bytes < STORED_BLOCK ? bytes : STORED_BLOCK;
        bytes -= block;
        *to++ = last && bytes == 0 ? 1 : 0;
        to = zip_put16(to, (uint32_t)block);
        to = zip_put16(to, ~(uint32_t)block & 0xffff);
        if (block == 0)
            break;
        memcpy(to, data, block);
        to += block;
        data += block;
    } while (bytes > 0);
    return (size_t)(to - start);
}

/*
 * Inflates the stream again, block by block. Finds the bit at which its last block starts
 * and the one after its end; false if it does not give `data` back.
 */
static bool find_last_block(z_stream *stream, struct zip_worker *worker, size_t packed,
                            const unsigned char *data, size_t bytes, uint64_t *start, uint64_t *end)
{
    stream->next_in = worker->packed;
    stream->avail_in = (uInt)packed;
    stream->next_out = worker->plain;
    stream->avail_out = (uInt)(bytes + 1);
    *start = 0;
    for (;;) {
        int result = inflate(stream, Z_BLOCK);
        if (result != Z_OK)
            return false;
        if ((stream->data_type & 128) == 0)
            return false; /* out of input or output within a block */
        uint64_t at = (packed - stream->avail_in) * 8 - (unsigned)(stream->data_type & 7);
        if (stream->data_type & 64) {
            *end = at;
            break;
        }
        *start = at;
    }
    return stream->avail_in == 0 && stream->total_out == bytes &&
           memcmp(worker->plain, data, bytes) == 0;
}

/* Makes the whole stream in worker->packed the beginning of a longer one. 0: not possible. */
static size_t open_end(z_stream *stream, struct zip_worker *worker, size_t packed,
                       const unsigned char *data, size_t bytes)
{
    uint64_t start, end;
    if (!find_last_block(stream, worker, packed, data, bytes, &start, &end))
        return 0;
    unsigned char *to = worker->packed;
    to[start / 8] &= (unsigned char)~(1u << (start % 8));
    unsigned used = (unsigned)(end % 8);
    if (used != 0)
        to[packed - 1] &= (unsigned char)((1u << used) - 1);
    /* Three zero bits: not final, stored. They may need one byte more. */
    if (used == 0 || used > 5)
        to[packed++] = 0;
    zip_put32(to + packed, 0xffff0000u);
    return packed + 4;
}

/* ---- encode ------------------------------------------------------------------------------- */

int zip_check_entry(const struct zip *zip, const struct hb_entry *entry)
{
    const struct hb_host *host = zip->host;
    size_t bytes = entry->path_bytes + (entry->type == HB_TYPE_DIRECTORY ? 1 : 0);
    if (entry->type != HB_TYPE_FILE && entry->type != HB_TYPE_DIRECTORY &&
        entry->type != HB_TYPE_SYMLINK)
        return host->fail(host, HB_STATUS_ENTRY,
                          "a zip holds files, directories and symbolic links only");
    if (bytes > ZIP_NAME_MAX)
        return host->fail(host, HB_STATUS_ENTRY,
                          "its name has %zu bytes, but a zip holds at most %d", bytes,
                          ZIP_NAME_MAX);
    if (entry->path_bytes == 0 || entry->path[entry->path_bytes - 1] == '/')
        return host->fail(host, HB_STATUS_ENTRY, "its name is empty or ends in '/'");
    if (entry->type == HB_TYPE_SYMLINK && entry->link == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "it is a symbolic link without a target");
    return HB_OK;
}

/* Hands the bytes over to the host. */
static int give(const struct zip *zip, struct hb_unit *out, const void *data, size_t bytes)
{
    out->data = NULL;
    out->bytes = bytes;
    if (bytes == 0)
        return HB_OK;
    void *copy = zip->host->alloc(zip->host, bytes);
    if (copy == NULL)
        return zip_no_memory(zip);
    memcpy(copy, data, bytes);
    out->data = copy;
    return HB_OK;
}

/* The same of stored blocks, which are made where they are handed over. */
static int give_blocks(const struct zip *zip, struct hb_unit *out, const unsigned char *data,
                       size_t bytes, bool last)
{
    unsigned char *blocks = zip->host->alloc(zip->host, blocks_bytes(bytes));
    if (blocks == NULL)
        return zip_no_memory(zip);
    out->data = blocks;
    out->bytes = store_blocks(blocks, data, bytes, last);
    return HB_OK;
}

/* A unit that is not all of its entry. */
static int encode_part(const struct zip *zip, struct zip_worker *worker, const unsigned char *data,
                       size_t bytes, bool last, struct hb_unit *out)
{
    size_t limit = blocks_bytes(bytes) - JOINT_BYTES;
    size_t packed = try_deflate(zip, worker, data, bytes, limit, last);
    if (packed == 0)
        return give_blocks(zip, out, data, bytes, last);
    if (last || zip->level == ZIP_LEVEL_FAST)
        return give(zip, out, worker->packed, packed);
    z_stream *stream = zip_inflater(zip, worker);
    if (stream == NULL)
        return HB_STATUS_FATAL;
    packed = open_end(stream, worker, packed, data, bytes);
    if (packed == 0)
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "the compressor's output does not decompress to what went in; the "
                               "memory or the processor of this machine may be faulty");
    return give(zip, out, worker->packed, packed);
}

static int encode_segment(const struct zip *zip, struct zip_worker *worker,
                          const struct hb_segment *segment, struct hb_unit *out,
                          struct zip_note *note)
{
    const struct hb_entry *entry = segment->entry;
    const unsigned char *data = segment->data;
    size_t bytes = (size_t)segment->bytes;
    if (entry->type == HB_TYPE_SYMLINK) {
        data = (const unsigned char *)entry->link;
        bytes = strlen(entry->link);
    } else if (entry->type == HB_TYPE_DIRECTORY) {
        bytes = 0;
    }
    int status = prepare(zip, worker, bytes);
    if (status != HB_OK)
        return status;
    note->bytes = bytes;
    note->crc = bytes == 0 ? 0 : libdeflate_crc32(0, data, bytes);
    if (!note->whole)
        return encode_part(zip, worker, data, bytes, note->last != 0, out);
    size_t packed =
        entry->type == HB_TYPE_FILE ? try_deflate(zip, worker, data, bytes, bytes, true) : 0;
    note->method = packed == 0 ? ZIP_STORED : ZIP_DEFLATED;
    return packed == 0 ? give(zip, out, data, bytes) : give(zip, out, worker->packed, packed);
}

int zip_encode(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out)
{
    const struct zip *zip = self;
    const struct hb_segment *segment = segments[0];
    if (count != 1 || segment->bytes > ZIP_UNIT_BYTES)
        return zip->host->fail(
            zip->host, HB_STATUS_FATAL,
            "was given a unit of %zu segments and %llu bytes, which its policy rules out", count,
            (unsigned long long)segment->bytes);
    int status = zip_check_entry(zip, segment->entry);
    if (status != HB_OK)
        return status;
    struct zip_note note = {.magic = {'z', 'i', 'p', '1'}, .method = ZIP_DEFLATED};
    note.whole =
        (segment->flags & (HB_UNIT_FIRST | HB_UNIT_LAST)) == (HB_UNIT_FIRST | HB_UNIT_LAST);
    note.last = (segment->flags & HB_UNIT_LAST) != 0;
    status = encode_segment(zip, worker, segment, out, &note);
    memcpy(out->note, &note, sizeof note);
    return status;
}

int zip_unit_policy(void *self, struct hb_unit_policy *policy)
{
    (void)self;
    policy->spans = 0;
    policy->unit_bytes = ZIP_ASKED_BYTES;
    policy->overhead = 0;
    return HB_OK;
}

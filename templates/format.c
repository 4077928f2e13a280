/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a format plugin: how an archive is written and read. This one is a plain list of
 * records, written and read front to back, also through a pipe. hbcore/format.h is the contract.
 *
 *     hbcore --home DIR backup --format example -o NAME
 *
 * CHANGE: this layout. Files and directories are stored; all numbers have 8 bytes, little-endian.
 *
 *     archive   MAGIC, a record for each entry, one of type RECORD_END with their number as BYTES
 *     record    header (see the fields below), path, checksum; of a file then content, checksum
 */
#define _DEFAULT_SOURCE 1 /* htole64 */
#include <endian.h>
#include <hbcore/format.h>
#include <stdlib.h>
#include <string.h>

/* By this an archive is known, whatever its name. */
#define MAGIC "example archive 1\n"

enum { MAGIC_BYTES = sizeof MAGIC - 1, LONGEST_PATH = 4096 };
enum { TYPE, MODE, PATH_BYTES, BYTES, SECONDS, NANOSECONDS, FIELDS }; /* of a header */
enum { RECORD_END = 0 }; /* as TYPE, besides HB_TYPE_FILE and HB_TYPE_DIRECTORY */

/* The host makes one for each archive that is written or read. No static variable changes. */
struct format {
    const struct hb_host *host;
    uint64_t records;
    uint32_t crc; /* of what was written or read since the last checksum */
    int begun;
    char path[LONGEST_PATH + 1];
    unsigned char block[64 * 1024];
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct format *format = calloc(1, sizeof *format);
    (void)settings;
    if (format == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory"); /* always say why, then return */
    format->host = host;
    *self = format;
    return HB_OK;
}

/* CRC-32 as in gzip, half a byte at a time. */
static uint32_t crc_of(uint32_t crc, const void *data, size_t bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *at = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc = table[(crc ^ at[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (uint32_t)(at[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

/* ---- writing ---- */

static int put(struct format *format, const struct hb_sink *sink, const void *data, size_t bytes)
{
    format->crc = crc_of(format->crc, data, bytes);
    return sink->write(sink, data, bytes); /* it has called host->fail() itself if it failed */
}

static int put_checksum(struct format *format, const struct hb_sink *sink)
{
    uint64_t sum = htole64(format->crc);
    int status = put(format, sink, &sum, sizeof sum);
    format->crc = 0;
    return status;
}

static int put_record(struct format *format, const struct hb_sink *sink, const char *path,
                      const uint64_t *fields)
{
    uint64_t header[FIELDS];
    int status = format->begun ? HB_OK : sink->write(sink, MAGIC, MAGIC_BYTES);
    format->begun = 1;
    for (size_t i = 0; i < FIELDS; i++)
        header[i] = htole64(fields[i]);
    if (status == HB_OK)
        status = put(format, sink, header, sizeof header);
    if (status == HB_OK)
        status = put(format, sink, path, (size_t)fields[PATH_BYTES]);
    return status == HB_OK ? put_checksum(format, sink) : status;
}

static int begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct format *format = self;
    const uint64_t fields[FIELDS] = {
        [TYPE] = entry->type,
        [MODE] = entry->mode,
        [PATH_BYTES] = entry->path_bytes,
        [BYTES] = entry->type == HB_TYPE_FILE ? entry->bytes : 0,
        [SECONDS] = (uint64_t)entry->mtime.tv_sec,
        [NANOSECONDS] = (uint64_t)entry->mtime.tv_nsec,
    };
    /* HB_STATUS_ENTRY costs this one entry; HB_STATUS_FATAL would end the backup. */
    if (entry->type != HB_TYPE_FILE && entry->type != HB_TYPE_DIRECTORY)
        return format->host->fail(format->host, HB_STATUS_ENTRY,
                                  "this type of file cannot be stored");
    if (entry->path_bytes > LONGEST_PATH)
        return format->host->fail(format->host, HB_STATUS_ENTRY, "its path is too long");
    format->records++;
    return put_record(format, sink, entry->path, fields);
}

static int append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    return unit->bytes == 0 ? HB_OK : put(self, sink, unit->data, (size_t)unit->bytes);
}

static int end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    return entry->type == HB_TYPE_FILE ? put_checksum(self, sink) : HB_OK;
}

/* A cut-off archive lacks this record, so it is never taken for a whole one. */
static int finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct format *format = self;
    const uint64_t fields[FIELDS] = {[TYPE] = RECORD_END, [BYTES] = format->records};
    (void)trailer; /* see HB_FORMAT_TRAILER */
    (void)bytes;
    return put_record(format, sink, "", fields);
}

/* ---- reading: believe nothing before its checksum was compared ---- */

static int damaged(const struct format *format, const char *why)
{
    return format->host->fail(format->host, HB_STATUS_FATAL, "damaged: record %llu %s",
                              (unsigned long long)format->records + 1, why);
}

static int take(struct format *format, const struct hb_input *input, void *buffer, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        int64_t got = input->read(input, (char *)buffer + done, bytes - done);
        if (got < 0)
            return (int)got; /* the host has said why */
        if (got == 0)
            return damaged(format, "is cut off");
        done += (size_t)got;
    }
    format->crc = crc_of(format->crc, buffer, bytes);
    return HB_OK;
}

static int take_checksum(struct format *format, const struct hb_input *input, const char *what)
{
    uint64_t sum;
    uint32_t expected = format->crc;
    int status = take(format, input, &sum, sizeof sum);
    format->crc = 0;
    return status == HB_OK && le64toh(sum) != expected ? damaged(format, what) : status;
}

static int take_record(struct format *format, const struct hb_input *input, struct hb_entry *entry)
{
    uint64_t header[FIELDS] = {0};
    int status = take(format, input, header, sizeof header);
    for (size_t i = 0; i < FIELDS; i++)
        header[i] = le64toh(header[i]);
    if (status == HB_OK && header[PATH_BYTES] > LONGEST_PATH) /* before so much is read */
        return damaged(format, "has a damaged header");
    if (status == HB_OK)
        status = take(format, input, format->path, (size_t)header[PATH_BYTES]);
    if (status == HB_OK)
        status = take_checksum(format, input, "has a damaged header");
    if (status != HB_OK)
        return status;
    format->path[header[PATH_BYTES]] = '\0';
    *entry = (struct hb_entry){
        .size = sizeof *entry,
        .type = (uint32_t)header[TYPE],
        .path = format->path,
        .path_bytes = (size_t)header[PATH_BYTES],
        .bytes = header[BYTES],
        .mtime = {.tv_sec = (time_t)header[SECONDS], .tv_nsec = (long)header[NANOSECONDS]},
        .mode = (uint32_t)header[MODE] & 07777,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME,
        .index = format->records,
    };
    /* Who makes an archive to do harm gets the checksums right. */
    if (header[TYPE] > HB_TYPE_DIRECTORY || header[NANOSECONDS] >= 1000000000 ||
        strlen(format->path) != entry->path_bytes ||
        (entry->path_bytes == 0) != (entry->type == RECORD_END) ||
        (entry->type == HB_TYPE_DIRECTORY && entry->bytes != 0))
        return damaged(format, "has an impossible value");
    return HB_OK;
}

/* Read even where the host skips it: verify promises that every byte was looked at. */
static int take_content(struct format *format, const struct hb_input *input,
                        const struct hb_visitor *visitor, uint64_t bytes, int wanted)
{
    for (uint64_t done = 0; done < bytes;) {
        uint64_t left = bytes - done;
        size_t want = left < sizeof format->block ? (size_t)left : sizeof format->block;
        int status = take(format, input, format->block, want);
        if (status == HB_OK && wanted)
            status = visitor->data(visitor, format->block, want, done);
        if (status != HB_OK)
            return status;
        done += want;
    }
    return take_checksum(format, input, "has damaged content");
}

static int take_end(struct format *format, const struct hb_input *input, const struct hb_entry *end)
{
    char byte;
    if (end->bytes != format->records)
        return damaged(format, "says that records are missing");
    int64_t got = input->read(input, &byte, sizeof byte);
    return got < 0 ? (int)got : got > 0 ? damaged(format, "follows the last one") : HB_OK;
}

static int walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct format *format = self;
    struct hb_entry entry;
    int status = take(format, input, format->block, MAGIC_BYTES);
    if (status == HB_OK && memcmp(format->block, MAGIC, MAGIC_BYTES) != 0)
        return format->host->fail(format->host, HB_STATUS_FATAL,
                                  "is not an archive in the format example");
    for (format->crc = 0; status == HB_OK; format->records++) {
        status = take_record(format, input, &entry);
        if (status == HB_OK && entry.type == RECORD_END)
            return take_end(format, input, &entry);
        if (status == HB_OK)
            status = visitor->entry(visitor, &entry);
        int wanted = status == HB_OK;
        if (status == HB_STATUS_SKIP)
            status = HB_OK;
        if (status == HB_OK && entry.type == HB_TYPE_FILE)
            status = take_content(format, input, visitor, entry.bytes, wanted);
        if (status == HB_OK)
            status = visitor->end(visitor, entry.bytes);
    }
    return status;
}

static const char *const suffixes[] = {".example", NULL};
static const struct hb_magic magics[] = {{0, MAGIC_BYTES, MAGIC}, {0, 0, NULL}};

/*
 * Each structure says how large it is, so that plugin and host may be of different releases. More
 * callbacks buy speed: encode() for several threads, list() and decode() to read one member alone.
 */
/* What of an entry comes back: a backup tells its user what does not. */
static const struct hb_keeps keeps = {
    .size = sizeof keeps,
    .flags = 0,     /* HB_KEEPS_OWNERS, if you store uid and gid */
    .time_step = 1, /* nanoseconds */
    .path_most = LONGEST_PATH,
};

static const struct hb_format_ops ops = {
    .size = sizeof ops,
    .flags = HB_FORMAT_SIZE_FIRST, /* HB_FORMAT_SYMLINKS, if you store links */
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = begin_entry,
    .append = append,
    .end_entry = end_entry,
    .finish = finish,
    .walk = walk,
    .keeps = &keeps,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = HB_SIZE_TO(struct hb_host, fail),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Records one after the other, with checksums", /* CHANGE */
    .create = create,
    .destroy = free,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_FORMAT);

/* The one symbol that is exported. */
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}

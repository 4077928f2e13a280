/* SPDX-License-Identifier: Apache-2.0 */
/* tar-zstd: its options, an instance, and the functions that the host calls. */
#include "tar_bytes.h"
#include "tar_decode.h"
#include "tar_encode.h"
#include "tar_list.h"
#include "tar_source_open.h"
#include "tar_table.h"
#include "tar_walk.h"
#include "tar_worker.h"
#include "tar_write.h"

#include <stdio.h>

enum { OPTION_LEVEL, OPTION_FRAME_SIZE, OPTION_COUNT };

static const struct hb_option *const options[OPTION_COUNT] = {
    [OPTION_LEVEL] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_INTEGER,
            .key = "level",
            .default_text = "3",
            .minimum = -7,
            .maximum = 19,
            .help = "zstd compression level; low ones are fast, high ones make small archives"},
    [OPTION_FRAME_SIZE] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_BYTES,
            .key = "frame-size",
            .default_text = "4M",
            .minimum = 256 << 10,
            .maximum = 64 << 20,
            .help = "Content bytes that are compressed together; large frames make "
                    "small archives, small frames find one file faster"},
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct tar_zstd *tar = calloc(1, sizeof *tar);
    if (tar == NULL)
        return tar_no_memory(host);
    tar->host = host;
    tar->level = (int)settings->values[OPTION_LEVEL]->number;
    tar->frame_bytes = (uint64_t)settings->values[OPTION_FRAME_SIZE]->number;
    bool usual = tar->level == TAR_USUAL_LEVEL;
    snprintf(tar->codec, sizeof tar->codec, "zstd %s level %d, long hash log %d chain log %d",
             ZSTD_versionString(), tar->level, usual ? TAR_LONG_HASH_LOG : 0,
             usual ? TAR_LONG_CHAIN_LOG : 0);
    *self = tar;
    return HB_OK;
}

static void destroy(void *self)
{
    struct tar_zstd *tar = self;
    if (tar == NULL)
        return;
    tar_writer_free(tar->writer);
    tar_table_free(tar->table);
    free(tar);
}

static const char *codec(void *self, const struct hb_sink *sink)
{
    (void)sink; /* in order into any */
    return ((const struct tar_zstd *)self)->codec;
}

static int unit_policy(void *self, struct hb_unit_policy *policy)
{
    const struct tar_zstd *tar = self;
    policy->spans = 1;
    policy->unit_bytes = tar->frame_bytes;
    policy->overhead = 1024; /* a header, half a block of padding, at times a pax header */
    return HB_OK;
}

/* ---- is it mine? ----------------------------------------------------------------------------- */

static bool ends_with_blocks(const struct hb_input *input)
{
    unsigned char end[TAR_END_BYTES];
    return input->read_at != NULL && input->bytes != HB_SIZE_UNKNOWN && input->bytes > sizeof end &&
           input->read_at(input, end, sizeof end, input->bytes - sizeof end) ==
               (int64_t)sizeof end &&
           tar_is_zero(end, sizeof end);
}

/*
 * A tar without entries is nothing but zeros: the blocks that end it, and padding. So is what a
 * crash leaves of many a file; but that is rarely as short as an empty tar.
 */
static int probe_empty(const struct hb_input *input, const unsigned char *head, size_t bytes)
{
    enum { EMPTY_MOST = 1 << 20 };
    unsigned char block[4096];
    if (bytes < TAR_BLOCK || !tar_is_zero(head, bytes))
        return HB_STATUS_NOMATCH;
    if (input->read_at == NULL || input->bytes == HB_SIZE_UNKNOWN)
        return HB_OK;
    if (input->bytes > EMPTY_MOST)
        return HB_STATUS_NOMATCH;
    for (uint64_t at = bytes; at < input->bytes; at += sizeof block) {
        int64_t got = input->read_at(input, block, sizeof block, at);
        if (got <= 0 || !tar_is_zero(block, (size_t)got))
            return got < 0 ? HB_STATUS_FATAL : HB_STATUS_NOMATCH;
    }
    return HB_OK;
}

/*
 * A tar from before ustar has no magic bytes, only the checksum of its first header. With the
 * blocks that end a tar, it is one, even if the last member is an archive of another format. What
 * is compressed is known by its first bytes alone.
 */
static int probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    (void)self;
    if (tar_packing_of(head, bytes) != TAR_PLAIN)
        return HB_OK;
    if (bytes < TAR_BLOCK || !tar_header_plausible(head))
        return probe_empty(input, head, bytes);
    return ends_with_blocks(input) ? HB_STATUS_PROVEN : HB_OK;
}

static const char *const suffixes[] = {".tar.zst", ".tzst", NULL};

#define SKIPPABLE(byte)                                                                            \
    {                                                                                              \
        .offset = 0, .length = 4, .bytes = byte "\x2a\x4d\x18"                                     \
    }
static const struct hb_magic magics[] = {
    {.offset = 0, .length = 4, .bytes = "\x28\xb5\x2f\xfd"},
    SKIPPABLE("\x50"),
    SKIPPABLE("\x51"),
    SKIPPABLE("\x52"),
    SKIPPABLE("\x53"),
    SKIPPABLE("\x54"),
    SKIPPABLE("\x55"),
    SKIPPABLE("\x56"),
    SKIPPABLE("\x57"),
    SKIPPABLE("\x58"),
    SKIPPABLE("\x59"),
    SKIPPABLE("\x5a"),
    SKIPPABLE("\x5b"),
    SKIPPABLE("\x5c"),
    SKIPPABLE("\x5d"),
    SKIPPABLE("\x5e"),
    SKIPPABLE("\x5f"),
    {.offset = 257, .length = 5, .bytes = "ustar"},
    {.offset = 0, .length = 2, .bytes = "\x1f\x8b"},
    {.offset = 0,
     .length = 6,
     .bytes = "\xfd"
              "7zXZ\0"},
    {.offset = 0, .length = 3, .bytes = "BZh"},
    {.offset = 0, .length = 4, .bytes = "LZIP"},
    {.offset = 0, .length = 4, .bytes = "\x04\x22\x4d\x18"}, /* lz4 */
    {.offset = 0, .length = 2, .bytes = "\x1f\x9d"},         /* compress */
    {0},
};

/* By pax records, where the header has no room. */
static const struct hb_keeps keeps = {
    .size = sizeof keeps,
    .flags = HB_KEEPS_OWNERS,
    .time_step = 1,
    .path_most = 65535,
};

static const struct hb_format_ops ops = {
    .size = sizeof ops,
    .flags = HB_FORMAT_SIZE_FIRST | HB_FORMAT_TRAILER | HB_FORMAT_SYMLINKS | HB_FORMAT_INDEX_AT_END,
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = tar_begin_entry,
    .append = tar_append,
    .end_entry = tar_end_entry,
    .finish = tar_finish,
    .walk = tar_walk,
    .worker_create = tar_worker_create,
    .worker_destroy = tar_worker_destroy,
    .unit_policy = unit_policy,
    .encode = tar_encode,
    .probe = probe,
    .list = tar_list,
    .decode = tar_decode,
    .read_trailer = tar_read_trailer,
    .codec = codec,
    .span = tar_span,
    .locate = tar_locate,
    .adopt = tar_adopt,
    .keeps = &keeps,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "tar-zstd",
    .version = "0.1.0",
    .summary = "pax tar in zstd frames, read by any tar, with random access",
    .options = options,
    .option_count = OPTION_COUNT,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_FORMAT);

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out how an archive is compressed; plain tar, and what libarchive decompresses. */
#include "tar_source_open.h"

#include "tar_bytes.h"
#include "tar_source_gzip.h"
#include "tar_source_zstd.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

/* ---- plain --------------------------------------------------------------------------- */

static int plain_read(struct tar_source *source, void *buffer, size_t room, size_t *got)
{
    struct tar_inflow *inflow = &source->inflow;
    int status = tar_inflow_want(inflow, 1);
    if (status != HB_OK)
        return status;
    *got = inflow->bytes - inflow->at;
    if (*got > room)
        *got = room;
    memcpy(buffer, inflow->data + inflow->at, *got);
    inflow->at += *got;
    return HB_OK;
}

/* ---- through libarchive ------------------------------------------------------------------ */

struct filtered {
    struct archive *archive;
    int status; /* of the input, where it failed */
};

static la_ssize_t filtered_input(struct archive *archive, void *self, const void **block)
{
    struct tar_source *source = self;
    struct filtered *filtered = source->self;
    struct tar_inflow *inflow = &source->inflow;
    filtered->status = tar_inflow_want(inflow, 1);
    if (filtered->status != HB_OK) {
        archive_set_error(archive, EIO, "input");
        return -1;
    }
    size_t bytes = inflow->bytes - inflow->at;
    *block = inflow->data + inflow->at;
    inflow->at = inflow->bytes;
    return (la_ssize_t)bytes;
}

static int filtered_failed(struct tar_source *source)
{
    const struct filtered *filtered = source->self;
    const char *why = archive_error_string(filtered->archive);
    if (filtered->status != HB_OK)
        return filtered->status;
    return source->tar->host->fail(source->tar->host, HB_STATUS_FATAL,
                                   "the archive cannot be decompressed: %s; it is damaged or "
                                   "cut off, use another copy",
                                   why != NULL ? why : "unknown reason");
}

static int filtered_read(struct tar_source *source, void *buffer, size_t room, size_t *got)
{
    const struct filtered *filtered = source->self;
    la_ssize_t bytes = archive_read_data(filtered->archive, buffer, room);
    if (bytes < 0)
        return filtered_failed(source);
    *got = (size_t)bytes;
    return HB_OK;
}

static void filtered_close(struct tar_source *source)
{
    struct filtered *filtered = source->self;
    archive_read_free(filtered->archive);
    free(filtered);
}

static int open_filtered(struct tar_source *source)
{
    struct archive_entry *entry;
    struct filtered *filtered = calloc(1, sizeof *filtered);
    if (filtered == NULL || (filtered->archive = archive_read_new()) == NULL) {
        free(filtered);
        return tar_no_memory(source->tar->host);
    }
    source->self = filtered;
    source->read = filtered_read;
    source->close = filtered_close;
    archive_read_support_format_raw(filtered->archive);
    archive_read_support_filter_xz(filtered->archive);
    archive_read_support_filter_bzip2(filtered->archive);
    archive_read_support_filter_lzip(filtered->archive);
    archive_read_support_filter_lz4(filtered->archive);
    archive_read_support_filter_compress(filtered->archive);
    if (archive_read_open(filtered->archive, source, NULL, filtered_input, NULL) != ARCHIVE_OK ||
        archive_read_next_header(filtered->archive, &entry) != ARCHIVE_OK)
        return filtered_failed(source);
    return HB_OK;
}

/* ---- which one? ---------------------------------------------------------------------------- */

enum tar_packing tar_packing_of(const void *head, size_t bytes)
{
    static const struct {
        enum tar_packing packing;
        size_t bytes;
        const char *magic;
    } known[] = {
        {TAR_GZIP, 2, "\x1f\x8b"},
        {TAR_FILTERED, 6,
         "\xfd"
         "7zXZ"},
        {TAR_FILTERED, 3, "BZh"},
        {TAR_FILTERED, 4, "LZIP"},
        {TAR_FILTERED, 4, "\x04\x22\x4d\x18"}, /* lz4 */
        {TAR_FILTERED, 2, "\x1f\x9d"},         /* compress */
    };
    uint32_t magic = bytes >= 4 ? tar_get32(head) : 0;
    if (magic == TAR_MAGIC_ZSTD || (magic & ~0xFu) == TAR_MAGIC_SKIPPABLE)
        return TAR_ZSTD;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes >= known[i].bytes && memcmp(head, known[i].magic, known[i].bytes) == 0)
            return known[i].packing;
    return TAR_PLAIN;
}

int tar_source_open(struct tar_source *source, const struct tar_zstd *tar,
                    const struct hb_input *input)
{
    struct tar_inflow *inflow = &source->inflow;
    source->tar = tar;
    inflow->input = input;
    inflow->data = malloc(TAR_INFLOW_SIZE);
    if (inflow->data == NULL)
        return tar_no_memory(tar->host);
    int status = tar_inflow_want(inflow, 8);
    if (status != HB_OK)
        return status;
    switch (tar_packing_of(inflow->data, inflow->bytes)) {
    case TAR_ZSTD:
        return tar_source_zstd(source);
    case TAR_GZIP:
        return tar_source_gzip(source);
    case TAR_FILTERED:
        return open_filtered(source);
    default:
        source->read = plain_read;
        return HB_OK;
    }
}

void tar_source_close(struct tar_source *source)
{
    if (source->close != NULL)
        source->close(source);
    free(source->inflow.data);
    tar_buffer_free(&source->trailer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) through zlib, because libarchive does not verify its checksums. */
#include "tar_source_gzip.h"

#include <zlib.h>

struct gunzip {
    z_stream stream;
    bool ended; /* of one member; another may follow */
};

static int gzip_failed(struct tar_source *source, const char *why)
{
    return source->tar->host->fail(source->tar->host, HB_STATUS_FATAL,
                                   "the archive cannot be decompressed: gzip: %s; it is damaged "
                                   "or cut off, use another copy",
                                   why != NULL ? why : "unknown reason");
}

/* Between members: is there another one? What else follows the last is ignored, as by gzip. */
static int next_member(struct tar_source *source, bool *more)
{
    struct gunzip *gunzip = source->self;
    struct tar_inflow *inflow = &source->inflow;
    int status = tar_inflow_want(inflow, 2);
    *more = status == HB_OK && inflow->bytes - inflow->at >= 2 &&
            inflow->data[inflow->at] == 0x1f && inflow->data[inflow->at + 1] == 0x8b;
    if (*more && inflateReset(&gunzip->stream) == Z_OK)
        gunzip->ended = false;
    return status;
}

static int gzip_read(struct tar_source *source, void *buffer, size_t room, size_t *got)
{
    struct gunzip *gunzip = source->self;
    struct tar_inflow *inflow = &source->inflow;
    *got = 0;
    while (*got == 0) {
        bool more = true;
        int status = gunzip->ended ? next_member(source, &more) : tar_inflow_want(inflow, 1);
        if (status != HB_OK || !more)
            return status;
        if (inflow->at == inflow->bytes)
            return gzip_failed(source, "it ends in the middle of the data");
        gunzip->stream.next_in = inflow->data + inflow->at;
        gunzip->stream.avail_in = (uInt)(inflow->bytes - inflow->at);
        gunzip->stream.next_out = buffer;
        gunzip->stream.avail_out = (uInt)room;
        int result = inflate(&gunzip->stream, Z_NO_FLUSH);
        inflow->at = inflow->bytes - gunzip->stream.avail_in;
        *got = room - gunzip->stream.avail_out;
        gunzip->ended = result == Z_STREAM_END;
        if (result != Z_OK && result != Z_STREAM_END)
            return gzip_failed(source, gunzip->stream.msg);
    }
    return HB_OK;
}

static void gzip_close(struct tar_source *source)
{
    struct gunzip *gunzip = source->self;
    inflateEnd(&gunzip->stream);
    free(gunzip);
}

int tar_source_gzip(struct tar_source *source)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);
    if (gunzip == NULL || inflateInit2(&gunzip->stream, 16 + MAX_WBITS) != Z_OK) {
        free(gunzip);
        return tar_no_memory(source->tar->host);
    }
    source->self = gunzip;
    source->read = gzip_read;
    source->close = gzip_close;
    return HB_OK;
}

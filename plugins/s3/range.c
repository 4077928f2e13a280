/* SPDX-License-Identifier: Apache-2.0 */
#include "range.h"

#include "list.h"
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an answer says --------------------------------------------------------------------- */

/* A number that ends with `end`; the text behind that, or NULL. */
static const char *read_number(const char *text, char end, uint64_t *number)
{
    char *behind = NULL;
    if (text == NULL || *text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *number = strtoull(text, &behind, 10);
    return errno == 0 && *behind == end ? behind + 1 : NULL;
}

/* "bytes 100-199/1000" */
static bool read_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *bytes)
{
    static const char unit[] = "bytes ";
    if (strncmp(text, unit, sizeof unit - 1) != 0)
        return false;
    text = read_number(text + sizeof unit - 1, '-', first);
    text = read_number(text, '/', last);
    return read_number(text, '\0', bytes) != NULL && *first <= *last && *last < *bytes;
}

/* Of the headers alone. */
static bool read_said(const struct http_response *response, struct said *said)
{
    char text[200];
    *said = (struct said){.bytes = 0};
    if (!http_header(response, "etag", said->etag, sizeof said->etag))
        return false;
    unquote(said->etag);
    if (!http_header(response, "x-amz-version-id", said->id, sizeof said->id) ||
        strcmp(said->id, "null") == 0)
        said->id[0] = '\0';
    http_header(response, RUN_HEADER, said->run, sizeof said->run);
    if (http_header(response, "last-modified", text, sizeof text)) {
        said->written = nanoseconds_of(curl_getdate(text, NULL));
    }
    said->ranged = http_header(response, "content-range", text, sizeof text);
    if (said->ranged)
        return read_range(text, &said->first, &said->last, &said->bytes);
    if (!http_header(response, "content-length", text, sizeof text))
        return false;
    return read_number(text, '\0', &said->bytes) != NULL && *said->etag != '\0';
}

/* Without a range all of it must have come, except that a HEAD brings nothing. */
bool said_read(const struct http_response *response, struct said *said)
{
    uint64_t came = response->body.bytes + response->into_bytes;
    if (!read_said(response, said) || said->ranged != (response->status == 206))
        return false;
    return said->ranged ? said->last - said->first + 1 == came : came == said->bytes || came == 0;
}

bool is_missing(const struct call *call)
{
    return call->response.status == 404 && (strcmp(call->refusal.code, "NoSuchKey") == 0 ||
                                            strcmp(call->refusal.code, "NoSuchVersion") == 0);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Are these the bytes that were asked for, of the version that was? */
static bool is_range(const struct reader *reader, const struct call *call, size_t bytes,
                     uint64_t offset)
{
    struct said said;
    return call->response.status == 206 && said_read(&call->response, &said) &&
           said.first == offset && call->response.into_bytes == bytes &&
           said.bytes == reader->bytes && strcmp(said.etag, reader->etag) == 0;
}

static int replaced(const struct s3 *s3)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NOT_FOUND,
                             "read it again from the start",
                             "it was replaced or removed while it was read");
}

/* Which bytes are asked for, and of which version. */
struct asked {
    char range[64], quoted[VERSION_BYTES + 2];
};

static void ask_for(const struct reader *reader, uint64_t first, uint64_t last, struct asked *asked,
                    struct call *call)
{
    snprintf(asked->range, sizeof asked->range, "bytes=%" PRIu64 "-%" PRIu64, first, last);
    snprintf(asked->quoted, sizeof asked->quoted, "\"%s\"", reader->etag);
    call_header(call, "range", asked->range);
    call_header(call, "if-match", asked->quoted);
    if (*reader->id != '\0')
        call_query(call, "versionId", reader->id);
}

static bool on_data(void *context, const struct http_response *response, const void *data,
                    size_t bytes)
{
    struct stream *stream = context;
    const struct reader *reader = stream->reader;
    struct said said;
    if (!stream->begun)
        stream->begun = read_said(response, &said) && said.ranged && said.first == stream->offset &&
                        said.last + 1 == reader->tail_at && said.bytes == reader->bytes &&
                        strcmp(said.etag, reader->etag) == 0;
    if (!stream->begun || bytes > reader->tail_at - stream->offset)
        return false;
    stream->offset += bytes;
    return stream->take(stream->context, data, bytes);
}

static bool is_stopped(void *context)
{
    const struct stream *stream = context;
    return stream->stopped(stream->context);
}

void get_stream(struct s3 *s3, struct stream *stream)
{
    struct asked asked = {.range = ""};
    AUTO_CALL call = {.flags = CALL_ENCRYPTED | CALL_QUIET,
                      .method = "GET",
                      .name = &stream->reader->name,
                      .take = on_data,
                      .stopped = is_stopped,
                      .context = stream};
    ask_for(stream->reader, stream->offset, stream->reader->tail_at - 1, &asked, &call);
    (void)call_do(s3, &call);
}

int get_range(struct s3 *s3, const struct reader *reader, void *buffer, size_t bytes,
              uint64_t offset)
{
    struct asked asked = {.range = ""};
    AUTO_CALL call = {.flags = CALL_ENCRYPTED,
                      .method = "GET",
                      .name = &reader->name,
                      .into = buffer,
                      .into_bytes = bytes};
    ask_for(reader, offset, offset + bytes - 1, &asked, &call);
    int status = call_do(s3, &call);
    if (status == HB_OK)
        return is_range(reader, &call, bytes, offset)
                   ? HB_OK
                   : s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                       "the service gave other bytes than those that were asked "
                                       "for");
    return is_missing(&call) || call_refused(&call, "PreconditionFailed", 412) ? replaced(s3)
                                                                               : status;
}

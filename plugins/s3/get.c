/* SPDX-License-Identifier: Apache-2.0 */
#include "get.h"

#include "ahead.h"
#include "list.h"
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(const struct s3 *s3)
{
    return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
}

static int bad_answer(const struct s3 *s3, const char *what)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                             "the service %s", what);
}

/* ---- what an answer says --------------------------------------------------------------------- */

struct said {
    char etag[VERSION_BYTES], id[VERSION_BYTES], run[80];
    uint64_t bytes, first;
    int64_t written;
};

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

/* False: it does not say what is needed. */
static bool read_said(const struct http_response *response, struct said *said)
{
    char text[200];
    uint64_t last = 0;
    *said = (struct said){.bytes = 0};
    if (!http_header(response, "etag", said->etag, sizeof said->etag))
        return false;
    unquote(said->etag);
    if (!http_header(response, "x-amz-version-id", said->id, sizeof said->id) ||
        strcmp(said->id, "null") == 0)
        said->id[0] = '\0';
    http_header(response, RUN_HEADER, said->run, sizeof said->run);
    if (http_header(response, "last-modified", text, sizeof text)) {
        time_t written = curl_getdate(text, NULL);
        said->written = written == (time_t)-1 ? 0 : (int64_t)written * 1000000000;
    }
    if (response->status == 206)
        return http_header(response, "content-range", text, sizeof text) &&
               read_range(text, &said->first, &last, &said->bytes) &&
               last - said->first + 1 == response->body.bytes + response->into_bytes;
    if (!http_header(response, "content-length", text, sizeof text))
        return false;
    return read_number(text, '\0', &said->bytes) != NULL && *said->etag != '\0';
}

/* Is it said without doubt that there is no such object? */
static bool is_missing(const struct call *call)
{
    return call->response.status == 404 && (strcmp(call->refusal.code, "NoSuchKey") == 0 ||
                                            strcmp(call->refusal.code, "NoSuchVersion") == 0);
}

/* An empty object has no range; nothing but its headers is of interest then. */
static int ask_head(struct s3 *s3, const struct object_name *name, struct said *said)
{
    AUTO_CALL call = {.flags = CALL_ENCRYPTED, .method = "HEAD", .name = name};
    int status = call_do(s3, &call);
    if (status != HB_OK)
        return status;
    return read_said(&call.response, said) ? HB_OK : bad_answer(s3, "does not say what it has");
}

/*
 * One range of what has the name now, or of that version. HB_OK, and the call has its bytes, unless
 * the object is empty; HB_STATUS_NOMATCH; or a failure that was told.
 */
static int ask(struct s3 *s3, const struct object_name *name, unsigned flags, const char *range,
               const char *version, struct call *call, struct said *said)
{
    AUTO_TEXT quoted = {0};
    *call = (struct call){
        .flags = CALL_ENCRYPTED | flags, .method = "GET", .name = name, .body_most = TAIL_BYTES};
    call_header(call, "range", range);
    if (version != NULL) {
        text_format(&quoted, "\"%s\"", version);
        call_header(call, "if-match", text_of(&quoted));
    }
    int status = quoted.failed ? no_memory(s3) : call_do(s3, call);
    call->header_count = 0;
    if (status == HB_OK)
        return read_said(&call->response, said)
                   ? HB_OK
                   : bad_answer(s3, "gives no ranges, or does not say what they are");
    if (is_missing(call) || call_refused(call, "PreconditionFailed", 412))
        return HB_STATUS_NOMATCH;
    if (!call_refused(call, "InvalidRange", 416))
        return status;
    text_clear(&call->response.body);
    status = ask_head(s3, name, said);
    if (status == HB_OK && version != NULL && strcmp(said->etag, version) != 0)
        return HB_STATUS_NOMATCH;
    return status;
}

int get_is_ours(struct s3 *s3, const struct object_name *name, const char *run, uint64_t bytes)
{
    struct said said;
    struct call call;
    int status = ask(s3, name, CALL_STEADFAST, "bytes=0-0", NULL, &call, &said);
    call_clear(&call);
    if (status != HB_OK)
        return status;
    return strcmp(said.run, run) == 0 && said.bytes == bytes ? HB_OK : HB_STATUS_NOMATCH;
}

int get_version(struct s3 *s3, const struct object_name *name, char etag[VERSION_BYTES])
{
    struct said said;
    struct call call;
    int status = ask(s3, name, 0, "bytes=0-0", NULL, &call, &said);
    call_clear(&call);
    if (status == HB_OK)
        memcpy(etag, said.etag, VERSION_BYTES);
    return status;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void free_reader(struct reader *reader)
{
    ahead_free(reader->ahead);
    free(reader->whole_name);
    free(reader->key);
    free(reader->tail);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

/* NULL: out of memory. */
static struct reader *make_reader(const char *name, const struct object_name *split)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    pthread_mutex_init(&reader->lock, NULL);
    reader->whole_name = strdup(name);
    reader->key = strdup(split->key);
    if (reader->whole_name == NULL || reader->key == NULL) {
        free_reader(reader);
        return NULL;
    }
    reader->name = *split;
    reader->name.key = reader->key;
    return reader;
}

/* The end of the object, which the answer has. */
static void keep_tail(struct reader *reader, struct call *call, const struct said *said)
{
    reader->bytes = said->bytes;
    reader->written = said->written;
    memcpy(reader->etag, said->etag, sizeof reader->etag);
    memcpy(reader->id, said->id, sizeof reader->id);
    memcpy(reader->run, said->run, sizeof reader->run);
    reader->tail_at = said->bytes;
    if (said->bytes == 0 || call->response.body.bytes == 0)
        return;
    reader->tail = (unsigned char *)call->response.body.data;
    reader->tail_at = said->bytes - call->response.body.bytes;
    call->response.body = (struct text){0};
}

int s3_open(void *self, const char *name, const char *version, void **opened,
            struct hb_object *object)
{
    struct s3 *s3 = self;
    struct object_name split;
    struct said said;
    struct call call;
    char range[32];
    int status = name_split(s3, name, &split);
    if (status != HB_OK)
        return status;
    snprintf(range, sizeof range, "bytes=-%d", TAIL_BYTES);
    status = ask(s3, &split, 0, range, version, &call, &said);
    struct reader *reader = status == HB_OK ? make_reader(name, &split) : NULL;
    if (reader != NULL)
        keep_tail(reader, &call, &said);
    call_clear(&call);
    if (reader == NULL)
        return status == HB_OK ? no_memory(s3) : status;
    object->name = reader->whole_name;
    object->version = reader->etag;
    object->bytes = reader->bytes;
    object->written = reader->written;
    object->run = *reader->run == '\0' ? NULL : reader->run;
    *opened = reader;
    return HB_OK;
}

void s3_close(void *self, void *reader)
{
    (void)self;
    free_reader(reader);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Are these the bytes that were asked for, of the version that was? */
static bool is_range(const struct reader *reader, const struct call *call, size_t bytes,
                     uint64_t offset)
{
    struct said said;
    return call->response.status == 206 && read_said(&call->response, &said) &&
           said.first == offset && call->response.into_bytes == bytes &&
           said.bytes == reader->bytes && strcmp(said.etag, reader->etag) == 0;
}

static int replaced(const struct s3 *s3)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NOT_FOUND,
                             "read it again from the start",
                             "it was replaced or removed while it was read");
}

int get_range(struct s3 *s3, const struct reader *reader, unsigned flags, void *buffer,
              size_t bytes, uint64_t offset, bool (*stopped)(void *context), void *context)
{
    char range[64], quoted[VERSION_BYTES + 2];
    AUTO_CALL call = {.flags = CALL_ENCRYPTED | flags,
                      .method = "GET",
                      .name = &reader->name,
                      .into = buffer,
                      .into_bytes = bytes,
                      .stopped = stopped,
                      .context = context};
    snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + bytes - 1);
    snprintf(quoted, sizeof quoted, "\"%s\"", reader->etag);
    call_header(&call, "range", range);
    call_header(&call, "if-match", quoted);
    if (*reader->id != '\0')
        call_query(&call, "versionId", reader->id);
    int status = call_do(s3, &call);
    if ((flags & CALL_QUIET) != 0)
        return status == HB_OK && is_range(reader, &call, bytes, offset) ? HB_OK : HB_STATUS_FATAL;
    if (status == HB_OK)
        return is_range(reader, &call, bytes, offset)
                   ? HB_OK
                   : s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                       "the service gave other bytes than those that were asked "
                                       "for");
    return is_missing(&call) || call_refused(&call, "PreconditionFailed", 412) ? replaced(s3)
                                                                               : status;
}

static struct ahead *ahead_of(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct ahead *ahead = reader->ahead;
    pthread_mutex_unlock(&reader->lock);
    return ahead;
}

int64_t s3_read_at(void *self, void *opened, void *buffer, size_t bytes, uint64_t offset)
{
    struct reader *reader = opened;
    if (offset >= reader->bytes || bytes == 0)
        return 0;
    if (bytes > reader->bytes - offset)
        bytes = (size_t)(reader->bytes - offset);
    size_t in_front = offset >= reader->tail_at          ? 0
                      : bytes < reader->tail_at - offset ? bytes
                                                         : (size_t)(reader->tail_at - offset);
    struct ahead *ahead = ahead_of(reader);
    if (in_front > 0 && (ahead == NULL || !ahead_give(ahead, buffer, in_front, offset))) {
        int status = get_range(self, reader, 0, buffer, in_front, offset, NULL, NULL);
        if (status != HB_OK)
            return status;
    }
    if (bytes > in_front)
        memcpy((unsigned char *)buffer + in_front,
               reader->tail + (offset + in_front - reader->tail_at), bytes - in_front);
    return (int64_t)bytes;
}

/* What the tail has need not come twice. */
void s3_advise(void *self, void *opened, uint64_t offset, uint64_t bytes)
{
    struct reader *reader = opened;
    if (offset >= reader->tail_at)
        return;
    if (bytes > reader->tail_at - offset)
        bytes = reader->tail_at - offset;
    pthread_mutex_lock(&reader->lock);
    if (reader->ahead == NULL)
        reader->ahead = ahead_make(self, reader);
    struct ahead *ahead = reader->ahead;
    pthread_mutex_unlock(&reader->lock);
    if (ahead != NULL)
        ahead_want(ahead, offset, bytes);
}

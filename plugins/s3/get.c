/* SPDX-License-Identifier: Apache-2.0 */
#include "get.h"

#include "ahead.h"
#include "list.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTE "bytes=0-0"

static int no_memory(const struct s3 *s3)
{
    return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
}

static int bad_answer(const struct s3 *s3, const char *what)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                             "the service %s", what);
}

/* An empty object has no range; nothing but its headers is of interest then. */
static int ask_head(struct s3 *s3, const struct object_name *name, struct said *said)
{
    AUTO_CALL call = {.flags = CALL_ENCRYPTED, .method = "HEAD", .name = name};
    int status = call_do(s3, &call);
    if (status != HB_OK)
        return status;
    return said_read(&call.response, said) ? HB_OK : bad_answer(s3, "does not say what it has");
}

/* The end of the object, or its first byte: a service that gives other bytes with a 206 is not one
 * that can be read from. */
static bool is_that_range(const struct said *said, const char *range)
{
    return !said->ranged || (strcmp(range, FIRST_BYTE) == 0 ? said->first == 0 && said->last == 0
                                                            : said->last + 1 == said->bytes);
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
        return said_read(&call->response, said) && is_that_range(said, range)
                   ? HB_OK
                   : bad_answer(s3, "gives no ranges, or does not say what they are");
    if (is_missing(call) || call_refused(call, "PreconditionFailed", 412))
        return HB_STATUS_NOMATCH;
    if (!call_refused(call, "InvalidRange", 416))
        return status;
    text_clear(&call->response.body);
    status = ask_head(s3, name, said);
    if (status == HB_OK && said->bytes > 0)
        return bad_answer(s3, "refuses a range of an object that is not empty");
    if (status == HB_OK && version != NULL && strcmp(said->etag, version) != 0)
        return HB_STATUS_NOMATCH;
    return status;
}

int get_is_ours(struct s3 *s3, const struct object_name *name, const char *run, uint64_t bytes)
{
    struct said said;
    struct call call;
    int status = ask(s3, name, CALL_STEADFAST, FIRST_BYTE, NULL, &call, &said);
    call_clear(&call);
    if (status != HB_OK)
        return status;
    return strcmp(said.run, run) == 0 && said.bytes == bytes ? HB_OK : HB_STATUS_NOMATCH;
}

int get_said(struct s3 *s3, const struct object_name *name, struct said *said)
{
    struct call call;
    int status = ask(s3, name, 0, FIRST_BYTE, NULL, &call, said);
    call_clear(&call);
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
        int status = get_range(self, reader, buffer, in_front, offset);
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

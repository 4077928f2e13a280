/* SPDX-License-Identifier: Apache-2.0 */
#include "multipart.h"

#include "list.h"
#include "unfinished.h"
#include "xml.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- begin ----------------------------------------------------------------------------------- */

static bool on_id(void *self, const char *path, const char *text)
{
    char **id = self;
    if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0 && *id == NULL && *text != '\0')
        *id = strdup(text);
    return true;
}

static int create(struct s3 *s3, struct put *put)
{
    AUTO_CALL call = {.method = "POST", .name = &put->name, .flags = CALL_LATE_ERROR | CALL_COMMIT};
    const struct xml_reader reader = {.self = &put->id, .element = on_id};
    call_query(&call, "uploads", "");
    put_headers(s3, put, &call);
    if (number_setting(s3->settings, CHECKSUM) == CHECKSUM_SHA256)
        call_header(&call, "x-amz-checksum-algorithm", "SHA256");
    int status = call_do(s3, &call);
    put->stray |= call.unclear;
    if (status != HB_OK)
        return status;
    (void)xml_read(text_of(&call.response.body), call.response.body.bytes, &reader);
    put->stray |= put->id == NULL;
    if (put->id == NULL)
        return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                 "the service gave no id for the upload");
    return HB_OK;
}

/* The mark comes first: what is begun behind it is found again, whoever dies. */
int multipart_begin(struct s3 *s3, struct put *put)
{
    int status = HB_OK;
    pthread_mutex_lock(&put->lock);
    if (put->id == NULL && !put->marked && *put->home != '\0') {
        status = mark_put(s3, &put->name, put->home);
        put->marked = status == HB_OK;
    }
    if (put->id == NULL && status == HB_OK)
        status = create(s3, put);
    pthread_mutex_unlock(&put->lock);
    return status;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int note_part(struct s3 *s3, struct put *put, uint64_t number, const struct part *part)
{
    int status = HB_OK;
    pthread_mutex_lock(&put->lock);
    if (number >= put->part_room) {
        size_t room = (size_t)number + 64;
        struct part *parts = realloc(put->parts, room * sizeof *parts);
        if (parts != NULL) {
            memset(parts + put->part_room, 0, (room - put->part_room) * sizeof *parts);
            put->parts = parts;
            put->part_room = room;
        }
    }
    if (number < put->part_room) {
        put->parts[number] = *part;
        if (put->part_count < (size_t)number + 1)
            put->part_count = (size_t)number + 1;
    } else {
        status = s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    }
    pthread_mutex_unlock(&put->lock);
    return status;
}

static int no_etag(const struct s3 *s3)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                             "the service gave no ETag for a part");
}

/* Who has given it up? Not we: nothing of ours is left there to go on with. */
int multipart_gone(const struct s3 *s3)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NOT_FOUND,
                             "look at the lifecycle rules of the bucket, and who else uses it",
                             "somebody has given up the upload while it was on its way");
}

static int explain_part(const struct s3 *s3, const struct call *call, int status)
{
    return call_refused(call, "NoSuchUpload", 404) ? multipart_gone(s3) : status;
}

int multipart_part(struct s3 *s3, struct put *put, uint64_t number, const void *data, size_t bytes)
{
    char decimal[24], md5[32];
    struct part part;
    int status = multipart_begin(s3, put);
    if (status != HB_OK)
        return status;
    AUTO_CALL call = {.flags = CALL_ENCRYPTED,
                      .method = "PUT",
                      .name = &put->name,
                      .body = data,
                      .body_bytes = bytes};
    snprintf(decimal, sizeof decimal, "%" PRIu64, number + 1);
    md5_of(data, bytes, md5);
    call_query(&call, "partNumber", decimal);
    call_query(&call, "uploadId", put->id);
    call_header(&call, "content-md5", md5);
    put_checksum(s3, &call, part.checksum);
    status = call_do(s3, &call);
    if (status != HB_OK)
        return explain_part(s3, &call, status);
    if (!http_header(&call.response, "etag", part.etag, sizeof part.etag) || *part.etag == '\0')
        return no_etag(s3);
    strengthen(part.etag);
    return note_part(s3, put, number, &part);
}

static bool on_copied(void *self, const char *path, const char *text)
{
    struct part *part = self;
    if (strcmp(path, "CopyPartResult/ETag") == 0)
        snprintf(part->etag, sizeof part->etag, "%s", text);
    else if (strcmp(path, "CopyPartResult/ChecksumSHA256") == 0)
        snprintf(part->checksum, sizeof part->checksum, "%s", text);
    return true;
}

/* Of which object, and which of its versions. */
static int name_source(struct s3 *s3, const struct hb_object *from, struct text *source)
{
    struct object_name name;
    int status = name_split(s3, from->name, &name);
    if (status != HB_OK)
        return status;
    text_put(source, "/");
    text_uri(source, name.bucket, false);
    text_put(source, "/");
    text_uri(source, name.key, true);
    return source->failed ? s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory") : HB_OK;
}

static void add_source_key(const struct s3 *s3, struct call *call)
{
    if (s3->customer_key == NULL)
        return;
    call_header(call, "x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256");
    call_header(call, "x-amz-copy-source-server-side-encryption-customer-key", s3->customer_key);
    call_header(call, "x-amz-copy-source-server-side-encryption-customer-key-md5",
                s3->customer_md5);
}

int multipart_copy(struct s3 *s3, struct put *put, uint64_t number, const struct hb_object *from,
                   uint64_t offset, uint64_t bytes)
{
    AUTO_TEXT source = {0};
    char decimal[24], range[64];
    struct part part = {.etag = ""};
    int status = name_source(s3, from, &source);
    if (status == HB_OK)
        status = multipart_begin(s3, put);
    if (status != HB_OK)
        return status;
    AUTO_CALL call = {
        .flags = CALL_ENCRYPTED | CALL_LATE_ERROR, .method = "PUT", .name = &put->name};
    const struct xml_reader reader = {.self = &part, .element = on_copied};
    snprintf(decimal, sizeof decimal, "%" PRIu64, number + 1);
    snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + bytes - 1);
    call_query(&call, "partNumber", decimal);
    call_query(&call, "uploadId", put->id);
    call_header(&call, "x-amz-copy-source", text_of(&source));
    call_header(&call, "x-amz-copy-source-range", range);
    call_header(&call, "x-amz-copy-source-if-match", from->version);
    add_source_key(s3, &call);
    status = call_do(s3, &call);
    if (status != HB_OK)
        return call_refused(&call, "PreconditionFailed", 412) ||
                       call_refused(&call, "NoSuchKey", 404)
                   ? HB_STATUS_NOMATCH
                   : explain_part(s3, &call, status);
    (void)xml_read(text_of(&call.response.body), call.response.body.bytes, &reader);
    return *part.etag == '\0' ? no_etag(s3) : note_part(s3, put, number, &part);
}

/* ---- commit ---------------------------------------------------------------------------------- */

static void list_parts(const struct put *put, struct text *body)
{
    text_put(body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < put->part_count; i++) {
        text_format(body, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        text_xml(body, put->parts[i].etag);
        text_put(body, "</ETag>");
        if (*put->parts[i].checksum != '\0') {
            text_put(body, "<ChecksumSHA256>");
            text_xml(body, put->parts[i].checksum);
            text_put(body, "</ChecksumSHA256>");
        }
        text_put(body, "</Part>");
    }
    text_put(body, "</CompleteMultipartUpload>");
}

/* *unclear: it may be done; *gone: there is no such upload; *taken: a condition does not hold. */
int multipart_complete(struct s3 *s3, struct put *put, bool *unclear, bool *gone, bool *taken)
{
    AUTO_TEXT body = {0};
    char md5[32];
    list_parts(put, &body);
    if (body.failed)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    AUTO_CALL call = {.flags = CALL_STEADFAST | CALL_COMMIT | CALL_ONCE | CALL_LATE_ERROR |
                               CALL_ENCRYPTED,
                      .method = "POST",
                      .name = &put->name,
                      .body = body.data,
                      .body_bytes = body.bytes};
    md5_of(body.data, body.bytes, md5);
    call_query(&call, "uploadId", put->id);
    call_header(&call, "content-type", "application/xml");
    call_header(&call, "content-md5", md5);
    put_conditions(put, &call);
    int status = call_do(s3, &call);
    *unclear |= call.unclear;
    *gone = status != HB_OK && call_refused(&call, "NoSuchUpload", 404);
    *taken = status != HB_OK && call_refused(&call, "PreconditionFailed", 412);
    return status;
}

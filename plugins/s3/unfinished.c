/* SPDX-License-Identifier: Apache-2.0 */
#include "unfinished.h"

#include "list.h"
#include "mark.h"
#include "upload.h"
#include "xml.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- marks ----------------------------------------------------------------------------------- */

static int do_mark(struct s3 *s3, const struct object_name *name, const char *home,
                   struct call *call)
{
    AUTO_TEXT key = {0};
    mark_of(name->key, home, &key);
    if (key.failed)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    struct object_name marked = *name;
    marked.key = text_of(&key);
    call->name = &marked;
    int status = call_do(s3, call);
    call->name = NULL;
    return status;
}

int mark_put(struct s3 *s3, const struct object_name *name, const char *home)
{
    AUTO_CALL call = {.method = "PUT", .body = "1", .body_bytes = 1};
    put_encryption(s3, &call); /* a bucket may refuse what comes without */
    call_header(&call, "content-md5", "xMpCOKC5I4INzFCab3WEmw==");
    return do_mark(s3, name, home, &call);
}

int mark_remove(struct s3 *s3, const struct object_name *name, const char *home)
{
    AUTO_CALL call = {.flags = CALL_STEADFAST | CALL_SHORT, .method = "DELETE"};
    return do_mark(s3, name, home, &call);
}

int upload_abort(struct s3 *s3, const struct object_name *name, const char *id)
{
    AUTO_CALL call = {.flags = CALL_STEADFAST | CALL_SHORT, .method = "DELETE", .name = name};
    call_query(&call, "uploadId", id);
    int status = call_do(s3, &call);
    return status != HB_OK && call_refused(&call, "NoSuchUpload", 404) ? HB_OK : status;
}

/* ---- sweeping -------------------------------------------------------------------------------- */

struct marks {
    const char *suffix; /* that of this home */
    int64_t before;
    char **keys; /* of the uploads */
    size_t count;
    bool failed;
};

static void add_mark(struct marks *marks, const char *key, size_t bytes)
{
    char **keys = realloc(marks->keys, (marks->count + 1) * sizeof *keys);
    if (keys != NULL)
        marks->keys = keys;
    char *copy = keys == NULL ? NULL : strndup(key, bytes);
    marks->failed |= copy == NULL;
    if (copy != NULL)
        marks->keys[marks->count++] = copy;
}

static int on_listed(void *self, const struct listed *listed)
{
    struct marks *marks = self;
    size_t bytes = mark_of_what(listed->key);
    if (bytes > 0 && strcmp(listed->key + bytes, marks->suffix) == 0 && listed->written != 0 &&
        listed->written < marks->before)
        add_mark(marks, listed->key, bytes);
    return HB_OK;
}

/* An upload that is listed: of this key, not of one that begins so, and not a recent one. */
struct uploads {
    const char *key;
    int64_t before; /* nanoseconds since 1970 */
    char **ids;
    size_t count;
    char *is_key, *id; /* of the one that is being read */
    int64_t begun;     /* likewise; 0: unknown */
    bool whole;        /* it is such a list */
    bool more;         /* some are not among them */
    bool failed;
};

static void end_upload(struct uploads *uploads)
{
    bool is_it = uploads->is_key != NULL && uploads->id != NULL &&
                 strcmp(uploads->is_key, uploads->key) == 0;
    uploads->more |= is_it && uploads->begun >= uploads->before;
    if (is_it && uploads->begun < uploads->before) {
        char **ids = realloc(uploads->ids, (uploads->count + 1) * sizeof *ids);
        uploads->failed |= ids == NULL;
        if (ids != NULL) {
            uploads->ids = ids;
            uploads->ids[uploads->count++] = uploads->id;
            uploads->id = NULL;
        }
    }
    uploads->begun = 0;
}

static bool on_upload(void *self, const char *path, const char *text)
{
    struct uploads *uploads = self;
    if (strcmp(path, "ListMultipartUploadsResult/Upload/Key") == 0) {
        free(uploads->is_key);
        uploads->is_key = strdup(text);
        uploads->failed |= uploads->is_key == NULL;
        if (uploads->is_key != NULL && strcmp(uploads->is_key, uploads->key) != 0)
            (void)uri_decode(uploads->is_key); /* some do not encode it, though asked to */
    } else if (strcmp(path, "ListMultipartUploadsResult/Upload/UploadId") == 0) {
        free(uploads->id);
        uploads->id = strdup(text);
        uploads->failed |= uploads->id == NULL;
    } else if (strcmp(path, "ListMultipartUploadsResult/Upload/Initiated") == 0) {
        uploads->begun = time_of_list(text);
    } else if (strcmp(path, "ListMultipartUploadsResult/IsTruncated") == 0) {
        uploads->more |= strcmp(text, "true") == 0;
    } else if (strcmp(path, "ListMultipartUploadsResult") == 0) {
        uploads->whole = true;
    } else if (strcmp(path, "ListMultipartUploadsResult/Upload") == 0 && !uploads->failed) {
        end_upload(uploads);
    }
    return !uploads->failed;
}

static void clear_uploads(struct uploads *uploads)
{
    for (size_t i = 0; i < uploads->count; i++)
        free(uploads->ids[i]);
    free(uploads->ids);
    free(uploads->is_key);
    free(uploads->id);
}

/* There is one as a rule, and one page of them is enough: with `more` the mark stays, and the next
 * sweep finds the others. */
static int list_uploads(struct s3 *s3, const struct object_name *name, struct uploads *uploads)
{
    struct object_name bucket = *name;
    bucket.key = "";
    AUTO_CALL call = {.method = "GET", .name = &bucket, .body_most = BODY_MOST};
    const struct xml_reader reader = {.self = uploads, .element = on_upload};
    call_query(&call, "uploads", "");
    call_query(&call, "prefix", name->key);
    call_query(&call, "encoding-type", "url");
    int status = call_do(s3, &call);
    if (status == HB_OK &&
        (!xml_read(text_of(&call.response.body), call.response.body.bytes, &reader) ||
         !uploads->whole))
        status = s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                   "the service gave no list of uploads");
    return status;
}

/* The mark goes last: what fails before is found again. */
int uploads_give_up(struct s3 *s3, const struct object_name *name, const char *home, int64_t before,
                    uint64_t *swept)
{
    struct uploads uploads = {.key = name->key, .before = before};
    int status = list_uploads(s3, name, &uploads);
    for (size_t i = 0; status == HB_OK && i < uploads.count; i++) {
        status = upload_abort(s3, name, uploads.ids[i]);
        *swept += status == HB_OK;
    }
    clear_uploads(&uploads);
    return status == HB_OK && !uploads.more ? mark_remove(s3, name, home) : status;
}

int s3_sweep(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept)
{
    struct s3 *s3 = self;
    struct object_name name;
    AUTO_TEXT suffix = {0};
    mark_of("", home, &suffix);
    struct marks marks = {.suffix = text_of(&suffix), .before = before};
    *swept = 0;
    int status = list_split(s3, prefix, &name);
    if (status == HB_OK)
        status = list_keys(s3, &name, on_listed, &marks);
    if (status == HB_OK && (marks.failed || suffix.failed))
        status = s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    for (size_t i = 0; i < marks.count; i++) {
        name.key = marks.keys[i];
        if (status == HB_OK)
            status = uploads_give_up(s3, &name, home, before, swept);
        free(marks.keys[i]);
    }
    free(marks.keys);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "put.h"

#include "get.h"
#include "list.h"
#include "multipart.h"
#include "unfinished.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_DELAY = 500, /* milliseconds, between looks at what a commit has done */
    LONGEST_DELAY = 15000,
    OBJECT_MOST_TB = 5
};

int s3_limits(void *self, const char *name, struct hb_store_limits *limits)
{
    const struct s3 *s3 = self;
    struct object_name split;
    int status = name_split(s3, name, &split);
    if (status != HB_OK)
        return status;
    limits->flags = 0;
    if (number_setting(s3->settings, EQUAL_PARTS) != 0)
        limits->flags |= HB_STORE_EQUAL;
    if (number_setting(s3->settings, COPY) != 0)
        limits->flags |= HB_STORE_COPY | HB_STORE_COPY_PINNED;
    if (number_setting(s3->settings, EXCLUSIVE) != 0)
        limits->flags |= HB_STORE_EXCLUSIVE;
    limits->part_least = (uint64_t)number_setting(s3->settings, PART_SIZE);
    limits->part_most = PART_MOST;
    limits->parts_most = PARTS_MOST;
    limits->bytes_most = (uint64_t)OBJECT_MOST_TB << 40;
    limits->parallel = (uint32_t)number_setting(s3->settings, PARALLEL);
    limits->name_most = (uint32_t)(strlen(split.bucket) + 1 + KEY_MOST - sizeof MARK - 16);
    return HB_OK;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void free_put(struct put *put)
{
    free(put->key);
    free(put->home);
    free(put->replaces);
    free(put->id);
    free(put->parts);
    free(put->kept);
    pthread_mutex_destroy(&put->lock);
    free(put);
}

int s3_put_begin(void *self, const struct hb_put *asked, void **upload)
{
    const struct s3 *s3 = self;
    struct object_name split;
    int status = name_split(s3, asked->name, &split);
    if (status != HB_OK)
        return status;
    struct put *put = calloc(1, sizeof *put);
    if (put == NULL)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    pthread_mutex_init(&put->lock, NULL);
    put->name = split;
    put->key = strdup(split.key);
    put->home = strdup(asked->home == NULL ? "" : asked->home);
    put->replaces = asked->replaces == NULL ? NULL : strdup(asked->replaces);
    put->fresh = (asked->flags & HB_PUT_NEW) != 0;
    snprintf(put->run, sizeof put->run, "%s", asked->run);
    if (put->key == NULL || put->home == NULL ||
        (asked->replaces != NULL && put->replaces == NULL)) {
        free_put(put);
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    }
    put->name.key = put->key;
    *upload = put;
    return HB_OK;
}

/* Of a commit that is uncertain nothing is removed, and its mark stays: sweep() asks again. */
void s3_put_end(void *self, void *upload)
{
    struct s3 *s3 = self;
    struct put *put = upload;
    uint64_t strays = 0;
    if (put->id != NULL && !put->committed && !put->uncertain)
        upload_abort(s3, &put->name, put->id);
    if (put->marked && !put->uncertain && put->stray)
        uploads_give_up(s3, &put->name, put->home, INT64_MAX, &strays);
    else if (put->marked && !put->uncertain)
        mark_remove(s3, &put->name, put->home);
    free_put(put);
}

/* ---- parts ----------------------------------------------------------------------------------- */

int s3_put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                size_t bytes)
{
    struct s3 *s3 = self;
    struct put *put = upload;
    (void)offset;
    if (number > 0 || bytes >= (size_t)number_setting(s3->settings, PART_SIZE))
        return multipart_part(s3, put, number, data, bytes);
    unsigned char *kept = malloc(bytes + 1);
    if (kept == NULL)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    memcpy(kept, data, bytes);
    free(put->kept);
    put->kept = kept;
    put->kept_bytes = bytes;
    return HB_OK;
}

int s3_put_copy(void *self, void *upload, uint64_t number, uint64_t offset,
                const struct hb_object *from, uint64_t from_offset, uint64_t bytes)
{
    (void)offset;
    return multipart_copy(self, upload, number, from, from_offset, bytes);
}

/* ---- commit ---------------------------------------------------------------------------------- */

/* One PUT. It may come again: the same bytes. */
static int put_whole(struct s3 *s3, struct put *put, bool *unclear, bool *taken)
{
    char md5[32], checksum[CHECKSUM_BYTES];
    AUTO_CALL call = {.flags = CALL_STEADFAST | CALL_COMMIT |
                               (put->fresh || put->replaces != NULL ? CALL_ONCE : 0),
                      .method = "PUT",
                      .name = &put->name,
                      .body = put->kept_bytes > 0 ? put->kept : (const void *)"",
                      .body_bytes = put->kept_bytes};
    md5_of(call.body, call.body_bytes, md5);
    put_headers(s3, put, &call);
    put_conditions(put, &call);
    call_header(&call, "content-md5", md5);
    put_checksum(s3, &call, checksum);
    int status = call_do(s3, &call);
    *unclear |= call.unclear;
    *taken = status != HB_OK && call_refused(&call, "PreconditionFailed", 412);
    return status;
}

static int commit_once(struct s3 *s3, struct put *put, bool *unclear, bool *gone, bool *taken)
{
    *gone = *taken = false;
    return put->id != NULL ? multipart_complete(s3, put, unclear, gone, taken)
                           : put_whole(s3, put, unclear, taken);
}

static bool is_cancelled(void *context)
{
    const struct hb_host *host = context;
    return host->cancelled(host) != 0;
}

static int cannot_tell(const struct s3 *s3, struct put *put, const char *why)
{
    put->uncertain = true;
    return s3->host->fail_as(s3->host, HB_STATUS_UNCERTAIN, HB_CAUSE_NETWORK, NULL, "%s", why);
}

static int settle(struct s3 *s3, struct put *put, uint64_t bytes)
{
    uint64_t end = steady_ms() + (uint64_t)number_setting(s3->settings, RETRY_TIME) * 1000;
    uint64_t delay = FIRST_DELAY;
    bool unclear = false, gone, taken;
    for (;;) {
        int status = commit_once(s3, put, &unclear, &gone, &taken);
        if (status == HB_OK)
            return HB_OK;
        /* A proxy that has sent it twice gives the answer to the second one. */
        if (!unclear && !taken && !gone)
            return status;
        int found = get_is_ours(s3, &put->name, put->run, bytes);
        if (found == HB_OK) {
            s3->host->note(s3->host, NULL, "[%s]: the answer to a commit was lost; it is there",
                           s3->settings->section);
            return HB_OK;
        }
        if (!unclear && found == HB_STATUS_NOMATCH)
            return taken ? HB_STATUS_NOMATCH : multipart_gone(s3);
        if (taken && found == HB_STATUS_NOMATCH)
            return HB_STATUS_NOMATCH; /* somebody else was first, and one alone can be */
        if (gone)
            return cannot_tell(s3, put,
                               "the answer to the commit was lost, the upload is not there "
                               "any more, and what has the name is not from this run");
        if (steady_ms() + delay > end ||
            !pause_ms(delay, is_cancelled, (void *)(uintptr_t)s3->host))
            return cannot_tell(s3, put,
                               "no answer to the commit, and nobody can tell whether it was "
                               "done");
        delay = delay * 2 < LONGEST_DELAY ? delay * 2 : LONGEST_DELAY;
    }
}

/* All parts, one behind the other? */
static bool has_all(const struct put *put)
{
    for (size_t i = 0; i < put->part_count; i++)
        if (*put->parts[i].etag == '\0')
            return false;
    return put->kept == NULL || put->part_count == 0;
}

int s3_put_commit(void *self, void *upload, const struct hb_put *asked, uint64_t bytes)
{
    struct s3 *s3 = self;
    struct put *put = upload;
    char *replaces = asked->replaces == NULL ? NULL : strdup(asked->replaces);
    if (asked->replaces != NULL && replaces == NULL)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    free(put->replaces);
    put->replaces = replaces;
    put->fresh = (asked->flags & HB_PUT_NEW) != 0;
    if (!has_all(put) || (put->id == NULL && put->kept_bytes != bytes))
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "not all parts of it are there");
    int status = settle(s3, put, bytes);
    put->committed = status == HB_OK;
    return status;
}

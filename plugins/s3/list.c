/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include "mark.h"
#include "xml.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

static int no_bucket(const struct s3 *s3)
{
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED,
                             "write s3://BUCKET/NAME", "the URL names no bucket, or a bad one");
}

/* What else could stand there would be read as another part of the URL of a request. */
static bool is_bucket(const char *name, size_t bytes)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return bytes > 0 && bytes <= BUCKET_MOST && strspn(name, known) >= bytes && name[0] != '.';
}

int list_split(const struct s3 *s3, const char *prefix, struct object_name *split)
{
    size_t bytes = strcspn(prefix, "/");
    if (!is_bucket(prefix, bytes))
        return no_bucket(s3);
    memcpy(split->bucket, prefix, bytes);
    split->bucket[bytes] = '\0';
    split->key = prefix[bytes] == '/' ? prefix + bytes + 1 : "";
    return HB_OK;
}

int name_split(const struct s3 *s3, const char *name, struct object_name *split)
{
    int status = list_split(s3, name, split);
    if (status == HB_OK && *split->key == '\0')
        return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED,
                                 "write s3://BUCKET/NAME", "the URL names a bucket and no object");
    return status;
}

void strengthen(char *etag)
{
    if (strncmp(etag, "W/\"", 3) == 0)
        memmove(etag, etag + 2, strlen(etag) - 1);
}

void unquote(char *etag)
{
    strengthen(etag);
    size_t bytes = strlen(etag);
    if (bytes >= 2 && etag[0] == '"' && etag[bytes - 1] == '"') {
        memmove(etag, etag + 1, bytes - 2);
        etag[bytes - 2] = '\0';
    }
}

int64_t nanoseconds_of(time_t seconds)
{
    static const int64_t most = INT64_MAX / 1000000000;
    return seconds <= 0 || seconds > most ? 0 : (int64_t)seconds * 1000000000;
}

int64_t time_of_list(const char *text)
{
    struct tm parts = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    return end == NULL ? 0 : nanoseconds_of(timegm(&parts));
}

/* ---- a page ---------------------------------------------------------------------------------- */

struct row {
    char *key, *etag;
    uint64_t bytes;
    int64_t written;
};

struct page {
    struct row *rows;
    size_t count, room;
    bool whole; /* it is a list, and not what somebody else has to say */
    bool truncated, says_truncated, encoded, failed;
    bool in_row;          /* the last row is being read */
    char *token, *marker; /* where the next one begins, in either form */
};

static void clear_page(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->rows[i].key);
        free(page->rows[i].etag);
    }
    free(page->rows);
    free(page->token);
    free(page->marker);
    *page = (struct page){0};
}

static struct row *new_row(struct page *page)
{
    if (page->count == page->room) {
        size_t room = page->room * 2 + 64;
        struct row *rows = realloc(page->rows, room * sizeof *rows);
        if (rows == NULL)
            return NULL;
        page->rows = rows;
        page->room = room;
    }
    page->rows[page->count] = (struct row){0};
    return &page->rows[page->count++];
}

static void take_text(struct page *page, char **to, const char *text)
{
    free(*to);
    *to = strdup(text);
    page->failed |= *to == NULL;
}

/* Of one of its objects, in any order. */
static void take_content(struct page *page, const char *what, const char *text)
{
    struct row *row = page->in_row ? &page->rows[page->count - 1] : new_row(page);
    char *end = NULL;
    page->in_row = true;
    if (row == NULL) {
        page->failed = true;
    } else if (strcmp(what, "Key") == 0) {
        take_text(page, &row->key, text);
    } else if (strcmp(what, "ETag") == 0) {
        take_text(page, &row->etag, text);
        if (row->etag != NULL)
            unquote(row->etag);
    } else if (strcmp(what, "Size") == 0) {
        errno = 0;
        row->bytes = strtoull(text, &end, 10);
        page->failed |= errno != 0 || end == text || *end != '\0';
    } else if (strcmp(what, "LastModified") == 0) {
        row->written = time_of_list(text);
    }
}

/* Whether there is more has to be said plainly: who takes a part for all of it hides the rest. */
static void take_truncated(struct page *page, const char *text)
{
    page->says_truncated = true;
    page->truncated = strcmp(text, "true") == 0;
    page->failed |= !page->truncated && strcmp(text, "false") != 0;
}

static bool on_element(void *self, const char *path, const char *text)
{
    struct page *page = self;
    static const char top[] = "ListBucketResult/";
    page->whole |= strcmp(path, "ListBucketResult") == 0;
    if (strncmp(path, top, sizeof top - 1) != 0)
        return true;
    path += sizeof top - 1;
    if (strncmp(path, "Contents/", 9) == 0)
        take_content(page, path + 9, text);
    else if (strcmp(path, "Contents") == 0)
        page->in_row = false;
    else if (strcmp(path, "IsTruncated") == 0)
        take_truncated(page, text);
    else if (strcmp(path, "EncodingType") == 0)
        page->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path, "NextContinuationToken") == 0)
        take_text(page, &page->token, text);
    else if (strcmp(path, "NextMarker") == 0)
        take_text(page, &page->marker, text);
    return !page->failed;
}

/* Whole: it names all objects that it counts, and where the next page begins. */
static bool finish_page(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        struct row *row = &page->rows[i];
        if (row->key == NULL || row->etag == NULL || *row->etag == '\0' ||
            (page->encoded && !uri_decode(row->key)))
            return false;
    }
    if (page->marker != NULL && page->encoded && !uri_decode(page->marker))
        return false;
    if (!page->says_truncated)
        page->truncated = page->token != NULL || page->marker != NULL;
    if (page->truncated && page->token == NULL && page->marker == NULL && page->count > 0)
        take_text(page, &page->marker, page->rows[page->count - 1].key);
    return page->whole && !page->failed &&
           (!page->truncated || page->token != NULL || page->marker != NULL);
}

static int read_page(struct s3 *s3, const struct call *call, struct page *page)
{
    const struct xml_reader reader = {.self = page, .element = on_element};
    const struct text *body = &call->response.body;
    if (xml_read(text_of(body), body->bytes, &reader) && finish_page(page))
        return HB_OK;
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                             "the service gave a list that cannot be read");
}

/* ---- page after page ------------------------------------------------------------------------- */

enum {
    BARREN_MOST = 1000,    /* pages in a row that bring nothing new: some are empty */
    LISTED_MOST = 10000000 /* objects: nobody has so many archives, and they stay in memory */
};

/* How it goes on. */
struct place {
    bool old_form;
    char *from;     /* NULL: at the start */
    char *greatest; /* of all keys; NULL: there was none */
    unsigned barren;
    uint64_t listed;
};

static int ask_page(struct s3 *s3, const struct object_name *name, struct place *place,
                    struct page *page)
{
    struct object_name bucket = *name;
    bucket.key = "";
    AUTO_CALL call = {
        .method = "GET", .name = &bucket, .body_most = BODY_MOST, .flags = CALL_LATE_ERROR};
    if (!place->old_form)
        call_query(&call, "list-type", "2");
    if (place->from != NULL)
        call_query(&call, place->old_form ? "marker" : "continuation-token", place->from);
    call_query(&call, "prefix", name->key);
    call_query(&call, "encoding-type", "url");
    int status = call_do(s3, &call);
    if (status == HB_OK)
        return read_page(s3, &call, page);
    if (!place->old_form && place->from == NULL &&
        (call_refused(&call, "NotImplemented", 501) ||
         call_refused(&call, "InvalidArgument", 400))) {
        place->old_form = true;
        return HB_STATUS_NOMATCH; /* to be asked again */
    }
    return status;
}

static int give_page(const struct page *page,
                     int (*each)(void *context, const struct listed *listed), void *context)
{
    int status = HB_OK;
    for (size_t i = 0; status == HB_OK && i < page->count; i++) {
        const struct row *row = &page->rows[i];
        status = each(context, &(const struct listed){.key = row->key,
                                                      .etag = row->etag,
                                                      .bytes = row->bytes,
                                                      .written = row->written});
    }
    return status;
}

/* Keys come in order. A service that gives the same ones again and again, or none, or ever more,
 * would never come to an end. */
static int check_progress(struct s3 *s3, const struct page *page, struct place *place)
{
    bool more = false;
    for (size_t i = 0; i < page->count; i++) {
        const char *key = page->rows[i].key;
        if (place->greatest != NULL && strcmp(key, place->greatest) <= 0)
            continue;
        free(place->greatest);
        place->greatest = strdup(key);
        if (place->greatest == NULL)
            return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
        more = true;
    }
    place->barren = more ? 0 : place->barren + 1;
    place->listed += page->count;
    if (place->barren <= BARREN_MOST && place->listed <= LISTED_MOST)
        return HB_OK;
    return s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                             "the list that the service gives does not end");
}

/* A page that begins where the one before did would never end. */
static int go_on(struct s3 *s3, struct page *page, struct place *place)
{
    place->old_form |= page->token == NULL;
    char *from = strdup(place->old_form ? page->marker : page->token);
    if (from == NULL)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    bool same = place->from != NULL && strcmp(place->from, from) == 0;
    free(place->from);
    place->from = from;
    return same ? s3->host->fail_as(s3->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                    "the service gave the same page of a list twice")
                : HB_OK;
}

int list_keys(struct s3 *s3, const struct object_name *name,
              int (*each)(void *context, const struct listed *listed), void *context)
{
    struct place place = {.old_form = false};
    struct page page = {0};
    bool more = true;
    int status = HB_OK;
    while (status == HB_OK && more) {
        status = ask_page(s3, name, &place, &page);
        if (status == HB_STATUS_NOMATCH)
            status = ask_page(s3, name, &place, &page);
        if (status == HB_OK)
            status = check_progress(s3, &page, &place);
        if (status == HB_OK)
            status = give_page(&page, each, context);
        more = page.truncated;
        if (status == HB_OK && more)
            status = go_on(s3, &page, &place);
        clear_page(&page);
    }
    free(place.from);
    free(place.greatest);
    return status;
}

/* ---- for the host ---------------------------------------------------------------------------- */

struct giving {
    const struct hb_object_lister *lister;
    const struct object_name *name;
    struct text whole; /* bucket and key */
};

static int on_listed(void *self, const struct listed *listed)
{
    struct giving *giving = self;
    if (mark_of_what(listed->key) > 0)
        return HB_OK; /* of an upload: no object of the host's */
    text_clear(&giving->whole);
    text_format(&giving->whole, "%s/%s", giving->name->bucket, listed->key);
    const struct hb_object object = {.size = sizeof object,
                                     .name = text_of(&giving->whole),
                                     .version = listed->etag,
                                     .bytes = listed->bytes,
                                     .written = listed->written};
    return giving->lister->object(giving->lister, &object);
}

int s3_list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    struct s3 *s3 = self;
    struct object_name name;
    struct giving giving = {.lister = lister, .name = &name};
    int status = list_split(s3, prefix, &name);
    if (status == HB_OK)
        status = list_keys(s3, &name, on_listed, &giving);
    text_clear(&giving.whole);
    return status;
}

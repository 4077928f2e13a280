/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    HEADERS_MOST = 64 << 10,      /* of one answer */
    ALL_HEADERS_MOST = 256 << 10, /* with those of answers that only say "continue" */
    SLOWEST = 100,                /* bytes a second; a service that is slower is not there */
    ANSWER_MS = 15 * 60000,       /* so long what changes something may take, once all is sent */
    CONNECT_MS = 30000,
    WORTH_ASKING = 1 << 20 /* bytes, before which the server may refuse (Expect: 100-continue) */
};

/* A handle that nobody uses now. */
struct idle {
    CURL *handle;
    struct idle *next;
};

struct http {
    struct http_settings settings;
    pthread_mutex_t lock;
    struct idle *idle;
};

/* A request on its way. */
struct transfer {
    const struct http *http;
    const struct http_request *request;
    struct http_response *response;
    CURL *handle;
    size_t sent;                /* bytes of the body */
    size_t head_bytes;          /* of all headers */
    uint64_t begun_ms, busy_ms; /* since then, and so long it was we who were slow */
    uint64_t sent_ms;           /* when all was sent; 0: it is not */
    bool too_long, too_slow;
    char words[CURL_ERROR_SIZE];
};

struct http *http_make(const struct http_settings *settings)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        curl_global_cleanup();
        return NULL;
    }
    http->settings = *settings;
    pthread_mutex_init(&http->lock, NULL);
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    while (http->idle != NULL) {
        struct idle *idle = http->idle;
        http->idle = idle->next;
        curl_easy_cleanup(idle->handle);
        free(idle);
    }
    pthread_mutex_destroy(&http->lock);
    free(http);
    curl_global_cleanup();
}

/* One with an open connection, if there is one. */
static CURL *take_handle(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    struct idle *idle = http->idle;
    if (idle != NULL)
        http->idle = idle->next;
    pthread_mutex_unlock(&http->lock);
    CURL *handle = idle == NULL ? curl_easy_init() : idle->handle;
    free(idle);
    return handle;
}

/* After a failure a handle is not used again: curl 7.88 leaves some, as those that found no
 * address, in a state in which they take no options. */
static void give_handle(struct http *http, CURL *handle, bool well)
{
    struct idle *idle = well ? malloc(sizeof *idle) : NULL;
    if (idle == NULL) {
        curl_easy_cleanup(handle);
        return;
    }
    curl_easy_reset(handle); /* all but its connections */
    idle->handle = handle;
    pthread_mutex_lock(&http->lock);
    idle->next = http->idle;
    http->idle = idle;
    pthread_mutex_unlock(&http->lock);
}

/* ---- what curl calls ------------------------------------------------------------------------- */

static bool never(void *context)
{
    (void)context;
    return false;
}

static bool is_stopped(const struct transfer *transfer)
{
    const struct http_request *request = transfer->request;
    return request->stopped != NULL && request->stopped(request->context);
}

static bool slow_down(struct transfer *transfer, struct speed *speed, size_t bytes)
{
    const struct http_request *request = transfer->request;
    if (speed == NULL)
        return true;
    uint64_t before = steady_ms();
    bool well = speed_wait(speed, bytes, request->stopped == NULL ? never : request->stopped,
                           request->context);
    transfer->busy_ms += steady_ms() - before;
    return well;
}

static bool hand_over(struct transfer *transfer, const void *data, size_t bytes)
{
    const struct http_request *request = transfer->request;
    uint64_t before = steady_ms();
    bool well = request->take(request->context, transfer->response, data, bytes);
    transfer->busy_ms += steady_ms() - before;
    return well;
}

static size_t on_read(char *buffer, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    size_t left = transfer->request->body_bytes - transfer->sent;
    size_t room = speed_slice(transfer->http->settings.up, size * count);
    size_t take = left < room ? left : room;
    if (take > 0)
        memcpy(buffer, (const char *)transfer->request->body + transfer->sent, take);
    transfer->sent += take;
    return slow_down(transfer, transfer->http->settings.up, take) ? take : CURL_READFUNC_ABORT;
}

static int on_seek(void *self, curl_off_t offset, int origin)
{
    struct transfer *transfer = self;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->request->body_bytes)
        return CURL_SEEKFUNC_FAIL;
    transfer->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *data, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    const struct http_request *request = transfer->request;
    struct http_response *response = transfer->response;
    size_t bytes = size * count;
    long status = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    bool wanted = status == 206 && request->into != NULL;
    if (status == 206 && request->take != NULL)
        return slow_down(transfer, transfer->http->settings.down, bytes) &&
                       hand_over(transfer, data, bytes)
                   ? bytes
                   : 0;
    size_t room = wanted ? request->into_bytes - response->into_bytes
                         : request->body_most - response->body.bytes;
    if (bytes > room) {
        transfer->too_long = true;
        return 0;
    }
    if (wanted) {
        memcpy(request->into + response->into_bytes, data, bytes);
        response->into_bytes += bytes;
    } else {
        text_add(&response->body, data, bytes);
    }
    return slow_down(transfer, transfer->http->settings.down, bytes) && !response->body.failed
               ? bytes
               : 0;
}

/* Only those of the last answer: one that says "continue" came before it. */
static size_t on_header(char *data, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    struct text *lines = &transfer->response->lines;
    size_t bytes = size * count, used = bytes;
    while (used > 0 && isspace((unsigned char)data[used - 1]))
        used--;
    if (used >= 5 && strncasecmp(data, "HTTP/", 5) == 0)
        text_clear(lines);
    transfer->head_bytes += bytes;
    if (lines->bytes + bytes > HEADERS_MOST || transfer->head_bytes > ALL_HEADERS_MOST) {
        transfer->too_long = true;
        return 0;
    }
    const char *colon = memchr(data, ':', used);
    if (colon == NULL)
        return bytes;
    for (const char *at = data; at < colon; at++)
        text_add(lines, &(char){(char)tolower((unsigned char)*at)}, 1);
    text_add(lines, colon, used - (size_t)(colon - data));
    text_put(lines, "\n");
    return lines->failed ? 0 : bytes;
}

/*
 * A byte now and then keeps curl content, and whoever waits for it would wait for days. Not of an
 * answer to what changes something: that may come late, and blanks come before it.
 */
static bool is_too_slow(struct transfer *transfer, uint64_t received, uint64_t sent)
{
    const struct http_request *request = transfer->request;
    uint64_t now = steady_ms(), grace = (uint64_t)transfer->http->settings.timeout * 2000;
    uint64_t since = now - transfer->begun_ms;
    uint64_t elapsed = since > transfer->busy_ms ? since - transfer->busy_ms : 0;
    if (transfer->sent_ms == 0 && sent >= request->body_bytes)
        transfer->sent_ms = now;
    if (transfer->sent_ms != 0 && strcmp(request->method, "GET") != 0 &&
        strcmp(request->method, "HEAD") != 0)
        return now - transfer->sent_ms > ANSWER_MS;
    return elapsed > grace &&
           received + sent + transfer->head_bytes < elapsed / 1000 * (uint64_t)SLOWEST;
}

static int on_progress(void *self, curl_off_t all_down, curl_off_t down, curl_off_t all_up,
                       curl_off_t up)
{
    struct transfer *transfer = self;
    (void)all_down;
    (void)all_up;
    transfer->too_slow |= is_too_slow(transfer, (uint64_t)down, (uint64_t)up);
    return transfer->too_slow || is_stopped(transfer) ? 1 : 0;
}

/* No program that is run meanwhile inherits it. */
static curl_socket_t on_socket(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)self;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- a request ------------------------------------------------------------------------------- */

#define SET(option, value) (failed |= curl_easy_setopt(handle, option, value) != CURLE_OK)

/* The same for all. */
static bool set_up(const struct http *http, CURL *handle, struct transfer *transfer)
{
    bool failed = false;
    long timeout = http->settings.timeout;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* one connection a thread */
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_USERAGENT, "hbcore");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, timeout);
    SET(CURLOPT_EXPECT_100_TIMEOUT_MS, 500L); /* less than any timeout that can be set */
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, 256L << 10);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    SET(CURLOPT_ERRORBUFFER, transfer->words);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, transfer);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    if (*http->settings.ca_file != '\0')
        SET(CURLOPT_CAINFO, http->settings.ca_file);
    return !failed;
}

static bool set_method(CURL *handle, const struct http_request *request)
{
    bool failed = false, put = strcmp(request->method, "PUT") == 0;
    if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (put) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
    } else if (strcmp(request->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    } else {
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    return !failed;
}

static bool set_request(const struct http *http, CURL *handle, const struct http_request *request,
                        struct curl_slist *headers)
{
    bool failed = false;
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_TIMEOUT_MS, request->timeout_ms);
    SET(CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    if (request->direct)
        SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_CONNECTTIMEOUT_MS, request->connect_ms > 0 ? request->connect_ms
                                   : http->settings.timeout * 1000 < CONNECT_MS
                                       ? http->settings.timeout * 1000
                                       : CONNECT_MS);
    return set_method(handle, request) && !failed;
}

/* A line end in what others gave us (an ETag, a token) would be another header, or a request. */
static bool is_sendable(const struct http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        for (const char *at = request->headers[i]; *at != '\0'; at++)
            if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
                return false;
    return true;
}

static struct curl_slist *list_of(const struct http_request *request)
{
    struct curl_slist *list = NULL;
    size_t count = request->header_count + (request->body_bytes < WORTH_ASKING);
    for (size_t i = 0; i < count; i++) {
        const char *header = i < request->header_count ? request->headers[i] : "Expect:";
        struct curl_slist *longer = curl_slist_append(list, header);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* Where curl fails before it has sent anything. Of all others nobody can tell. */
static bool was_sent(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_OUT_OF_MEMORY:
        return false;
    default:
        return true;
    }
}

static void explain(const struct transfer *transfer, CURLcode code)
{
    struct http_response *response = transfer->response;
    response->sent = was_sent(code);
    response->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
    bool reading = strcmp(transfer->request->method, "GET") == 0; /* else it may be done */
    response->unusable = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                         code == CURLE_SSL_CACERT_BADFILE || response->untrusted ||
                         (transfer->too_long && reading);
    response->stopped = is_stopped(transfer);
    response->status = 0;
    snprintf(
        response->why, sizeof response->why, "%s",
        transfer->too_long
            ? "the answer is longer than what was asked for, as of a service that gives no ranges"
        : transfer->too_slow       ? "the service is too slow, as if it were not there"
        : *transfer->words != '\0' ? transfer->words
                                   : curl_easy_strerror(code));
}

static void take_answer(const struct transfer *transfer)
{
    struct http_response *response = transfer->response;
    curl_off_t seconds = 0;
    response->sent = true;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &response->status);
    curl_easy_getinfo(transfer->handle, CURLINFO_RETRY_AFTER, &seconds);
    response->retry_after = seconds > 0 && seconds < 86400 ? (long)seconds : 0;
    if (response->status == 0)
        snprintf(response->why, sizeof response->why, "the answer has no status");
}

void http_do(struct http *http, const struct http_request *request, struct http_response *response)
{
    *response = (struct http_response){.why = "out of memory", .unusable = true};
    struct transfer transfer = {
        .http = http, .request = request, .response = response, .begun_ms = steady_ms()};
    if (!is_sendable(request)) {
        snprintf(response->why, sizeof response->why,
                 "it would be sent with a header that has a control character in it");
        return;
    }
    CURL *handle = transfer.handle = take_handle(http);
    struct curl_slist *headers = list_of(request);
    bool well = false;
    if (handle != NULL && (headers != NULL || request->header_count == 0) &&
        set_up(http, handle, &transfer) && set_request(http, handle, request, headers)) {
        response->unusable = false;
        response->why[0] = '\0';
        CURLcode code = curl_easy_perform(handle);
        well = code == CURLE_OK;
        if (well)
            take_answer(&transfer);
        else
            explain(&transfer, code);
    }
    curl_slist_free_all(headers);
    if (handle != NULL)
        give_handle(http, handle, well);
}

void http_clear(struct http_response *response)
{
    text_clear(&response->lines);
    text_clear(&response->body);
}

bool http_header(const struct http_response *response, const char *name, char *value, size_t room)
{
    size_t bytes = strlen(name);
    *value = '\0';
    for (const char *at = text_of(&response->lines); *at != '\0';) {
        const char *end = strchr(at, '\n');
        if (end == NULL)
            break;
        if (strncmp(at, name, bytes) == 0 && at[bytes] == ':') {
            at += bytes + 1;
            while (*at == ' ' || *at == '\t')
                at++;
            if (end < at || (size_t)(end - at) >= room)
                return false;
            memcpy(value, at, (size_t)(end - at));
            value[end - at] = '\0';
            return true;
        }
        at = end + 1;
    }
    return false;
}

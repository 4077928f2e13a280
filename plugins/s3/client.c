/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "endpoint.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_DELAY = 200, /* milliseconds */
    LONGEST_DELAY = 20000,
    SHORT_TIME = 10000,
    NOTES_MOST = 5,
    UNTOLD = 2000,  /* milliseconds: so long nobody wonders what it does */
    SKEW_LEAST = 30 /* seconds; below that it is not the clock */
};

/* What was mended already, and does not help twice. */
enum mended { MENDED_KEYS = 1, MENDED_CLOCK = 2, MENDED_REGION = 4 };

/* A call that is on its way. */
struct doing {
    struct s3 *s3;
    struct call *call;
    char hash[SIGV4_HASH_BYTES];
    char region[64];
    struct keys keys; /* of the last attempt */
    unsigned mended;
    uint64_t started, delay;
    bool over;     /* it was tried for as long as it may be */
    char why[700]; /* the last attempt failed */
};

void call_query(struct call *call, const char *name, const char *value)
{
    if (call->query_count < PAIRS_MOST)
        call->query[call->query_count++] = (struct pair){name, value};
}

void call_header(struct call *call, const char *name, const char *value)
{
    if (call->header_count < PAIRS_MOST)
        call->headers[call->header_count++] = (struct pair){name, value};
}

void call_clear(struct call *call)
{
    http_clear(&call->response);
}

bool call_refused(const struct call *call, const char *code, long status)
{
    if (call->response.status == 0)
        return false;
    return *call->refusal.code != '\0' ? strcmp(call->refusal.code, code) == 0
                                       : call->response.status == status;
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static bool is_cancelled(void *context)
{
    const struct hb_host *host = context;
    return host->cancelled(host) != 0;
}

static void *host_context(const struct s3 *s3)
{
    return (void *)(uintptr_t)s3->host;
}

enum { ALL_PAIRS = PAIRS_MOST + 10 };

/* All that is sent and signed. */
struct sending {
    struct pair pairs[ALL_PAIRS];
    size_t count;
    struct text lines[ALL_PAIRS + 1];
    const char *headers[ALL_PAIRS + 1];
    struct text url, authorization;
    struct endpoint endpoint;
    char time[SIGV4_TIME_BYTES];
};

static void send_header(struct sending *sending, const char *name, const char *value)
{
    sending->pairs[sending->count++] = (struct pair){name, value};
}

static void add_headers(const struct doing *doing, struct sending *sending)
{
    const struct s3 *s3 = doing->s3;
    const struct call *call = doing->call;
    send_header(sending, "host", text_of(&sending->endpoint.host));
    send_header(sending, "x-amz-content-sha256", doing->hash);
    send_header(sending, "x-amz-date", sending->time);
    if (doing->keys.token.bytes > 0)
        send_header(sending, "x-amz-security-token", text_of(&doing->keys.token));
    if (number_setting(s3->settings, REQUESTER_PAYS) != 0)
        send_header(sending, "x-amz-request-payer", "requester");
    if (s3->customer_key != NULL && (call->flags & CALL_ENCRYPTED) != 0) {
        send_header(sending, "x-amz-server-side-encryption-customer-algorithm", "AES256");
        send_header(sending, "x-amz-server-side-encryption-customer-key", s3->customer_key);
        send_header(sending, "x-amz-server-side-encryption-customer-key-md5", s3->customer_md5);
    }
    for (size_t i = 0; i < call->header_count; i++)
        send_header(sending, call->headers[i].name, call->headers[i].value);
}

/* False: out of memory. */
static bool prepare(const struct doing *doing, struct sending *sending)
{
    const struct call *call = doing->call;
    struct s3 *s3 = doing->s3;
    struct text query = {0};
    pthread_mutex_lock(&s3->lock);
    sigv4_time(time(NULL) + (time_t)s3->clock_ahead, sending->time);
    pthread_mutex_unlock(&s3->lock);
    endpoint_of(s3, doing->region, call->name, &sending->endpoint);
    sigv4_query(call->query, call->query_count, &query);
    text_format(&sending->url, "%s%s%s%s", text_of(&sending->endpoint.base),
                text_of(&sending->endpoint.path), query.bytes > 0 ? "?" : "", text_of(&query));
    sending->url.failed |= query.failed;
    text_clear(&query);
    add_headers(doing, sending);
    const struct sigv4_request request = {.method = call->method,
                                          .path = text_of(&sending->endpoint.path),
                                          .query = call->query,
                                          .query_count = call->query_count,
                                          .headers = sending->pairs,
                                          .header_count = sending->count,
                                          .payload = doing->hash};
    const struct sigv4_keys keys = {.access = text_of(&doing->keys.access),
                                    .secret = text_of(&doing->keys.secret),
                                    .region = doing->region,
                                    .service = "s3"};
    bool well = sigv4_sign(&request, &keys, sending->time, &sending->authorization);
    for (size_t i = 0; i < sending->count; i++) {
        text_format(&sending->lines[i], "%s: %s", sending->pairs[i].name, sending->pairs[i].value);
        well &= !sending->lines[i].failed;
    }
    text_format(&sending->lines[sending->count], "Authorization: %s",
                text_of(&sending->authorization));
    for (size_t i = 0; i < sending->count + 1; i++)
        sending->headers[i] = text_of(&sending->lines[i]);
    return well && !sending->url.failed && endpoint_is_whole(&sending->endpoint);
}

static void unprepare(struct sending *sending)
{
    for (size_t i = 0; i < sending->count + 1; i++)
        text_wipe(&sending->lines[i]);
    text_clear(&sending->url);
    text_clear(&sending->authorization);
    endpoint_clear(&sending->endpoint);
}

static void perform(const struct doing *doing, const struct sending *sending)
{
    const struct s3 *s3 = doing->s3;
    struct call *call = doing->call;
    bool quiet = (call->flags & CALL_QUIET) != 0, steadfast = (call->flags & CALL_STEADFAST) != 0;
    const struct http_request request = {
        .method = call->method,
        .url = text_of(&sending->url),
        .headers = sending->headers,
        .header_count = sending->count + 1,
        .body = call->body,
        .body_bytes = call->body_bytes,
        .into = call->into,
        .into_bytes = call->into_bytes,
        .take = call->take,
        .body_most = call->body_most > 0 ? call->body_most : SMALL_BODY,
        .fresh = (call->flags & CALL_COMMIT) != 0,
        .timeout_ms = (call->flags & CALL_SHORT) != 0 ? SHORT_TIME : 0,
        .stopped = quiet       ? call->stopped
                   : steadfast ? NULL
                               : is_cancelled,
        .context = quiet ? call->context : host_context(s3)};
    http_clear(&call->response);
    http_do(s3->http, &request, &call->response);
}

/* HB_OK: see the response. Else a failure that was told. */
static int attempt(struct doing *doing)
{
    struct s3 *s3 = doing->s3;
    struct sending sending = {.count = 0};
    pthread_mutex_lock(&s3->lock);
    memcpy(doing->region, s3->region, sizeof doing->region);
    pthread_mutex_unlock(&s3->lock);
    bool well = prepare(doing, &sending);
    if (well)
        perform(doing, &sending);
    unprepare(&sending);
    doing->call->attempts++;
    return well ? HB_OK : s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
}

/* ---- what became of it ----------------------------------------------------------------------- */

static bool is_success(const struct call *call)
{
    return call->response.status / 100 == 2 &&
           ((call->flags & CALL_LATE_ERROR) == 0 || !refusal_in_body(&call->response));
}

static enum then judge(struct doing *doing)
{
    struct call *call = doing->call;
    const struct http_response *response = &call->response;
    struct refusal *refusal = &call->refusal;
    *refusal = (struct refusal){.cause = HB_CAUSE_NETWORK};
    if (response->status != 0) {
        refusal_of(response, refusal);
        snprintf(doing->why, sizeof doing->why, "the service answers %ld%s%s%s%s%s%s",
                 response->status, *refusal->code == '\0' ? "" : " ", refusal->code,
                 *refusal->message == '\0' ? "" : ": ", refusal->message,
                 *refusal->location == '\0' ? "" : ", and that it is at ", refusal->location);
        return refusal->then;
    }
    snprintf(doing->why, sizeof doing->why, "no answer: %s", response->why);
    if (response->unusable) /* nobody need try it again */
        refusal->cause = response->untrusted ? HB_CAUSE_AUTHENTICATION : HB_CAUSE_UNSUPPORTED;
    return response->unusable ? THEN_FAIL : response->sent ? THEN_UNCLEAR : THEN_AGAIN;
}

/* What the person at the terminal can do; NULL: nothing that is known here. */
static const char *hint_of(const struct doing *doing)
{
    if (doing->call->response.status != 0)
        return refusal_hint(&doing->call->refusal);
    if (strstr(doing->why, "wrong version number") != NULL)
        return "the service may speak no TLS there: write http:// in endpoint, or its other port";
    return NULL;
}

static int tell(const struct doing *doing)
{
    const struct hb_host *host = doing->s3->host;
    const struct call *call = doing->call;
    char times[40] = "";
    if ((call->flags & CALL_QUIET) != 0)
        return HB_STATUS_FATAL;
    if (call->attempts > 1)
        snprintf(times, sizeof times, " (%u attempts)", call->attempts);
    return host->fail_as(host, HB_STATUS_FATAL, doing->over ? HB_CAUSE_NONE : call->refusal.cause,
                         hint_of(doing), "%s%s", doing->why, times);
}

/* That it helped to send it again. Few of them, and no two that are the same in a row. */
static void note(const struct doing *doing, const char *why)
{
    struct s3 *s3 = doing->s3;
    bool say = false;
    if (*why == '\0' || (doing->call->flags & CALL_QUIET) != 0)
        return;
    pthread_mutex_lock(&s3->lock);
    if (s3->noted < NOTES_MOST && strncmp(s3->last_note, why, sizeof s3->last_note - 1) != 0) {
        snprintf(s3->last_note, sizeof s3->last_note, "%s", why);
        s3->noted++;
        say = true;
    }
    pthread_mutex_unlock(&s3->lock);
    if (say)
        s3->host->note(s3->host, NULL, "[%s]: a request was sent again, and succeeded: %s",
                       s3->settings->section, why);
}

/* ---- once more ------------------------------------------------------------------------------- */

static bool mend_keys(struct doing *doing)
{
    struct keys keys;
    if (credentials_get(doing->s3->credentials, &doing->keys, &keys) != HB_OK) {
        keys_clear(&keys);
        return false;
    }
    keys_clear(&doing->keys);
    doing->keys = keys;
    return true;
}

static bool mend_clock(const struct doing *doing)
{
    struct s3 *s3 = doing->s3;
    char date[80];
    time_t now = time(NULL);
    if (!http_header(&doing->call->response, "date", date, sizeof date))
        return false;
    time_t theirs = curl_getdate(date, NULL);
    if (theirs == (time_t)-1)
        return false;
    int64_t ahead = (int64_t)theirs - (int64_t)now;
    pthread_mutex_lock(&s3->lock);
    bool other = llabs((long long)(ahead - s3->clock_ahead)) >= SKEW_LEAST;
    if (other)
        s3->clock_ahead = ahead;
    pthread_mutex_unlock(&s3->lock);
    return other;
}

static bool mend_region(const struct doing *doing)
{
    struct s3 *s3 = doing->s3;
    const char *region = doing->call->refusal.region;
    if (!endpoint_is_region(region) || strcmp(region, doing->region) == 0)
        return false;
    pthread_mutex_lock(&s3->lock);
    snprintf(s3->region, sizeof s3->region, "%s", region);
    pthread_mutex_unlock(&s3->lock);
    return true;
}

/* Is it worth another attempt at once, with something set right? */
static bool mend(struct doing *doing, enum then then)
{
    unsigned which = then == THEN_KEYS    ? MENDED_KEYS
                     : then == THEN_CLOCK ? MENDED_CLOCK
                                          : MENDED_REGION;
    if (then < THEN_KEYS || (doing->mended & which) != 0 || (doing->call->flags & CALL_QUIET) != 0)
        return false;
    doing->mended |= which;
    return then == THEN_KEYS    ? mend_keys(doing)
           : then == THEN_CLOCK ? mend_clock(doing)
                                : mend_region(doing);
}

/* Many machines that were refused at once shall not come back at once. */
static uint64_t spread(uint64_t delay, const void *seed)
{
    uint64_t mixed = (steady_ms() ^ (uint64_t)(uintptr_t)seed) * UINT64_C(0x9e3779b97f4a7c15);
    return delay / 2 + (mixed >> 32) % (delay / 2 + 1);
}

/*
 * Once in an outage, where that takes longer than people wait for without wondering: what fails,
 * and for how long it will be tried.
 */
static void tell_again(const struct doing *doing, uint64_t delay, uint64_t most)
{
    struct s3 *s3 = doing->s3;
    uint64_t now = steady_ms(), seconds = most / 1000;
    bool whole = seconds % 60 == 0;
    if (now + delay < doing->started + UNTOLD)
        return;
    pthread_mutex_lock(&s3->lock);
    bool say = now >= s3->quiet_until;
    if (say)
        s3->quiet_until = doing->started + most + 1;
    pthread_mutex_unlock(&s3->lock);
    if (say)
        s3->host->log(s3->host, HB_LOG_INFO, "[%s]: %s; it is tried again for up to %" PRIu64 " %s",
                      s3->settings->section, doing->why, whole ? seconds / 60 : seconds,
                      whole ? "min" : "s");
}

/* Waits. False: it is in vain, or somebody wants it to stop. */
static bool wait_for(struct doing *doing, enum then then)
{
    const struct s3 *s3 = doing->s3;
    const struct call *call = doing->call;
    uint64_t most = (uint64_t)number_setting(s3->settings, RETRY_TIME) * 1000;
    uint64_t asked = (uint64_t)call->response.retry_after * 1000;
    if ((call->flags & CALL_SHORT) != 0 && most > SHORT_TIME)
        most = SHORT_TIME;
    if ((then != THEN_AGAIN && then != THEN_UNCLEAR) || (call->flags & CALL_QUIET) != 0 ||
        (then == THEN_UNCLEAR && (call->flags & CALL_ONCE) != 0))
        return false;
    uint64_t delay = spread(doing->delay, doing);
    if (delay < asked)
        delay = asked;
    doing->over = steady_ms() + delay > doing->started + most;
    if (doing->over)
        return false;
    tell_again(doing, delay, most);
    doing->delay = doing->delay * 2 < LONGEST_DELAY ? doing->delay * 2 : LONGEST_DELAY;
    return pause_ms(delay, is_cancelled, host_context(s3));
}

static int stop(const struct doing *doing)
{
    const struct hb_host *host = doing->s3->host;
    if ((doing->call->flags & CALL_QUIET) != 0)
        return HB_STATUS_CANCELLED;
    return doing->call->response.stopped
               ? host->fail(host, HB_STATUS_CANCELLED, "interrupted")
               : host->fail(host, HB_STATUS_CANCELLED, "interrupted: %s", doing->why);
}

static int do_until(struct doing *doing)
{
    const struct hb_host *host = doing->s3->host;
    struct call *call = doing->call;
    char why[sizeof doing->why] = "";
    for (;;) {
        int status = attempt(doing);
        if (status != HB_OK)
            return status;
        if (is_success(call)) {
            note(doing, why);
            return HB_OK;
        }
        enum then then = judge(doing);
        memcpy(why, doing->why, sizeof why);
        call->unclear |= then == THEN_UNCLEAR;
        if (call->response.stopped)
            return stop(doing);
        if (mend(doing, then))
            continue;
        if (!wait_for(doing, then))
            return (call->flags & CALL_QUIET) == 0 && host->cancelled(host) ? stop(doing)
                                                                            : tell(doing);
    }
}

int call_do(struct s3 *s3, struct call *call)
{
    struct doing doing = {.s3 = s3, .call = call, .started = steady_ms(), .delay = FIRST_DELAY};
    sigv4_hash(call->body, call->body_bytes, doing.hash);
    bool quiet = (call->flags & CALL_QUIET) != 0;
    int status = quiet ? credentials_peek(s3->credentials, &doing.keys)
                       : credentials_get(s3->credentials, NULL, &doing.keys);
    if (status == HB_OK)
        status = do_until(&doing);
    keys_clear(&doing.keys);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the service, until it has an answer that counts.
 *
 * What may succeed later is sent again, with a pause that grows, has chance in it, and is as long
 * as the service asks for; for `retry-time`. New keys, the service's clock and the bucket's region
 * are taken over, once each. Where that takes longer than a moment, the person at the terminal
 * hears of it. Then it fails, by hb_host.fail(), with the class of the reason; without one where
 * `retry-time` is over, for the host tries what may pass again itself, for half a minute.
 *
 * Three answers: HB_OK; a failure, and surely nothing was done (`unclear` is false); a failure, and
 * nobody can tell.
 */
#ifndef S3_CLIENT_H
#define S3_CLIENT_H

#include "refusal.h"
#include "s3.h"
#include "sigv4.h"

enum { PAIRS_MOST = 16, BODY_MOST = 8 << 20, SMALL_BODY = 64 << 10 };

enum call_flags {
    CALL_STEADFAST = 1,  /* a signal does not stop it, only what comes after it */
    CALL_ONCE = 2,       /* where nobody can tell whether it was done, it is not sent again */
    CALL_LATE_ERROR = 4, /* its 200 may have an <Error> below it */
    CALL_QUIET = 8,      /* on a thread of our own: no word to the host, and sent once */
    CALL_ENCRYPTED = 16, /* it reads or writes content: with customer-key where there is one */
    CALL_SHORT = 32,     /* what it does is not worth a long wait */
    CALL_COMMIT = 64     /* whether it was done has to be known: see http_request.fresh */
};

struct call {
    unsigned flags; /* enum call_flags */
    const char *method;
    const struct object_name *name;
    struct pair query[PAIRS_MOST];
    size_t query_count;
    struct pair headers[PAIRS_MOST]; /* besides host, date, hash and keys */
    size_t header_count;
    const void *body;
    size_t body_bytes;
    unsigned char *into; /* as in http_request */
    size_t into_bytes;
    bool (*take)(void *context, const struct http_response *response, const void *data,
                 size_t bytes);     /* likewise, with CALL_QUIET */
    size_t body_most;               /* 0: SMALL_BODY */
    bool (*stopped)(void *context); /* with CALL_QUIET */
    void *context;

    /* the answer; call_clear() */
    struct http_response response;
    struct refusal refusal; /* where it has a status, and that is no success */
    bool unclear;           /* one of the attempts may have done it */
    unsigned attempts;
};

void call_query(struct call *call, const char *name, const char *value);
void call_header(struct call *call, const char *name, const char *value);
/* HB_OK: there is a success. Else a failure that was told. A POST needs its content-type. */
int call_do(struct s3 *s3, struct call *call);
/* Did it fail with that code ("NoSuchKey"), or, without a code, that status? */
bool call_refused(const struct call *call, const char *code, long status);
void call_clear(struct call *call);

#define AUTO_CALL __attribute__((cleanup(call_clear))) struct call

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 ("Authenticating Requests: Using the Authorization Header", Amazon S3 API
 * Reference). Our own, because that of libcurl 7.88 orders headers wrongly where one name is the
 * beginning of another, does not sort the query, and leaves the hash of the payload to the caller.
 *
 *     method \n path \n query, sorted \n headers, sorted \n their names \n hash of the payload
 *        -> SHA-256 -> "AWS4-HMAC-SHA256" \n time \n scope \n that hash -> HMAC -> signature
 *
 * Paths are signed as they are sent: S3 takes no "." and ".." out of them, and encodes once.
 */
#ifndef S3_SIGV4_H
#define S3_SIGV4_H

#include "text.h"
#include <time.h>

/* A name and a value: of a header, or a part of the query, decoded. */
struct pair {
    const char *name, *value;
};

struct sigv4_request {
    const char *method;
    const char *path; /* encoded, begins with '/' */
    const struct pair *query;
    size_t query_count;
    const struct pair *headers; /* all that are signed; names in any case */
    size_t header_count;
    const char *payload; /* SHA-256 of the body in hexadecimal digits */
};

struct sigv4_keys {
    const char *access, *secret;
    const char *region, *service;
};

enum { SIGV4_TIME_BYTES = 17, SIGV4_HASH_BYTES = 65 };

/* 20130524T000000Z, for x-amz-date, which is to be among the headers. */
void sigv4_time(time_t now, char text[SIGV4_TIME_BYTES]);
/* SHA-256 of some bytes, in hexadecimal digits. */
void sigv4_hash(const void *data, size_t bytes, char hex[SIGV4_HASH_BYTES]);
/* The query as it is sent: encoded, sorted, without '?'. */
void sigv4_query(const struct pair *query, size_t count, struct text *out);
/* The value of the header Authorization. False: out of memory. */
bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_keys *keys,
                const char time[SIGV4_TIME_BYTES], struct text *out);

#endif

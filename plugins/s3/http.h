/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request over HTTP, by libcurl. Connections are kept alive: a handle serves one request at a
 * time, and goes back into a pool with what it has open, so that there are as many as threads have
 * ever asked at once. Certificates are checked; proxies are those of the environment (http_proxy,
 * https_proxy, no_proxy), as with curl. Redirects are not followed: what was signed is for one
 * host.
 *
 * Three things can come of it, and whoever writes has to tell them apart: there was an answer, with
 * a status; the request surely never left (`sent` is false); or it left, and nobody knows what
 * became of it.
 */
#ifndef S3_HTTP_H
#define S3_HTTP_H

#include "speed.h"
#include "text.h"

struct http;

struct http_settings {
    const char *ca_file; /* "": those of the system */
    long timeout;        /* seconds without a byte */
    struct speed *up, *down;
};

struct http_response;

struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "name: value" */
    size_t header_count;
    const void *body;
    size_t body_bytes;
    unsigned char *into; /* where the body goes if the status is 206; NULL: as any other */
    size_t into_bytes;
    /* Instead: gets it as it comes, with the headers in the response. False: enough. It may take
     * its time; meanwhile the server waits. */
    bool (*take)(void *context, const struct http_response *response, const void *data,
                 size_t bytes);
    size_t body_most; /* of any other body; what is longer is no answer */
    long timeout_ms;  /* for all of it; 0: none */
    long connect_ms;  /* to be connected; 0: that of the settings */
    bool
        fresh;   /* on a connection of its own. On one that has died meanwhile curl sends a request
                    twice, and does not tell: whoever has to know whether it was done cannot use it */
    bool direct; /* past any proxy: it is of this machine */
    bool (*stopped)(void *context); /* asked now and then, on the same thread; NULL: never */
    void *context;                  /* of both */
};

struct http_response {
    long status;       /* 0: there was no answer */
    bool sent;         /* the request may have arrived */
    bool untrusted;    /* its certificate was not believed */
    bool unusable;     /* it will not work another time, either */
    bool stopped;      /* by `stopped` */
    struct text lines; /* the headers: "name: value\n" each, names in lower case */
    struct text body;
    size_t into_bytes; /* how many went there */
    long retry_after;  /* seconds; 0: it does not say */
    char why[300];     /* there is no answer */
};

/* NULL: out of memory. */
struct http *http_make(const struct http_settings *settings);
void http_free(struct http *http);
/* Any thread. Clear the response, whatever it is. */
void http_do(struct http *http, const struct http_request *request, struct http_response *response);
void http_clear(struct http_response *response);
/* The value of a header, or NULL. The response's, ended by a newline: copy it. */
bool http_header(const struct http_response *response, const char *name, char *value, size_t room);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3: archives in a bucket of Amazon S3, or of whoever speaks its language.
 *
 *     put.c, upload.c, multipart.c  an object on its way: one PUT, or parts
 *     unfinished.c, mark.c          what a killed run has left of such
 *     get.c, range.c, ahead.c       one version, in ranges, some of them before they are asked for
 *     list.c, remove.c              names
 *
 *     client.c, endpoint.c          one request: signed, sent, sent again, its refusal told
 *     refusal.c                     what an answer means
 *     credentials*.c, keys.c        who we are
 *     http.c                        libcurl
 *     sigv4.c, xml.c, text.c, speed.c
 *
 * The name of an object is "BUCKET/KEY". Its version is its ETag, which changes with the content;
 * where the bucket keeps versions, a reader also goes by the id of its own.
 *
 * Metadata that is stored with each object: x-amz-meta-hbcore-run, by which a commit whose answer
 * was lost is known again.
 */
#ifndef S3_S3_H
#define S3_S3_H

#include "credentials.h"
#include "http.h"
#include "settings.h"

enum {
    PARTS_MOST = 9000,   /* 10,000 is the limit of S3 */
    PART_MOST = 1 << 30, /* 5 GB is the limit; but a copy of that says nothing for minutes */
    KEY_MOST = 1024,
    BUCKET_MOST = 255
};

#define RUN_HEADER "x-amz-meta-hbcore-run"
/* Between the key of an object that is being put in parts, and whose home does that. */
#define MARK ".hbcore-upload-"

struct s3 {
    const struct hb_host *host;
    const struct hb_settings *settings;
    struct http *http;
    struct credentials *credentials;
    struct speed up, down;
    char *customer_key; /* base64; NULL: none */
    char customer_md5[32];

    pthread_mutex_t lock; /* of all below */
    char region[64];
    int64_t clock_ahead; /* seconds that the service is ahead of us */
    unsigned noted;      /* so many notes about requests that were sent again */
    char last_note[700];
    uint64_t quiet_until; /* until then nobody needs to hear that it is tried again; steady_ms */
};

struct object_name {
    char bucket[BUCKET_MOST + 1];
    const char *key; /* "": the bucket itself */
};

#endif

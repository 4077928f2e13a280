/* SPDX-License-Identifier: Apache-2.0 */
/* A range of one version of an object, and what an answer says of both. */
#ifndef S3_RANGE_H
#define S3_RANGE_H

#include "client.h"

enum { TAIL_BYTES = 256 << 10, VERSION_BYTES = 256 };

struct ahead;

struct reader {
    struct object_name name;
    char *whole_name, *key;
    char etag[VERSION_BYTES]; /* without quotes */
    char id[VERSION_BYTES];   /* of the version; "": the bucket keeps none */
    char run[80];             /* "": none is known */
    uint64_t bytes;
    int64_t written;
    unsigned char *tail;
    uint64_t tail_at;
    struct ahead *ahead;  /* NULL: nothing was announced */
    pthread_mutex_t lock; /* of that */
};

/* What an answer says of an object. */
struct said {
    char etag[VERSION_BYTES], id[VERSION_BYTES], run[80];
    uint64_t bytes, first;
    int64_t written;
};

/* False: it does not say what is needed. */
bool said_read(const struct http_response *response, struct said *said);
/* Is it said without doubt that there is no such object? */
bool is_missing(const struct call *call);
/* One range into a buffer, all of it. HB_OK; a failure that was told. For ahead.c: `flags` of
 * client.h. */
int get_range(struct s3 *s3, const struct reader *reader, unsigned flags, void *buffer,
              size_t bytes, uint64_t offset, bool (*stopped)(void *context), void *context);

#endif

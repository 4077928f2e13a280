/* SPDX-License-Identifier: Apache-2.0 */
/* A range of one version of an object, and what an answer says of both. */
#ifndef S3_RANGE_H
#define S3_RANGE_H

#include "client.h"

enum { TAIL_BYTES = 256 << 10, VERSION_BYTES = 256, ID_BYTES = 1024 + 8 };

struct ahead;

struct reader {
    struct object_name name;
    char *whole_name, *key;
    char etag[VERSION_BYTES]; /* without quotes */
    char id[ID_BYTES];        /* of the version; "": the bucket keeps none */
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
    char etag[VERSION_BYTES], id[ID_BYTES], run[80];
    uint64_t bytes, first, last; /* both of a range */
    int64_t written;
    bool ranged; /* it is said which bytes these are */
};

/* False: it does not say what is needed. */
bool said_read(const struct http_response *response, struct said *said);
/* Is it said without doubt that there is no such object? */
bool is_missing(const struct call *call);
/* One range into a buffer, all of it. HB_OK; a failure that was told. */
int get_range(struct s3 *s3, const struct reader *reader, void *buffer, size_t bytes,
              uint64_t offset);
/*
 * All from `offset` on, up to the tail: `take` gets it as it comes, once it is known to be that of
 * this version; false: enough. For a thread of our own: nothing is told, it is sent once.
 */
struct stream {
    const struct reader *reader;
    uint64_t offset; /* of the next byte */
    bool (*take)(void *context, const unsigned char *data, size_t bytes);
    bool (*stopped)(void *context);
    void *context;
    bool begun;
};
void get_stream(struct s3 *s3, struct stream *stream);

#endif

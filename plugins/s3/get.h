/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version of an object. The first request asks for the last bytes: the answer says how long it
 * is, which version, whose run made it, and has the end, which every format reads first; a small
 * object has then come as a whole. Every further one asks for that version alone (If-Match, and the
 * version's id where there is one): an object that was replaced meanwhile is a failure, never a
 * mixture.
 */
#ifndef S3_GET_H
#define S3_GET_H

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

/* One range into a buffer, all of it. HB_OK; a failure that was told. For ahead.c: `flags` of
 * client.h. */
int get_range(struct s3 *s3, const struct reader *reader, unsigned flags, void *buffer,
              size_t bytes, uint64_t offset, bool (*stopped)(void *context), void *context);
/* Is what has that name now of that run and length? HB_OK; HB_STATUS_NOMATCH: surely not; or a
 * failure that was told. */
int get_is_ours(struct s3 *s3, const struct object_name *name, const char *run, uint64_t bytes);
/* The ETag of what has that name now. HB_OK; HB_STATUS_NOMATCH: there is none; or a failure. */
int get_version(struct s3 *s3, const struct object_name *name, char etag[VERSION_BYTES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What there is in a bucket, page by page: by ListObjectsV2, and by its older form where the
 * service does not know that. */
#ifndef S3_LIST_H
#define S3_LIST_H

#include "client.h"

struct listed {
    const char *key, *etag; /* without quotes */
    uint64_t bytes;
    int64_t written; /* nanoseconds since 1970; 0: unknown */
};

/* "BUCKET/BEGINNING" of a prefix: that of the keys is in key. As name_split(). */
int list_split(const struct s3 *s3, const char *prefix, struct object_name *split);
/* All keys that begin as name->key. HB_OK, what `each` returned, or a failure that was told. */
int list_keys(struct s3 *s3, const struct object_name *name,
              int (*each)(void *context, const struct listed *listed), void *context);
/* An ETag without "W/", which a proxy that could change the body has put in front of what the
 * service said; in place. */
void strengthen(char *etag);
/* And without the quotes. */
void unquote(char *etag);
/* 2009-10-12T17:50:30.000Z as nanoseconds; 0: it is not a time. */
int64_t time_of_list(const char *text);
/* Since 1970; 0: that is not a time when anything could have been written. */
int64_t nanoseconds_of(time_t seconds);

/* "BUCKET/KEY". HB_OK, or a failure that was told: the bucket is missing. */
int name_split(const struct s3 *s3, const char *name, struct object_name *split);
/* The callback. */
int s3_list(void *self, const char *prefix, const struct hb_object_lister *lister);

#endif

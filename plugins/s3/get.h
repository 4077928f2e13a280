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

#include "range.h"

/* Is what has that name now of that run and length? HB_OK; HB_STATUS_NOMATCH: surely not; or a
 * failure that was told. */
int get_is_ours(struct s3 *s3, const struct object_name *name, const char *run, uint64_t bytes);
/* What is said of what has that name now. HB_OK; HB_STATUS_NOMATCH: there is none; or a failure. */
int get_said(struct s3 *s3, const struct object_name *name, struct said *said);

/* The callbacks. */
int s3_open(void *self, const char *name, const char *version, void **reader,
            struct hb_object *object);
int64_t s3_read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset);
void s3_advise(void *self, void *reader, uint64_t offset, uint64_t bytes);
void s3_close(void *self, void *reader);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind limits() and the put callbacks: upload.h. */
#ifndef S3_PUT_H
#define S3_PUT_H

#include "s3.h"

int s3_limits(void *self, const char *name, struct hb_store_limits *limits);
int s3_put_begin(void *self, const struct hb_put *put, void **upload);
int s3_put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                size_t bytes);
int s3_put_copy(void *self, void *upload, uint64_t number, uint64_t offset,
                const struct hb_object *from, uint64_t from_offset, uint64_t bytes);
int s3_put_commit(void *self, void *upload, const struct hb_put *put, uint64_t bytes);
void s3_put_end(void *self, void *upload);

#endif

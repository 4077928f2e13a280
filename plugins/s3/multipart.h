/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an object, and how they become one. */
#ifndef S3_MULTIPART_H
#define S3_MULTIPART_H

#include "upload.h"

/* HB_OK, or a failure that was told. */
int multipart_begin(struct s3 *s3, struct put *put);
int multipart_part(struct s3 *s3, struct put *put, uint64_t number, const void *data, size_t bytes);
int multipart_copy(struct s3 *s3, struct put *put, uint64_t number, const struct hb_object *from,
                   uint64_t offset, uint64_t bytes);
/* Tells that the upload is not there any more. */
int multipart_gone(const struct s3 *s3);
/* One CompleteMultipartUpload. */
int multipart_complete(struct s3 *s3, struct put *put, bool *unclear, bool *gone, bool *taken);

#endif

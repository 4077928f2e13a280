/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks that put an object. */
#ifndef RCLONE_PUT_H
#define RCLONE_PUT_H

#include "rclone.h"

int rclone_limits(void *self, const char *name, struct hb_store_limits *limits);
int rclone_put_begin(void *self, const struct hb_put *asked, void **upload);
int rclone_put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes);
int rclone_put_commit(void *self, void *upload, const struct hb_put *asked, uint64_t bytes);
void rclone_put_end(void *self, void *upload);

#endif

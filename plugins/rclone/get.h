/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks that read one. */
#ifndef RCLONE_GET_H
#define RCLONE_GET_H

#include "rclone.h"

int rclone_open(void *self, const char *name, const char *version, void **reader,
                struct hb_object *object);
int64_t rclone_read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset);
void rclone_close(void *self, void *reader);

#endif

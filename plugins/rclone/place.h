/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects, and what rclone calls those files. */
#ifndef RCLONE_PLACE_H
#define RCLONE_PLACE_H

#include "rclone.h"

/* "REMOTE:PATH" of a name or, with `directory`, of what stands before its last '/'. HB_OK, or a
 * failure that was told. */
int place_of(const struct rclone *rclone, const char *name, bool directory,
             char place[PLACE_BYTES]);
/* As it is called while it is not finished. */
void mark_place(const char *place, const char *home, const char *run, char marked[PLACE_BYTES]);
/* Is it called so? For any home where `home` is NULL. */
bool is_marked(const char *name, const char *home);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: one file, or all below a directory. */
#ifndef RCLONE_LIST_H
#define RCLONE_LIST_H

#include "rclone.h"

/* What is said of a file. */
struct stat_of {
    char version[VERSION_BYTES];
    uint64_t bytes;
    int64_t written;
};

/* HB_OK; HB_STATUS_NOMATCH: there is no such file, and no doubt; or a failure that was told. */
int look_at(const struct rclone *rclone, const char *place, struct stat_of *said);
int rclone_list(void *self, const char *prefix, const struct hb_object_lister *lister);
int rclone_remove(void *self, const char *name, const char *version);
int rclone_sweep(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept);

#endif

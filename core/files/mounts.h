/* SPDX-License-Identifier: Apache-2.0 */
/* File systems that are mounted below the home: a rename does not lead from one to the other. */
#ifndef HB_MOUNTS_H
#define HB_MOUNTS_H

#include "files/beneath.h"
#include <stdint.h>

/* Is anything mounted below this directory (absolute, canonical)? True when that is unknown. */
bool hb_mounts_below(const char *directory);

/*
 * Of a directory: tells mounts apart, two of one file system, too; and what no rename leads into
 * though it is not a mount, a subvolume of btrfs.
 */
uint64_t hb_mount_of(int fd);
/* Is something mounted on that name, which is no link? False where the kernel (before 5.8) does not
 * tell. */
bool hb_is_mounted(int directory_fd, const char *name);

/* Where a path below the root would come to lie. */
struct hb_mount_place {
    uint64_t mount;
    struct hb_rights rights; /* in that directory */
    char *directory;         /* the last on its way that exists, links resolved, below the root */
};

/* 0 and *place (the caller frees its directory), or -errno: the path leads nowhere. */
int hb_mount_find(const struct hb_root *root, const char *path, struct hb_mount_place *place);

#endif

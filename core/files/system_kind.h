/* SPDX-License-Identifier: Apache-2.0 */
/* What the kind of a file system tells: statfs(2), by the numbers of linux/magic.h. */
#ifndef HB_SYSTEM_KIND_H
#define HB_SYSTEM_KIND_H

#include <stdbool.h>

/*
 * Is the directory on a network or FUSE file system, where flock(2) may hold for this machine only?
 * Cannot tell: yes.
 */
bool hb_is_shared(int fd);

/* May it keep no modes, so that what we make for ourselves is open to others? Cannot tell: no. */
bool hb_system_lacks_modes(int fd);

/* Do inodes keep their numbers there? Cannot tell: no. */
bool hb_inodes_last(int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the kind of a file system tells: statfs(2), by the numbers of linux/magic.h. */
#ifndef HB_SYSTEM_KIND_H
#define HB_SYSTEM_KIND_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Is the directory on a network or FUSE file system, where flock(2) may hold for this machine only?
 * Cannot tell: yes.
 */
bool hb_is_shared(int fd);

/* May it keep no modes, so that what we make for ourselves is open to others? Cannot tell: no. */
bool hb_system_lacks_modes(int fd);

/* Do inodes keep their numbers there? Cannot tell: no. */
bool hb_inodes_last(int fd);

/*
 * The time of change (st_ctime) cannot be set, so that it tells of a change also where size and
 * time of modification were put back (cp -p, rsync). File systems without one give that of the
 * modification for it. Cannot tell: none.
 */
enum hb_change_times { HB_CHANGE_TIMES_NONE, HB_CHANGE_TIMES_PERHAPS, HB_CHANGE_TIMES_KEPT };
enum hb_change_times hb_change_times_of(int fd);

/* Does that of this file tell, on such a file system? Perhaps kept: where it is a time of its own.
 */
bool hb_change_time_tells(enum hb_change_times kept, const struct stat *status);

#endif

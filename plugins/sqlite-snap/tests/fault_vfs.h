/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's files with faults: each call that changes something is a point where one can happen. */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

enum fault {
    FAULT_NONE,
    FAULT_KILL,      /* the process dies before the call (SIGKILL) */
    FAULT_TORN,      /* it dies after half of a write */
    FAULT_ERROR,     /* this call fails: disk full, I/O error */
    FAULT_LASTING,   /* this one and all after it */
    FAULT_LOG_STAYS, /* no -wal can be removed; `at` does not count */
    FAULT_FLUSH,     /* nothing can be flushed; `at` does not count */
};

/* Makes it SQLite's default. Files are not flushed: what is tested survives the process. */
void fault_vfs_install(void);
/* The fault at the `at`-th point from now on, beginning with 1. */
void fault_vfs_arm(enum fault fault, long at);
/* Points since then. */
long fault_vfs_points(void);

#endif

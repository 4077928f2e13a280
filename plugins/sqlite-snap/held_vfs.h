/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's own files, but opened as held.h says. A query of "vfs=" HELD_VFS for connection_open()
 * selects it, that of BULK_VFS too.
 */
#ifndef HELD_VFS_H
#define HELD_VFS_H

#include "held.h"

#define HELD_VFS "hbcore-held"

/*
 * Makes the VFS known to SQLite; any number of times, in any thread. False: out of memory, or this
 * SQLite cannot be told how to open files.
 */
bool held_vfs_register(void);

/*
 * Between these SQLite knows what held->path stands for. From before the first connection to it is
 * opened until after the last one is closed.
 */
void held_vfs_enter(struct held *held);
void held_vfs_leave(struct held *held);

/*
 * Between two of these, in this thread, SQLite opens a file that no other connection of the process
 * has open, and need not look whether one of them left a descriptor of it behind. (It looks if any
 * other database is open anywhere, so that the calls it makes would depend on other threads.)
 */
void held_vfs_alone(bool alone);

#endif

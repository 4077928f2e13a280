/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database that SQLite reads through a function: the check of a view sees the very bytes that are
 * stored, while they are read. "vfs=" VIEW_VFS selects it.
 */
#ifndef VIEW_VFS_H
#define VIEW_VFS_H

#include "held.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEW_VFS "hbcore-view"

/* What is read. */
struct view_source {
    /* All that was asked for, fewer at the end; below zero: it failed. */
    int64_t (*read)(const struct view_source *source, void *buffer, size_t bytes, uint64_t offset);
    uint64_t bytes;
};

/* Makes the VFS known to SQLite; any number of times, in any thread. */
bool view_vfs_register(void);

/* What connection_open() is handed for it, in the place of a held database. It holds nothing. */
void view_vfs_name(const struct view_source *source, struct held *held);

#endif

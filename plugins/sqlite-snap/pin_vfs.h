/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SQLite does with the index of a log when it begins to read: which mark it holds, and what
 * the index said at that moment. A query of "vfs=" PIN_VFS for connection_open() selects it.
 */
#ifndef PIN_VFS_H
#define PIN_VFS_H

#include "log_map.h"

#include <sqlite3.h>
#include <stdbool.h>

#define PIN_VFS "hbcore-pin"

struct pin {
    int mapped; /* SQLite's result for the index; SQLITE_READONLY: it can be read */
    int mark;   /* the read lock that is held now; -1: none */
    unsigned char index[INDEX_BYTES]; /* the header, right after it was taken */
};

/* Makes the VFS known to SQLite; any number of times, in any thread. */
bool pin_vfs_register(void);

/* From now on `pin` says what is held; until the connection is closed. */
int pin_watch(sqlite3 *db, struct pin *pin);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFS above held_vfs.h, for copies of whole databases. SQLite reads and writes page by page;
 * here pages that follow one another go to the system in one call. A query of "vfs=" BULK_VFS for
 * connection_open() selects it.
 */
#ifndef BULK_VFS_H
#define BULK_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

#define BULK_VFS "hbcore-bulk"

/* Makes the VFS known to SQLite; any number of times, in any thread. */
bool bulk_vfs_register(void);

/*
 * From now on what lies behind a page that was read is read with it and kept. Only where nobody can
 * change a page of the file that this connection still asks the file for: in a read transaction.
 * Until the connection is closed.
 */
int bulk_read_ahead(sqlite3 *db);

/* Writes out what was gathered; SQLite's result. Committing and unlocking do, too. */
int bulk_flush(sqlite3 *db);

#endif

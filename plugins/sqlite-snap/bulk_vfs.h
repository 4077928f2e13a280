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
 * From now on, what follows a page that was read is read with it and kept. Only where nobody can
 * change a page that this connection has yet to ask for: in a read transaction. It ends when the
 * connection is closed.
 */
int bulk_read_ahead(sqlite3 *db);

/*
 * What the check of a staged copy has to know about SQLite's reads: SQLite turns a page that could
 * not be read into a line among its findings, as if the page were damaged.
 */
struct bulk_watch {
    void (*has_read)(struct bulk_watch *watch, int bytes); /* in the thread that reads */
    int failure; /* SQLite's result for a read that failed, other than behind the end; else 0 */
};

/*
 * From now on every read of the database is reported, and nothing is written to it, because others
 * read the same file. It ends when the connection is closed.
 */
int bulk_set_watch(sqlite3 *db, struct bulk_watch *watch);

/* The file control that it makes of that, for other files that take a watch (view_vfs.c). */
enum { BULK_CONTROL_WATCH = 0x68620003 };

/* Writes out what was gathered; SQLite's result. Committing and unlocking do, too. */
int bulk_flush(sqlite3 *db);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One state of a database in use, read where it lies; see view.c. */
#ifndef VIEW_H
#define VIEW_H

#include "connection.h"
#include "log_map.h"
#include "pin_vfs.h"

enum view_kind {
    VIEW_OF_LOG,     /* WAL mode: -wal and -shm are there */
    VIEW_OF_JOURNAL, /* a mode with a rollback journal */
    VIEW_OF_CLOSED   /* WAL mode, and no program has it open: there is no -wal */
};

struct view {
    int main, log, index_fd; /* our own descriptors, which hold the locks; -1: none */
    struct stat status;      /* of the file, at the pin */
    enum view_kind kind;
    uint64_t page_bytes, pages, bytes;
    struct pin pin;         /* SQLite's, as long as its connection is open */
    int mark;               /* the lock that is ours; -1: none */
    struct log_index index; /* at the pin */
    struct log_map map;
    uint64_t log_bytes;           /* how long the log was then */
    struct connection connection; /* SQLite's own, until view_leave_sqlite() */
};

enum view_result {
    VIEW_PINNED,
    VIEW_AGAIN, /* something changed meanwhile: another try may do */
    VIEW_NEVER  /* it cannot be read in place as it is now */
};

/*
 * Pins the state that the database has now. `kind`: what lies there. `main` holds
 * SQLite's shared lock (live_lock_shared()) and is the view's afterwards. Waits for nobody. If not
 * pinned, `why` says why. view_close() in any case. The caller has the inode to itself
 * (inode_guard.h) for this, view_leave_sqlite() and view_close().
 */
enum view_result view_pin(struct view *view, struct held *live, int main, enum view_kind kind,
                          struct patience *patience, char *why, size_t room);

/* Closes SQLite's connection. From here on the view stands on its own locks. */
void view_leave_sqlite(struct view *view);

/*
 * All that was asked for, fewer at the end; -errno. What it gave counts if view_is_held()
 * afterwards. Any thread, several at once.
 */
int64_t view_read(const struct view *view, void *buffer, size_t bytes, uint64_t offset);

/* Has all that was read until now been of the view? */
bool view_is_held(const struct view *view);

/*
 * Has anything been committed since the pin? Perhaps, if that cannot be seen. With a rollback
 * journal nothing can be: does anybody write at this moment? A closed one is held up by nobody.
 */
bool view_is_old(const struct view *view);
/* By how many bytes the log is longer than at the pin. */
uint64_t view_log_growth(const struct view *view);
/* Does another program wait for us at this moment? In WAL mode: it seems so. */
bool view_is_in_the_way(const struct view *view);

/* Gives the locks up; it is not read any more. Any thread. */
void view_unlock(struct view *view);
void view_close(struct view *view);

#endif

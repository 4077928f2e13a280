/* SPDX-License-Identifier: Apache-2.0 */
/* A database file where it lives: whether it and its side files have changed. */
#ifndef LIVE_H
#define LIVE_H

#include "held.h"
#include "sqlite_snap.h"

/* What stat(2) tells of one file; all zero where there is none. */
struct trace {
    bool exists;
    ino_t inode;
    off_t bytes;
    struct timespec modified;
    struct timespec changed;
};

/* A database and its side files at one moment. */
struct look {
    struct trace side[SIDES];
    bool racy;   /* changed so lately that another change could leave the same times */
    bool untold; /* a write now might leave the same times: also where they count in seconds */
    bool unsure; /* it is unknown of one whether it is there: the same as nothing */
};

/*
 * Takes hold of the file of an entry. 0 or -errno: of open_beneath() for its directory, or of
 * held_open(). held_close() in any case.
 */
int live_open(const struct hb_host *host, const struct hb_entry *entry, struct held *live);

void live_look(const struct held *live, struct look *look);
/* Nothing of what matters has changed; the -shm is an index that readers write, too. */
bool live_same(const struct look *before, const struct look *after);

/*
 * SQLite's shared lock, on a descriptor of our own that is open for reading: whoever wants to end
 * WAL mode or remove the log has to wait. Does not wait. False: errno. Gone when it is closed.
 */
bool live_lock_shared(int fd);

/* All bytes wanted, fewer at the end; -errno. */
int64_t read_fully(int fd, void *buffer, size_t bytes, uint64_t offset);
bool write_fully(int fd, const void *buffer, size_t bytes, uint64_t offset);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crowd around one database in WAL mode: processes that write to it in all the ways that SQLite
 * has, one that checkpoints, some that read for a while, and one that kills writers.
 */
#ifndef CROWD_H
#define CROWD_H

#include <stdbool.h>
#include <sys/types.h>

enum { CROWD_MONEY = 100 * 1000, CROWD_MOST = 16 };

struct crowd {
    char path[300];
    pid_t pids[CROWD_MOST];
    int count, kills;
    unsigned seed;
};

/* To be called first in main(): such a process is this program. True: it was one, and is done. */
bool crowd_is_member(int argc, char **argv);

/* Accounts with CROWD_MONEY in all, a full-text index, blobs. */
void crowd_make_database(const char *path, int page_bytes, int auto_vacuum);

void crowd_start(struct crowd *crowd, const char *path, int writers, int readers, unsigned seed);
/* Kills a writer now and then, and starts another; to be called often. */
void crowd_kill_one(struct crowd *crowd);
void crowd_stop(struct crowd *crowd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Another process that has a database open; see actor.py. */
#ifndef ACTOR_H
#define ACTOR_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum actor_slot {
    ACTOR_STOP,
    ACTOR_COMMITS,
    ACTOR_READS,
    ACTOR_BUSY,
    ACTOR_LONGEST_US,
    ACTOR_SLOTS
};

struct actor {
    pid_t pid;
    FILE *to;
    FILE *from;
    volatile int64_t *shared; /* while it moves: enum actor_slot; see actor.py */
    char counter[300];
    char reply[512];
};

void actor_start(struct actor *actor, const char *database);
/* Runs a statement over there; its rows as text, valid until the next one. */
const char *actor_ask(struct actor *actor, const char *sql);
/* The same in two halves. */
void actor_tell(struct actor *actor, const char *sql);
const char *actor_reply(struct actor *actor);
/* Begins to move money, and waits for the first commit. `counter`: a file to be made. */
void actor_move(struct actor *actor, const char *counter);
/* The same, and reads all accounts in between. */
void actor_watch(struct actor *actor, const char *counter);
int64_t actor_count(const struct actor *actor, enum actor_slot slot);
int64_t actor_commits(const struct actor *actor);
void actor_halt(struct actor *actor);
/* Ends it; it closes its connection as a program does. */
void actor_stop(struct actor *actor);
/* Ends it as a crash would: its -wal, -shm or journal stays. */
void actor_kill(struct actor *actor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread at a time per file. POSIX locks belong to the process, and closing any descriptor of
 * a file drops all of them: a plain read of a database in one thread would take the locks
 * from under the SQLite connection of another. Two names may be the same file.
 */
#ifndef INODE_GUARD_H
#define INODE_GUARD_H

#include <pthread.h>
#include <sys/types.h>

struct inode_holder {
    dev_t device;
    ino_t inode;
    struct inode_holder *next;
};

struct inode_guard {
    pthread_mutex_t mutex;
    pthread_cond_t left;
    struct inode_holder *holders; /* on the stacks of those that hold */
};

void inode_guard_init(struct inode_guard *guard);
void inode_guard_destroy(struct inode_guard *guard);
/* Waits until no other thread holds the file. `holder` stays in use until leave. */
void inode_guard_enter(struct inode_guard *guard, struct inode_holder *holder, dev_t device,
                       ino_t inode);
void inode_guard_leave(struct inode_guard *guard, struct inode_holder *holder);

#endif

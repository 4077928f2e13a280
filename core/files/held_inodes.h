/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that content plugins have open at this moment. POSIX gives up all locks of a process on
 * a file when any of its descriptors of that file is closed, so an ordinary descriptor of the same
 * file, opened by another name (a hard link), is closed only when no plugin holds it: a
 * plugin's library may rely on such a lock.
 */
#ifndef HB_HELD_INODES_H
#define HB_HELD_INODES_H

#include <pthread.h>
#include <sys/stat.h>

struct hb_held_inode {
    dev_t device;
    ino_t inode;
    struct hb_held_inode *next;
};

struct hb_held_inodes {
    pthread_mutex_t lock;
    pthread_cond_t left;
    struct hb_held_inode *first;
};

void hb_held_init(struct hb_held_inodes *held);
void hb_held_clear(struct hb_held_inodes *held);

/* A plugin begins, and ends, its work on the file of that status. `one` is the caller's. Any
 * thread.
 */
void hb_held_enter(struct hb_held_inodes *held, struct hb_held_inode *one,
                   const struct stat *status);
void hb_held_leave(struct hb_held_inodes *held, struct hb_held_inode *one);

/* Closes a descriptor, of that status, once no plugin works on the file; until then it waits. */
void hb_held_close(struct hb_held_inodes *held, int fd, const struct stat *status);

#endif

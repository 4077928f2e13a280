/* SPDX-License-Identifier: Apache-2.0 */
/* Root, in a directory that another user owns, with that user's rights; see as_owner.c. */
#ifndef AS_OWNER_H
#define AS_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

enum { AS_OWNER_GROUPS = 1024 };

/* What the thread goes back to. */
struct as_owner {
    bool acting;
    uid_t user;
    gid_t group;
    int group_count;
    gid_t groups[AS_OWNER_GROUPS];
};

/*
 * From here on this thread's file access has the rights of the directory's owner and no more, and
 * what it makes is his. Nothing changes if we are not root, or the owner is. `directory_fd` may be
 * one that only names the directory (O_PATH). 0, or -errno and nothing has changed:
 *
 *  -EPERM  his rights cannot be taken on, nor are root's given up: do nothing there
 *  -EBUSY  the thread acts as the owner of another directory already
 *
 * as_owner_end() in any case, in the same thread; file access of other threads is not touched.
 */
int as_owner_begin(struct as_owner *self, int directory_fd);
/* Keeps errno. */
void as_owner_end(struct as_owner *self);

/* Ends with the block that it is declared in; initialise it with {0}. */
#define AS_OWNER_AUTO __attribute__((cleanup(as_owner_end))) struct as_owner

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Root, in a directory that another user owns, with that user's rights; see as_owner.c. */
#ifndef AS_OWNER_H
#define AS_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { AS_OWNER_GROUPS = 1024 };

/* What the thread goes back to. */
struct as_owner {
    bool acting;
    uid_t user;
    gid_t group;
    int group_count;
    gid_t *groups;
};

/*
 * From here on this thread's file access has the rights of the directory's owner and no more, and
 * what it makes is his. Nothing changes if we are not root, if the owner is root, or if the thread
 * acts as him already: a directory of root's below one of another user's gives nothing back.
 * `directory_fd` may be one that only names the directory (O_PATH). 0, or -errno and nothing has
 * changed; EPERM: his rights cannot be taken on, nor are root's given up: do nothing there.
 *
 * These nest: each goes back to what was before it. as_owner_end() in any case, in the same thread;
 * file access of other threads is not touched.
 */
int as_owner_begin(struct as_owner *self, int directory_fd);
/* The same for a user who is known to own it, and its group. */
int as_owner_begin_as(struct as_owner *self, uid_t user, gid_t directory_group);
/* The group of what the directory's owner makes in it. Only for root. */
gid_t as_owner_group(const struct stat *directory);
/* Back to the process's own rights for a while. */
int as_owner_suspend(struct as_owner *self);
/* Keeps errno. */
void as_owner_end(struct as_owner *self);

/* Ends with the block that it is declared in; initialise it with {0}. */
#define AS_OWNER_AUTO __attribute__((cleanup(as_owner_end))) struct as_owner

#endif

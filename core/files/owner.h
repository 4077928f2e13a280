/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What root makes belongs to the owner of the directory in which it lies, or will lie, and to the
 * group that it would have had if that owner had made it (as_owner_group()). What another user
 * makes is his own. What is made with the owner's rights (rights.h) is his from the start; this is
 * for what gets another owner or group.
 */
#ifndef HB_OWNER_H
#define HB_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct hb_owner {
    bool give; /* we are root */
    uid_t user;
    gid_t group;
    bool fixed; /* whatever was there before: the group, too */
};

/* The owner of what is made in an open directory. 0 or -errno. */
int hb_owner_of(int directory_fd, struct hb_owner *owner);
/* A known owner: of a file that is replaced or copied. */
struct hb_owner hb_owner_known(uid_t user, gid_t group);

/*
 * Gives it an open file, or a name in a directory (itself, if it is a link), which this thread has
 * made with the rights that it has now. With those of a user the name may lead to something else by
 * now: only what he owns and has one name goes from hand to hand, through its descriptor. 0,
 * also where the file system or this process can give nothing away: then it stays whose it is, and
 * its group and others may do what both could; or -errno; ESTALE: it is not what was made.
 */
int hb_owner_give(const struct hb_owner *owner, int fd);
int hb_owner_give_at(const struct hb_owner *owner, int directory_fd, const char *name);
/* The same of a directory that was just made in this one: it gets the owner of what is made there.
 */
int hb_owner_inherit(int directory_fd, const struct hb_owner *owner, const char *name);

/*
 * May files below this home be given to others than its owner? Root alone can, and nobody else may
 * have a say: not where the home is somebody else's, who could have written down what is given.
 */
bool hb_owner_may_give(int home_fd);

#endif

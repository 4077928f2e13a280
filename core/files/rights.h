/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With whose rights a directory is worked on, and who owns what is made there; see rights.c. For
 * anybody but root all of this does nothing.
 */
#ifndef HB_RIGHTS_H
#define HB_RIGHTS_H

#include "files/as_owner.h"
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Zeroed: our own. */
struct hb_rights {
    bool other;  /* `user` is somebody else, and we are root: act as he could */
    uid_t user;  /* the owner of the directory */
    gid_t group; /* and its group */
};

/* A directory held open. */
struct hb_directory {
    int fd; /* -1: none */
    struct hb_rights rights;
    bool led; /* a link of another user's led there: nothing is done that he could not do */
};
#define HB_DIRECTORY_NONE                                                                          \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Are we root? Else none of this matters. */
bool hb_rights_matter(void);

/* The rights of a directory's owner; our own where it is ours, or we are not root. */
struct hb_rights hb_rights_from(const struct stat *directory);
/* 0 or -errno. */
int hb_rights_of(int directory_fd, struct hb_rights *rights);
bool hb_rights_are_same(const struct hb_rights *one, const struct hb_rights *other);

/* The user whose rights this thread has now. */
struct hb_rights hb_rights_present(void);
/* The owner of what this thread makes now. */
uid_t hb_rights_user(void);
/* The group of what root's thread makes now, where the directory does not hand its own down. */
gid_t hb_rights_group(void);

/*
 * From here to the end of the block (HB_AUTO_AS) this thread acts with those rights; they nest. Our
 * own come back only by saying so: with rights that are not `other`. Nothing is called if the
 * thread acts so already. 0 or -errno; HB_NO_RIGHTS: see as_owner.h, nothing may be done there.
 * hb_as_end() in any case; it keeps errno.
 */
struct hb_as {
    bool changed;
    struct hb_rights before;
    gid_t group_before;
    struct as_owner owner;
};
int hb_as_begin(struct hb_as *as, const struct hb_rights *rights);
int hb_as_self(struct hb_as *as);
void hb_as_end(struct hb_as *as);
#define HB_AUTO_AS __attribute__((cleanup(hb_as_end))) struct hb_as

enum { HB_NO_RIGHTS = 129 /* EKEYREJECTED, which no call about files has for an answer */ };

/*
 * Is it the error of a file system that has no owners, modes or lists, or the kernel's for a
 * process that may not set them?
 */
bool hb_rights_are_refused(int error);
/* Why it failed, in words: HB_NO_RIGHTS, HB_NO_CURRENT (base/path.h), else strerror(). */
const char *hb_rights_explain(int error);
/* "root", "user 1000": 32 bytes. */
void hb_rights_name(uid_t user, char *name);

#endif

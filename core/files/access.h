/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what with a file that is put in a place: nobody more than with the one that it
 * replaces, and with a new one nobody more than open(O_CREAT) would have let him there.
 *
 *      replaces a file          its owner, its group, and its access list (ACL) where it has one:
 *                               then the group bits of its mode are the list's mask, and without
 *                               the list they would be the group's
 *      is new                   the directory's default list, as narrow as the mode, or else the
 *                               mode, whatever the umask; the group of a directory that hands its
 *                               own down (setgid), else the owner's first
 *      comes from a snapshot    as what replaces a file, but not wider than in the snapshot
 *      cannot get the group     its group bits and the others' are what both had: whoever is in the
 *                               one group and not in the other counts among the others now
 *      is made with a mode that the user has fixed (private = 0600)
 *                               that mode, and no list
 *      goes into an archive     a mode that grants nobody what the list denies him
 *
 * A file system that refuses owners or modes is not a failure: what was refused is told, and what
 * is there is as open as that file system makes it, or narrower. Lists are POSIX ones, as the
 * kernel hands them out (acl(5)); others, such as those of NFSv4, are left to the file system.
 */
#ifndef HB_ACCESS_H
#define HB_ACCESS_H

#include "files/beneath.h"
#include "files/owner.h"

/* How a mode and the list of the file that is replaced come together. */
enum hb_access_rule {
    HB_ACCESS_KEEP, /* the mode is that of the old file, and its list stays */
    HB_ACCESS_FIX,  /* the mode is what the user has said: no list */
    HB_ACCESS_ASK   /* the list stays, but grants owner and others no more than the mode */
};

/* What did not become as it was asked for; told once a run (host/kept.h). */
enum hb_access_lost {
    HB_LOST_MODE = 1,
    HB_LOST_OWNER = 2,
    HB_LOST_LIST = 4,   /* it could not be set: the mode is as narrow as it was */
    HB_DROPPED_LIST = 8 /* the fixed mode took its place */
};

/*
 * Gives what is staged under that name, of this thread's making, list, mode, group and owner for
 * its place. `owner` NULL: it stays whose it is. With the rights of the place; but by `fd`, the
 * same file open for writing, with our own: it may have been given to somebody; -1: by its name. 0
 * or -errno; *lost gets bits of hb_access_lost.
 */
int hb_access_give(int from_fd, const char *name, int fd, const struct hb_place *place,
                   uint32_t mode, enum hb_access_rule rule, const struct hb_owner *owner,
                   unsigned *lost);

/*
 * The mode for a file that is replaced by what had the mode `stored`: the one that it has, where it
 * has no list (which stays) without what the group and others could not do then.
 */
uint32_t hb_access_narrower_mode(const struct hb_place *place, uint32_t stored);

/* A mode that grants nobody more than mode and list of the open file (or O_PATH) do together. */
uint32_t hb_access_stored_mode(int fd, uint32_t mode);

/* Does a directory hand something down to what is made in it? Also if that is unknown. */
bool hb_access_bequeaths(int directory_fd);

/*
 * Of a directory that is made, setgid and sticky come back, too: without the sticky bit everybody
 * could remove the files of the others. They give a file rights, or nothing, and no file gets them.
 */
enum { HB_DIRECTORY_MODES = 03777 };

/*
 * A directory that was just made where it stays gets its mode: as mkdir() would have given it, and
 * the bit that hands its group down stays. 0 or -errno.
 */
/* The mode to make it with: for us alone, but where what was handed down would be lost. */
uint32_t hb_access_first_mode(int parent_fd, uint32_t mode);
int hb_access_finish_directory(int fd, uint32_t mode, unsigned *lost);

/* Removes the list of what is at the place. Was there one? */
bool hb_access_drop_list(const struct hb_place *place);

/* Removes the default list, so that what is made in this directory of ours inherits nothing. */
void hb_access_bequeath_nothing(int directory_fd);

/* chmod(), where a file system that refuses it is not a failure. 0 or -errno. */
int hb_access_set_mode(int fd, uint32_t mode, unsigned *lost);
int hb_access_set_mode_at(int directory_fd, const char *name, uint32_t mode, unsigned *lost);

#endif

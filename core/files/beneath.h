/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below a directory that is held open.
 *
 * What it promises: nothing here ever reaches outside that directory, whatever links lie on the way
 * and whoever changes them meanwhile. As root, nothing is done in a directory that its owner could
 * not have done there (rights.h). What it must not do: look at a path and open it afterwards by the
 * same path, for in between it can become another.
 *
 * There are two ways in. hb_beneath_open() follows no link at all: for names that the walk has
 * found. The kernel does it in one call (openat2 with RESOLVE_BENEATH), or it goes step by step,
 * O_NOFOLLOW each: where there is no openat2, where a path is too long for one call, and where
 * each directory is to be entered with its owner's rights.
 *
 * hb_beneath_resolve() follows links that end inside: for names from an archive, which a user may
 * have led elsewhere in the home by a link. The kernel could do that as well, but it would not tell
 * the path without links, would not say whose link it was, and could not make what is missing. So
 * links are resolved here, by hand, component by component:
 *
 *     name ---> "."   ---> nothing
 *          ---> ".."  ---> up the way we came (way.h), never by a look-up; above the root: EXDEV
 *          ---> link  ---> its target is put in front of what is left to walk, 40 times at most;
 *                          an absolute one starts again at the root, if it lies below it: else
 *                          EXDEV. From another user's link on we go with his rights.
 *          ---> else  ---> it is entered without following links; the last one is the place
 *
 * A path that begins with the name of a graft (grafts.h) goes this way below that, and no link
 * leads from one to the other.
 */
#ifndef HB_BENEATH_H
#define HB_BENEATH_H

#include "base/error.h"
#include "files/root.h"
#include <stdbool.h>
#include <sys/stat.h>

/* Where a path ends: a directory held open, and a name in it that is not a link. */
struct hb_place {
    int directory_fd; /* closed by hb_place_clear */
    char *name;       /* last component */
    char *path;       /* relative to the root, all links resolved */
    bool exists;
    struct stat status;      /* of what is there, if `exists` */
    bool through_link;       /* a link was followed on the way */
    struct hb_rights rights; /* for all that is done in the directory */
    bool led;                /* as in struct hb_directory; also where nothing was found */
};

/*
 * Opens for reading, no link anywhere on the way, not even as the last component. A
 * descriptor, or -errno (ELOOP for a link). As root with the rights of its directory's owner; in a
 * directory of root's below that of another user, still with that user's.
 */
int hb_beneath_open(const struct hb_root *root, const char *path, int flags, unsigned mode);

enum hb_resolve_flags {
    HB_MAKE_PARENTS = 1, /* missing directories on the way are made, 0777 less the umask */
    HB_KEEP_LAST = 2,    /* the last component is not followed, even if it is a link */
    HB_KEEP_MADE = 4,    /* what was made stays, whatever comes of it */
    HB_FLUSH_MADE = 8,   /* and is on the disk then */
    /* Nothing is made, and the place is where HB_MAKE_PARENTS would find it; what it would be made
     * in is place->directory_fd, and place->name all that is missing there. */
    HB_SUPPOSE_PARENTS = 16
};

/*
 * Resolves `path` (relative; no empty, "." or ".." component). Links that end inside are followed.
 * *made, where it is not NULL, grows by the number of directories that were made; a failure takes
 * them away again. 0, or -errno:
 * EXDEV (leads outside), ELOOP, ENOTDIR, ENOENT (a parent is missing), …; hb_place_clear in any
 * case.
 */
int hb_beneath_resolve(const struct hb_root *root, const char *path, unsigned flags,
                       struct hb_place *place, unsigned *made);
void hb_place_clear(struct hb_place *place);

/*
 * The directory that a path leads to ("": the root itself), for reading; of the flags,
 * HB_MAKE_PARENTS makes that one, too. 0 or -errno.
 */
int hb_beneath_directory(const struct hb_root *root, const char *path, unsigned flags,
                         struct hb_directory *directory);
void hb_directory_close(struct hb_directory *directory);

#endif

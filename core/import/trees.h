/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that the home does not have yet. What goes into such a one is staged in a tree of the
 * same shape, and the whole of it is published by one rename, which is as atomic as that of a file.
 * An import into a new home is published by a handful of renames.
 *
 * Measured against a rename for each file (homes of 4,000 and 7,700 files, interleaved runs): 1.3
 * to 1.8 times as fast on tmpfs, about the same on ext4 when everything is flushed. If that fell
 * below 1.3 everywhere, all of this had better go.
 *
 *      home/a is there, home/a/b is not      the tree "t0" in the stage becomes home/a/b
 *      a/b/x, a/b/c/y   plain files       -> t0/x, t0/c/y
 *      a/b/z            a filter's mode   -> "m7" in the stage, published after the tree
 *      a/b              a directory       -> its mode and time are set in the stage; or at the end
 *                                            of the import, if something is put into it later, or
 *                                            its owner may not write to it (`unfinished`)
 *
 * Only plain files lie in a tree: not what a content plugin claims, no links, nothing whose mode a
 * filter has fixed. So whatever is in the way when it is published, its files can be put to their
 * places one by one, by the rules for plain files.
 */
#ifndef HB_TREES_H
#define HB_TREES_H

#include "base/in_order.h"
#include "files/beneath.h"
#include "files/owner.h"
#include "files/stage.h"
#include "import/restore_plan.h"

/* One that is missing, while the directory that it would lie in is there. */
struct hb_tree {
    uint32_t directory;    /* its number */
    struct hb_owner owner; /* of what is made in it */
};

/* A directory on the way to a member that is restored. */
struct hb_tree_directory {
    const char *path; /* not ended by NUL */
    uint32_t path_bytes;
    uint32_t parent; /* number; HB_NO_TREE: the home */
    uint32_t tree;   /* number, or HB_NO_TREE */
    bool missing;    /* the home does not have it */
    bool unfinished; /* it has a row of its own: to be made, or to get mode and time, at the end */
    size_t member;   /* SIZE_MAX: it is not listed itself */
};
#define HB_NO_TREE UINT32_MAX

struct hb_trees {
    struct hb_restore_plan *plan;
    const struct hb_own_places *own; /* no tree holds a place that is the program's own; or NULL */
    struct hb_stage *stage;
    struct hb_root root; /* of the stage; its descriptor is the stage's */
    uint32_t umask;
    unsigned workers;           /* threads that there may be; 0: one */
    struct hb_in_order *making; /* the directories in trees, while files are put into the first */
    struct hb_tree *trees;
    uint32_t tree_count;
    struct hb_tree_directory *directories;
    uint32_t directory_count;
    uint32_t directory_capacity;
    struct hb_path_table by_path; /* of the directories */
    bool known;                   /* they are all there */
    uint64_t device;              /* of the stage */
    bool apart;   /* one of the directories is not the home owner's, or lies on another file system
                   * without being a mount (a subvolume), or cannot be looked at */
    bool *inside; /* each member: is it a file that is staged in a tree? */
};

/* The directory that a thread put files into last. */
struct hb_tree_place {
    uint32_t directory;
    int fd; /* -1: none */
};

/*
 * Finds out which directories are missing, makes the trees, begins to make all directories that are
 * in them, and says which of the selected files are staged there.
 * `allowed` false: none. There are no trees until then.
 */
void hb_trees_plan(struct hb_trees *trees, const struct hb_root *home, bool allowed);
static inline bool hb_trees_hold(const struct hb_trees *trees, size_t index)
{
    return trees->inside != NULL && trees->inside[index];
}
/* The directory that a selected member lies in, or is; NULL: the home, or nothing is known. */
const struct hb_tree_directory *hb_trees_parent(const struct hb_trees *trees, size_t index);
const struct hb_tree_directory *hb_trees_directory(const struct hb_trees *trees, size_t index);

/*
 * Are all directories of the home that something goes into its owner's, and on its file system?
 * False: not all, perhaps.
 */
bool hb_trees_have_one_owner(const struct hb_trees *trees);

/*
 * Makes the file of a member that is held; waits for its directory. A descriptor, or -errno: then
 * it is not held any more. Any thread, each with a place of its own.
 */
int hb_trees_create(struct hb_trees *trees, struct hb_tree_place *place, size_t index);
/* It is not to be restored after all. 0 or -errno: its tree must not be published. */
int hb_trees_remove(struct hb_trees *trees, size_t index);
/* Gives it mode and owner. 0 or -errno. */
int hb_trees_finish_file(const struct hb_trees *trees, size_t index, int fd);
void hb_tree_place_clear(struct hb_tree_place *place);
/* For reading. A descriptor or -errno. */
int hb_trees_open(const struct hb_trees *trees, size_t index);

/* No more files come. All directories are made; or no more of them, for nothing of it is needed. */
void hb_trees_filled(struct hb_trees *trees, bool needed);

/* Now all is there: gives the directories mode and time, but those that are `unfinished`. */
void hb_trees_complete(struct hb_trees *trees);

void hb_trees_clear(struct hb_trees *trees);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a held directory to where a path has led so far: descriptors and names, so that ".."
 * needs no look-up, which a rename could lead astray.
 */
#ifndef HB_WAY_H
#define HB_WAY_H

#include "files/rights.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A directory on the way. */
struct hb_way_step {
    int fd; /* -1: closed again, for only the last ones are held open */
    char *name;
    struct hb_rights rights; /* of its owner */
};

/* A directory that was made on the way; if nothing comes of it, it goes again. */
struct hb_made_directory {
    int parent_fd;
    char *name;
    struct hb_rights rights;
};

struct hb_way {
    struct hb_way_step *steps; /* the descriptor of [0] is the caller's, not ours to close */
    size_t depth, capacity;
    bool led;                /* a link of another user's was followed: what is reached by it… */
    struct hb_rights leader; /* …is reached with his rights */
    struct hb_made_directory *made;
    size_t made_count;
};

/* `led`: those rights hold for all below. */
struct hb_way *hb_way_new(int fd, const struct hb_rights *rights, bool led);
void hb_way_free(struct hb_way *way);

/* The directory where we are. */
static inline int hb_way_fd(const struct hb_way *way)
{
    return way->steps[way->depth].fd;
}

/* The rights that hold in it. */
static inline const struct hb_rights *hb_way_rights(const struct hb_way *way)
{
    return way->led ? &way->leader : &way->steps[way->depth].rights;
}

/*
 * Where its owner's rights cannot be taken on, a name is only looked up, with our own: a directory
 * there is what its own owner makes of it. In a user namespace "/" belongs to nobody that is known.
 */
static inline bool hb_may_look(int begun)
{
    return begun == 0 || begun == -HB_NO_RIGHTS;
}

/* Into a directory, no link; `make`: it is made if it is missing. 0 or -errno. */
int hb_way_enter(struct hb_way *way, const char *name, bool make);
/* To the directory above. 0 or -errno. */
int hb_way_up(struct hb_way *way);
void hb_way_start_over(struct hb_way *way);

/*
 * A link in the directory where we are is going to be followed. It belongs to the directory's
 * owner, who can put any there; in one of root's where others may write, to who made it. From there
 * on we go as that user.
 */
void hb_way_be_led(struct hb_way *way, const struct stat *link);

/* The names so far, and this one behind them. Caller frees. */
char *hb_way_path(const struct hb_way *way, const char *name);

/*
 * What was made stays, and is counted, or it goes, unless somebody put something into it. 0; or
 * -errno: it stays, and could not be flushed.
 */
int hb_way_end_made(struct hb_way *way, bool stays, bool flushed, unsigned *count);

#endif

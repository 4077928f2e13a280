/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging directory of a run: everything temporary lies in it, on the file system of what it
 * will be published to. It is held by a lock on its own descriptor, so that the next run can tell
 * what a killed one left behind from what another still uses.
 */
#ifndef HB_STAGE_H
#define HB_STAGE_H

#include "base/error.h"
#include "files/rights.h"
#include <stdatomic.h>
#include <stdbool.h>

/*
 * As root, a stage in another user's directory is that user's, with all that is in it: what is
 * staged there is going to be his. The functions here take on his rights; whoever opens or renames
 * what is in it has to do so himself, with `rights`.
 */
struct hb_stage {
    int parent_fd;
    int fd;
    struct hb_rights rights;
    char name[48]; /* below the parent */
    char *path;    /* absolute */
    atomic_uint serial;
    atomic_llong refreshed; /* the owner file; in seconds of the monotonic clock */
    bool apart;             /* which is HB_STAGE_OWNER_APART here */
};

/* Is this the name of a staging directory? Such entries are never archived. */
bool hb_stage_is_name(const char *name);
/*
 * Is a component of the path such a name? Nothing is restored there: the next run would believe
 * what it finds, a journal, say.
 */
bool hb_stage_on_path(const char *path);

/*
 * A stage with a file of this name is not just left-over: an import was interrupted while it
 * published, and the next run completes it (recover.h). The sweep leaves such a stage alone.
 */
#define HB_STAGE_JOURNAL "journal"

/*
 * A stage on another file system belongs to that of an import, and is kept like it: a file of the
 * same name tells which. It is left-over once that one has no journal (any more). 0 or -errno.
 */
int hb_stage_mark(struct hb_stage *stage, const struct hb_stage *belongs_to);

/* All in the journal has been done: from here on all stages that belong to it are left-over. */
void hb_stage_drop_journal(struct hb_stage *stage);

/*
 * Removes one that a killed run left in the directory; false: it is in use, or not ours. Ours is
 * what belongs to whose rights we have there; root's own in another user's directory, or where
 * others can write, only with a mark in it: its name could be given to any directory of root's.
 */
bool hb_stage_sweep_one(int parent_fd, const char *name);

/* Removes what killed runs left in the directory; returns how many, 0 also when it cannot be read.
 */
unsigned hb_stage_sweep(int parent_fd);

/*
 * Takes over the stage of a dead run, of this user and open to nobody else. HB_OK; HB_NOMATCH:
 * there is none, or it is another user's; HB_LATER: that cannot be told now, and errno says why
 * (EWOULDBLOCK: a run still has it). Whether another machine has it is not asked: see
 * hb_stage_is_claimed(). `parent` and `name` as in struct hb_stage.
 */
int hb_stage_adopt(const char *parent, const char *name, struct hb_stage *stage);
/* The same in a directory that is open, of that path. */
int hb_stage_adopt_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                      const char *name, struct hb_stage *stage);

/* The same of one that is open to others, whose content nobody has to believe yet. */
int hb_stage_adopt_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                           const char *name, struct hb_stage *stage);
/* Does a run have it that is alive? */
bool hb_stage_is_held(int parent_fd, const char *name);

/*
 * Makes one in `parent` (absolute path), 0700, after a sweep; *swept may be NULL. HB_OK or
 * HB_FATAL.
 */
int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error);
/* The same in a directory that is open, of that path, with those rights. */
int hb_stage_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                     struct hb_stage *stage, unsigned *swept, struct hb_error *error);

/* A new file, 0600, open for reading and writing. *name is its name in the stage; caller frees. */
int hb_stage_file(struct hb_stage *stage, const char *hint, char **name, struct hb_error *error);

/*
 * A sign of life for other machines (stage_owner.h): writes the owner file again if that was an
 * hour ago. To be called now and then while the stage is worked with. Any thread.
 */
void hb_stage_refresh(struct hb_stage *stage);
/* Names in it are the user's from here on, any but those that begin as ours do. */
void hb_stage_make_room(struct hb_stage *stage);

/* Removes a file from it. */
void hb_stage_unlink(const struct hb_stage *stage, const char *name);

/* It is going to be renamed and to stay, with what is in it; nothing of ours is. */
void hb_stage_become(const struct hb_stage *stage);

/*
 * Removes it with all that is in it, the journal first. Safe on a zeroed one with fd -1. 0, or
 * -errno: it stays there.
 */
int hb_stage_close(struct hb_stage *stage);
/* Why one stays that could not be removed, and what to do. Caller frees. */
char *hb_stage_staying(const char *path, int reason);
/* Lets go of it as it is, for the next run. */
void hb_stage_leave(struct hb_stage *stage);

#define HB_STAGE_NONE                                                                              \
    {                                                                                              \
        .parent_fd = -1, .fd = -1                                                                  \
    }

#endif

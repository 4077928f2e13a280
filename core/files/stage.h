/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging directory of a run.
 *
 * Everything temporary lies in it, on the file system of what it will be published to, so that one
 * rename publishes. What it promises: nothing temporary lies anywhere else, and nothing of a run
 * that was killed stays for good.
 *
 *     made ---> held by a lock ---> removed by its run (hb_stage_close)
 *                     |
 *                     | killed: the kernel drops the lock
 *                     v
 *                 left over ---> removed by the next run in that directory (stage_sweep.h)
 *                     |
 *                     `--------> with a journal: kept, adopted and completed (restore/recover.h)
 *
 * The lock on the directory's own descriptor tells left over from in use. It needs no process
 * number, which another process may have by now, and no time-out. Where machines share a file
 * system a lock may not reach across: there the owner file in it decides as well (stage_owner.h).
 *
 * What a sweep must not do: remove what a live run uses; remove a journal, which may be all that
 * there is of the user's files; or, as root, remove a directory that somebody else has given such
 * a name. So a stage is swept with the rights that made it, and one of root's, where others can
 * rename, only with a mark in it that root alone can make (stage_mark.h).
 *
 * Between mkdir and the lock another run's sweep may come first and remove the new directory. The
 * name is looked at again with the lock held; if it is gone, another one is made.
 */
#ifndef HB_STAGE_H
#define HB_STAGE_H

#include "base/error.h"
#include "files/rights.h"
#include "files/stage_sweep.h"
#include <stdatomic.h>
#include <stdbool.h>

/*
 * As root, a stage in another user's directory belongs to that user, with all that is in it, for it
 * will be published as his. The functions here take on his rights; who opens or renames what is in
 * the stage must take them on as well, with `rights`.
 */
struct hb_stage {
    int parent_fd;
    int fd;
    struct hb_rights rights;
    char name[HB_STAGE_NAME_BYTES]; /* below the parent */
    char *path;                     /* absolute */
    atomic_uint serial;
    atomic_llong refreshed; /* the owner file; in seconds of the monotonic clock */
    bool apart;             /* which is HB_STAGE_OWNER_APART here */
};

/*
 * A stage on another file system belongs to that of an import, and is kept like it: a file of the
 * same name tells which. It is left-over once that one has no journal (any more). 0 or -errno.
 */
int hb_stage_mark(struct hb_stage *stage, const struct hb_stage *belongs_to);

/* All in the journal has been done: from here on all stages that belong to it are left-over. */
void hb_stage_drop_journal(struct hb_stage *stage);

/*
 * Takes over the stage of a dead run, of this user and open to nobody else. HB_OK;
 * HB_STATUS_NOMATCH: there is none, or it is another user's; HB_STATUS_LATER: that is unknown now,
 * and errno says why (EWOULDBLOCK: a run still has it). Whether another machine has it is not
 * asked: see hb_stage_is_claimed(). `parent` and `name` as in struct hb_stage.
 */
int hb_stage_adopt(const char *parent, const char *name, struct hb_stage *stage);
/* The same in a directory that is open, of that path. */
int hb_stage_adopt_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                      const char *name, struct hb_stage *stage);

/* The same for one that is open to others; its content is not to be trusted yet. */
int hb_stage_adopt_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                           const char *name, struct hb_stage *stage);
/* Does a live run hold it? */
bool hb_stage_is_held(int parent_fd, const char *name);

/*
 * Makes one, 0700, in a directory that is open, of that path, with those rights, after a sweep;
 * *swept may be NULL. HB_OK or HB_STATUS_FATAL.
 */
int hb_stage_open_in(int parent_fd, const struct hb_rights *rights, const char *parent,
                     struct hb_stage *stage, unsigned *swept, struct hb_error *error);

/* A new file, 0600, open for reading and writing. *name is its name in the stage; caller frees. */
int hb_stage_file(struct hb_stage *stage, const char *hint, char **name, struct hb_error *error);

/*
 * A sign of life for other machines (stage_owner.h): writes the owner file again if that was an
 * hour ago. To be called now and then while the stage is worked with. Any thread.
 */
void hb_stage_refresh(struct hb_stage *stage);
/* From here on names in it are the user's, except those that begin as ours do. */
void hb_stage_make_room(struct hb_stage *stage);

/* Removes a file from it. */
void hb_stage_unlink(const struct hb_stage *stage, const char *name);

/* Removes our own files from it: it will be renamed, and stays. */
void hb_stage_become(const struct hb_stage *stage);

/*
 * Removes it with all that is in it, the journal first. Safe on a zeroed one with fd -1. 0, or
 * -errno: it stays there.
 */
int hb_stage_close(struct hb_stage *stage);
/* Why one stays that could not be removed, and what to do. Caller frees. */
char *hb_stage_staying(const char *path, int reason);
/* Closes it and leaves it as it is, for the next run. */
void hb_stage_leave(struct hb_stage *stage);

#define HB_STAGE_NONE                                                                              \
    {                                                                                              \
        .parent_fd = -1, .fd = -1                                                                  \
    }

#endif

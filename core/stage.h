/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging directory of a run: everything temporary lies in it, on the file system of what it
 * will be published to. It is held by a lock on its own descriptor, so that the next run can tell
 * what a killed one left behind from what another still uses.
 */
#ifndef HB_STAGE_H
#define HB_STAGE_H

#include "error.h"
#include <stdatomic.h>
#include <stdbool.h>

struct hb_stage {
    int parent_fd;
    int fd;
    char name[48]; /* below the parent */
    char *path;    /* absolute */
    atomic_uint serial;
};

/* Is this the name of a staging directory? Such entries are never archived. */
bool hb_stage_is_name(const char *name);

/* Removes what killed runs left in the directory; returns how many, 0 also when it cannot be read.
 */
unsigned hb_stage_sweep(int parent_fd);

/* Makes one in `parent` (absolute path), 0700, after a sweep; *swept may be NULL. */
int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error);

/* A new file, 0600, open for reading and writing. *name is its name in the stage; caller frees. */
int hb_stage_file(struct hb_stage *stage, const char *hint, char **name, struct hb_error *error);

/* Removes it with all that is in it. Safe on a zeroed one with fd -1. */
void hb_stage_close(struct hb_stage *stage);

#define HB_STAGE_NONE                                                                              \
    {                                                                                              \
        .parent_fd = -1, .fd = -1                                                                  \
    }

#endif

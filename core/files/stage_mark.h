/* SPDX-License-Identifier: Apache-2.0 */
/* By what a staging directory is known: its name, and the files in it that say whose it is. */
#ifndef HB_STAGE_MARK_H
#define HB_STAGE_MARK_H

#include "files/rights.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum { HB_STAGE_NAME_BYTES = 48, HB_STAGE_OWN_MARK_BYTES = 64 };

void hb_stage_name(uint64_t number, char name[HB_STAGE_NAME_BYTES]);

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

/* What stands in the journal's place in one that belongs to another: this, a number, a path. */
#define HB_STAGE_BELONGS_TO "hbcore-stage-of "

/* Is it kept for its journal, or for that of the stage it belongs to? Also if that is unknown. */
bool hb_stage_is_kept(int fd);

/*
 * In root's stage, where another user can give its name to another directory of root's: a file that
 * is called after the number of the stage. He cannot make it, and root makes one nowhere else.
 */
void hb_stage_own_mark_name(const struct stat *stage, char name[HB_STAGE_OWN_MARK_BYTES]);
/* 0 or -errno. */
int hb_stage_make_own_mark(int fd, const struct stat *stage);
bool hb_stage_others_can_rename(const struct stat *parent);
/* Is it a stage that root made, and not a directory that got such a name? */
bool hb_stage_is_of_root(int fd, const struct stat *stage);

/* 0: it is empty; 1: it is not; -errno. */
int hb_stage_look_inside(int fd);
/* Removes all that is in it, the mark last: without it, nobody would remove what is left. */
void hb_stage_empty(int fd);

#endif

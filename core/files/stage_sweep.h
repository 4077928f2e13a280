/* SPDX-License-Identifier: Apache-2.0 */
/* Removing the stages that killed runs left behind. */
#ifndef HB_STAGE_SWEEP_H
#define HB_STAGE_SWEEP_H

#include "files/stage_mark.h"

/*
 * Removes one that a killed run left in the directory; false: it is in use, or not ours. Ours is
 * what belongs to whose rights we have there; root's own in another user's directory, or where
 * others can write, only with a mark in it: its name could be given to any directory of root's.
 */
bool hb_stage_sweep_one(int parent_fd, const char *name);

/* Removes what killed runs left in the directory; returns how many, 0 also when it cannot be read.
 */
unsigned hb_stage_sweep(int parent_fd);

#endif

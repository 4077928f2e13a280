/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On a file system without modes (exFAT, NTFS and CIFS as they are usually mounted) a stage cannot
 * be closed to others, and anybody could put one there. So the journal is sealed with the key of
 * this installation (files/state_key.h): a journal whose seal is right was written here, for this
 * stage. The staged files have no seal: whoever can change them can change the home as well, which
 * lies on the same file system. For that reason a run that completes such an import leaves rows on
 * other file systems to the next import.
 */
#ifndef HB_SEAL_H
#define HB_SEAL_H

#include "files/stage.h"

/* Is it open to others, whatever we do? */
bool hb_stage_lacks_modes(int stage_fd);

/* Seals the journal that is about to be committed, open as `journal_fd`. 0; -1: *why, constant. */
int hb_seal_make(const struct hb_stage *stage, int journal_fd, const char **why);
/*
 * A copy of the stage's journal, which nobody else can change, if it is sealed and as it was then.
 * A descriptor, or -1.
 */
int hb_seal_open(const struct hb_stage *stage);

#endif

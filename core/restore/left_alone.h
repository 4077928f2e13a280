/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody has changed since an import began is left alone, and what the import had for it is
 * kept beside it: NAME.from-import, or NAME.from-import.2 and so on where that is taken.
 */
#ifndef HB_LEFT_ALONE_H
#define HB_LEFT_ALONE_H

#include "host/run.h"
#include "restore/target_note.h"

/*
 * Moves what is staged (a file, a link, a directory) beside the place, never over anything. A file
 * gets `mode`, less what the one that is there does not grant; and is given to whom it would have
 * belonged. With the rights of the place. *kept: the name that it has then; caller frees. 0 or
 * -errno.
 */
int hb_keep_beside(struct hb_run *run, int stage_fd, const char *staged,
                   const struct hb_place *place, uint32_t mode, char **kept);

/*
 * The mode for that, no wider than what the import met there (`note`, which knows no access list,
 * so that what has gone since leaves it to its owner alone); behind a link, than what is at `place`
 * with its list.
 */
uint32_t hb_beside_mode(const struct hb_place *place, const struct hb_target_note *note,
                        uint32_t mode);

/*
 * Where what was to go below a directory goes, if something else has the directory's name by now:
 * below a directory beside that one. As hb_target_resolve; -ENOTDIR: it is not that.
 */
int hb_resolve_beside(const struct hb_run *run, const char *path, struct hb_place *place);

#endif

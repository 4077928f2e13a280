/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of a journal: made before what is in them, with mode and time at the end. */
#ifndef HB_RESTORE_DIRECTORIES_H
#define HB_RESTORE_DIRECTORIES_H

#include "restore/restore_state.h"
#include "restore/target.h"

void hb_restore_make_directory(struct hb_restoring *restore, struct hb_restoring_row *row,
                               struct hb_last_target *last);
/* Those that were made get mode and time last: publishing needs to write into them. */
void hb_restore_finish_directory(struct hb_restoring *restore, const struct hb_restoring_row *made);

#endif

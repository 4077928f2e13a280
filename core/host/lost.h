/* SPDX-License-Identifier: Apache-2.0 */
/* What a file system or the process's rights have refused: one line a run of each kind. */
#ifndef HB_LOST_H
#define HB_LOST_H

#include "files/access.h"
#include "host/run.h"

/* `lost`: bits of enum hb_access_lost; `path`: the first that it is told of. Any thread. */
void hb_tell_lost(struct hb_run *run, const char *path, unsigned lost);

#endif

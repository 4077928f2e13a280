/* SPDX-License-Identifier: Apache-2.0 */
/* Reports what a file system or the process's rights refused: one line of each kind in a run. */
#ifndef HB_LOST_H
#define HB_LOST_H

#include "files/access.h"
#include "host/run.h"

/* `lost`: bits of enum hb_access_lost; `path`: the first file that this happened to. Any thread. */
void hb_tell_lost(struct hb_run *run, const char *path, unsigned lost);

#endif

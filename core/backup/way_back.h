/* SPDX-License-Identifier: Apache-2.0 */
/* The safety backup: an archive made of a home before an import replaces anything there. */
#ifndef HB_WAY_BACK_H
#define HB_WAY_BACK_H

#include "host/run.h"

/*
 * As [import] backup-preset says. `run`: of the import; its home is open and locked, and its report
 * takes what hooks have to say about the archive. HB_OK and its path (NULL: there was nothing to be
 * archived; caller frees), *sealed: whether it is. HB_STATUS_CANCELLED, HB_STATUS_FATAL: there is
 * no archive, or an incomplete one, and nothing may be replaced.
 */
int hb_way_back(struct hb_run *run, char **path, bool *sealed, struct hb_error *error);

/* The path of that archive as a receipt names it: absolute, or a URL. Caller frees. */
char *hb_way_back_place(const char *path);

#endif

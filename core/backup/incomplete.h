/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive that lacks something, under a name that the user chose with -o. What has that name may
 * be the only complete archive there is, so it stays, and the incomplete one goes beside it, as
 * STEM.incomplete.SUFFIX. Only what was read just now as an incomplete archive of ours is replaced:
 * a complete one, one that says nothing about that, another file, or what cannot be read stays.
 */
#ifndef HB_INCOMPLETE_H
#define HB_INCOMPLETE_H

#include "backup/destination.h"
#include "files/stage.h"
#include "host/run.h"

/*
 * Decides, before an incomplete archive is published in the parent of `stage`. If it cannot have
 * the name of `destination`, gives the destination the other one: `kept` is the path of what stays,
 * and a note in the report says why. Names that are ours anyway (unique) are left alone. HB_OK, or
 * HB_STATUS_FATAL: there is no name that could be used.
 */
int hb_incomplete_find(struct hb_run *run, const struct hb_stage *stage,
                       const char *const *suffixes, struct hb_destination *destination,
                       struct hb_error *error);

/* The incomplete one that an earlier run put beside it, if one is there: false, or its status. */
bool hb_incomplete_beside(struct hb_run *run, const char *const *suffixes,
                          const struct hb_destination *destination, struct stat *status);

#endif

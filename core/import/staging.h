/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selected members of an archive in the staging directory, decoded and verified, and the journal of
 * what is to become of them. Nothing live is touched here.
 */
#ifndef HB_STAGING_H
#define HB_STAGING_H

#include "import/staging_state.h"
#include "restore/restore.h"

/* Before all others. */
void hb_staging_init(struct hb_staging *staging);
/* Of a listed archive: is there space, then decode all of it. */
int hb_staging_members(struct hb_staging *staging, struct hb_error *error);
/* Of a stream: all that could be selected; to be looked at afterwards. */
int hb_staging_stream(struct hb_staging *staging, struct hb_error *error);
/* Not of an archive: copies of files below a directory, of which the catalog has the paths. */
int hb_staging_copies(struct hb_staging *staging, const struct hb_root *from,
                      struct hb_error *error);
/*
 * All is staged and verified: writes the journal, calls `before` (may be NULL), and publishes.
 * HB_OK; a failure: nothing was changed, unless *begun, when the next run will go on by the
 * journal.
 */
int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error);
/* Removes the stages but the run's own, or leaves them for the next run. */
void hb_staging_clear(struct hb_staging *staging, bool leave);

#endif

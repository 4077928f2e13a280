/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan restores, staged and verified, and the journal of what is to become of it. Nothing
 * live is touched before hb_staging_publish() has committed the journal.
 */
#ifndef HB_STAGING_H
#define HB_STAGING_H

#include "import/staging_state.h"
#include "restore/restore.h"

/*
 * Produces the data of rows, on as many threads as it likes: for each, hb_staging_open(), writes to
 * the descriptor, hb_staging_done(). HB_OK, or a failure: nothing is restored.
 */
typedef int (*hb_staging_copy_rows)(void *context, struct hb_staging *staging,
                                    struct hb_error *error);

/* Before all others. */
void hb_staging_init(struct hb_staging *staging);

/*
 * Stages all rows that are needed, as copy_rows() produces them; of a plan that has no rows yet (a
 * stream), whatever it produces.
 */
int hb_staging_fill(struct hb_staging *staging, hb_staging_copy_rows copy_rows, void *context,
                    struct hb_error *error);

/* For copy_rows(), with hb_staging_open(): are so many bytes free? `how` stands before their
 * number. HB_OK or HB_FATAL. */
int hb_staging_check_space(const struct hb_staging *staging, uint64_t bytes, const char *how,
                           struct hb_error *error);
/* It is whole: gets its time, and is looked at by the content plugin that claims it. */
int hb_staging_done(void *staging, unsigned worker, size_t index, int fd, uint64_t bytes,
                    struct hb_error *error);

/*
 * All is staged and verified: writes the journal, calls `before` (may be NULL), and publishes.
 * HB_OK; a failure: nothing was changed, unless *begun, when the next run will go on by the
 * journal.
 */
int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error);
/* Removes the stages but the run's own, or leaves them for the next run. The plan is still there.
 */
void hb_staging_clear(struct hb_staging *staging, bool leave);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports that were killed while they published: the next run that works on the home carries them
 * through, by the journal in the stage that was left.
 */
#ifndef HB_RECOVER_H
#define HB_RECOVER_H

#include "run.h"

/*
 * For a home that is open and locked. Lines of the report say what was done; what cannot be done
 * becomes a note there, so that it does not count against this run. With `only_tell` nothing is
 * changed. HB_OK, or HB_CANCELLED.
 */
int hb_recover(struct hb_run *run, const struct hb_chain *contents, bool only_tell,
               struct hb_error *error);

#endif

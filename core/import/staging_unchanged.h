/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import --only-changed: what the home holds already is not restored again. The staged bytes are
 * compared with those that are there, never sizes, times or checksums that an archive brings along.
 */
#ifndef HB_STAGING_UNCHANGED_H
#define HB_STAGING_UNCHANGED_H

#include "import/staging_state.h"

/*
 * All is staged, and every name is settled; to be called with the rights of the stage. Rows become
 * HB_UNCHANGED, and are counted. What cannot be compared, or would get another mode or owner,
 * stays selected.
 */
void hb_staging_leave_unchanged(struct hb_staging *staging);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links, which become files of their own, and symbolic links, in the stage. */
#ifndef HB_STAGING_LINKS_H
#define HB_STAGING_LINKS_H

#include "import/staging_state.h"

/* Once it is known what is selected. What cannot be made here is dropped, and reported. */
int hb_staging_complete(struct hb_staging *staging, struct hb_error *error);

/* Did symlinkat() fail for this reason because the file system has no links? */
bool hb_staging_lacks_links(int reason);
/* That one is left out, and named; the rest goes on. */
void hb_staging_drop_link(struct hb_staging *staging, size_t index);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links: whose data does each get, and is that restored at all? A pass of select.c. */
#ifndef HB_SETTLE_LINKS_H
#define HB_SETTLE_LINKS_H

#include "import/restore_plan.h"

/*
 * Gives each hard link that is selected the row of its data for an origin, or drops it and reports
 * why. A member that was replaced or is not wanted itself, but whose data is needed for a link,
 * becomes HB_ORIGIN.
 */
void hb_settle_links(struct hb_run *run, struct hb_restore_plan *plan, const uint32_t *from);

/* "a" as a hard link to "a", as programs store what they were told twice: nothing to speak of. */
bool hb_links_to_itself(const struct hb_restore_plan *plan, size_t index);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of members that links in the home lead to one place (same_place.h). */
#ifndef HB_STAGING_LED_H
#define HB_STAGING_LED_H

#include "import/staging_state.h"

/*
 * All is staged. Of two that go to one place one is restored; of the other the report says so, as a
 * note if it holds the same, else as skipped.
 */
void hb_staging_settle_led(struct hb_staging *staging);

#endif

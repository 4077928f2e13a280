/* SPDX-License-Identifier: Apache-2.0 */
/* What content plugins say of the names in the directory that is being walked. Each is asked once.
 */
#ifndef HB_WALK_CLAIMS_H
#define HB_WALK_CLAIMS_H

#include "backup/walk_state.h"

/*
 * Which content plugin claims the file: *number is 1 + its index, or 0. False: that is unknown,
 * and is reported. As nobody's it would be copied raw, without what its log holds, and in silence.
 */
bool hb_walk_claim(struct hb_walk *walk, const struct hb_seen *seen, uint16_t *number);

/* Is it a sidecar of a file that is there and that a content plugin claims by name? */
bool hb_walk_is_sidecar(struct hb_walk *walk, const struct hb_seen *seen);
/* One with bytes in it whose file is not there: what it holds is nowhere else. */
bool hb_walk_is_orphan(struct hb_walk *walk, const struct hb_seen *seen);

#endif

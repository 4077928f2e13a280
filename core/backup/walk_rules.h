/* SPDX-License-Identifier: Apache-2.0 */
/* Which entries a backup stores. What is not stored is reported, with the reason. */
#ifndef HB_WALK_RULES_H
#define HB_WALK_RULES_H

#include "backup/walk_state.h"

enum hb_decision {
    HB_STORE,
    HB_ENTER,            /* a directory that is not stored, but what is in it may be */
    HB_ENTER_ON_THE_WAY, /* a directory that is stored if something in it is */
    HB_PASS_OVER
};

/* HB_OK and *decision, and seen->mode as the filters want it; HB_STATUS_FATAL: a filter failed. */
int hb_walk_decide(struct hb_walk *walk, struct hb_seen *seen, enum hb_decision *decision);

#endif

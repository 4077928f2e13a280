/* SPDX-License-Identifier: Apache-2.0 */
/* Saying that a database is not put back, and what goes with that: for how long, and how sure. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "restoring.h"

/* HB_STATUS_ENTRY: says why, and that nothing was done. */
int refuse(const struct restoring *restoring, const char *reason);
/* HB_STATUS_LATER: the same, for what may pass. */
int refuse_for_now(const struct restoring *restoring, const char *reason);
/* HB_STATUS_LATER or HB_STATUS_ENTRY, by an errno. */
int status_for(int reason);

/* Makes changes of names in the target's directory durable; false: errno. */
bool flush_directory(const struct restoring *restoring);

#endif

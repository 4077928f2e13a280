/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the plan of a backup: walks the home, asks the filters and the content plugins. */
#ifndef HB_WALK_H
#define HB_WALK_H

#include "backup/walk_request.h"

/* HB_OK and *plan; HB_STATUS_CANCELLED; HB_STATUS_FATAL. What it passes over goes into the run's
 * report. */
int hb_plan_make(const struct hb_plan_request *request, struct hb_plan *plan,
                 struct hb_error *error);

#endif

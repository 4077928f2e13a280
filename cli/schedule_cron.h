/* SPDX-License-Identifier: Apache-2.0 */
/* A schedule as lines for cron. */
#ifndef HB_SCHEDULE_CRON_H
#define HB_SCHEDULE_CRON_H

#include "schedule.h"

/* HB_OK, or HB_STATUS_FATAL: something cannot be said. */
int hb_schedule_cron(const struct hb_schedule *schedule, struct hb_printed *printed,
                     struct hb_error *error);

#endif

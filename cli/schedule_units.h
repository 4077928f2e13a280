/* SPDX-License-Identifier: Apache-2.0 */
/* A schedule as units of systemd. */
#ifndef HB_SCHEDULE_UNITS_H
#define HB_SCHEDULE_UNITS_H

#include "schedule.h"

/* HB_OK, or HB_STATUS_FATAL: something cannot be said. They belong into `directory`. */
int hb_schedule_units(const struct hb_schedule *schedule, const char *directory,
                      struct hb_printed *printed, struct hb_error *error);

#endif

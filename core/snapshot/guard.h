/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guarding: hooks compare the home with a snapshot and put back what got lost. What that is and how
 * it is told, only they know; what is ours is that nothing is compared with a home that is half old
 * and half new, nor with a snapshot that is not there.
 */
#ifndef HB_GUARD_H
#define HB_GUARD_H

#include "host/run.h"

/*
 * The home is open and locked; `id`: of a snapshot. HB_OK: the hooks have done their part, see the
 * report. HB_STATUS_NOMATCH: by this configuration nothing can be compared. HB_STATUS_CANCELLED,
 * HB_STATUS_FATAL.
 */
int hb_guard(struct hb_run *run, const char *id, bool dry_run, struct hb_error *error);

#endif

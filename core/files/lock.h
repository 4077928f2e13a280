/* SPDX-License-Identifier: Apache-2.0 */
/* Who works on a home: one run at a time. */
#ifndef HB_LOCK_H
#define HB_LOCK_H

#include "files/beneath.h"

/*
 * Takes the run lock: an exclusive flock on the home's own descriptor, which leaves no file
 * behind, works on a read-only home, and is gone with the process. Waits up to `wait_seconds`.
 * HB_OK, HB_STATUS_NOMATCH with *error when another run has it, HB_STATUS_CANCELLED when a signal
 * came, or HB_STATUS_FATAL.
 */
int hb_home_lock(const struct hb_root *home, int64_t wait_seconds, struct hb_error *error);
/* The same of a further root (host/roots.h): alone, or together with others that only read. */
int hb_root_lock(const struct hb_root *root, bool alone, int64_t wait_seconds,
                 struct hb_error *error);

#endif

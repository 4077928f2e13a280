/* SPDX-License-Identifier: Apache-2.0 */
/* Which directory is backed up or restored into, and who works on it. */
#ifndef HB_HOME_H
#define HB_HOME_H

#include "base/error.h"
#include "config/config.h"
#include "files/beneath.h"

/* "~" and "~/…" expand to $HOME, else to the passwd entry's. Caller frees. */
char *hb_expand_tilde(const char *path);

/*
 * The home's path: `given` (--home) literally; else the environment variable that [home] names;
 * else [home] path. With `outermost` a path of the form X/NESTED/anything becomes X (nested-in).
 * Caller frees *path.
 */
int hb_home_find(const struct hb_config *config, const char *given, bool outermost, char **path,
                 struct hb_error *error);

/*
 * Takes the run lock: an exclusive flock on the home's own descriptor, which leaves no file
 * behind, works on a read-only home, and is gone with the process. Waits up to `wait_seconds`.
 * HB_OK, HB_NOMATCH with *error when another run has it, HB_CANCELLED when *cancelled became
 * non-zero, or HB_FATAL.
 */
int hb_home_lock(const struct hb_root *home, int64_t wait_seconds, int (*cancelled)(void),
                 struct hb_error *error);

#endif

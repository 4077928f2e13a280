/* SPDX-License-Identifier: Apache-2.0 */
/* Which directory is backed up or restored into. */
#ifndef HB_HOME_PATH_H
#define HB_HOME_PATH_H

#include "config/config.h"

/*
 * The home's path: `given` (--home) literally; else the environment variable that [home] names;
 * else [home] path. With `outermost` a path of the form X/NESTED/anything becomes X (nested-in).
 * Caller frees *path.
 */
int hb_home_find(const struct hb_config *config, const char *given, bool outermost, char **path,
                 struct hb_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which directory is backed up or restored into. */
#ifndef HB_HOME_PATH_H
#define HB_HOME_PATH_H

#include "config/config.h"

/* Of a path of the form X/NESTED/anything. */
enum hb_home_of {
    HB_HOME_NESTED,    /* that directory itself */
    HB_HOME_OUTERMOST, /* X, where [home] nested-in has NESTED */
    HB_HOME_OF_IMPORT, /* X, where [import] nested-in has it */
    HB_HOME_KINDS
};

/*
 * The home's path: `given` (--home) literally; else what the environment variable that [home] names
 * or else [home] path says, and `of` that. Caller frees *path.
 */
int hb_home_find(const struct hb_config *config, const char *given, enum hb_home_of of, char **path,
                 struct hb_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Is a home another one than the one that the configuration names, whole or as a nested one? So it
 * is in a drill with --home: what lies outside of it is none of its own. */
#ifndef HB_ELSEWHERE_H
#define HB_ELSEWHERE_H

#include "config/config.h"

/* `home`: absolute. */
bool hb_home_is_elsewhere(const struct hb_config *config, const char *home);

#endif

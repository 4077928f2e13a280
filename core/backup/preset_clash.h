/* SPDX-License-Identifier: Apache-2.0 */
/* Two presets whose archives nobody could tell apart: each would remove the other's. */
#ifndef HB_PRESET_CLASH_H
#define HB_PRESET_CLASH_H

#include "config/config.h"

/*
 * Does the preset have the directory and the prefix of another one? `home` (may be NULL: unknown)
 * is where relative directories lie. `before`: only those above it in the configuration count.
 * HB_OK, or HB_STATUS_FATAL and wrong use, with the lines of both.
 */
int hb_preset_clash(const struct hb_config *config, const struct hb_section *preset,
                    const char *home, bool before, struct hb_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the configuration: is it right, and into which value does it go? For config_load.c.
 */
#ifndef HB_LOAD_VALUES_H
#define HB_LOAD_VALUES_H

#include "config/load_problems.h"

/* The entry becomes a value of the section, or a complaint. */
void hb_load_apply(struct hb_load *load, struct hb_owned_section *section,
                   const struct hb_ini_entry *entry);

#endif

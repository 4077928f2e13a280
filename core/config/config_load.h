/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the configuration: the file is parsed into staging and checked as a whole; only one that is
 * right in every line comes out.
 */
#ifndef HB_CONFIG_LOAD_H
#define HB_CONFIG_LOAD_H

#include "config/config.h"

/*
 * Reads `path` (NULL: the one that counts, see config_file.h; none: every option has its default
 * and no section is selected) and applies `sets`
 * ("SECTION.KEY=VALUE", ended by NULL, may be NULL; the section is everything before the
 * last dot of what stands before '='). Every error is reported through `report`, one call each with
 * file:line, what is wrong, and the nearest valid name as hint; parsing goes on to find the rest.
 * HB_OK and *config, or HB_STATUS_FATAL after at least one report. The loader is made from
 * [plugins] path.
 */
typedef void hb_config_report(void *context, const struct hb_error *error);
int hb_config_load(const char *path, const char *const *sets, hb_config_report *report,
                   void *context, struct hb_config **config);

/*
 * The same, and `more` (may be NULL) says what else is wrong, also where something is: each
 * problem through `report`, with the context it is given. What is wrong in the file has its default
 * then, and a section whose plugin was not found has no library. After HB_STATUS_FATAL *config is
 * such a one, to look for plugins with and to be freed; NULL: no file could be read.
 */
typedef void hb_config_check(const struct hb_config *config, hb_config_report *report,
                             void *context);
int hb_config_load_and(const char *path, const char *const *sets, hb_config_report *report,
                       void *context, hb_config_check *more, struct hb_config **config);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a new user reads who has no configuration file yet. */
#ifndef HB_NO_CONFIG_H
#define HB_NO_CONFIG_H

#include "base/error.h"
#include "cli.h"
#include "config/config.h"

/*
 * Something could not be found: `what`, such as "which home". If there is no configuration file at
 * all, that is the reason: *error says so, where it was looked for, and what to type instead of
 * this `command`. Otherwise *error stays.
 */
void hb_cli_no_config(const struct hb_config *config, const struct hb_cli *cli, const char *command,
                      const char *what, struct hb_error *error);

#endif

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

/* The directory of the configurations that are installed with the program. Caller frees. */
char *hb_cli_examples_directory(void);
/* Each of them by its name: "generic". */
void hb_cli_each_example(void (*each)(void *context, const char *name), void *context);
/* Which are there, with "or" between them. Caller frees. */
char *hb_cli_examples(void);
/* Where a configuration is looked for, with that between them. Caller frees. */
char *hb_cli_config_places(const char *between);

#endif

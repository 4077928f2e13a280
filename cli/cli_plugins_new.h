/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore plugins new. */
#ifndef HB_CLI_PLUGINS_NEW_H
#define HB_CLI_PLUGINS_NEW_H

#include "cli.h"

/* A part of `plugins`: makes ./NAME, a plugin of that kind to be changed; or nothing. */
int hb_cli_plugins_new(const struct hb_cli *cli, const char *kind, const char *name);

#endif

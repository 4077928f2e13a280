/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore cat. Gets argv[0] = its own name and returns the exit code. */
#ifndef HB_CLI_CAT_H
#define HB_CLI_CAT_H

#include "cli.h"

int hb_cli_cat(struct hb_cli *cli, int argc, char **argv);

#endif

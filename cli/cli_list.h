/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore list. Gets argv[0] = its own name and returns the exit code. */
#ifndef HB_CLI_LIST_H
#define HB_CLI_LIST_H

#include "cli.h"

int hb_cli_list(struct hb_cli *cli, int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore list, cat, verify. Each gets argv[0] = its own name and return the exit code. */
#ifndef HB_CLI_READ_H
#define HB_CLI_READ_H

#include "cli.h"

int hb_cli_list(struct hb_cli *cli, int argc, char **argv);
int hb_cli_cat(struct hb_cli *cli, int argc, char **argv);
int hb_cli_verify(struct hb_cli *cli, int argc, char **argv);

#endif

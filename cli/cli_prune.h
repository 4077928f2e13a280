/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_CLI_PRUNE_H
#define HB_CLI_PRUNE_H

#include "cli.h"

int hb_cli_prune(struct hb_cli *cli, int argc, char **argv);

#endif

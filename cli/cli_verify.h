/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore verify. Gets argv[0] = its own name and returns the exit code. */
#ifndef HB_CLI_VERIFY_H
#define HB_CLI_VERIFY_H

#include "cli.h"

int hb_cli_verify(struct hb_cli *cli, int argc, char **argv);

#endif

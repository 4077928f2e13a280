/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore snapshot. Gets argv[0] = its own name and returns the exit code. */
#ifndef HB_CLI_SNAPSHOT_H
#define HB_CLI_SNAPSHOT_H

#include "cli.h"

int hb_cli_snapshot(struct hb_cli *cli, int argc, char **argv);

/* backup --quick is the same. */
int hb_cli_snapshot_create(struct hb_cli *cli, const char *label, int64_t keep, bool dry_run);

#endif

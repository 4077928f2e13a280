/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a command to its exit code. */
#ifndef HB_RUN_COMMAND_H
#define HB_RUN_COMMAND_H

#include "cli.h"

/* Runs the command that argv[0] names, of the program or of a hook; returns the exit code. */
int hb_command_run(struct hb_cli *cli, int argc, char **argv);

/* What `hbcore --help` says, with the commands of the hooks of the configuration. */
void hb_program_help(const struct hb_cli *cli, FILE *out);

#endif

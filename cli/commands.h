/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each with its table of options in cli_NAME.c. */
#ifndef HB_CLI_COMMANDS_H
#define HB_CLI_COMMANDS_H

#include "options.h"
#include "session.h"

extern const struct hb_command hb_program; /* the global options; they set struct hb_cli */
extern const struct hb_command *const hb_commands[]; /* ended by NULL */

extern const struct hb_command hb_command_backup, hb_command_import, hb_command_undo,
    hb_command_list, hb_command_cat, hb_command_verify, hb_command_snapshot, hb_command_archives,
    hb_command_prune, hb_command_diff, hb_command_find_files, hb_command_plugins,
    hb_command_schedule, hb_command_config, hb_command_completion;

const struct hb_command *hb_command_find(const char *name);

#endif

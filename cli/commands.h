/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each with its table of options in cli_NAME.c, and what one has of another. */
#ifndef HB_CLI_COMMANDS_H
#define HB_CLI_COMMANDS_H

#include "options.h"
#include "session.h"

extern const struct hb_command hb_program; /* the global options; they set struct hb_cli */
extern const struct hb_command *const hb_commands[]; /* ended by NULL */

extern const struct hb_command hb_command_backup, hb_command_import, hb_command_list,
    hb_command_cat, hb_command_verify, hb_command_snapshot, hb_command_prune, hb_command_guard,
    hb_command_plugins, hb_command_config, hb_command_completion;

const struct hb_command *hb_command_find(const char *name);

/* Runs the command that argv[0] names; returns the exit code. */
int hb_command_run(struct hb_cli *cli, int argc, char **argv);

/* ---- cli_snapshot.c ---- */

enum { HB_SNAPSHOTS_LISTED = 20 }; /* so many are listed unless more are asked for */

int hb_cli_snapshot_create(struct hb_session *session, const char *label, int64_t keep,
                           bool dry_run);
/* 0, or HB_EXIT_USAGE: the label (or NULL) cannot be a part of a name. */
int hb_cli_snapshot_label(const struct hb_cli *cli, const char *label);
/*
 * The id that a number in the list of the open home stands for, or the id itself, which need not be
 * there; NULL: session->error says why. Caller frees.
 */
char *hb_cli_snapshot_wanted(struct hb_session *session, const char *wanted);

/* ---- cli_plugins_new.c ---- */

int hb_cli_plugins_new(struct hb_session *session, const void *options, char **arguments);

#endif

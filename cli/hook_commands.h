/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that hooks of the configuration declare, as commands of the program: with help, options,
 * completion and a summary like the others. They are known once a configuration is loaded, so the
 * words of the program itself do not wait for it, and win.
 */
#ifndef HB_HOOK_COMMANDS_H
#define HB_HOOK_COMMANDS_H

#include "options.h"

struct hb_hook_commands;

/* By the configuration that the options name; NULL: it has errors, each reported. */
struct hb_hook_commands *hb_hook_commands_load(const struct hb_cli *cli, hb_config_report *report,
                                               void *context);
void hb_hook_commands_free(struct hb_hook_commands *commands);

/* Ended by NULL. */
const struct hb_command *const *hb_hook_commands_list(const struct hb_hook_commands *commands);

/* The configuration that they are of, once, for the session that runs one of them; else NULL. */
struct hb_config *hb_hook_commands_config(struct hb_hook_commands *commands);
/* The same without taking it. */
const struct hb_config *hb_hook_commands_of(const struct hb_hook_commands *commands);

/*
 * A plugin of which a command has an option that all commands have: it would take what was typed
 * for the other, without a word. HB_OK: there is none.
 */
int hb_hook_commands_of_plugin(const struct hb_library *library, struct hb_error *error);

/* What config check says of them: names and options that are taken. */
void hb_hook_commands_check(const struct hb_config *config, hb_config_report *report,
                            void *context);

#endif

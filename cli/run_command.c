/* SPDX-License-Identifier: Apache-2.0 */
#include "run_command.h"

#include "base/memory.h"
#include "base/standard_output.h"
#include "commands.h"
#include "hook_commands.h"
#include "plugin/process_state.h"
#include "unknown_word.h"
#include <string.h>

/* What plugins and libraries print must not get among results. */
static void keep_output(const struct hb_cli *cli)
{
    if (hb_standard_output() != STDOUT_FILENO)
        return; /* a command within a command: completion */
    if (!cli->named_out && fflush(cli->out) == 0)
        hb_standard_output_move(); /* output.h goes by it; where it cannot be, all is as before */
    hb_process_note();
}

static void ignore(void *context, const struct hb_error *error)
{
    (void)context;
    (void)error;
}

/* With the commands of hooks, where there is a configuration that can be read. */
void hb_program_help(const struct hb_cli *cli, FILE *out)
{
    keep_output(cli);
    struct hb_hook_commands *of_hooks = hb_hook_commands_load(cli, ignore, NULL);
    HB_AUTO_FREE const struct hb_command **all = NULL;
    size_t count = 0;
    const struct hb_command *const *lists[] = {
        hb_commands, of_hooks == NULL ? NULL : hb_hook_commands_list(of_hooks)};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct hb_command *const *at = lists[i]; at != NULL && *at != NULL; at++) {
            all = hb_resize(all, count + 2, sizeof *all);
            all[count++] = *at;
            all[count] = NULL;
        }
    struct hb_command program = hb_program;
    program.commands = all;
    hb_cli_help(&program, out);
    hb_hook_commands_free(of_hooks);
}

static int run_command(struct hb_cli *cli, const struct hb_command *command,
                       struct hb_config **loaded, int argc, char **argv)
{
    struct hb_session session = {.cli = cli};
    int first;
    hb_session_start(&session);
    HB_AUTO_FREE void *parsed = hb_alloc(command->bytes + 1);
    if (command->defaults != NULL)
        memcpy(parsed, command->defaults, command->bytes);
    cli->raw_out = command->raw_out;
    int code = hb_cli_parse(cli, &hb_program, command, parsed, argc, argv, &session.form, &first);
    if (code == 0 && command->check != NULL)
        code = command->check(cli, parsed);
    if (code == 0) {
        cli->json_typed = cli->json;
        keep_output(cli);
    }
    if (code == 0 && !session.form->bare) {
        session.loaded = *loaded;
        *loaded = NULL;
        code = hb_session_begin(&session);
    }
    if (code == 0) {
        session.options = parsed;
        session.arguments = argv + first;
        const char *takes = session.form->arguments;
        if (takes != NULL && strncmp(takes, "ARCHIVE", strlen("ARCHIVE")) == 0 &&
            strcmp(argv[first], "-") != 0)
            cli->archive = argv[first];
        code = session.form->run(&session);
    }
    code = hb_session_end(&session, code < 0 ? HB_EXIT_DONE : code);
    hb_cli_parsed_clear(command, parsed);
    return code;
}

/* The word is none of the program's own: a hook of the configuration may have it. */
static int run_of_hooks(struct hb_cli *cli, int argc, char **argv)
{
    struct hb_unknown_word word = {.cli = cli, .word = argv[0]};
    keep_output(cli);
    struct hb_hook_commands *of_hooks = hb_unknown_word_load(&word, argc, argv);
    const struct hb_command *command = NULL;
    if (of_hooks != NULL)
        command = hb_unknown_word_find(&word, of_hooks);
    int code;
    if (command == NULL) {
        code = hb_unknown_word_tell(&word, of_hooks);
    } else {
        struct hb_config *loaded = hb_hook_commands_config(of_hooks);
        code = run_command(cli, command, &loaded, argc, argv);
        hb_config_free(loaded); /* --help needs none */
    }
    hb_hook_commands_free(of_hooks);
    hb_unknown_word_clear(&word);
    return code;
}

int hb_command_run(struct hb_cli *cli, int argc, char **argv)
{
    const struct hb_command *command = hb_command_find(argv[0]);
    struct hb_config *none = NULL;
    return command == NULL ? run_of_hooks(cli, argc, argv)
                           : run_command(cli, command, &none, argc, argv);
}

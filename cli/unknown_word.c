/* SPDX-License-Identifier: Apache-2.0 */
#include "unknown_word.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/nearest.h"
#include "commands.h"
#include "complain.h"
#include "no_config.h"
#include <string.h>

/* ---- looking for it ------------------------------------------------------------------------ */

static void keep_problem(void *context, const struct hb_error *error)
{
    struct hb_unknown_word *word = context;
    word->problems = hb_resize(word->problems, word->problem_count + 1, sizeof *word->problems);
    word->problems[word->problem_count++] = *error;
}

/* Is it "--NAME", its beginning, or "--NAME=…"? */
static bool is_option(const char *word, const char *name)
{
    size_t bytes = strcspn(word, "=");
    return bytes > 2 && bytes - 2 <= strlen(name) && strncmp(word, "--", 2) == 0 &&
           strncmp(word + 2, name, bytes - 2) == 0;
}

static void add_set(struct hb_texts *sets, char *value)
{
    sets->texts = hb_resize(sets->texts, sets->count + 2, sizeof *sets->texts);
    sets->texts[sets->count++] = value;
    sets->texts[sets->count] = NULL;
}

/*
 * What decides about the configuration may stand behind the command, whose own options are not
 * known before it is loaded.
 */
static void find_config(struct hb_cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char *equals = strchr(argv[i], '=');
        bool config = is_option(argv[i], "config"), set = is_option(argv[i], "set");
        if (!config && !set)
            continue;
        char *value = equals != NULL ? equals + 1 : argv[++i];
        if (value == NULL)
            return;
        if (config)
            cli->config_path = value;
        else
            add_set(&cli->sets, value);
    }
}

struct hb_hook_commands *hb_unknown_word_load(struct hb_unknown_word *word, int argc, char **argv)
{
    struct hb_cli typed = *word->cli;
    typed.sets = (struct hb_texts){0};
    for (size_t i = 0; i < word->cli->sets.count; i++)
        add_set(&typed.sets, word->cli->sets.texts[i]);
    find_config(&typed, argc, argv);
    struct hb_hook_commands *made = hb_hook_commands_load(&typed, keep_problem, word);
    free(typed.sets.texts);
    return made;
}

const struct hb_command *hb_unknown_word_find(const struct hb_unknown_word *word,
                                              const struct hb_hook_commands *of_hooks)
{
    const struct hb_command *const *command = hb_hook_commands_list(of_hooks);
    while (*command != NULL && strcmp((*command)->name, word->word) != 0)
        command++;
    return *command;
}

/* ---- there is none ------------------------------------------------------------------------- */

/* The commands, those of hooks, and what other programs call them. */
static const char *name_at(const void *context, size_t index)
{
    const struct hb_hook_commands *of_hooks = context;
    const struct hb_command *const *lists[] = {
        hb_commands, of_hooks == NULL ? NULL : hb_hook_commands_list(of_hooks)};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct hb_command *const *at = lists[i]; at != NULL && *at != NULL; at++)
            if (index-- == 0)
                return (*at)->name;
    return hb_program.meant[index].word;
}

/* Nobody can know the word: that there is no configuration is what to say. */
static bool explain_without_config(const struct hb_unknown_word *word,
                                   const struct hb_hook_commands *of_hooks, struct hb_error *error)
{
    struct hb_error why;
    if (of_hooks == NULL || hb_config_path(hb_hook_commands_of(of_hooks)) != NULL)
        return false;
    HB_AUTO_FREE char *shown = hb_shell_word(word->word);
    hb_cli_no_config(hb_hook_commands_of(of_hooks), word->cli, shown,
                     "which home to work on, or which hook has this command", &why);
    hb_error_set(error, HB_STATUS_FATAL, "no command %s: unknown to hbcore, and %s", word->word,
                 why.text);
    hb_error_hint(error, "%s", why.hint);
    return true;
}

int hb_unknown_word_tell(const struct hb_unknown_word *word,
                         const struct hb_hook_commands *of_hooks)
{
    struct hb_error error;
    const char *nearest = hb_nearest(word->word, name_at, of_hooks);
    const char *instead = hb_cli_meant(&hb_program, nearest == NULL ? word->word : nearest);
    hb_error_set(&error, HB_STATUS_FATAL, "no command %s: unknown to hbcore%s", word->word,
                 of_hooks == NULL ? ", and the configuration, whose hooks may have it, is wrong"
                                  : " and to the hooks of the configuration");
    if (instead != NULL)
        hb_error_hint(&error, "%s", instead);
    else if (nearest != NULL)
        hb_error_hint(&error, "did you mean %s?", nearest);
    else if (!explain_without_config(word, of_hooks, &error))
        hb_error_hint(&error, of_hooks == NULL
                                  ? "see: hbcore --help"
                                  : "no hook of the configuration has it; see: hbcore --help");
    int code = hb_cli_fail(word->cli, HB_EXIT_USAGE, &error);
    for (size_t i = 0; i < word->problem_count; i++)
        hb_cli_fail(word->cli, HB_EXIT_USAGE, &word->problems[i]);
    return code;
}

void hb_unknown_word_clear(struct hb_unknown_word *word)
{
    free(word->problems);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore completion bash | zsh | fish | words
 *
 * The scripts for the shells only pass on what was typed, and show what `completion words` answers.
 * It knows commands and options from their help texts, and values by asking the commands that list
 * them, so that what is offered is always what this program takes with this configuration.
 */
#include "cli_completion.h"

#include "base/memory.h"
#include "base/path.h"
#include "complain.h"
#include "completion_scripts.h"
#include "global_help.h"
#include "help_text.h"
#include <ctype.h>
#include <getopt.h>
#include <jansson.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] completion bash | zsh | fish | words [WORD...]\n"
    "\n"
    "Prints a script that completes commands, options and their values in a shell:\n"
    "\n"
    "  bash    for ~/.bashrc:  source <(hbcore completion bash)\n"
    "  zsh     for ~/.zshrc, after compinit:  source <(hbcore completion zsh)\n"
    "  fish    for config.fish:  hbcore completion fish | source\n"
    "  words   what the scripts ask: how could the last WORD go on? A line for each answer,\n"
    "          with a tab and its help; a tab and files or directories: names of those\n"
    "  -h, --help\n";

enum { MOST_WORDS = 4 };

struct completing {
    const struct hb_cli *cli;
    struct hb_cli typed; /* with the global options that were typed */
    char *config, *home; /* what it points to */
    const char *current; /* the word to go on with */
    char *prefix;        /* "--format=" where that is a part of it */
    char *labels;        /* of the sections seen so far, each between blanks */
    size_t offered;
    bool subcommands_follow;
    char *help_text;                  /* of the command, or the global one */
    const char *command;              /* NULL: not typed yet */
    const char *subcommand;           /* NULL: none */
    char *arguments;                  /* "KIND NAME" */
    const char *argument[MOST_WORDS]; /* those typed before */
    size_t argument_count;
    char *option, *option_argument; /* that `current` is the value of, or NULL */
};

static void offer(struct completing *completing, const char *word, const char *text)
{
    HB_AUTO_FREE char *whole = hb_text("%s%s", completing->prefix, word);
    if (strncmp(whole, completing->current, strlen(completing->current)) != 0)
        return;
    for (const char *at = whole; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            return; /* no shell would take it from a line */
    fprintf(completing->cli->out, "%s\t%s\n", whole, text);
    completing->offered++;
}

/* ---- what other commands list -------------------------------------------------------------- */

/* What a command prints. Caller frees. */
static char *ask_command(const struct completing *completing, bool json, const char *const *words)
{
    char *argv[MOST_WORDS + 1] = {0}; /* getopt moves them about, but never writes into them */
    for (int i = 0; i < MOST_WORDS && words[i] != NULL; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    char *text = NULL;
    size_t bytes = 0;
    struct hb_cli cli = completing->typed;
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    cli.json = json;
    cli.out = open_memstream(&text, &bytes);
    cli.err = fopen("/dev/null", "we");
    if (cli.out != NULL && cli.err != NULL)
        cli.run(&cli, argc, argv);
    if (cli.err != NULL)
        fclose(cli.err);
    if (cli.out != NULL)
        fclose(cli.out);
    return text == NULL ? hb_copy_text("") : text;
}

static const char *member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

typedef void (*object_visitor)(struct completing *completing, const json_t *object);

/* Each object in the JSON lines of a command. */
static void each_object(struct completing *completing, const char *const *command,
                        object_visitor visit)
{
    HB_AUTO_FREE char *text = ask_command(completing, true, command);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(line, 0, NULL);
        if (object != NULL && strcmp(member(object, "type"), "error") != 0)
            visit(completing, object);
        json_decref(object);
    }
}

#define EACH(completing, visit, ...)                                                               \
    each_object(completing, (const char *const[]){__VA_ARGS__, NULL}, visit)

static void offer_section(struct completing *completing, const json_t *object, const char *kind)
{
    const char *section = member(object, "section");
    size_t length = strlen(kind);
    /* A section has several settings; it is offered with the one that all have. */
    bool first =
        strcmp(member(object, "key"), strcmp(kind, "preset:") == 0 ? "directory" : "plugin") == 0;
    if (first && strncmp(section, kind, length) == 0)
        offer(completing, section + length, section);
}

static void offer_preset(struct completing *completing, const json_t *object)
{
    offer_section(completing, object, "preset:");
}

static void offer_format_section(struct completing *completing, const json_t *object)
{
    HB_AUTO_FREE char *seen = completing->labels;
    completing->labels = hb_text("%s%s ", seen, member(object, "section"));
    offer_section(completing, object, "format:");
}

static void offer_setting(struct completing *completing, const json_t *object)
{
    HB_AUTO_FREE char *name = hb_text("%s.%s=", member(object, "section"), member(object, "key"));
    offer(completing, name, member(object, "origin"));
}

static void offer_plugin(struct completing *completing, const json_t *object)
{
    if (strcmp(member(object, "type"), "plugin") == 0)
        offer(completing, member(object, "name"), member(object, "summary"));
}

static void offer_format_plugin(struct completing *completing, const json_t *object)
{
    HB_AUTO_FREE char *section = hb_text(" format:%s ", member(object, "name"));
    if (strcmp(member(object, "kind"), "format") == 0 &&
        strstr(completing->labels, section) == NULL)
        offer_plugin(completing, object);
}

static void offer_member(struct completing *completing, const json_t *object)
{
    if (strcmp(member(object, "kind"), "file") == 0 && !json_object_get(object, "path_base64"))
        offer(completing, member(object, "path"), "");
}

static void offer_snapshot(struct completing *completing, const json_t *object)
{
    if (strcmp(member(object, "type"), "snapshot") == 0)
        offer(completing, member(object, "id"), member(object, "label"));
}

/* ---- values -------------------------------------------------------------------------------- */

static void offer_formats(struct completing *completing)
{
    EACH(completing, offer_format_section, "config", "show");
    EACH(completing, offer_format_plugin, "plugins", "list");
}

static void offer_members(struct completing *completing)
{
    if (completing->argument_count == 0)
        return;
    HB_AUTO_FREE char *archive = hb_expand_tilde(completing->argument[0]);
    EACH(completing, offer_member, "list", "--", archive);
}

static void offer_words(struct completing *completing, const char *words)
{
    HB_AUTO_FREE char *copy = hb_copy_text(words);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        offer(completing, word, "");
}

/* The shell knows its files best. */
static void offer_files(struct completing *completing, const char *what)
{
    fprintf(completing->cli->out, "\t%s\n", what);
    completing->offered++;
}

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* By the word in capitals that the help has for it; `option` is "" for an argument. */
static void offer_values(struct completing *completing, const char *option, const char *kind)
{
    if (strcmp(kind, "NAME") == 0 && strcmp(option, "--format") == 0)
        offer_formats(completing);
    else if (strcmp(kind, "NAME") == 0 && strcmp(option, "--preset") == 0)
        EACH(completing, offer_preset, "config", "show");
    else if (strcmp(kind, "NAME") == 0 && completing->argument_count == 0)
        EACH(completing, offer_plugin, "plugins", "list");
    else if (starts(kind, "SECTION."))
        EACH(completing, offer_setting, "config", "show");
    else if (starts(kind, "MEMBER"))
        offer_members(completing);
    else if (starts(kind, "ID") || starts(kind, "SNAPSHOT"))
        EACH(completing, offer_snapshot, "snapshot", "list");
    else if (starts(kind, "KIND"))
        offer_words(completing, "format content filter hook");
    else if (starts(kind, "WHEN"))
        offer_words(completing, "auto always never");
    else if (starts(kind, "DIR"))
        offer_files(completing, "directories");
    else if (starts(kind, "FILE") || starts(kind, "PATH") || starts(kind, "ARCHIVE"))
        offer_files(completing, "files");
}

/* ---- what the help texts say --------------------------------------------------------------- */

static void offer_option(void *context, const struct hb_help_item *item)
{
    if (item->is_option)
        offer(context, item->name, item->help);
}

static void offer_options(struct completing *completing)
{
    hb_help_each(completing->help_text, offer_option, completing);
    if (strstr(completing->help_text, "--help") == NULL) { /* every command has it */
        offer(completing, "--help", "");
        offer(completing, "-h", "");
    }
}

static void offer_subcommand(void *context, const struct hb_help_item *item)
{
    if (!item->is_option)
        offer(context, item->name, item->help);
}

static void see_subcommand(void *context, const struct hb_help_item *item)
{
    if (!item->is_option)
        ((struct completing *)context)->subcommands_follow = true;
}

static void enter_command(struct completing *completing, const char *name)
{
    completing->command = name;
    free(completing->help_text);
    completing->help_text =
        ask_command(completing, false, (const char *const[]){name, "--help", NULL});
    completing->subcommands_follow = false;
    hb_help_each(completing->help_text, see_subcommand, completing);
    free(completing->arguments);
    completing->arguments = completing->subcommands_follow
                                ? hb_copy_text("")
                                : hb_help_arguments(completing->help_text);
}

struct search {
    const char *name;
    char *argument; /* NULL: not found */
};

static void search_item(void *context, const struct hb_help_item *item)
{
    struct search *search = context;
    if (search->argument == NULL && strcmp(item->name, search->name) == 0)
        search->argument = hb_copy_text(item->argument);
}

/* What follows an option or subcommand, "" for nothing. Caller frees. */
static char *argument_of(const struct completing *completing, const char *name)
{
    struct search search = {.name = name};
    hb_help_each(completing->help_text, search_item, &search);
    return search.argument == NULL ? hb_copy_text("") : search.argument;
}

/* ---- the line so far ----------------------------------------------------------------------- */

/* A global option decides what the others can be. */
static void note_option(struct completing *completing, const char *name, const char *value)
{
    if (completing->command != NULL)
        return;
    if (strcmp(name, "--config") == 0) {
        free(completing->config);
        completing->typed.config_path = completing->config = hb_expand_tilde(value);
    } else if (strcmp(name, "--home") == 0) {
        free(completing->home);
        completing->typed.home = completing->home = hb_expand_tilde(value);
    }
}

/* Takes an option and perhaps the word after it; returns the words taken. */
static int take_option(struct completing *completing, char **words, int left)
{
    const char *equals = starts(words[0], "--") ? strchr(words[0], '=') : NULL;
    bool attached = equals == NULL && words[0][1] != '-' && words[0][2] != '\0';
    if (attached)
        return 1;
    HB_AUTO_FREE char *name = equals == NULL ? hb_copy_text(words[0])
                                             : hb_copy_bytes(words[0], (size_t)(equals - words[0]));
    char *argument = argument_of(completing, name);
    int taken = 1;
    if (equals != NULL) {
        note_option(completing, name, equals + 1);
    } else if (*argument != '\0' && left > 2) {
        note_option(completing, name, words[1]);
        taken = 2;
    } else if (*argument != '\0') {
        completing->option = hb_copy_text(name);
        completing->option_argument = argument;
        return 1;
    }
    free(argument);
    return taken;
}

static void take_word(struct completing *completing, const char *word)
{
    if (completing->command == NULL) {
        enter_command(completing, word);
    } else if (completing->subcommands_follow && completing->subcommand == NULL) {
        completing->subcommand = word;
        free(completing->arguments);
        completing->arguments = argument_of(completing, word);
    } else if (completing->argument_count < MOST_WORDS) {
        completing->argument[completing->argument_count++] = word;
    }
}

static void offer_argument(struct completing *completing)
{
    char *rest = NULL;
    HB_AUTO_FREE char *kinds = hb_copy_text(completing->arguments);
    const char *kind = strtok_r(kinds, " ", &rest);
    for (size_t i = 0; i < completing->argument_count && kind != NULL; i++)
        kind = strtok_r(NULL, " ", &rest);
    if (kind != NULL)
        offer_values(completing, "", kind);
}

static void answer(struct completing *completing, bool options_ended)
{
    const char *current = completing->current;
    const char *equals = starts(current, "--") ? strchr(current, '=') : NULL;
    if (completing->option != NULL) {
        offer_values(completing, completing->option, completing->option_argument);
        return;
    }
    if (equals != NULL && !options_ended) {
        HB_AUTO_FREE char *name = hb_copy_bytes(current, (size_t)(equals - current));
        HB_AUTO_FREE char *argument = argument_of(completing, name);
        free(completing->prefix);
        completing->prefix = hb_text("%s=", name);
        offer_values(completing, name, argument);
        return;
    }
    if (*current != '-' || options_ended) {
        if (completing->command == NULL ||
            (completing->subcommands_follow && completing->subcommand == NULL))
            hb_help_each(completing->help_text, offer_subcommand, completing);
        else
            offer_argument(completing);
    }
    if (*current == '-' || completing->offered == 0)
        offer_options(completing);
}

static int words(const struct hb_cli *cli, int count, char **typed)
{
    struct completing completing = {.cli = cli,
                                    .typed = *cli,
                                    .current = count == 0 ? "" : typed[count - 1],
                                    .prefix = hb_copy_text(""),
                                    .labels = hb_copy_text(" "),
                                    .help_text = hb_copy_text(hb_cli_global_help),
                                    .arguments = hb_copy_text("")};
    bool options_ended = false;
    for (int i = 0; i < count - 1;) {
        if (strcmp(typed[i], "--") == 0 && !options_ended) {
            options_ended = true;
            i++;
        } else if (typed[i][0] == '-' && typed[i][1] != '\0' && !options_ended) {
            i += take_option(&completing, typed + i, count - i);
        } else {
            take_word(&completing, typed[i++]);
        }
    }
    answer(&completing, options_ended);
    free(completing.config);
    free(completing.home);
    free(completing.prefix);
    free(completing.labels);
    free(completing.help_text);
    free(completing.arguments);
    free(completing.option);
    free(completing.option_argument);
    return HB_EXIT_DONE;
}

int hb_cli_completion(struct hb_cli *cli, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", hb_script_bash}, {"zsh", hb_script_zsh}, {"fish", hb_script_fish}};
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
        if (option != 'h')
            return hb_cli_what(cli, option, argv);
        fputs(help, cli->out);
        return HB_EXIT_DONE;
    }
    const char *what = optind < argc ? argv[optind] : "";
    if (strcmp(what, "words") == 0) {
        int first = optind + 1 + (optind + 1 < argc && strcmp(argv[optind + 1], "--") == 0);
        return words(cli, argc - first, argv + first);
    }
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(what, scripts[i].shell) != 0)
            continue;
        if (argc - optind > 1)
            return hb_cli_usage(cli, argv[0], "%s takes no argument, but got %s", what,
                                argv[optind + 1]);
        fputs(scripts[i].script, cli->out);
        return HB_EXIT_DONE;
    }
    return hb_cli_usage(cli, argv[0], "say bash, zsh or fish");
}

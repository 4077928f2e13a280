/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore completion bash | zsh | fish | words
 *
 * The scripts for the shells only pass on what was typed, and show what `completion words` answers.
 * It knows commands and options from their tables, and values by asking the commands that list
 * them, so that what is offered is always what this program takes with this configuration.
 */
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "commands.h"
#include "complain.h"
#include "completion_scripts.h"
#include "hook_commands.h"
#include "no_config.h"
#include "plugin/descriptor.h"
#include "run_command.h"
#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_WORDS = 4 };

struct completing {
    const struct hb_cli *cli;
    struct hb_cli typed; /* with the global options that were typed */
    char *config, *home; /* what it points to */
    const char *current; /* the word to go on with */
    char *prefix;        /* "--format=" where that is a part of it */
    const char *kind;    /* of plugins, whose sections and plugins are offered */
    char *labels;        /* of the sections seen so far, each between blanks */
    size_t offered;
    bool options_ended;               /* by "--" */
    const struct hb_command *command; /* hb_program: not typed yet */
    const struct hb_form *form;       /* of it; NULL: which one was not typed yet */
    const char *argument[MOST_WORDS]; /* those typed before */
    size_t argument_count;
    struct hb_hook_commands *of_hooks; /* once they were asked for; NULL: not, or there are none */
    bool asked_hooks;
    const struct hb_cli_option *option; /* that `current` is the value of, or NULL */
};

/* A line: the word, a tab, and the help with its lines joined. */
/* On one line, whatever the help has. */
static void print_offer(const struct hb_cli *cli, const char *word, const char *text)
{
    HB_AUTO_FREE char *help = hb_copy_text(text);
    for (char *at = strchr(help, '\n'); at != NULL; at = strchr(at, '\n'))
        *at = ' ';
    if (cli->json) {
        json_t *object = json_pack("{s:s}", "type", "completion");
        hb_json_name(object, "word", word);
        hb_json_name(object, "help", help);
        hb_json_line(cli->out, object);
    } else {
        fprintf(cli->out, "%s\t%s\n", word, help);
    }
}

static void offer(struct completing *completing, const char *word, const char *text)
{
    HB_AUTO_FREE char *whole = hb_text("%s%s", completing->prefix, word);
    if (strncmp(whole, completing->current, strlen(completing->current)) != 0)
        return;
    for (const char *at = whole; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            return; /* no shell would take it from a line */
    print_offer(completing->cli, whole, text);
    completing->offered++;
}

/* "files" or "directories": the shell offers them. */
static void offer_names(const struct hb_cli *cli, const char *which)
{
    if (cli->json)
        hb_json_line(cli->out, json_pack("{s:s, s:s}", "type", "completion", "names", which));
    else
        fprintf(cli->out, "\t%s\n", which);
}

/* ---- what other commands list -------------------------------------------------------------- */

/* What a command prints as JSON. Caller frees. */
static char *ask_command(const struct completing *completing, const char *const *words)
{
    char *argv[MOST_WORDS + 1] = {0}; /* getopt moves them about, but never writes into them */
    int argc = 0;
    for (; argc < MOST_WORDS && words[argc] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    char *text = NULL;
    size_t bytes = 0;
    struct hb_cli cli = completing->typed;
    cli.json = true;
    cli.out = open_memstream(&text, &bytes);
    cli.err = fopen("/dev/null", "we");
    if (cli.out != NULL && cli.err != NULL)
        hb_command_run(&cli, argc, argv);
    if (cli.err != NULL)
        fclose(cli.err);
    if (cli.out != NULL)
        fclose(cli.out);
    return text == NULL ? hb_copy_text("") : text;
}

/* A name as an argument: one that begins with '-' would be an option, unless "--" stands before. */
static void offer_name(struct completing *completing, const char *name, const char *text)
{
    if (*name != '-' || completing->options_ended || completing->option != NULL)
        offer(completing, name, text);
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
    HB_AUTO_FREE char *text = ask_command(completing, command);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(line, 0, NULL);
        if (object != NULL && strcmp(member(object, "type"), "error") != 0)
            visit(completing, object);
        json_decref(object);
    }
}

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

/* Sections of plugins of one kind; offer_kind_plugin() leaves out those that they name. */
static void offer_kind_section(struct completing *completing, const json_t *object)
{
    HB_AUTO_FREE char *seen = completing->labels;
    completing->labels = hb_text("%s%s ", seen, member(object, "section"));
    HB_AUTO_FREE char *start = hb_text("%s:", completing->kind);
    offer_section(completing, object, start);
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

static void offer_kind_plugin(struct completing *completing, const json_t *object)
{
    HB_AUTO_FREE char *section = hb_text(" %s:%s ", completing->kind, member(object, "name"));
    if (strcmp(member(object, "kind"), completing->kind) == 0 &&
        strstr(completing->labels, section) == NULL)
        offer_plugin(completing, object);
}

static void offer_member(struct completing *completing, const json_t *object)
{
    if (strcmp(member(object, "kind"), "file") == 0 && !json_object_get(object, "path_base64"))
        offer_name(completing, member(object, "path"), "");
}

static void offer_snapshot(struct completing *completing, const json_t *object)
{
    if (strcmp(member(object, "type"), "snapshot") == 0)
        offer_name(completing, member(object, "id"), member(object, "label"));
}

/* ---- values -------------------------------------------------------------------------------- */

/* What the shell finds best itself, and which visitor offers what which command lists. */
static const struct {
    const char *files;
    const char *command[3];
    object_visitor visit;
} sources[] = {
    [HB_VALUES_FILES] = {.files = "files"},
    [HB_VALUES_DIRECTORIES] = {.files = "directories"},
    [HB_VALUES_FORMATS] = {NULL, {"config", "show"}, offer_kind_section},
    [HB_VALUES_SEALS] = {NULL, {"config", "show"}, offer_kind_section},
    [HB_VALUES_PRESETS] = {NULL, {"config", "show"}, offer_preset},
    [HB_VALUES_PLUGINS] = {NULL, {"plugins", "list"}, offer_plugin},
    [HB_VALUES_SETTINGS] = {NULL, {"config", "show"}, offer_setting},
    [HB_VALUES_SNAPSHOTS] = {NULL, {"snapshot", "list"}, offer_snapshot},
};

static void offer_example(void *context, const char *name)
{
    offer(context, name, "");
}

static void offer_values(struct completing *completing, enum hb_values values)
{
    completing->kind = values == HB_VALUES_SEALS ? "transform" : "format";
    if (values == HB_VALUES_KINDS) {
        for (uint32_t kind = 1; hb_kind_name(kind) != NULL; kind++)
            offer(completing, hb_kind_name(kind), "");
    } else if (values == HB_VALUES_EXAMPLES) {
        hb_cli_each_example(offer_example, completing);
    } else if (values == HB_VALUES_MEMBERS) {
        HB_AUTO_FREE char *archive = hb_expand_tilde(completing->argument[0]);
        struct stat status; /* a pipe would keep whoever presses Tab waiting */
        if (stat(archive, &status) == 0 && S_ISREG(status.st_mode))
            each_object(completing, (const char *const[]){"list", "--", archive, NULL},
                        offer_member);
    } else if (sources[values].files != NULL) {
        offer_names(completing->cli, sources[values].files);
        completing->offered++;
    } else if (sources[values].visit != NULL) {
        each_object(completing, sources[values].command, sources[values].visit);
    }
    if (values == HB_VALUES_FORMATS || values == HB_VALUES_SEALS) /* that no section names */
        each_object(completing, sources[HB_VALUES_PLUGINS].command, offer_kind_plugin);
}

static void offer_option_values(struct completing *completing, const struct hb_cli_option *option)
{
    if (option == NULL)
        return;
    for (size_t i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
        offer(completing, option->choices[i], "");
    offer_values(completing, option->values);
}

/* ---- what the tables say ------------------------------------------------------------------- */

/* Is it for other subcommands than the one that was typed? */
static bool is_of_others(const struct completing *completing, const struct hb_cli_option *option)
{
    const struct hb_form *form = completing->form;
    return form != NULL && form->name != NULL &&
           ((option->not_in >> (form - completing->command->forms)) & 1) != 0;
}

static void offer_option(struct completing *completing, const struct hb_cli_option *option)
{
    HB_AUTO_FREE char *name = hb_text("--%s", option->name);
    char letter[] = {'-', option->letter, '\0'};
    offer(completing, name, option->help);
    if (option->letter != 0)
        offer(completing, letter, option->help);
}

/* Those of the command, and behind them the global ones, which may stand there, too. */
static void offer_options(struct completing *completing)
{
    const struct hb_cli_option *option;
    const struct hb_command *command = completing->command;
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++)
        if (!is_of_others(completing, option))
            offer_option(completing, option);
    if (command == &hb_program || *command->name == '\0')
        return;
    for (option = hb_program.options; option->name != NULL; option++)
        offer_option(completing, option);
}

static const struct hb_cli_option *find_option(const struct completing *completing,
                                               const char *word)
{
    const struct hb_cli_option *own = hb_cli_option_find(completing->command, word);
    return own != NULL ? own : hb_cli_option_find(&hb_program, word);
}

static void ignore(void *context, const struct hb_error *error)
{
    (void)context;
    (void)error;
}

/* The commands of the hooks of the configuration that was typed; ended by NULL. */
static const struct hb_command *const *commands_of_hooks(struct completing *completing)
{
    static const struct hb_command *const none[] = {NULL};
    if (!completing->asked_hooks)
        completing->of_hooks = hb_hook_commands_load(&completing->typed, ignore, NULL);
    completing->asked_hooks = true;
    return completing->of_hooks == NULL ? none : hb_hook_commands_list(completing->of_hooks);
}

static const struct hb_command *find_command(struct completing *completing, const char *word)
{
    const struct hb_command *command = hb_command_find(word);
    if (command != NULL)
        return command;
    const struct hb_command *const *at = commands_of_hooks(completing);
    while (*at != NULL && strcmp((*at)->name, word) != 0)
        at++;
    return *at;
}

static void offer_commands(struct completing *completing)
{
    for (size_t i = 0; hb_commands[i] != NULL; i++)
        offer(completing, hb_commands[i]->name, hb_commands[i]->summary);
    const struct hb_command *const *at = commands_of_hooks(completing);
    for (; *at != NULL; at++)
        offer(completing, (*at)->name, (*at)->summary);
}

static void offer_arguments(struct completing *completing)
{
    const struct hb_command *command = completing->command;
    size_t number = completing->argument_count;
    if (command == &hb_program)
        offer_commands(completing);
    else if (completing->form == NULL)
        for (size_t i = 0; i < command->form_count; i++)
            offer(completing, command->forms[i].name,
                  command->forms[i].help == NULL ? "" : command->forms[i].help);
    else if (number < sizeof completing->form->values / sizeof *completing->form->values)
        offer_values(completing, completing->form->values[number]);
}

/* ---- the line so far ----------------------------------------------------------------------- */

/* A global option decides what the others can be. */
static void note_option(struct completing *completing, const struct hb_cli_option *option,
                        char *value)
{
    if (strcmp(option->name, "config") == 0) {
        free(completing->config);
        completing->typed.config_path = completing->config = hb_expand_tilde(value);
    } else if (strcmp(option->name, "home") == 0) {
        free(completing->home);
        completing->typed.home = completing->home = hb_expand_tilde(value);
    } else if (strcmp(option->name, "set") == 0) {
        struct hb_texts *sets = &completing->typed.sets;
        sets->texts = hb_resize(sets->texts, sets->count + 2, sizeof *sets->texts);
        sets->texts[sets->count++] = value;
        sets->texts[sets->count] = NULL;
    }
}

/* Takes an option and perhaps the word after it; returns the words taken. */
static int take_option(struct completing *completing, char **words, int left)
{
    char *equals = words[0][1] == '-' ? strchr(words[0], '=') : NULL;
    const struct hb_cli_option *option = find_option(completing, words[0]);
    if (option == NULL || option->argument == NULL)
        return 1;
    if (equals == NULL && left <= 2) {
        completing->option = option;
        return 1;
    }
    note_option(completing, option, equals == NULL ? words[1] : equals + 1);
    return equals == NULL ? 2 : 1;
}

static void take_word(struct completing *completing, const char *word)
{
    static const struct hb_command unknown = {.name = ""}; /* has --help all the same */
    const struct hb_command *command = completing->command;
    if (command == &hb_program) {
        command = find_command(completing, word);
        completing->command = command == NULL ? &unknown : command;
        if (command != NULL && command->forms[0].name == NULL)
            completing->form = command->forms;
    } else if (completing->form == NULL) {
        for (size_t i = 0; i < command->form_count; i++)
            if (strcmp(command->forms[i].name, word) == 0)
                completing->form = &command->forms[i];
    } else if (completing->argument_count < MOST_WORDS) {
        completing->argument[completing->argument_count++] = word;
    }
}

static void answer(struct completing *completing)
{
    bool options_ended = completing->options_ended;
    const char *current = completing->current;
    const char *equals = strncmp(current, "--", 2) == 0 ? strchr(current, '=') : NULL;
    if (completing->option != NULL) {
        offer_option_values(completing, completing->option);
        return;
    }
    if (equals != NULL && !options_ended) {
        free(completing->prefix);
        completing->prefix = hb_copy_bytes(current, (size_t)(equals - current) + 1);
        offer_option_values(completing, find_option(completing, current));
        return;
    }
    if (*current != '-' || options_ended)
        offer_arguments(completing);
    if (*current == '-' || completing->offered == 0)
        offer_options(completing);
}

static int words(struct hb_session *session)
{
    char **typed = session->arguments;
    int count = 0;
    typed += typed[0] != NULL && strcmp(typed[0], "--") == 0;
    while (typed[count] != NULL)
        count++;
    struct completing completing = {.cli = session->cli,
                                    .typed = *session->cli,
                                    .current = count == 0 ? "" : typed[count - 1],
                                    .prefix = hb_copy_text(""),
                                    .labels = hb_copy_text(" "),
                                    .command = &hb_program};
    completing.typed.sets = (struct hb_texts){0}; /* of the line that is completed */
    for (int i = 0; i < count - 1;) {
        if (strcmp(typed[i], "--") == 0 && !completing.options_ended) {
            completing.options_ended = true;
            i++;
        } else if (typed[i][0] == '-' && typed[i][1] != '\0' && !completing.options_ended) {
            i += take_option(&completing, typed + i, count - i);
        } else {
            take_word(&completing, typed[i++]);
        }
    }
    answer(&completing);
    hb_hook_commands_free(completing.of_hooks);
    free(completing.typed.sets.texts);
    free(completing.config);
    free(completing.home);
    free(completing.prefix);
    free(completing.labels);
    return HB_EXIT_DONE;
}

/* ---- the command --------------------------------------------------------------------------- */

static void print_script(const struct hb_cli *cli, const char *shell, const char *script)
{
    if (cli->json)
        hb_json_line(cli->out, json_pack("{s:s, s:s, s:s}", "type", "completion", "shell", shell,
                                         "script", script));
    else
        fputs(script, cli->out);
}

static int print(struct hb_session *session)
{
    static const char *const scripts[][2] = {
        {"bash", hb_script_bash}, {"zsh", hb_script_zsh}, {"fish", hb_script_fish}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strcmp(session->form->name, scripts[i][0]) == 0)
            print_script(session->cli, scripts[i][0], scripts[i][1]);
    return HB_EXIT_DONE;
}

static const struct hb_form forms[] = {
    {.name = "bash",
     .help = "for ~/.bashrc:  source <(hbcore completion bash)",
     .bare = true,
     .run = print},
    {.name = "zsh",
     .help = "for ~/.zshrc, after compinit:  source <(hbcore completion zsh)",
     .bare = true,
     .run = print},
    {.name = "fish",
     .help = "for config.fish:  hbcore completion fish | source",
     .bare = true,
     .run = print},
    {.name = "words",
     .arguments = "[WORD...]",
     .help = "used by these scripts: print each completion of the last WORD on a line, with a\n"
             "tab and its help; a tab and the word files or directories asks for such names",
     .bare = true,
     .run = words},
};

const struct hb_command hb_command_completion = {
    .name = "completion",
    .group = HB_FOR_SETTING_UP,
    .summary = "print a script that completes commands and options in a shell",
    .about = "Prints a script that completes commands, options and their values in a shell.",
    .forms = forms,
    .form_count = sizeof forms / sizeof *forms,
    .ends_at_word = true,
};

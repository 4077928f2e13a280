/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "complain.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_LONG = 256, USAGE_WIDTH = 80, USAGE_INDENT = 7 /* "Usage: " */ };

static const struct hb_cli_option help_option = {.name = "help", .letter = 'h', .help = ""};

const struct hb_cli_option *hb_cli_option_at(const struct hb_command *command, size_t index)
{
    size_t count = 0;
    while (command->options != NULL && command->options[count].name != NULL)
        count++;
    return index < count ? &command->options[index] : index == count ? &help_option : NULL;
}

const struct hb_cli_option *hb_cli_option_find(const struct hb_command *command, const char *word)
{
    const struct hb_cli_option *option;
    size_t length = strcspn(word, "=");
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++)
        if (word[1] == '-' ? strlen(option->name) + 2 == length &&
                                 strncmp(option->name, word + 2, length - 2) == 0
                           : option->letter != 0 && word[1] == option->letter && word[2] == '\0')
            return option;
    return NULL;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static int take_number(const struct hb_cli *cli, const struct hb_command *command,
                       const struct hb_cli_option *option, const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *number >= 0 && *number <= 1000000000)
        return 0;
    return hb_cli_usage(cli, command->name, "--%s: '%s' is not a number of at least 0",
                        option->name, text);
}

static int take_choice(const struct hb_cli *cli, const struct hb_command *command,
                       const struct hb_cli_option *option, const char *text, int *which)
{
    for (*which = 0; option->choices[*which] != NULL; ++*which)
        if (strcmp(option->choices[*which], text) == 0)
            return 0;
    return hb_cli_usage(cli, command->name, "--%s: '%s' is not %s", option->name, text,
                        option->help);
}

static void take_text(struct hb_texts *texts, char *text)
{
    texts->texts = hb_resize(texts->texts, texts->count + 2, sizeof *texts->texts);
    texts->texts[texts->count++] = text;
    texts->texts[texts->count] = NULL;
}

/* /dev/stdout, say. */
static bool is_standard_output(const char *path)
{
    struct stat named, output;
    return stat(path, &named) == 0 && fstat(STDOUT_FILENO, &output) == 0 &&
           named.st_dev == output.st_dev && named.st_ino == output.st_ino;
}

/* One option with its value, or NULL; 0 to go on, -1 when all is done, else an exit code. */
static int take(struct hb_cli *cli, const struct hb_command *command,
                const struct hb_cli_option *option, char *value, void *options)
{
    void *at = (char *)options + option->offset;
    if (option == &help_option) {
        hb_cli_help(command, cli->out);
        return -1;
    }
    switch (option->takes) {
    case HB_TAKES_NOTHING:
        *(bool *)at = true;
        return 0;
    case HB_TAKES_OVER:
        *(bool *)at = true;
        return -1;
    case HB_TAKES_COUNT:
        ++*(int *)at;
        return 0;
    case HB_TAKES_OUTPUT:
        cli->raw_out = strcmp(value, "-") == 0;
        cli->named_out = is_standard_output(value);
        *(const char **)at = value;
        return 0;
    case HB_TAKES_TEXT:
        *(const char **)at = value;
        return 0;
    case HB_TAKES_TEXTS:
        take_text(at, value);
        return 0;
    case HB_TAKES_NUMBER:
        return take_number(cli, command, option, value, at);
    case HB_TAKES_CHOICE:
        return take_choice(cli, command, option, value, at);
    }
    return 0;
}

static const char *name_at(const void *context, size_t index)
{
    const struct hb_cli_option *option = hb_cli_option_at(context, index);
    return option == NULL ? NULL : option->name;
}

/* "did you mean --x?", of the command's own options, else of those that stand before it. */
static int refuse_unknown(const struct hb_cli *cli, const struct hb_command *program,
                          const struct hb_command *command, const char *word)
{
    struct hb_error error;
    HB_AUTO_FREE char *name = hb_copy_bytes(word, strcspn(word, "="));
    bool is_long = strncmp(word, "--", 2) == 0;
    const char *own = is_long ? hb_nearest(name + 2, name_at, command) : NULL;
    const char *outer = is_long ? hb_nearest(name + 2, name_at, program) : NULL;
    if (own == NULL && outer == NULL)
        return hb_cli_usage(cli, command->name, "unknown option %s", name);
    hb_error_set(&error, HB_FATAL, "%s%sunknown option %s",
                 command->name == NULL ? "" : command->name, command->name == NULL ? "" : ": ",
                 name);
    if (own != NULL)
        hb_error_hint(&error, "did you mean --%s?", own);
    else
        hb_error_hint(&error, "did you mean --%s? It is a global option; put it before the command",
                      outer);
    return hb_cli_fail(cli, HB_EXIT_USAGE, &error);
}

/* What getopt_long() has just not taken: it returned `got`, ':' or '?'. */
static int refuse(const struct hb_cli *cli, const struct hb_command *program,
                  const struct hb_command *command, int got, const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'}; /* the word may have more of them */
    if (got == ':')
        return hb_cli_usage(cli, command->name, "%s needs a value", word);
    if (optopt >= FIRST_LONG)
        return hb_cli_usage(cli, command->name, "--%s takes no value",
                            name_at(command, (size_t)optopt - FIRST_LONG));
    word = optopt == 0 ? word : letter;
    if (command != program && hb_cli_option_find(program, word) != NULL)
        return hb_cli_usage(cli, command->name,
                            "%s is a global option; put it before the command: hbcore %s ... %s",
                            word, word, command->name);
    return refuse_unknown(cli, program, command, word);
}

/* What getopt_long() is to know; the letters begin with how it is to behave. */
static struct option *long_options(const struct hb_command *command, char **letters)
{
    const struct hb_cli_option *option;
    struct option *table = NULL;
    *letters = hb_copy_text(command->ends_at_word ? "+:" : ":");
    for (size_t i = 0;; i++) {
        option = hb_cli_option_at(command, i);
        table = hb_resize(table, i + 1, sizeof *table);
        table[i] = (struct option){0};
        if (option == NULL)
            return table;
        table[i].name = option->name;
        table[i].has_arg = option->argument == NULL ? no_argument : required_argument;
        table[i].val = FIRST_LONG + (int)i;
        if (option->letter == 0)
            continue;
        HB_AUTO_FREE char *before = *letters;
        *letters = hb_text("%s%c%s", before, option->letter, option->argument == NULL ? "" : ":");
    }
}

static const struct hb_cli_option *option_of(const struct hb_command *command, int got)
{
    const struct hb_cli_option *option;
    if (got >= FIRST_LONG)
        return hb_cli_option_at(command, (size_t)got - FIRST_LONG);
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++)
        if (option->letter == got)
            return option;
    return NULL;
}

/* "say create, list or prune" */
static int say_which(const struct hb_cli *cli, const struct hb_command *command)
{
    char text[200] = "use ";
    for (size_t i = 0; i < command->form_count; i++) {
        const char *between = i == 0 ? "" : i + 1 == command->form_count ? " or " : ", ";
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", between, command->forms[i].name);
    }
    return hb_cli_usage(cli, command->name, "%s", text);
}

static bool takes_so_many(const struct hb_form *form, int count)
{
    int wanted = 0;
    for (const char *at = form->arguments; at != NULL; at = strchr(at + 1, ' '))
        wanted++;
    return count == wanted || (wanted > 0 && strstr(form->arguments, "...") != NULL);
}

/* By the words that are not options: a subcommand, where there are some, and its arguments. */
static int choose_form(const struct hb_cli *cli, const struct hb_command *command, int argc,
                       char **argv, const struct hb_form **form, int *first)
{
    *form = command->forms;
    if (command->forms[0].name != NULL) {
        size_t which = 0;
        while (*first < argc && which < command->form_count &&
               strcmp(command->forms[which].name, argv[*first]) != 0)
            which++;
        if (*first == argc || which == command->form_count)
            return say_which(cli, command);
        *form = &command->forms[which];
        ++*first;
    }
    const char *name = (*form)->name;
    if (takes_so_many(*form, argc - *first))
        return 0;
    if ((*form)->wrong != NULL)
        return hb_cli_usage(cli, command->name, "%s", (*form)->wrong);
    return hb_cli_usage(cli, command->name, "%s%stakes no argument, but got %s",
                        name == NULL ? "" : name, name == NULL ? "" : " ", argv[*first]);
}

int hb_cli_parse(struct hb_cli *cli, const struct hb_command *program,
                 const struct hb_command *command, void *options, int argc, char **argv,
                 const struct hb_form **form, int *first)
{
    HB_AUTO_FREE char *letters = NULL;
    HB_AUTO_FREE struct option *table = long_options(command, &letters);
    int got;
    optind = 0;
    opterr = 0;
    while ((got = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        const struct hb_cli_option *option = option_of(command, got);
        int code = option == NULL
                       ? refuse(cli, program, command, got, argv[optind > 0 ? optind - 1 : 0])
                       : take(cli, command, option, optarg, options);
        if (code != 0)
            return code;
    }
    *first = optind;
    return command == program ? 0 : choose_form(cli, command, argc, argv, form, first);
}

void hb_cli_parsed_clear(const struct hb_command *command, void *options)
{
    const struct hb_cli_option *option;
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++)
        if (option->takes == HB_TAKES_TEXTS)
            free(((struct hb_texts *)((char *)options + option->offset))->texts);
}

/* ---- help ---------------------------------------------------------------------------------- */

/* "name ARGUMENT", where there is one. Caller frees. */
static char *with_argument(const char *before, const char *name, const char *argument,
                           const char *behind)
{
    return hb_text("%s%s%s%s%s", before, name, argument == NULL ? "" : " ",
                   argument == NULL ? "" : argument, behind);
}

/* Two columns: a name, and what it is. */
struct rows {
    struct row {
        char *name;
        const char *help;
    } * rows;
    size_t count;
    int width; /* of the longest name */
};

/* Takes the name over. */
static void add_row(struct rows *rows, char *name, const char *help)
{
    int width = (int)strlen(name);
    rows->rows = hb_resize(rows->rows, rows->count + 1, sizeof *rows->rows);
    rows->rows[rows->count++] = (struct row){name, help};
    rows->width = width > rows->width ? width : rows->width;
}

static void print_rows(FILE *out, struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const char *help = rows->rows[i].help, *end;
        fprintf(out, "  %-*s", *help == '\0' ? 0 : rows->width + 2, rows->rows[i].name);
        for (; (end = strchr(help, '\n')) != NULL; help = end + 1)
            fprintf(out, "%.*s\n%*s", (int)(end - help), help, rows->width + 4, "");
        fprintf(out, "%s\n", help);
        free(rows->rows[i].name);
    }
    free(rows->rows);
    *rows = (struct rows){0};
}

/* With a blank in front, on a new line where this one is full. */
static void print_word(FILE *out, int *column, const char *word)
{
    int width = (int)strlen(word) + 1;
    if (*column + width > USAGE_WIDTH)
        *column = fprintf(out, "\n%*s", USAGE_INDENT - 1, "") - 1;
    *column += width;
    fprintf(out, " %s", word);
}

/* "[-l|--label TEXT]" */
static char *usage_of(const struct hb_cli_option *option)
{
    char letter[] = {'-', option->letter, '|', '\0'};
    HB_AUTO_FREE char *before = hb_text("[%s--", option->letter == 0 ? "" : letter);
    return with_argument(before, option->name, option->argument,
                         option->takes == HB_TAKES_TEXTS ? "]..." : "]");
}

static void print_usage(FILE *out, const struct hb_command *command, size_t number)
{
    const struct hb_form *form = &command->forms[number];
    const char *words[] = {"hbcore [global options]", command->name, form->name, form->arguments};
    int column = fprintf(out, number == 0 ? "Usage:" : "%*s", USAGE_INDENT - 1, "");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i] != NULL)
            print_word(out, &column, words[i]);
    for (size_t i = 0; command->name != NULL && hb_cli_option_at(command, i) != &help_option; i++) {
        const struct hb_cli_option *option = hb_cli_option_at(command, i);
        HB_AUTO_FREE char *word = usage_of(option);
        if (((option->not_in >> number) & 1) == 0)
            print_word(out, &column, word);
    }
    fputc('\n', out);
}

static void print_commands(FILE *out, const struct hb_command *const *commands)
{
    struct rows rows = {0};
    for (; *commands != NULL; commands++)
        add_row(&rows, hb_copy_text((*commands)->name), (*commands)->summary);
    fputs("\nCommands\n", out);
    print_rows(out, &rows);
    fputs("\nGlobal options\n", out);
}

void hb_cli_help(const struct hb_command *command, FILE *out)
{
    const struct hb_cli_option *option;
    struct rows rows = {0};
    for (size_t i = 0; i < command->form_count; i++)
        print_usage(out, command, i);
    if (command->commands != NULL)
        print_commands(out, command->commands);
    else
        fprintf(out, "\n%s\n\n", command->about);
    for (size_t i = 0; i < command->form_count; i++)
        if (command->forms[i].help != NULL)
            add_row(&rows,
                    with_argument("", command->forms[i].name, command->forms[i].arguments, ""),
                    command->forms[i].help);
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++) {
        char letter[] = {'-', option->letter, ',', ' ', '-', '-', '\0'};
        add_row(&rows,
                with_argument(option->letter == 0 ? "    --" : letter, option->name,
                              option->argument, ""),
                option->help);
    }
    print_rows(out, &rows);
    if (command->end != NULL)
        fprintf(out, "\n%s\n", command->end);
}

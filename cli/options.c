/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "complain.h"
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
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

const char *hb_cli_meant(const struct hb_command *command, const char *word)
{
    for (const struct hb_meant *meant = command->meant; meant != NULL && meant->word != NULL;
         meant++)
        if (strcmp(meant->word, word) == 0)
            return meant->hint;
    return NULL;
}

/* ---- parsing ------------------------------------------------------------------------------- */

enum { LARGEST_NUMBER = 1000000000 };

/* What may be typed here: the command's own options, and the global ones that are not called so. */
struct known {
    struct known_option {
        const struct hb_cli_option *option;
        bool global;
        char letter; /* 0: it has none, or the command has another option of that letter */
    } * options;
    size_t count;
};

struct parsing {
    struct hb_cli *cli;
    const struct hb_command *command;
    void *options; /* the command's */
    int argc;
    char **argv;
    struct known known;
    uint64_t used; /* bits: which of the command's own */
};

static int take_number(const struct parsing *parsing, const struct hb_cli_option *option,
                       const char *text, int64_t *number)
{
    char *end;
    const char *command = parsing->command->name;
    *number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || *number < 0)
        return hb_cli_usage(parsing->cli, command, "--%s: '%s' is not a number of at least 0",
                            option->name, text);
    if (*number > LARGEST_NUMBER) /* also what was too large for strtoll() */
        return hb_cli_usage(parsing->cli, command, "--%s: %s is too large; the most is %d",
                            option->name, text, LARGEST_NUMBER);
    return 0;
}

static int take_choice(const struct parsing *parsing, const struct hb_cli_option *option,
                       const char *text, int *which)
{
    for (*which = 0; option->choices[*which] != NULL; ++*which)
        if (strcmp(option->choices[*which], text) == 0)
            return 0;
    return hb_cli_usage(parsing->cli, parsing->command->name, "--%s: '%s' is not %s", option->name,
                        text, option->help);
}

static void take_text(struct hb_texts *texts, char *text)
{
    texts->texts = hb_resize(texts->texts, texts->count + 2, sizeof *texts->texts);
    texts->texts[texts->count++] = text;
    texts->texts[texts->count] = NULL;
}

/* Its names, and links to it; what is to become a file is looked at once, by its user. */
static bool is_standard_output(const char *path, bool *by_link)
{
    struct stat named, output;
    char target[2];
    bool own = strcmp(path, "/dev/stdout") == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
               strncmp(path, "/proc/", 6) == 0;
    *by_link = !own && readlink(path, target, sizeof target) >= 0;
    return (own || *by_link) && stat(path, &named) == 0 && fstat(STDOUT_FILENO, &output) == 0 &&
           named.st_dev == output.st_dev && named.st_ino == output.st_ino;
}

static void print_help(const struct hb_cli *cli, const struct hb_command *command)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = cli->json_typed ? open_memstream(&text, &bytes) : NULL;
    if (command->commands != NULL && cli->help != NULL)
        cli->help(cli, out == NULL ? cli->out : out);
    else
        hb_cli_help(command, out == NULL ? cli->out : out);
    if (out == NULL)
        return;
    fclose(out);
    hb_json_line(cli->out, json_pack("{s:s, s:s?, s:s}", "type", "help", "command", command->name,
                                     "text", text));
    free(text);
}

/* Names of what there is are never empty; a variable of a script may have been. */
static bool must_name(const struct hb_cli_option *option)
{
    return option->takes == HB_TAKES_TEXT &&
           (option->values == HB_VALUES_FORMATS || option->values == HB_VALUES_SEALS ||
            option->values == HB_VALUES_PRESETS || option->values == HB_VALUES_FILES);
}

/* One option with its value, or NULL; 0 to go on, -1 when all is done, else an exit code. */
static int take(struct parsing *parsing, const struct known_option *known, char *value)
{
    const struct hb_cli_option *option = known->option;
    bool by_link;
    void *at = (char *)(known->global ? parsing->cli : parsing->options) + option->offset;
    if (option == &help_option) {
        print_help(parsing->cli, parsing->command);
        return -1;
    }
    if (must_name(option) && *value == '\0')
        return hb_cli_usage(parsing->cli, parsing->command->name, "--%s: the name is empty",
                            option->name);
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
        parsing->cli->raw_out = strcmp(value, "-") == 0;
        if (!parsing->cli->raw_out && is_standard_output(value, &by_link)) {
            parsing->cli->raw_out = !by_link;
            parsing->cli->named_out = by_link;
        }
        *(const char **)at = parsing->cli->raw_out ? "-" : value;
        return 0;
    case HB_TAKES_TEXT:
        *(const char **)at = value;
        return 0;
    case HB_TAKES_TEXTS:
        take_text(at, value);
        return 0;
    case HB_TAKES_NUMBER:
        return take_number(parsing, option, value, at);
    case HB_TAKES_CHOICE:
        return take_choice(parsing, option, value, at);
    }
    return 0;
}

static const char *name_at(const void *context, size_t index)
{
    const struct known *known = context;
    return index < known->count ? known->options[index].option->name : NULL;
}

/* "-q": the option that begins with it. */
static const char *name_of_letter(const struct known *known, char letter)
{
    for (size_t i = 0; i < known->count; i++)
        if (known->options[i].option->name[0] == letter)
            return known->options[i].option->name;
    return NULL;
}

/* "--pr": getopt_long() completes what is the beginning of one option only. */
static bool list_beginnings(const struct known *known, const char *beginning,
                            struct hb_error *error)
{
    size_t found = 0, length = strlen(beginning);
    HB_AUTO_FREE char *names = hb_copy_text("");
    for (size_t i = 0; i < known->count; i++) {
        const char *name = known->options[i].option->name;
        if (length == 0 || strncmp(name, beginning, length) != 0)
            continue;
        HB_AUTO_FREE char *before = names;
        names = hb_text("%s%s--%s", before, found++ == 0 ? "" : " or ", name);
    }
    if (found > 1)
        hb_error_hint(error, "did you mean %s?", names);
    return found > 1;
}

/* Of the program: an option that belongs behind a command. */
static bool is_of_a_command(const struct hb_command *program, const char *word)
{
    const struct hb_command *const *command = program->commands;
    for (; command != NULL && *command != NULL; command++)
        if (hb_cli_option_find(*command, word) != NULL)
            return true;
    return false;
}

static int refuse_unknown(const struct parsing *parsing, const char *word)
{
    struct hb_error error;
    const struct hb_command *command = parsing->command;
    HB_AUTO_FREE char *name = hb_copy_bytes(word, strcspn(word, "="));
    const char *meant = hb_cli_meant(command, name);
    const char *nearest = strncmp(name, "--", 2) == 0
                              ? hb_nearest(name + 2, name_at, &parsing->known)
                              : name_of_letter(&parsing->known, name[1]);
    hb_error_set(&error, HB_STATUS_FATAL, "%s%sunknown option %s",
                 command->name == NULL ? "" : command->name, command->name == NULL ? "" : ": ",
                 name);
    if (meant != NULL)
        hb_error_hint(&error, "%s", meant);
    else if (is_of_a_command(command, name) && (nearest == NULL || name[1] == '-'))
        hb_error_hint(&error, "it is an option of a command: type it behind the command");
    else if (strncmp(name, "--", 2) == 0 && list_beginnings(&parsing->known, name + 2, &error))
        return hb_cli_fail(parsing->cli, HB_EXIT_USAGE, &error);
    else if (nearest != NULL)
        hb_error_hint(&error, "did you mean --%s?", nearest);
    else
        return hb_cli_usage(parsing->cli, command->name, "unknown option %s", name);
    return hb_cli_fail(parsing->cli, HB_EXIT_USAGE, &error);
}

/* What getopt_long() has just not taken: it returned `got`, ':' or '?'. */
static int refuse(const struct parsing *parsing, int got, const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'}; /* the word may have more of them */
    const char *command = parsing->command->name;
    for (int i = 1; i < parsing->argc;
         i++) /* whoever reads JSON waits for it, wherever it stands */
        parsing->cli->json |= strcmp(parsing->argv[i], "--json") == 0;
    if (got == ':')
        return hb_cli_usage(parsing->cli, command, "%s needs a value", word);
    if (optopt >= FIRST_LONG)
        return hb_cli_usage(parsing->cli, command, "--%s takes no value",
                            name_at(&parsing->known, (size_t)optopt - FIRST_LONG));
    return refuse_unknown(parsing, optopt == 0 ? word : letter);
}

static bool has_letter(const struct known *known, char letter)
{
    for (size_t i = 0; i < known->count; i++)
        if (known->options[i].letter == letter)
            return true;
    return false;
}

static void add_known(struct known *known, const struct hb_command *command, bool global)
{
    const struct hb_cli_option *option;
    size_t own = known->count;
    for (size_t i = 0; (option = hb_cli_option_at(command, i)) != NULL; i++) {
        bool taken = false;
        for (size_t j = 0; j < own; j++)
            taken = taken || strcmp(known->options[j].option->name, option->name) == 0;
        if (taken)
            continue;
        char letter = has_letter(known, option->letter) ? '\0' : option->letter;
        known->options = hb_resize(known->options, known->count + 1, sizeof *known->options);
        known->options[known->count++] = (struct known_option){option, global, letter};
    }
}

/* What getopt_long() is to know; the letters begin with how it is to behave. */
static struct option *long_options(const struct parsing *parsing, char **letters)
{
    const struct known *known = &parsing->known;
    struct option *table = hb_alloc((known->count + 1) * sizeof *table); /* the last one zeros */
    *letters = hb_copy_text(parsing->command->ends_at_word ? "+:" : ":");
    for (size_t i = 0; i < known->count; i++) {
        const struct hb_cli_option *option = known->options[i].option;
        table[i].name = option->name;
        table[i].has_arg = option->argument == NULL ? no_argument : required_argument;
        table[i].val = FIRST_LONG + (int)i;
        if (known->options[i].letter == 0)
            continue;
        HB_AUTO_FREE char *before = *letters;
        *letters = hb_text("%s%c%s", before, option->letter, option->argument == NULL ? "" : ":");
    }
    return table;
}

/* The place in the table of what getopt_long() took; SIZE_MAX: it took nothing. */
static size_t place_of(const struct known *known, int got)
{
    if (got >= FIRST_LONG)
        return (size_t)got - FIRST_LONG;
    for (size_t i = 0; i < known->count; i++)
        if (known->options[i].letter == got)
            return i;
    return SIZE_MAX;
}

static const char *form_at(const void *context, size_t index)
{
    const struct hb_command *command = context;
    return index < command->form_count ? command->forms[index].name : NULL;
}

/* "use create, list or prune"; `typed`, where there is one, is none of them. */
static int say_which(const struct parsing *parsing, const char *typed)
{
    const struct hb_command *command = parsing->command;
    struct hb_error error;
    char text[200] = "use ";
    for (size_t i = 0; i < command->form_count; i++) {
        const char *between = i == 0 ? "" : i + 1 == command->form_count ? " or " : ", ";
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", between, command->forms[i].name);
    }
    if (typed == NULL)
        return hb_cli_usage(parsing->cli, command->name, "%s", text);
    const char *nearest = hb_nearest(typed, form_at, command),
               *meant = hb_cli_meant(command, typed);
    hb_error_set(&error, HB_STATUS_FATAL, "%s: unknown subcommand %s: %s", command->name, typed,
                 text);
    if (meant != NULL)
        hb_error_hint(&error, "%s", meant);
    else if (nearest != NULL)
        hb_error_hint(&error, "did you mean `hbcore %s %s`?", command->name, nearest);
    else
        hb_error_hint(&error, "see: hbcore %s --help", command->name);
    return hb_cli_fail(parsing->cli, HB_EXIT_USAGE, &error);
}

/* A subcommand takes its own options, and not those of the others. */
static int check_used(const struct parsing *parsing, const struct hb_form *form)
{
    const struct hb_command *command = parsing->command;
    size_t number = (size_t)(form - command->forms);
    for (size_t i = 0; form->name != NULL && i < parsing->known.count; i++) {
        const struct known_option *known = &parsing->known.options[i];
        if (((parsing->used >> i) & 1) != 0 && ((known->option->not_in >> number) & 1) != 0)
            return hb_cli_usage(parsing->cli, command->name, "%s has no option --%s", form->name,
                                known->option->name);
    }
    return 0;
}

static bool takes_so_many(const struct hb_form *form, int count)
{
    const char *bracket = form->arguments == NULL ? NULL : strchr(form->arguments, '[');
    int most = 0, least = 0;
    for (const char *at = form->arguments; at != NULL; at = strchr(at + 1, ' ')) {
        most++;
        least += bracket == NULL || at < bracket - 1;
    }
    return count >= least &&
           (count <= most || (most > 0 && strstr(form->arguments, "...") != NULL));
}

/* By the words that are not options: a subcommand, where there are some, and its arguments. */
static int choose_form(const struct parsing *parsing, const struct hb_form **form, int *first)
{
    const struct hb_command *command = parsing->command;
    *form = command->forms;
    if (command->forms[0].name != NULL) {
        size_t which = 0;
        const char *typed = *first < parsing->argc ? parsing->argv[*first] : NULL;
        while (typed != NULL && which < command->form_count &&
               strcmp(command->forms[which].name, typed) != 0)
            which++;
        if (typed == NULL || which == command->form_count)
            return say_which(parsing, typed);
        *form = &command->forms[which];
        ++*first;
    }
    const char *name = (*form)->name;
    if (takes_so_many(*form, parsing->argc - *first))
        return check_used(parsing, *form);
    if ((*form)->wrong != NULL)
        return hb_cli_usage(parsing->cli, command->name, "%s", (*form)->wrong);
    return hb_cli_usage(parsing->cli, command->name, "%s%stakes no argument, but got %s",
                        name == NULL ? "" : name, name == NULL ? "" : " ", parsing->argv[*first]);
}

static int parse(struct parsing *parsing, int *first)
{
    HB_AUTO_FREE char *letters = NULL;
    HB_AUTO_FREE struct option *table = long_options(parsing, &letters);
    int got;
    optind = 0;
    opterr = 0;
    while ((got = getopt_long(parsing->argc, parsing->argv, letters, table, NULL)) != -1) {
        size_t place = place_of(&parsing->known, got);
        if (place == SIZE_MAX)
            return refuse(parsing, got, parsing->argv[optind > 0 ? optind - 1 : 0]);
        parsing->used |= (uint64_t)1 << place;
        int code = take(parsing, &parsing->known.options[place], optarg);
        if (code != 0)
            return code;
    }
    *first = optind;
    return 0;
}

int hb_cli_parse(struct hb_cli *cli, const struct hb_command *program,
                 const struct hb_command *command, void *options, int argc, char **argv,
                 const struct hb_form **form, int *first)
{
    struct parsing parsing = {
        .cli = cli, .command = command, .options = options, .argc = argc, .argv = argv};
    add_known(&parsing.known, command, command == program);
    if (command != program)
        add_known(&parsing.known, program, true);
    int code = parse(&parsing, first);
    if (code == 0 && command != program)
        code = choose_form(&parsing, form, first);
    free(parsing.known.options);
    return code;
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

/* In lines of a screen: the first goes on at `column`, the others are indented. Paragraphs stay. */
static void print_text(FILE *out, const char *text, int column, int indent)
{
    const char *between = "";
    for (size_t blanks; blanks = strspn(text, " \n"), text[blanks] != '\0';) {
        bool paragraph = memmem(text, blanks, "\n\n", 2) != NULL;
        text += blanks;
        int length = (int)strcspn(text, " \n");
        if (paragraph || (*between != '\0' && column + 1 + length > USAGE_WIDTH)) {
            fprintf(out, "%s\n%*s", paragraph ? "\n" : "", indent, "");
            column = indent;
            between = "";
        }
        column += fprintf(out, "%s%.*s", between, length, text);
        between = " ";
        text += length;
    }
    fputc('\n', out);
}

static void print_rows(FILE *out, struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const char *help = rows->rows[i].help;
        fprintf(out, "  %-*s", *help == '\0' ? 0 : rows->width + 2, rows->rows[i].name);
        print_text(out, help, rows->width + 4, rows->width + 4);
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
    static const char *const groups[] = {[HB_FOR_EVERY_DAY] = "Commands for every day",
                                         [HB_FOR_ARCHIVES] = "Commands that look after archives",
                                         [HB_FOR_SETTING_UP] = "Commands to set up"};
    struct rows rows = {0};
    for (size_t i = 0; commands[i] != NULL; i++) /* one width for all */
        add_row(&rows, hb_copy_text(commands[i]->name), commands[i]->summary);
    for (int group = 0; group < HB_GROUPS; group++) {
        struct rows some = {.width = rows.width};
        for (size_t i = 0; commands[i] != NULL; i++)
            if ((int)commands[i]->group == group)
                add_row(&some, hb_copy_text(commands[i]->name), commands[i]->summary);
        fprintf(out, "\n%s\n", groups[group]);
        print_rows(out, &some);
    }
    for (size_t i = 0; i < rows.count; i++)
        free(rows.rows[i].name);
    free(rows.rows);
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
    if (command->commands == NULL) {
        fputc('\n', out);
        print_text(out, command->about, 0, 0);
        fputc('\n', out);
    }
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
    if (command->end == NULL)
        return;
    fputc('\n', out);
    print_text(out, command->end, 0, 0);
}

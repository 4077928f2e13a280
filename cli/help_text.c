/* SPDX-License-Identifier: Apache-2.0 */
#include "help_text.h"

#include "base/memory.h"
#include <ctype.h>
#include <string.h>

struct reader {
    hb_help_visitor visit;
    void *context;
    char *seen; /* " --output -o show " */
};

static void tell(struct reader *reader, const struct hb_help_item *item)
{
    HB_AUTO_FREE char *word = hb_text(" %s ", item->name);
    if (strstr(reader->seen, word) != NULL)
        return;
    char *longer = hb_text("%s%s ", reader->seen, item->name);
    free(reader->seen);
    reader->seen = longer;
    reader->visit(reader->context, item);
}

/* "-o, --output PATH" in place: each name with what follows the last one. */
static void tell_options(struct reader *reader, char *part, const char *help)
{
    char *names[4], *rest = NULL, *argument = strpbrk(part, " ");
    size_t count = 0;
    while (argument != NULL && argument[1] == '-' && argument[2] != '\0')
        argument = strchr(argument + 1, ' ');
    if (argument != NULL)
        *argument++ = '\0';
    for (char *name = strtok_r(part, " ,|", &rest); name != NULL && count < 4;
         name = strtok_r(NULL, " ,|", &rest))
        names[count++] = name;
    for (size_t i = count; i-- > 0;) { /* the long one first */
        struct hb_help_item item = {names[i], argument == NULL ? "" : argument, help, true};
        tell(reader, &item);
    }
}

/* Ends `text` at the next two blanks; what follows them, or NULL. */
static char *cut_at_gap(char *text)
{
    char *gap = strstr(text, "  ");
    if (gap == NULL)
        return NULL;
    *gap = '\0';
    return gap + 2 + strspn(gap + 2, " ");
}

static void read_option_line(struct reader *reader, char *line)
{
    char *parts[8], *help = line;
    size_t count = 0;
    while (help != NULL && *help == '-' && count < 8) {
        parts[count++] = help;
        help = cut_at_gap(help);
    }
    for (size_t i = 0; i < count; i++)
        tell_options(reader, parts[i], count == 1 && help != NULL ? help : "");
}

static void read_subcommand_line(struct reader *reader, char *line)
{
    char *help = cut_at_gap(line);
    size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz-");
    if (help == NULL || (line[length] != '\0' && line[length] != ' '))
        return;
    char *argument = line + length;
    if (*argument != '\0')
        *argument++ = '\0';
    struct hb_help_item item = {line, argument, help, false};
    if (argument[strcspn(argument, "abcdefghijklmnopqrstuvwxyz")] == '\0' ||
        strchr(argument, '.') != NULL)
        tell(reader, &item);
}

static void read_line(struct reader *reader, char *line)
{
    size_t indent = strspn(line, " ");
    if (indent >= 2 && line[indent] == '-')
        read_option_line(reader, line + indent);
    else if (indent == 2 && islower((unsigned char)line[indent]))
        read_subcommand_line(reader, line + indent);
}

static char *copy_usage(const char *text)
{
    const char *end = strstr(text, "\n\n");
    return hb_copy_bytes(text, end == NULL ? strlen(text) : (size_t)(end - text));
}

static void read_usage(struct reader *reader, char *usage)
{
    for (char *open = strchr(usage, '['); open != NULL; open = strchr(open, '[')) {
        char *close = strchr(++open, ']');
        if (close == NULL)
            return;
        *close = '\0';
        if (*open == '-')
            tell_options(reader, open, "");
        open = close + 1;
    }
}

/* The next word of a usage that stands outside of [...], or NULL. */
static char *next_word(char **rest)
{
    int depth = 0;
    for (char *word; (word = strtok_r(NULL, " \n", rest)) != NULL;) {
        bool outside = depth == 0 && *word != '[';
        for (const char *at = word; *at != '\0'; at++)
            depth += (*at == '[') - (*at == ']');
        if (outside)
            return word;
    }
    return NULL;
}

static bool is_argument(const char *word)
{
    return isupper((unsigned char)word[0]) && !islower((unsigned char)word[1]);
}

static void append_word(char **text, const char *word)
{
    char *longer = hb_text("%s%s%s", *text, **text == '\0' ? "" : " ", word);
    free(*text);
    *text = longer;
}

/* "create [--keep N] | restore ID | …": subcommands that have no line of their own. */
static void read_usage_words(struct reader *reader, const char *usage)
{
    HB_AUTO_FREE char *copy = hb_copy_text(usage);
    char *rest = copy, *name = NULL, *argument = hb_copy_text("");
    char *word = next_word(&rest); /* "Usage:", and then "hbcore" */
    char *command = word == NULL ? NULL : (next_word(&rest), next_word(&rest));
    while (command != NULL && word != NULL) {
        word = next_word(&rest);
        if (word != NULL && is_argument(word)) {
            append_word(&argument, word);
            continue;
        }
        if (name != NULL) {
            struct hb_help_item item = {name, argument, "", false};
            tell(reader, &item);
        }
        free(argument);
        argument = hb_copy_text("");
        bool is_name = word != NULL && islower((unsigned char)*word) &&
                       strcmp(word, "hbcore") != 0 && strcmp(word, command) != 0;
        name = is_name ? word : NULL;
    }
    free(argument);
}

void hb_help_each(const char *text, hb_help_visitor visit, void *context)
{
    struct reader reader = {visit, context, hb_copy_text(" ")};
    HB_AUTO_FREE char *usage = copy_usage(text);
    HB_AUTO_FREE char *lines = hb_copy_text(text + strlen(usage));
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        read_line(&reader, line);
    read_usage_words(&reader, usage);
    read_usage(&reader, usage);
    free(reader.seen);
}

char *hb_help_arguments(const char *text)
{
    HB_AUTO_FREE char *usage = copy_usage(text);
    char *found = hb_copy_text(""), *rest = usage;
    for (const char *word; (word = next_word(&rest)) != NULL;)
        if (is_argument(word))
            append_word(&found, word);
    return found;
}

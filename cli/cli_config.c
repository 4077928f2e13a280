/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore config check | show */
#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "config/ini_text.h"
#include "host/format.h"
#include <string.h>

/* Where show breaks the lines of a list. */
enum { LINE_WIDTH = 96 };

struct listing {
    FILE *out;
    const struct hb_section *section; /* the last one shown */
};

/* ---- as an INI text ------------------------------------------------------------------------ */

/* A word of a list as it must stand in the file. Caller frees. */
static char *list_word(const char *word, bool first_of_line)
{
    if (!first_of_line && *word != '\0' && strpbrk(word, " \t\"") == NULL &&
        strchr(";#[", *word) == NULL)
        return hb_copy_text(word);
    char *quoted = hb_alloc(strlen(word) * 2 + 3), *at = quoted;
    *at++ = '"';
    for (; *word != '\0'; word++) {
        if (*word == '"' || *word == '\\')
            *at++ = '\\';
        *at++ = *word;
    }
    *at++ = '"';
    return quoted;
}

static char *list_text(const char *key, const char *const *list)
{
    char *text = hb_text("%s =", key);
    size_t column = strlen(text);
    for (size_t i = 0; list[i] != NULL; i++) {
        HB_AUTO_FREE char *word = list_word(list[i], false);
        bool breaks = i > 0 && column + 1 + strlen(word) > LINE_WIDTH;
        if (breaks) { /* in quotes it can be taken for nothing else: comment, header or key */
            free(word);
            word = list_word(list[i], true);
        }
        char *longer = hb_text("%s%s%s", text, breaks ? "\n    " : " ", word);
        column = strlen(word) + (breaks ? 4 : column + 1);
        free(text);
        text = longer;
    }
    return text;
}

/* May an indented line begin with this, and be nothing but a part of the value? */
static bool can_continue(const char *text)
{
    size_t name = strcspn(text, " \t=:");
    size_t blanks = strspn(text + name, " \t");
    return strchr("#;[ \t", *text) == NULL && text[name + blanks] != '=' &&
           text[name + blanks] != ':';
}

/* Breaks a long text at single blanks, since a continued line is joined with one. */
static char *string_text(const char *key, const char *value)
{
    char *text = hb_text("%s =%s%s", key, *value == '\0' ? "" : " ", value);
    size_t from = 0, room = HB_INI_LONGEST_LINE;
    char *shown = hb_copy_text("");
    while (strlen(text + from) > room) {
        size_t at = from + room;
        while (at > from &&
               (text[at] != ' ' || text[at - 1] == ' ' || !can_continue(text + at + 1)))
            at--;
        if (at <= from + strlen(key) + 2)
            break; /* it cannot be broken */
        char *longer = hb_text("%s%.*s\n    ", shown, (int)(at - from), text + from);
        free(shown);
        shown = longer;
        from = at + 1;
        room = HB_INI_LONGEST_LINE - 4;
    }
    char *whole = hb_text("%s%s", shown, text + from);
    free(shown);
    free(text);
    return whole;
}

/* Would the parser read it back? A --set may hold what no file can. */
static bool can_stand_in_file(const char *text)
{
    if (strstr(text, " ;") != NULL || strstr(text, "\t;") != NULL)
        return false;
    for (size_t length; *text != '\0'; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (length > HB_INI_LONGEST_LINE)
            return false;
    }
    return true;
}

static void print_comment(FILE *out, const char *text)
{
    HB_AUTO_FREE char *shown = hb_printable(text);
    fprintf(out, "# %.*s\n", HB_INI_LONGEST_LINE - 2, shown);
}

/* What counts: a plugin's section without `plugin` selects the one of its label. */
static const char *effective_text(const struct hb_section *section, const struct hb_option *option,
                                  const struct hb_value *value)
{
    if (section->kind != 0 && strcmp(option->key, "plugin") == 0 && *value->text == '\0')
        return section->library->plugin->name;
    return value->text;
}

static void show_option(void *context, const struct hb_section *section,
                        const struct hb_option *option, const struct hb_value *value,
                        const char *origin)
{
    struct listing *listing = context;
    if (listing->section != section)
        fprintf(listing->out, "%s[%s]\n", listing->section == NULL ? "" : "\n", section->name);
    listing->section = section;
    print_comment(listing->out, origin);
    HB_AUTO_FREE char *text =
        option->type == HB_OPTION_LIST
            ? list_text(option->key, value->list)
            : string_text(option->key, effective_text(section, option, value));
    if (can_stand_in_file(text)) {
        fprintf(listing->out, "%s\n", text);
        return;
    }
    print_comment(listing->out, "this value cannot stand in a file, only in --set:");
    print_comment(listing->out, text);
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static json_t *json_word(const char *word)
{
    json_t *holder = json_object();
    hb_json_name(holder, "word", word);
    json_t *text = json_incref(json_object_get(holder, "word"));
    json_decref(holder);
    return text;
}

static json_t *json_value(const struct hb_section *section, const struct hb_option *option,
                          const struct hb_value *value)
{
    json_t *list;
    switch (option->type) {
    case HB_OPTION_BOOLEAN:
        return json_boolean(value->number != 0);
    case HB_OPTION_INTEGER:
    case HB_OPTION_BYTES:
    case HB_OPTION_SECONDS:
        return json_integer(value->number);
    case HB_OPTION_LIST:
        list = json_array();
        for (size_t i = 0; i < value->list_count; i++)
            json_array_append_new(list, json_word(value->list[i]));
        return list;
    default:
        return json_word(effective_text(section, option, value));
    }
}

static void show_json(void *context, const struct hb_section *section,
                      const struct hb_option *option, const struct hb_value *value,
                      const char *origin)
{
    json_t *line =
        json_pack("{ss ss ss}", "type", "setting", "section", section->name, "key", option->key);
    json_object_set_new(line, "value", json_value(section, option, value));
    hb_json_name(line, "origin", origin);
    hb_json_line(context, line);
}

/* ---- the command --------------------------------------------------------------------------- */

static int show(struct hb_session *session, const void *options, char **arguments)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_config *config = session->config;
    struct listing listing = {.out = cli->out};
    (void)options;
    (void)arguments;
    if (cli->json) {
        hb_config_each(config, show_json, cli->out);
        return HB_EXIT_DONE;
    }
    const char *path = hb_config_path(config);
    print_comment(cli->out, path == NULL ? "no configuration file" : path);
    hb_config_each(config, show_option, &listing);
    return HB_EXIT_DONE;
}

struct format_check {
    const struct hb_cli *cli;
    const struct hb_config *config;
    int code;
};

/* A format is chosen by name: is there one? */
static void check_format(void *context, const struct hb_section *section,
                         const struct hb_option *option, const struct hb_value *value,
                         const char *origin)
{
    struct format_check *checking = context;
    struct hb_format_choice choice;
    struct hb_error why, error;
    if (section->kind != 0 || strcmp(option->key, "format") != 0 || *value->text == '\0')
        return;
    if (hb_format_find(checking->config, value->text, &choice, &why) != HB_OK) {
        hb_error_set(&error, HB_FATAL, "%s: [%s] format: %s", origin, section->name, why.text);
        hb_error_hint(&error, "%s", why.hint);
        checking->code = hb_cli_fail(checking->cli, HB_EXIT_USAGE, &error);
    }
    hb_format_choice_clear(&choice);
}

static int check(struct hb_session *session, const void *options, char **arguments)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_config *config = session->config;
    const char *path = hb_config_path(config);
    struct format_check checking = {cli, config, HB_EXIT_DONE};
    (void)options;
    (void)arguments;
    hb_config_each(config, check_format, &checking);
    if (checking.code != HB_EXIT_DONE)
        return checking.code;
    if (cli->json) {
        json_t *line = json_pack("{ss ss}", "type", "config", "status", "ok");
        if (path != NULL)
            hb_json_name(line, "path", path);
        hb_json_line(cli->out, line);
    } else if (path == NULL) {
        fputs("no configuration file: the defaults are ok\n", cli->out);
    } else {
        HB_AUTO_FREE char *shown = hb_printable(path);
        fprintf(cli->out, "%s: ok\n", shown);
    }
    return HB_EXIT_DONE;
}

static const struct hb_form forms[] = {
    {.name = "check",
     .help = "says whether the configuration is right, or everything that is wrong",
     .run = check},
    {.name = "show",
     .help = "the effective settings, each below a comment that says where it comes\n"
             "from; the output is a configuration itself",
     .run = show},
};

const struct hb_command hb_command_config = {
    .name = "config",
    .summary = "check or show the configuration",
    .about = "What the configuration says, with --set and the defaults.",
    .end = "Exit status: 0 right, 2 wrong.",
    .forms = forms,
    .form_count = 2,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "complain.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/standard_output.h"
#include "config/settings.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

bool hb_cli_colour(FILE *out)
{
    const char *never = getenv("NO_COLOR"), *terminal = getenv("TERM");
    int fd = fileno(out); /* that of output.h has none */
    return isatty(fd < 0 ? hb_standard_output() : fd) && (never == NULL || *never == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/* A section that the core knows itself: no value in it is a secret. */
static bool is_of_core(const char *name, size_t bytes)
{
    for (const struct hb_settings_table *table = hb_settings_tables; table->section != NULL;
         table++) {
        size_t length = strlen(table->section);
        if ((table->labelled ? bytes >= length : bytes == length) &&
            memcmp(name, table->section, length) == 0)
            return true;
    }
    return false;
}

/* As it may be shown: a value that nobody knows yet may be a secret. Caller frees. */
static char *shown_set(const struct hb_cli *cli, const char *set)
{
    const char *equals = strchr(set, '=');
    size_t bytes = equals == NULL ? 0 : (size_t)(equals - set);
    const char *dot = memrchr(set, '.', bytes);
    if (cli->sets_known || equals == NULL ||
        (dot != NULL && (is_of_core(set, (size_t)(dot - set)) || strncmp(dot, ".plugin=", 8) == 0 ||
                         strncmp(dot, ".on=", 4) == 0)))
        return hb_shell_word(set);
    HB_AUTO_FREE char *name = hb_copy_bytes(set, bytes);
    HB_AUTO_FREE char *word = hb_shell_word(name);
    return hb_text("%s=…", word);
}

char *hb_cli_typed_options(const struct hb_cli *cli)
{
    HB_AUTO_FREE char *file = cli->config_path == NULL ? NULL : hb_shell_word(cli->config_path);
    HB_AUTO_FREE char *home = cli->home == NULL ? NULL : hb_shell_word(cli->home);
    char *text = hb_text("%s%s", file == NULL ? "" : " --config ", file == NULL ? "" : file);
    for (size_t i = 0; i < cli->sets.count; i++) {
        HB_AUTO_FREE char *before = text;
        HB_AUTO_FREE char *word = shown_set(cli, cli->sets.texts[i]);
        text = hb_text("%s --set %s", before, word);
    }
    HB_AUTO_FREE char *before = text;
    return hb_text("%s%s%s", before, home == NULL ? "" : " --home ", home == NULL ? "" : home);
}

char *hb_cli_lacks_secrets(const struct hb_cli *cli)
{
    char *text = hb_copy_text("");
    for (size_t i = 0; i < cli->secret_sets.count; i++) {
        HB_AUTO_FREE char *before = text;
        HB_AUTO_FREE char *word = hb_shell_word(cli->secret_sets.texts[i]);
        text = hb_text("%s%s --set %s", before, i == 0 ? " (with the same" : "", word);
    }
    HB_AUTO_FREE char *before = text;
    return hb_text("%s%s", before, *before == '\0' ? "" : ")");
}

static const char program[] = "hbcore ";

/*
 * Does a command line that needs them begin here, in a text that begins at `text`? It does behind a
 * quote or a colon. Help reads no configuration, nor does what makes one.
 */
static bool begins_command(const char *text, const char *at)
{
    size_t word = strspn(at + sizeof program - 1, "abcdefghijklmnopqrstuvwxyz");
    const char *behind = at + sizeof program - 1 + word;
    bool typed = at > text && (at[-1] == '`' || at[-1] == '\'' ||
                               (at > text + 1 && at[-2] == ':' && at[-1] == ' '));
    bool named = word > 0 || strncmp(behind, "--set ", 6) == 0;
    return typed && named && strncmp(behind, " --help", 7) != 0 && strncmp(behind, " new", 4) != 0;
}

/* Hints say `hbcore list ARCHIVE`: what was typed takes the place of the word. Caller frees. */
static char *name_archive(const struct hb_cli *cli, const char *text)
{
    static const char word[] = " ARCHIVE";
    HB_AUTO_FREE char *name = cli->archive == NULL ? NULL : hb_shell_word(cli->archive);
    char *made = hb_copy_text("");
    for (const char *at; name != NULL && (at = strstr(text, word)) != NULL;
         text = at + sizeof word - 1) {
        HB_AUTO_FREE char *before = made;
        made = hb_text("%s%.*s %s", before, (int)(at - text), text, name);
    }
    HB_AUTO_FREE char *before = made;
    return hb_text("%s%s", before, text);
}

char *hb_cli_with_options(const struct hb_cli *cli, const char *text)
{
    HB_AUTO_FREE char *options = hb_cli_typed_options(cli);
    const struct hb_cli only_sets = {.sets = cli->sets, .sets_known = cli->sets_known};
    HB_AUTO_FREE char *sets = hb_cli_typed_options(&only_sets);
    char *made = hb_copy_text("");
    const char *made_before = strstr(text, "hbcore --"); /* by hb_session_command_line() */
    bool with_command = made_before != NULL && strncmp(made_before, "hbcore --help", 13) != 0;
    for (const char *from = text, *at = text; *from != '\0';) {
        at = strstr(at, program);
        if (at != NULL && !begins_command(text, at)) {
            at += sizeof program - 1;
            continue;
        }
        size_t bytes = at == NULL ? strlen(from) : (size_t)(at - from) + sizeof program - 2;
        HB_AUTO_FREE char *before = made;
        bool has_them = at != NULL && *sets != '\0' && /* hb_session_command_line() made it */
                        strncmp(from + bytes, sets, strlen(sets)) == 0;
        made = hb_text("%s%.*s%s", before, (int)bytes, from, at == NULL || has_them ? "" : options);
        with_command |= at != NULL;
        from += bytes;
        at = from;
    }
    HB_AUTO_FREE char *lacks = with_command ? hb_cli_lacks_secrets(cli) : hb_copy_text("");
    HB_AUTO_FREE char *before = made;
    HB_AUTO_FREE char *whole = hb_text("%s%s", before, lacks);
    return name_archive(cli, whole);
}

void hb_cli_complain(const struct hb_cli *cli, const struct hb_error *error)
{
    HB_AUTO_FREE char *text = hb_printable(error->text);
    bool colour = hb_cli_colour(cli->err);
    fprintf(cli->err, "%shbcore:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", text);
    if (error->hint[0] == '\0')
        return;
    HB_AUTO_FREE char *line = hb_cli_with_options(cli, error->hint);
    HB_AUTO_FREE char *hint = hb_printable(line);
    fprintf(cli->err, "  %s\n", hint);
}

void hb_cli_fail_json(const struct hb_cli *cli, int code, const char *text, const char *hint)
{
    if (!cli->json && !cli->json_typed)
        return;
    HB_AUTO_FREE char *message = hb_printable(text);
    HB_AUTO_FREE char *with_options = hb_cli_with_options(cli, hint);
    HB_AUTO_FREE char *what_to_do = hb_printable(with_options);
    json_t *object = json_pack("{s:s, s:i, s:s, s:s?}", "type", "error", "exit_status", code,
                               "message", message, "hint", *hint == '\0' ? NULL : what_to_do);
    hb_json_line(hb_cli_out(cli), object);
}

int hb_cli_fail(const struct hb_cli *cli, int code, const struct hb_error *error)
{
    hb_cli_complain(cli, error);
    hb_cli_fail_json(cli, code, error->text, error->hint);
    return code;
}

int hb_cli_usage(const struct hb_cli *cli, const char *command, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct hb_error error;
    const char *name = command == NULL ? "" : command;
    hb_error_set(&error, HB_STATUS_FATAL, "%s%s%s", name, command == NULL ? "" : ": ", text);
    hb_error_hint(&error, "see: hbcore %s%s--help", name, command == NULL ? "" : " ");
    return hb_cli_fail(cli, HB_EXIT_USAGE, &error);
}

void hb_json_line(FILE *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17) /* times need it */);
    fprintf(out, "%s\n", text == NULL ? "{}" : text);
    free(text);
    json_decref(object);
}

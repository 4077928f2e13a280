/* SPDX-License-Identifier: Apache-2.0 */
#include "complain.h"

#include "base/memory.h"
#include "base/name.h"
#include "global_help.h"
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void hb_cli_complain(const struct hb_cli *cli, const struct hb_error *error)
{
    HB_AUTO_FREE char *text = hb_printable(error->text);
    bool colour = isatty(fileno(cli->err)) && getenv("NO_COLOR") == NULL;
    fprintf(cli->err, "%shbcore:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", text);
    if (error->hint[0] != '\0')
        fprintf(cli->err, "  %s\n", error->hint);
}

void hb_cli_fail_json(const struct hb_cli *cli, int code, const char *text, const char *hint)
{
    if (!cli->json)
        return;
    HB_AUTO_FREE char *message = hb_printable(text);
    HB_AUTO_FREE char *what_to_do = hb_printable(hint);
    json_t *object = json_object();
    json_object_set_new(object, "type", json_string("error"));
    json_object_set_new(object, "exit_status", json_integer(code));
    json_object_set_new(object, "message", json_string(message));
    json_object_set_new(object, "hint", *hint == '\0' ? json_null() : json_string(what_to_do));
    hb_json_line(cli->raw_out ? cli->err : cli->out, object);
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
    hb_error_set(&error, HB_FATAL, "%s: %s", command, text);
    hb_error_hint(&error, "see: hbcore %s --help", command);
    return hb_cli_fail(cli, HB_EXIT_USAGE, &error);
}

/* Is it one of those that stand before the command? */
static bool is_global(const char *word)
{
    size_t length = strcspn(word, "=");
    const char *at;
    HB_AUTO_FREE char *name = hb_copy_bytes(word, length);
    for (at = hb_cli_global_help; length > 2 && (at = strstr(at, name)) != NULL; at++)
        if (strchr(" =,\n", at[length]) != NULL && at[-1] == ' ')
            return true;
    return false;
}

int hb_cli_what(const struct hb_cli *cli, int option, char **argv)
{
    const char *word = argv[optind > 0 ? optind - 1 : 0];
    if (option == ':')
        return hb_cli_usage(cli, argv[0], "%s needs a value", word);
    if (is_global(word))
        return hb_cli_usage(cli, argv[0], "%s stands before the command: hbcore %s ... %s", word,
                            word, argv[0]);
    return hb_cli_usage(cli, argv[0], "what is %s?", word);
}

void hb_json_line(FILE *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fprintf(out, "%s\n", text == NULL ? "{}" : text);
    free(text);
    json_decref(object);
}

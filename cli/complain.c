/* SPDX-License-Identifier: Apache-2.0 */
#include "complain.h"

#include "base/memory.h"
#include "base/name.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void hb_cli_complain(const struct hb_cli *cli, const struct hb_error *error)
{
    HB_AUTO_FREE char *text = hb_printable(error->text);
    bool colour = isatty(fileno(cli->err)) && getenv("NO_COLOR") == NULL;
    fprintf(cli->err, "%shbcore:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", text);
    HB_AUTO_FREE char *hint = hb_printable(error->hint);
    if (*hint != '\0')
        fprintf(cli->err, "  %s\n", hint);
}

void hb_cli_fail_json(const struct hb_cli *cli, int code, const char *text, const char *hint)
{
    if (!cli->json)
        return;
    HB_AUTO_FREE char *message = hb_printable(text);
    HB_AUTO_FREE char *what_to_do = hb_printable(hint);
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
    hb_error_set(&error, HB_FATAL, "%s%s%s", name, command == NULL ? "" : ": ", text);
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

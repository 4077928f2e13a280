/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a program prints: {"Version": 1, "AccessKeyId": …}, as credential_process of AWS. */
#include "credentials_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_BYTES = 64 << 10, COMMAND_MS = 60000 };

static int refuse(const struct asking *asking, const char *why, const char *more)
{
    return asking->host->fail_as(asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                                 "[%s] %s: %s %s", asking->settings->section,
                                 s3_options[CREDENTIALS_COMMAND]->key, why, more);
}

/* The last line that it wrote to standard error. */
static const char *last_line(char *errors)
{
    size_t bytes = strlen(errors);
    while (bytes > 0 && errors[bytes - 1] == '\n')
        errors[--bytes] = '\0';
    const char *line = strrchr(errors, '\n');
    return line == NULL ? errors : line + 1;
}

static int run(const struct asking *asking, char *output, struct keys *keys)
{
    const struct hb_value *words = asking->settings->values[CREDENTIALS_COMMAND];
    char errors[400] = "";
    struct hb_child child = {.size = sizeof child,
                             .argv = words->list,
                             .timeout_ms = COMMAND_MS,
                             .output = output,
                             .output_room = OUTPUT_BYTES,
                             .errors = errors,
                             .errors_room = sizeof errors};
    int status = asking->host->run_child(asking->host, &child);
    if (status != HB_OK)
        return status;
    if (child.signal != 0 || child.exit_status != 0) {
        char how[60];
        snprintf(how, sizeof how, child.signal != 0 ? "ended by signal %d" : "exit status %d",
                 child.signal != 0 ? child.signal : child.exit_status);
        return *errors == '\0' ? refuse(asking, "the program failed:", how)
                               : refuse(asking, "the program failed:", last_line(errors));
    }
    if (child.output_bytes >= OUTPUT_BYTES ||
        !keys_from_json(output, (size_t)child.output_bytes, keys))
        return refuse(asking, "the program printed no keys:",
                      "JSON with AccessKeyId and SecretAccessKey is expected");
    return HB_OK;
}

int keys_from_command(const struct asking *asking, struct keys *keys)
{
    const struct hb_value *words = asking->settings->values[CREDENTIALS_COMMAND];
    if (words->list_count == 0)
        return HB_STATUS_NOMATCH;
    char *output = calloc(1, OUTPUT_BYTES);
    if (output == NULL)
        return asking->host->fail(asking->host, HB_STATUS_FATAL, "out of memory");
    int status = run(asking, output, keys);
    explicit_bzero(output, OUTPUT_BYTES);
    free(output);
    return status;
}

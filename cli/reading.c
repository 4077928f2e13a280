/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include "complain.h"
#include <string.h>

/* 0, or an exit code. */
static int open_archive(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    const struct hb_reading_options *options = session->options;
    struct hb_error *error = &session->error;
    int status =
        hb_archive_open(&session->run, reading->path, options->format, &reading->archive, error);
    if (status == HB_OK)
        status = hb_archive_list(&reading->archive, error);
    if (status == HB_STATUS_NOMATCH)
        status =
            hb_error_set(error, HB_STATUS_FATAL,
                         "%s: not a regular file; only import reads from a pipe", reading->path);
    return hb_cli_exit_code(status);
}

int hb_reading_run(struct hb_session *session, const char *command,
                   int (*work)(struct hb_reading *reading), int (*shut)(struct hb_reading *reading))
{
    struct hb_reading reading = {session, session->arguments[0], .archive = {.fd = -1}};
    if (strcmp(reading.path, "-") == 0)
        return hb_cli_usage(session->cli, command, "needs a file; only import reads from a pipe");
    int code = open_archive(&reading);
    if (code == 0)
        code = work(&reading);
    else if (reading.archive.shut && shut != NULL)
        code = shut(&reading);
    hb_archive_close(&reading.archive);
    return code;
}

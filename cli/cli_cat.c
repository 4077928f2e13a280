/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore cat */
#include "archive/member.h"
#include "base/standard_output.h"
#include "commands.h"
#include "reading.h"
#include <poll.h>

static const struct hb_cli_option table[] = {HB_READING_FORMAT, {0}};

/* Whoever read the pipe has seen enough: that is nothing to be told. */
static bool reader_is_gone(void)
{
    struct pollfd output = {.fd = hb_standard_output()};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

static int cat(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    int status = hb_member_write(&reading->archive, session->arguments[1], hb_standard_output(),
                                 &session->error);
    if (status != HB_OK && !session->cli->json && reader_is_gone())
        session->error.text[0] = '\0';
    return hb_cli_exit_code(status);
}

static int run(struct hb_session *session)
{
    return hb_reading_run(session, "cat", cat, NULL);
}

static const struct hb_form form = {.arguments = "ARCHIVE MEMBER",
                                    .wrong = "takes an archive and a member",
                                    .values = {HB_VALUES_FILES, HB_VALUES_MEMBERS},
                                    .run = run};

const struct hb_command hb_command_cat = {
    .name = "cat",
    .summary = "write one member of an archive to standard output",
    .about = "Writes the content of one member to standard output.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct hb_reading_options),
    .raw_out = true,
};

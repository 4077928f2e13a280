/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore cat */
#include "archive/member.h"
#include "base/standard_output.h"
#include "commands.h"
#include "reading.h"

static const struct hb_cli_option table[] = {HB_READING_FORMAT, {0}};

static int cat(struct hb_reading *reading)
{
    return hb_cli_exit_code(hb_member_write(&reading->archive, reading->session->arguments[1],
                                            hb_standard_output(), &reading->session->error));
}

static int run(struct hb_session *session)
{
    return hb_reading_run(session, "cat", cat);
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

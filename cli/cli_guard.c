/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore guard: what it does is in snapshot/guard.h. */
#include "snapshot/guard.h"

#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "snapshot/wanted.h"
#include "summary.h"

struct guard_options {
    bool dry_run;
};

static const struct hb_cli_option table[] = {
    {"dry-run", 0, NULL, "show what would be put back, change nothing",
     .offset = offsetof(struct guard_options, dry_run)},
    {0},
};

static void print_summary(const struct hb_session *session, const char *id, bool dry_run)
{
    json_t *object = NULL;
    if (session->cli->json) {
        object = hb_session_summary(session, "guard");
        hb_json_name(object, "target", session->run.home.path);
        hb_json_name(object, "id", id);
        hb_json_add(object, "{s:b}", "dry_run", dry_run);
    } else {
        hb_summary_problems(session->cli, &session->run.report);
    }
    hb_session_print_summary(session, object);
}

static int run(struct hb_session *session)
{
    const struct guard_options *options = session->options;
    struct hb_run *run = &session->run;
    session->cli->output_is_extra = !options->dry_run;
    int code = hb_session_open_home(session, false, true);
    if (code != 0)
        return code;
    HB_AUTO_FREE char *id = hb_snapshot_wanted(run, session->arguments[0], &session->error);
    if (id == NULL)
        return HB_EXIT_FAILED;
    int status = hb_guard(run, id, options->dry_run, &session->error);
    if (status != HB_OK) {
        hb_summary_failed(session->cli, &run->report);
        return status == HB_STATUS_NOMATCH ? HB_EXIT_USAGE : hb_cli_exit_code(status);
    }
    hb_report_sort(&run->report);
    hb_summary_keep(session->cli, &run->report);
    print_summary(session, id, options->dry_run);
    return hb_session_code(session);
}

static const struct hb_form form = {.arguments = "ID|NUMBER",
                                    .wrong = "takes the id or the number of one snapshot",
                                    .values = {HB_VALUES_SNAPSHOTS},
                                    .run = run};

const struct hb_command hb_command_guard = {
    .name = "guard",
    .summary = "put back what an update emptied",
    .about =
        "Puts back what an update emptied: the hooks of the configuration compare the home with\n"
        "an earlier snapshot, named by its id or its number in `hbcore snapshot list`, and\n"
        "restore what is lost beyond doubt.",
    .end = "Exit status: 0 something was put back, or there was nothing to do; 1 it could not be\n"
           "put back, or there is no such snapshot, 2 wrong use or configuration, 3 something is\n"
           "doubtful, 5 another run works on the home.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct guard_options),
};

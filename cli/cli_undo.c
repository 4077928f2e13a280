/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore undo */
#include "answer.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "commands.h"
#include "complain.h"
#include "entry_json.h"
#include "snapshot/undo.h"
#include "summary.h"
#include <inttypes.h>
#include <string.h>

enum { NAMED = 10 /* files of each kind, before the question */ };

struct undo_options {
    bool force, yes, dry_run;
};

#define AT(member) offsetof(struct undo_options, member)

static const struct hb_cli_option table[] = {
    {"force", 'f', NULL, "also what has been changed since; do not ask", .offset = AT(force)},
    {"yes", 'y', NULL, "do not ask", .offset = AT(yes)},
    {"dry-run", 0, NULL, "show what would be done, change nothing", .offset = AT(dry_run)},
    {0},
};

struct undo_command {
    struct hb_session *session;
    const struct undo_options *options;
    struct hb_undo_result result;
};

static const char *const words[HB_UNDO_FATES] = {
    [HB_UNDO_DONE] = "unchanged", [HB_UNDO_PUT_BACK] = "replaced", [HB_UNDO_REMOVE] = "removed",
    [HB_UNDO_LEAVE] = "left",     [HB_UNDO_NOT_NOW] = "left",      [HB_UNDO_CANNOT] = "left"};

static bool is_of(const struct hb_undoing *undoing, size_t row, enum hb_undo_fate fate)
{
    return undoing->parts[row].fate == fate && undoing->receipt.rows[row].type != HB_TYPE_DIRECTORY;
}

static void name_some(FILE *out, const struct hb_cli *cli, const char *title,
                      const struct hb_undoing *undoing, enum hb_undo_fate fate)
{
    uint64_t named = 0, count = hb_undoing_count(undoing, fate);
    if (count == 0)
        return;
    fprintf(out, "%s: %" PRIu64 "\n", title, count);
    for (size_t i = 0; i < undoing->receipt.count && (named < NAMED || cli->verbose > 0); i++) {
        if (!is_of(undoing, i, fate))
            continue;
        HB_AUTO_FREE char *shown = hb_printable(undoing->receipt.rows[i].path);
        fprintf(out, "  %s\n", shown);
        named++;
    }
    if (named < count)
        fprintf(out, "  and %" PRIu64 " more\n", count - named);
}

static void show(FILE *out, const struct undo_command *command, const struct hb_undoing *undoing)
{
    const struct hb_cli *cli = command->session->cli;
    const struct hb_undo_receipt *receipt = &undoing->receipt;
    HB_AUTO_FREE char *home = hb_printable(command->session->run.home.path);
    HB_AUTO_FREE char *path = hb_undo_path(&command->session->run.home, receipt->way.place);
    HB_AUTO_FREE char *way = hb_printable(path);
    fprintf(out, "Takes back: %s%s\nTarget: %s\n",
            undoing->again ? "what the last undo could not, or has left" : "the last ",
            undoing->again ? "" : receipt->what, home);
    if (*way != '\0')
        fprintf(out, "From: %s%s\n", receipt->way.is_snapshot ? "snapshot " : "", way);
    name_some(out, cli, "Put back", undoing, HB_UNDO_PUT_BACK);
    name_some(out, cli, "Removed, since they were new", undoing, HB_UNDO_REMOVE);
    name_some(out, cli, "Left as they are, since they have been changed", undoing, HB_UNDO_LEAVE);
    name_some(out, cli, "Left as they are, until they can be reached", undoing, HB_UNDO_NOT_NOW);
    name_some(out, cli, "Left as they are", undoing, HB_UNDO_CANNOT);
}

static void print_rows(const struct undo_command *command, const struct hb_undoing *undoing)
{
    for (size_t i = 0; i < undoing->receipt.count; i++) {
        const struct hb_undo_row *row = &undoing->receipt.rows[i];
        const char *word = words[undoing->parts[i].fate];
        json_t *object = hb_json_entry(row->type, 0);
        hb_json_add(object, "{s:s}", "change", word);
        hb_session_print_entry(command->session, row->path, row->type == HB_TYPE_DIRECTORY, word,
                               object);
    }
}

static int on_confirm(void *context, const struct hb_undoing *undoing,
                      const struct hb_restore_plan *plan, struct hb_error *error)
{
    struct undo_command *command = context;
    const struct undo_options *options = command->options;
    const struct hb_cli *cli = command->session->cli;
    FILE *out = cli->json ? cli->err : cli->out;
    bool asks = !options->force && !options->yes && !options->dry_run && !command->result.nothing;
    if (!cli->quiet || asks)
        show(out, command, undoing);
    if (options->dry_run) {
        print_rows(command, undoing);
        return HB_OK;
    }
    int status = asks ? hb_answer(out, "--yes", "the question whether to take this back",
                                  "go on without being asked", error)
                      : HB_OK;
    if (status == HB_STATUS_NOMATCH)
        fprintf(out, "Declined; nothing was changed.\n");
    if (status == HB_OK && !command->result.nothing) {
        fflush(out);
        hb_session_start_progress(command->session, "unpacked", plan->files, plan->unpacked);
    }
    return status;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void print_json(const struct undo_command *command)
{
    const struct hb_undo_result *result = &command->result;
    json_t *object = hb_session_summary(command->session, "undo");
    hb_json_name(object, "home", command->session->run.home.path);
    hb_json_add(object, "{s:s?, s:b, s:b}", "undid", result->what, "completed", result->completed,
                "dry_run", command->options->dry_run);
    hb_json_name_or_null(object, "archive",
                         result->of.is_snapshot || result->of.place == NULL ||
                                 *result->of.place == '\0'
                             ? NULL
                             : result->of.place);
    hb_json_name_or_null(object, "snapshot", result->of.is_snapshot ? result->of.place : NULL);
    hb_json_name_or_null(object, "way_back", result->way_back);
    hb_json_add(object, "{s:I, s:I, s:I, s:I}", "files", (json_int_t)result->files, "bytes",
                (json_int_t)result->bytes, "removed", (json_int_t)result->removed, "left",
                (json_int_t)result->left);
    hb_session_print_summary(command->session, object);
}

/* What --force would take, and in which command. */
static void say_force(const struct undo_command *command)
{
    HB_AUTO_FREE char *line = hb_session_command_line(command->session, "hbcore undo --force");
    HB_AUTO_FREE char *plain = hb_session_command_line(command->session, "hbcore undo");
    if (command->result.failed > 0)
        hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "",
                      "what could not be put back, or removed, the next undo tries again, before "
                      "anything else: %s",
                      plain);
    if (command->result.changed > 0 && !command->options->force)
        hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "",
                      "to take back what has been changed since, too: %s", line);
}

static void print_summary(const struct undo_command *command)
{
    const struct hb_undo_result *result = &command->result;
    struct hb_session *session = command->session;
    char time[HB_HUMAN_BYTES];
    if (session->cli->json) {
        print_json(command);
        return;
    }
    if (result->swept > 0)
        fprintf(session->cli->err, "Removed the leftovers of %u earlier run%s.\n", result->swept,
                hb_plural(result->swept));
    if (command->options->dry_run) {
        hb_session_say(session, "\nDry run: nothing was changed.\n");
        hb_summary_problems(session->cli, &session->run.report);
    } else if (result->completed) {
        hb_summary_status(session, "Undo complete", "Undo INCOMPLETE",
                          "the one that was interrupted");
    } else {
        hb_summary_status(session, "Undo complete", "Undo INCOMPLETE",
                          "%" PRIu64 " file%s put back, %" PRIu64 " removed, %" PRIu64
                          " left in %s",
                          result->files, hb_plural(result->files), result->removed, result->left,
                          hb_human_seconds(hb_session_seconds(session), time));
    }
    if (result->way_back != NULL && !session->cli->quiet) {
        HB_AUTO_FREE char *path = hb_printable(result->way_back);
        fprintf(session->cli->out, "  Safety backup: %s\n", path);
    }
    hb_session_print_summary(session, NULL);
}

/* A snapshot is put back into the whole home, an import into the part that is named. */
static void hint_whole(const struct undo_command *command)
{
    HB_AUTO_FREE char *whole =
        command->result.none ? hb_session_whole_home(command->session) : NULL;
    if (whole == NULL)
        return;
    HB_AUTO_FREE char *word = hb_shell_word(whole);
    hb_error_hint(&command->session->error, "for the whole home: `hbcore --home %s undo`", word);
}

static int undo(struct undo_command *command)
{
    struct hb_session *session = command->session;
    const struct hb_undo_request request = {
        .run = &session->run,
        .force = command->options->force,
        .dry_run = command->options->dry_run,
        .confirm = on_confirm,
        .context = command,
    };
    int status = hb_undo(&request, &command->result, &session->error);
    hb_session_end_progress(session);
    if (status == HB_STATUS_NOMATCH && !command->result.locked) {
        hb_cli_fail_json(session->cli, HB_EXIT_DECLINED, "declined; nothing was changed", "");
        session->error.text[0] = '\0'; /* it has been said */
        return HB_EXIT_DECLINED;
    }
    if (status != HB_OK) {
        hb_summary_failed(session->cli, &session->run.report);
        hint_whole(command);
        return status == HB_STATUS_NOMATCH ? HB_EXIT_LOCKED : hb_cli_exit_code(status);
    }
    say_force(command);
    hb_report_sort(&session->run.report);
    hb_summary_keep(session->cli, &session->run.report);
    print_summary(command);
    if (!command->options->dry_run && (fflush(session->cli->out) == 0 || session->cli->quiet))
        hb_undo_end(&session->run);
    return hb_session_code(session);
}

static int run(struct hb_session *session)
{
    struct undo_command command = {.session = session, .options = session->options};
    session->cli->output_is_extra = !command.options->dry_run;
    int code = hb_session_open_home(session, HB_HOME_OF_IMPORT, true);
    if (code == 0 && !command.options->dry_run) /* of runs that were killed */
        hb_stage_sweep(session->run.home.fd);
    if (code == 0)
        code = undo(&command);
    hb_undo_result_clear(&command.result);
    return code;
}

static const struct hb_form form = {.run = run};

const struct hb_command hb_command_undo = {
    .name = "undo",
    .summary = "take back the last import, snapshot restore or undo",
    .about = "Takes back what the last import with --backup-first, snapshot restore with\n"
             "before-restore, or undo of this home did: puts back what it replaced, removes what\n"
             "was new. What has been changed since stays, and is named. The state before is\n"
             "archived first, so that an undo can be undone.",
    .end =
        "Without --force, undo after undo is the way forth again; but what an undo could not put\n"
        "back, the next one tries first. With --force, an undo that left files takes these.\n"
        "\n"
        "Exit status: 0 all taken back, 1 failed and nothing changed, or there is nothing to\n"
        "undo, 3 done but files were left, 4 declined, 5 another run works on the home.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct undo_options),
};

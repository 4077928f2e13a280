/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore snapshot, and backup --quick */
#include "cli_snapshot.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "entry_json.h"
#include "host/hooks.h"
#include "preset_report.h"
#include "restore/pending.h"
#include "snapshot/snapshot.h"
#include "snapshot/snapshot_make.h"
#include "snapshot/snapshot_restore.h"
#include "snapshot/wanted.h"
#include "summary.h"
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct snapshot_options {
    const char *label;
    int64_t keep;  /* -1: as the configuration says */
    int64_t limit; /* of the list */
    bool dry_run;
};

#define AT(member) offsetof(struct snapshot_options, member)

enum { CREATE = 1 << 0, LIST = 1 << 1, RESTORE = 1 << 2, PRUNE = 1 << 3 };

static const struct hb_cli_option table[] = {
    {"label", 'l', "TEXT", "a text to add to the id", .takes = HB_TAKES_TEXT, .offset = AT(label),
     .not_in = LIST | RESTORE | PRUNE},
    {"keep", 0, "N", "how many snapshots to keep; the new one always stays",
     .takes = HB_TAKES_NUMBER, .offset = AT(keep), .not_in = LIST | RESTORE},
    {"limit", 0, "N", "how many to list (default 20)", .takes = HB_TAKES_NUMBER,
     .offset = AT(limit), .not_in = CREATE | RESTORE | PRUNE},
    {"dry-run", 0, NULL, "show what would be done, change nothing", .offset = AT(dry_run),
     .not_in = LIST},
    {0},
};

static const struct hb_meant meant[] = {
    {"new", "did you mean `hbcore snapshot create`?"},
    {"make", "did you mean `hbcore snapshot create`?"},
    {"ls", "did you mean `hbcore snapshot list`?"},
    {"show", "did you mean `hbcore snapshot list`?"},
    {"delete", "did you mean `hbcore snapshot prune`?"},
    {"remove", "did you mean `hbcore snapshot prune`?"},
    {"rm", "did you mean `hbcore snapshot prune`?"},
    {0},
};

struct snapshot_command {
    struct hb_session *session;
    const struct snapshot_options *options;
    struct hb_hooks hooks; /* list has none */
};

/* ---- the hooks ----------------------------------------------------------------------------- */

/* What was done is what the report says; older snapshots go only if nothing is held back. */
static void tell_done(struct snapshot_command *command, const char *id, uint64_t files,
                      uint64_t bytes, bool retains)
{
    if (id != NULL)
        hb_hooks_tell(&command->hooks, HB_HOOKS_SNAPSHOT, id);
    hb_hooks_after(&command->hooks, files, bytes, retains);
}

static void tell_hooks_removed(struct snapshot_command *command,
                               const struct hb_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++)
        if (snapshots->items[i].kept.removed)
            hb_hooks_removed(&command->hooks, snapshots->items[i].kept.name);
}

/* ---- what is said -------------------------------------------------------------------------- */

/* Ends every command but list; takes the members of the JSON over. */
static int conclude(const struct snapshot_command *command, const char *name, json_t *members)
{
    struct hb_session *session = command->session;
    json_t *object = NULL;
    hb_summary_keep(session->cli, &session->run.report);
    if (session->cli->json) {
        object = hb_session_summary(session, name);
        hb_json_add(object, "{s:b}", "dry_run", command->options->dry_run);
        json_object_update(object, members);
    }
    json_decref(members);
    if (object == NULL)
        hb_summary_problems(session->cli, &session->run.report);
    hb_session_print_summary(session, object);
    return hb_session_code(session);
}

static int64_t keep_of(const struct snapshot_command *command)
{
    return command->options->keep >= 0 ? command->options->keep
                                       : hb_config_snapshot(command->session->config)->keep;
}

/* `number`: its place in the list, 0: it has none; `fate`: of a list none. */
static void print_snapshot(const struct snapshot_command *command,
                           const struct hb_snapshot *snapshot, int64_t number, const char *fate)
{
    json_t *object =
        json_pack("{s:s, s:o, s:I, s:I, s:o}", "type", "snapshot", "number",
                  number == 0 ? json_null() : json_integer((json_int_t)number), "files",
                  (json_int_t)snapshot->files, "bytes", (json_int_t)snapshot->bytes, "complete",
                  hb_json_answer(snapshot->kept.complete));
    hb_json_name(object, "id", snapshot->kept.name);
    hb_json_name_or_null(object, "label", snapshot->label);
    if (fate != NULL)
        hb_json_add(object, "{s:s}", "fate", fate);
    hb_json_line(command->session->cli->out, object);
}

/* ---- create -------------------------------------------------------------------------------- */

/* Which were removed, or would be: as JSON, and for people. */
static json_t *tell_removed(const struct snapshot_command *command,
                            const struct hb_snapshots *snapshots, size_t removed)
{
    FILE *out = command->session->cli->out;
    bool speaks = hb_session_speaks(command->session);
    json_t *names = json_array();
    if (speaks && removed > 0)
        fprintf(out, "%s %zu older snapshot%s:\n",
                command->options->dry_run ? "Would remove" : "Removed", removed,
                hb_plural(removed));
    for (size_t i = 0; i < snapshots->count; i++) {
        if (!snapshots->items[i].kept.removed)
            continue;
        HB_AUTO_FREE char *name = hb_printable(snapshots->items[i].kept.name);
        hb_json_append_name(names, "id", snapshots->items[i].kept.name);
        if (speaks)
            fprintf(out, "  %s\n", name);
    }
    return names;
}

/* Opens them, too; hb_snapshots_close in any case. */
static int prune_to(const struct snapshot_command *command, int64_t keep, const char *just_made,
                    struct hb_snapshots *snapshots, size_t *removed)
{
    struct hb_session *session = command->session;
    int status = hb_snapshots_open(&session->run, snapshots, &session->error);
    if (status == HB_OK)
        status = hb_snapshots_prune(&session->run, snapshots, (uint64_t)keep, just_made,
                                    command->options->dry_run, removed, &session->error);
    return status;
}

/* Nothing went wrong, but whoever typed it has no snapshot. */
static void hint_at_files(const struct snapshot_command *command)
{
    const char *const *files = hb_config_snapshot(command->session->config)->files;
    const char *file = hb_config_path(command->session->config);
    HB_AUTO_FREE char *shown = hb_printable(file == NULL ? "a configuration file" : file);
    fprintf(command->session->cli->out,
            *files == NULL
                ? "  Name the files that matter most in %s: section [snapshot], key 'files'\n"
                : "  None of the files that %s names exists: section [snapshot], key 'files'\n",
            shown);
}

static void say_created(const struct snapshot_command *command, const struct hb_snapshot_made *made,
                        size_t stored, const char *directory)
{
    FILE *out = command->session->cli->out;
    char size[24];
    if (!hb_session_speaks(command->session))
        return;
    if (made->id == NULL) {
        fprintf(out, "No state files found to snapshot.\n");
        hint_at_files(command);
        return;
    }
    HB_AUTO_FREE char *where = hb_printable(directory);
    HB_AUTO_FREE char *id = hb_shell_word(made->id);
    fprintf(out, "State snapshot created: %s\n", made->id);
    fprintf(out, "  %" PRIu64 " file%s, %s; %zu snapshot%s stored in %s/\n", made->files,
            hb_plural(made->files), hb_human_bytes(made->bytes, size), stored, hb_plural(stored),
            where);
    HB_AUTO_FREE char *restore =
        hb_session_command_line(command->session, "hbcore snapshot restore");
    fprintf(out, "  Restore with: %s %s\n", restore, id);
}

/* `snapshots`: that are there now; NULL of a dry run, which does not look at them. */
static int conclude_create(const struct snapshot_command *command,
                           const struct hb_snapshot_made *made,
                           const struct hb_snapshots *snapshots, size_t removed)
{
    json_t *members = json_object();
    hb_json_name_or_null(members, "id", made->id);
    hb_json_name_or_null(members, "label", command->options->label);
    hb_json_name_or_null(members, "held", made->id == NULL ? NULL : command->hooks.held);
    hb_json_add(members, "{s:I, s:I, s:I, s:o, s:o}", "files", (json_int_t)made->files, "bytes",
                (json_int_t)made->bytes, "removed", (json_int_t)removed, "removed_snapshots",
                snapshots == NULL ? json_array() : tell_removed(command, snapshots, removed),
                "snapshots",
                snapshots == NULL || made->id == NULL
                    ? json_null()
                    : json_integer((json_int_t)(snapshots->count - removed)));
    return conclude(command, "snapshot create", members);
}

static void on_would_copy(void *context, const char *path, const struct hb_plan *plan,
                          const struct hb_planned *planned)
{
    const struct snapshot_command *command = context;
    hb_session_print_entry(command->session, path, false, NULL, hb_json_planned(plan, planned));
}

/* Once they are told how it ended: the exit code. */
static int end(struct snapshot_command *command, int status)
{
    hb_hooks_end(&command->hooks, status, &command->session->error);
    return hb_cli_exit_code(status);
}

static int would_create(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshot_made planned;
    char size[24];
    struct hb_snapshot_request request = {
        .run = &session->run, .would_copy = on_would_copy, .context = command};
    int status = hb_snapshot_make(&request, &planned, &session->error);
    if (status == HB_OK)
        tell_done(command, NULL, planned.files, planned.bytes, false);
    int code = end(command, status);
    if (status != HB_OK)
        return code;
    hb_session_say(session, "Dry run: %" PRIu64 " file%s, %s; nothing was written.\n",
                   planned.files, hb_plural(planned.files), hb_human_bytes(planned.bytes, size));
    if (planned.files == 0 && hb_session_speaks(command->session))
        hint_at_files(command);
    return conclude_create(command, &planned, NULL, 0);
}

static int create(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshot_made made;
    struct hb_snapshots snapshots = {.directory = HB_DIRECTORY_NONE};
    size_t removed = 0;
    int64_t keep = keep_of(command);
    if (command->options->dry_run)
        return would_create(command);
    struct hb_snapshot_request request = {.run = &session->run, .label = command->options->label};
    int status = hb_snapshot_make(&request, &made, &session->error);
    if (status == HB_OK)
        tell_done(command, made.id, made.files, made.bytes, made.id != NULL);
    bool held = command->hooks.held != NULL || made.too_large > 0;
    if (status == HB_OK && made.id != NULL && !held)
        status = prune_to(command, keep < 1 ? 1 : keep, made.id, &snapshots, &removed);
    else if (status == HB_OK && made.id != NULL)
        status = hb_snapshots_open(&session->run, &snapshots, &session->error);
    tell_hooks_removed(command, &snapshots);
    int code = end(command, status);
    if (status == HB_OK) {
        say_created(command, &made, snapshots.count - removed, snapshots.path);
        code = conclude_create(command, &made, &snapshots, removed);
    } else {
        hb_summary_failed(session->cli, &session->run.report);
    }
    hb_snapshots_close(&snapshots);
    free(made.id);
    return code;
}

/* ---- list ---------------------------------------------------------------------------------- */

/* How long ago it was made, by its manifest. */
static const char *age_of(const struct hb_snapshot *snapshot, char *text)
{
    time_t written = snapshot->kept.when.written.tv_sec;
    return written == 0 ? "" : hb_human_age(difftime(time(NULL), written), text);
}

/* The label, which may be of any width, comes last. */
static void list_people(const struct snapshot_command *command, const struct hb_snapshot *snapshot,
                        int64_t number, int width)
{
    char size[HB_HUMAN_BYTES], age[HB_HUMAN_BYTES];
    HB_AUTO_FREE char *name = hb_printable(snapshot->kept.name);
    HB_AUTO_FREE char *label = hb_printable(snapshot->label == NULL ? "" : snapshot->label);
    fprintf(command->session->cli->out, "%3" PRId64 "  %s%*s  %6s  %5" PRIu64 "  %9s  %-10s  %s\n",
            number, name, width - hb_columns(name), "", age_of(snapshot, age), snapshot->files,
            hb_human_bytes(snapshot->bytes, size),
            snapshot->kept.complete == HB_YES           ? "complete"
            : snapshot->kept.complete == HB_CANNOT_TELL ? "cannot be read now"
            : snapshot->readable                        ? "INCOMPLETE"
                                                        : "manifest cannot be read",
            label);
}

/* Of the longest id that is listed. */
static int width_of(const struct hb_snapshots *snapshots, int64_t limit)
{
    int most = 15;
    int64_t shown = 0;
    for (size_t i = 0; i < snapshots->count && shown < limit; i++) {
        if (!snapshots->items[i].has_manifest)
            continue;
        shown++;
        HB_AUTO_FREE char *name = hb_printable(snapshots->items[i].kept.name);
        most = hb_columns(name) > most ? hb_columns(name) : most;
    }
    return most;
}

static int list(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshots snapshots;
    int64_t shown = 0, limit = command->options->limit;
    int status = hb_snapshots_open(&session->run, &snapshots, &session->error);
    int width = width_of(&snapshots, limit);
    for (size_t i = 0; i < snapshots.count && shown < limit; i++) {
        if (!snapshots.items[i].has_manifest)
            continue;
        shown++;
        if (session->cli->json) {
            print_snapshot(command, &snapshots.items[i], shown, NULL);
            continue;
        }
        if (shown == 1)
            fprintf(session->cli->out, "  #  %-*s     age  files       size  state       label\n",
                    width, "id");
        list_people(command, &snapshots.items[i], shown, width);
    }
    hb_snapshots_close(&snapshots);
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    hb_pending_tell(&session->run);
    if (session->cli->json)
        return conclude(command, "snapshot list",
                        json_pack("{s:I}", "snapshots", (json_int_t)shown));
    if (shown == 0 && limit > 0)
        fprintf(session->cli->out, "No snapshots.\n");
    fflush(session->cli->out);
    hb_summary_notes(session->cli, &session->run.report);
    return HB_EXIT_DONE;
}

/* ---- restore ------------------------------------------------------------------------------- */

static void on_would_restore(void *context, const char *path, uint64_t bytes, const char *change)
{
    const struct snapshot_command *command = context;
    json_t *object = hb_json_entry(HB_TYPE_FILE, bytes);
    hb_json_add(object, "{s:s?}", "change", *change == '\0' ? NULL : change);
    hb_session_print_entry(command->session, path, false, change, object);
}

static void say_way_back(const struct snapshot_command *command, const char *id)
{
    if (id == NULL)
        return;
    HB_AUTO_FREE char *line = hb_session_command_line(command->session, "hbcore snapshot restore");
    HB_AUTO_FREE char *word = hb_shell_word(id);
    hb_session_say(command->session, "  What was there before: %s %s\n", line, word);
}

static int restore(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshot_restored restored = {.way_back = NULL};
    bool dry_run = command->options->dry_run;
    HB_AUTO_FREE char *name =
        hb_snapshot_wanted(&session->run, session->arguments[0], &session->error);
    if (name == NULL)
        return HB_EXIT_FAILED;
    hb_hooks_tell(&command->hooks, HB_HOOKS_SNAPSHOT, name);
    int status = hb_hooks_before(&command->hooks, &session->error);
    if (status == HB_OK)
        status = hb_snapshot_restore(&session->run, name, dry_run, on_would_restore, command,
                                     &restored, &session->error);
    HB_AUTO_FREE char *way_back = restored.way_back;
    if (status == HB_OK)
        tell_done(command, NULL, restored.files, restored.bytes, false);
    if (status == HB_STATUS_NOMATCH) { /* another machine */
        hb_hooks_finally(&command->hooks, HB_STATUS_FATAL, HB_EXIT_LOCKED, &session->error);
        return HB_EXIT_LOCKED;
    }
    end(command, status);
    if (status != HB_OK) {
        hb_summary_failed(session->cli, &session->run.report);
        return hb_cli_exit_code(status);
    }
    HB_AUTO_FREE char *shown = hb_printable(name);
    if (hb_session_speaks(command->session) && dry_run)
        fprintf(session->cli->out, "Dry run: nothing was changed.\n");
    else
        hb_session_say(session, "Restored %" PRIu64 " of %" PRIu64 " file%s from %s\n",
                       restored.files, restored.members, hb_plural(restored.members), shown);
    say_way_back(command, way_back);
    json_t *members =
        json_pack("{s:I, s:I, s:I}", "files", (json_int_t)restored.files, "bytes",
                  (json_int_t)restored.bytes, "members", (json_int_t)restored.members);
    hb_json_name(members, "id", name);
    hb_json_name_or_null(members, "way_back", way_back);
    int code = conclude(command, "snapshot restore", members);
    if (dry_run || restored.files > 0)
        return code;
    hb_error_set(&session->error, HB_STATUS_FATAL, "%s: no file of this snapshot could be restored",
                 name);
    return HB_EXIT_FAILED;
}

/* ---- prune --------------------------------------------------------------------------------- */

static void print_fates(const struct snapshot_command *command,
                        const struct hb_snapshots *snapshots)
{
    int64_t number = 0;
    for (size_t i = 0; command->session->cli->json && i < snapshots->count; i++) {
        const struct hb_snapshot *snapshot = &snapshots->items[i];
        number += snapshot->has_manifest;
        print_snapshot(command, snapshot, snapshot->has_manifest ? number : 0,
                       hb_json_fate(&snapshot->kept));
    }
}

static int prune(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshots snapshots;
    size_t removed = 0;
    bool dry_run = command->options->dry_run;
    hb_pending_tell(&session->run);
    int status = prune_to(command, keep_of(command), NULL, &snapshots, &removed);
    tell_hooks_removed(command, &snapshots);
    if (status == HB_OK)
        tell_done(command, NULL, 0, 0, false);
    int code = end(command, status);
    if (status == HB_OK) {
        size_t left = snapshots.count - removed;
        json_t *names = tell_removed(command, &snapshots, removed);
        print_fates(command, &snapshots);
        hb_session_say(session, "%s %zu snapshot%s, %zu %s.\n",
                       dry_run ? "Would remove" : "Removed", removed, hb_plural(removed), left,
                       dry_run     ? "would stay"
                       : left == 1 ? "stays"
                                   : "stay");
        code = conclude(command, "snapshot prune",
                        json_pack("{s:I, s:o, s:I}", "removed", (json_int_t)removed,
                                  "removed_snapshots", names, "snapshots", (json_int_t)left));
    }
    hb_snapshots_close(&snapshots);
    return code;
}

/* ---- the command --------------------------------------------------------------------------- */

static int open_home(const struct snapshot_command *command, bool lock)
{
    struct hb_session *session = command->session;
    int code = hb_session_open_home(session, HB_HOME_NESTED, lock);
    session->cli->output_is_extra = lock && !command->options->dry_run;
    if (code == 0 && session->cli->output_is_extra) /* of runs that were killed */
        hb_stage_sweep(session->run.home.fd);
    return code;
}

/* A subcommand that changes something, or would: with its hooks around it. */
static int run_with_hooks(struct snapshot_command *command, const char *what,
                          int (*work)(struct snapshot_command *command))
{
    struct hb_session *session = command->session;
    struct hb_hooks *hooks = &command->hooks;
    if (hb_hooks_open(hooks, &session->run, what, command->options->dry_run, &session->error) !=
        HB_OK)
        return HB_EXIT_USAGE;
    int code = open_home(command, true);
    hb_hooks_tell(hooks, HB_HOOKS_HOME, session->run.home.path);
    if (code == 0)
        code = work(command);
    hb_hooks_close(hooks);
    return code;
}

/* Nothing is looked at before the hooks have agreed. */
static int begin(struct snapshot_command *command)
{
    int status = hb_hooks_before(&command->hooks, &command->session->error);
    return status == HB_OK ? 0 : end(command, status);
}

static int begin_create(struct snapshot_command *command)
{
    int code = begin(command);
    return code == 0 ? create(command) : code;
}

static int begin_prune(struct snapshot_command *command)
{
    int code = begin(command);
    return code == 0 ? prune(command) : code;
}

int hb_cli_snapshot_create(struct hb_session *session, const char *label, int64_t keep,
                           bool dry_run)
{
    struct snapshot_options options = {.label = label, .keep = keep, .dry_run = dry_run};
    struct snapshot_command command = {.session = session, .options = &options};
    return run_with_hooks(&command, "snapshot create", begin_create);
}

static int run(struct hb_session *session)
{
    struct snapshot_command command = {.session = session, .options = session->options};
    const char *name = session->form->name;
    if (strcmp(name, "create") == 0)
        return run_with_hooks(&command, "snapshot create", begin_create);
    if (strcmp(name, "restore") == 0)
        return run_with_hooks(&command, "snapshot restore", restore);
    if (strcmp(name, "prune") == 0)
        return run_with_hooks(&command, "snapshot prune", begin_prune);
    int code = open_home(&command, false);
    return code == 0 ? list(&command) : code;
}

int hb_cli_snapshot_label(const struct hb_cli *cli, const char *label)
{
    const char *problem = label == NULL ? NULL : hb_snapshot_label_problem(label);
    return problem == NULL ? 0 : hb_cli_usage(cli, "snapshot", "the label %s", problem);
}

static int check(const struct hb_cli *cli, const void *options)
{
    return hb_cli_snapshot_label(cli, ((const struct snapshot_options *)options)->label);
}

static const struct hb_form forms[] = {
    {.name = "create", .run = run},
    {.name = "list", .run = run},
    {.name = "restore",
     .arguments = "ID|NUMBER",
     .wrong = "restore takes one id or number",
     .values = {HB_VALUES_SNAPSHOTS},
     .run = run},
    {.name = "prune", .run = run},
};

const struct hb_command hb_command_snapshot = {
    .name = "snapshot",
    .summary = "quick copies of the files that matter most",
    .about = "Quick copies of the few files that matter most ([snapshot] files), each in a\n"
             "directory of its own in the home.",
    .end = "NUMBER is the place in the list: 1 is the newest. Exit status of restore: 0 all of\n"
           "the snapshot was restored, 3 some of it, 1 nothing; of prune: 3 a snapshot could not\n"
           "be removed or read.",
    .forms = forms,
    .form_count = sizeof forms / sizeof *forms,
    .options = table,
    .meant = meant,
    .bytes = sizeof(struct snapshot_options),
    .defaults = &(const struct snapshot_options){.keep = -1, .limit = HB_SNAPSHOTS_LISTED},
    .check = check,
};

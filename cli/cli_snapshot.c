/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore snapshot, and backup --quick */
#include "cli_snapshot.h"

#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
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
};

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
    hb_session_print_summary(session, object);
    return hb_session_code(session);
}

static int64_t keep_of(const struct snapshot_command *command)
{
    return command->options->keep >= 0
               ? command->options->keep
               : hb_config_number(command->session->config, "snapshot", "keep");
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
        fprintf(out, "%s %zu older snapshot(s):\n",
                command->options->dry_run ? "Would remove" : "Removed", removed);
    for (size_t i = 0; i < snapshots->count; i++) {
        if (!snapshots->items[i].kept.removed)
            continue;
        HB_AUTO_FREE char *name = hb_printable(snapshots->items[i].kept.name);
        json_array_append_new(names, json_string(name));
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
    const char *const *files = hb_config_list(command->session->config, "snapshot", "files");
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
    fprintf(out, "  %" PRIu64 " files, %s; %zu snapshot(s) stored in %s/\n", made->files,
            hb_human_bytes(made->bytes, size), stored, where);
    HB_AUTO_FREE char *restore =
        hb_session_command_line(command->session, "hbcore snapshot restore");
    fprintf(out, "  Restore with: %s %s\n", restore, id);
}

static void on_would_copy(void *context, const char *path, uint64_t bytes)
{
    const struct snapshot_command *command = context;
    hb_session_print_entry(command->session, path, false, NULL,
                           json_pack("{s:I}", "bytes", (json_int_t)bytes));
}

static int would_create(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshot_made planned;
    char size[24];
    struct hb_snapshot_request request = {
        .run = &session->run, .would_copy = on_would_copy, .context = command};
    int status = hb_snapshot_make(&request, &planned, &session->error);
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    hb_session_say(session, "Dry run: %" PRIu64 " files, %s; nothing was written.\n", planned.files,
                   hb_human_bytes(planned.bytes, size));
    if (planned.files == 0 && hb_session_speaks(command->session))
        hint_at_files(command);
    return conclude(command, "snapshot create",
                    json_pack("{s:n, s:I, s:I}", "id", "files", (json_int_t)planned.files, "bytes",
                              (json_int_t)planned.bytes));
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
    if (status == HB_OK && made.id != NULL)
        status = prune_to(command, keep < 1 ? 1 : keep, made.id, &snapshots, &removed);
    int code = hb_cli_exit_code(status);
    if (status == HB_OK) {
        say_created(command, &made, snapshots.count - removed, snapshots.path);
        json_t *members =
            json_pack("{s:I, s:I, s:I, s:o}", "files", (json_int_t)made.files, "bytes",
                      (json_int_t)made.bytes, "removed", (json_int_t)removed, "removed_snapshots",
                      tell_removed(command, &snapshots, removed));
        hb_json_name_or_null(members, "id", made.id);
        code = conclude(command, "snapshot create", members);
    } else {
        hb_summary_failed(session->cli, &session->run.report);
    }
    hb_snapshots_close(&snapshots);
    free(made.id);
    return code;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void list_json(const struct snapshot_command *command, const struct hb_snapshot *snapshot,
                      int64_t number)
{
    json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:o}", "type", "snapshot", "number",
                               (json_int_t)number, "files", (json_int_t)snapshot->files, "bytes",
                               (json_int_t)snapshot->bytes, "complete",
                               snapshot->kept.complete == HB_CANNOT_TELL
                                   ? json_null()
                                   : json_boolean(snapshot->kept.complete == HB_YES));
    hb_json_name(object, "id", snapshot->kept.name);
    hb_json_name_or_null(object, "label", snapshot->label);
    hb_json_line(command->session->cli->out, object);
}

/* How wide it is on a terminal. */
static int columns(const char *text)
{
    size_t bytes = strlen(text);
    HB_AUTO_FREE wchar_t *wide = hb_alloc((bytes + 1) * sizeof *wide);
    size_t count = mbstowcs(wide, text, bytes + 1);
    int width = count == SIZE_MAX ? -1 : wcswidth(wide, count);
    return width < 0 ? (int)bytes : width;
}

/* Of the ids of the first `limit`. */
static int widest_id(const struct hb_snapshots *snapshots, int64_t limit)
{
    int widest = (int)sizeof "YYYYMMDD-HHMMSS" - 1;
    int64_t shown = 0;
    for (size_t i = 0; i < snapshots->count && shown < limit; i++) {
        if (!snapshots->items[i].has_manifest)
            continue;
        HB_AUTO_FREE char *name = hb_printable(snapshots->items[i].kept.name);
        widest = columns(name) > widest ? columns(name) : widest;
        shown++;
    }
    return widest;
}

static void list_people(const struct snapshot_command *command, const struct hb_snapshot *snapshot,
                        int64_t number, int width)
{
    char size[24];
    HB_AUTO_FREE char *name = hb_printable(snapshot->kept.name);
    HB_AUTO_FREE char *label = hb_printable(snapshot->label == NULL ? "" : snapshot->label);
    fprintf(command->session->cli->out, "%3" PRId64 "  %s%*s  %5" PRIu64 "  %9s  %s%s\n", number,
            name, width - columns(name), "", snapshot->files, hb_human_bytes(snapshot->bytes, size),
            label,
            snapshot->kept.complete == HB_YES           ? ""
            : snapshot->kept.complete == HB_CANNOT_TELL ? " (cannot be read now)"
            : snapshot->readable                        ? " (incomplete)"
                                                        : " (its manifest cannot be read)");
}

static int list(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshots snapshots;
    int64_t shown = 0, limit = command->options->limit;
    int status = hb_snapshots_open(&session->run, &snapshots, &session->error);
    int width = widest_id(&snapshots, limit);
    for (size_t i = 0; i < snapshots.count && shown < limit; i++) {
        if (!snapshots.items[i].has_manifest)
            continue;
        shown++;
        if (session->cli->json) {
            list_json(command, &snapshots.items[i], shown);
            continue;
        }
        if (shown == 1)
            fprintf(session->cli->out, "  #  %-*s  files       size  label\n", width, "id");
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
    hb_session_print_entry(command->session, path, false, change,
                           json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes, "change", change));
}

static int restore(struct snapshot_command *command, const char *wanted)
{
    struct hb_session *session = command->session;
    struct hb_snapshot_restored restored;
    bool dry_run = command->options->dry_run;
    HB_AUTO_FREE char *name = hb_snapshot_wanted(&session->run, wanted, &session->error);
    if (name == NULL)
        return HB_EXIT_FAILED;
    int status = hb_snapshot_restore(&session->run, name, dry_run, on_would_restore, command,
                                     &restored, &session->error);
    if (status == HB_NOMATCH) /* another machine */
        return HB_EXIT_LOCKED;
    if (status != HB_OK) {
        hb_summary_failed(session->cli, &session->run.report);
        return hb_cli_exit_code(status);
    }
    HB_AUTO_FREE char *shown = hb_printable(name);
    if (hb_session_speaks(command->session) && dry_run)
        fprintf(session->cli->out, "Dry run: nothing was changed.\n");
    else
        hb_session_say(session, "Restored %" PRIu64 " of %" PRIu64 " files from %s\n",
                       restored.files, restored.members, shown);
    json_t *members =
        json_pack("{s:I, s:I, s:I}", "files", (json_int_t)restored.files, "bytes",
                  (json_int_t)restored.bytes, "members", (json_int_t)restored.members);
    hb_json_name(members, "id", name);
    int code = conclude(command, "snapshot restore", members);
    if (dry_run || restored.files > 0)
        return code;
    hb_error_set(&session->error, HB_FATAL, "%s: no file of this snapshot could be restored", name);
    return HB_EXIT_FAILED;
}

/* ---- prune --------------------------------------------------------------------------------- */

static int prune(struct snapshot_command *command)
{
    struct hb_session *session = command->session;
    struct hb_snapshots snapshots;
    size_t removed = 0;
    bool dry_run = command->options->dry_run;
    hb_pending_tell(&session->run);
    int status = prune_to(command, keep_of(command), NULL, &snapshots, &removed);
    int code = hb_cli_exit_code(status);
    if (status == HB_OK) {
        size_t left = snapshots.count - removed;
        json_t *names = tell_removed(command, &snapshots, removed);
        hb_session_say(session, "%s %zu snapshot(s), %zu %s.\n",
                       dry_run ? "Would remove" : "Removed", removed, left,
                       dry_run ? "would stay" : "stay");
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
    int code = hb_session_open_home(session, false, lock);
    session->cli->output_is_extra = lock && !command->options->dry_run;
    if (code == 0 && session->cli->output_is_extra) /* of runs that were killed */
        hb_stage_sweep(session->run.home.fd);
    return code;
}

int hb_cli_snapshot_create(struct hb_session *session, const char *label, int64_t keep,
                           bool dry_run)
{
    struct snapshot_options options = {.label = label, .keep = keep, .dry_run = dry_run};
    struct snapshot_command command = {session, &options};
    int code = open_home(&command, true);
    return code == 0 ? create(&command) : code;
}

static int run(struct hb_session *session)
{
    struct snapshot_command command = {session, session->options};
    bool lists = strcmp(session->form->name, "list") == 0;
    int code = open_home(&command, !lists);
    if (code != 0)
        return code;
    if (strcmp(session->form->name, "create") == 0)
        return create(&command);
    if (strcmp(session->form->name, "restore") == 0)
        return restore(&command, session->arguments[0]);
    return lists ? list(&command) : prune(&command);
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

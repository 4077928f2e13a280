/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore snapshot, and backup --quick */
#include "cli_snapshot.h"

#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "pending.h"
#include "session.h"
#include "snapshot/snapshot.h"
#include "snapshot/snapshot_make.h"
#include "snapshot/snapshot_restore.h"
#include "snapshot_wanted.h"
#include "summary.h"
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] snapshot create [--label TEXT] [--keep N] [--dry-run]\n"
    "       hbcore [global options] snapshot list [--limit N]\n"
    "       hbcore [global options] snapshot restore ID|NUMBER [--dry-run]\n"
    "       hbcore [global options] snapshot prune [--keep N] [--dry-run]\n"
    "\n"
    "Quick copies of the few files that matter most ([snapshot] files), each in a directory\n"
    "of its own in the home.\n"
    "\n"
    "  -l, --label TEXT    added to the id\n"
    "      --keep N        how many stay; the one just made always does\n"
    "      --limit N       how many are listed (default 20)\n"
    "      --dry-run       show what would be done, change nothing\n"
    "  -h, --help\n"
    "\n"
    "NUMBER counts the list from 1, the newest. restore ends with 0 if all of a snapshot was\n"
    "restored, 3 if some was, 1 if nothing was.\n";

struct snapshot_command {
    struct hb_cli *cli;
    const char *label;
    int64_t keep;  /* -1: as the configuration says */
    int64_t limit; /* of the list */
    bool dry_run;
    const char *wanted; /* restore: id or number */
    struct hb_run run;
    struct timespec started;
};

typedef int (*action)(struct snapshot_command *command, struct hb_error *error);

/* ---- what is said -------------------------------------------------------------------------- */

static json_t *summary_json(struct snapshot_command *command, const char *name)
{
    json_t *object = hb_summary_json(name, &command->run.report);
    json_object_set_new(object, "dry_run", json_boolean(command->dry_run));
    json_object_set_new(object, "seconds", json_real(hb_cli_seconds_since(&command->started)));
    return object;
}

/* Ends every command but list; takes the object over. */
static int conclude(struct snapshot_command *command, json_t *object)
{
    struct hb_cli *cli = command->cli;
    hb_summary_keep(cli, &command->run.report);
    if (cli->json) {
        hb_summary_json_findings(object, &command->run.report);
        hb_json_line(cli->out, object);
    } else {
        json_decref(object);
        hb_summary_findings(cli, cli->quiet ? cli->err : cli->out, &command->run.report);
        hb_summary_lines(cli->out, &command->run.report);
    }
    return hb_report_incomplete(&command->run.report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

static int64_t keep_of(const struct snapshot_command *command)
{
    return command->keep >= 0 ? command->keep
                              : hb_config_number(command->run.config, "snapshot", "keep");
}

/* ---- create -------------------------------------------------------------------------------- */

/* What pruning has come to. */
struct pruned {
    size_t removed, present;
    char *directory;
    json_t *names; /* of those that were removed */
};

static int prune_to(struct snapshot_command *command, int64_t keep, const char *just_made,
                    struct pruned *pruned, struct hb_error *error)
{
    struct hb_snapshots snapshots;
    int status = hb_snapshots_open(&command->run, &snapshots, error);
    if (status == HB_OK)
        status = hb_snapshots_prune(&command->run, &snapshots, (uint64_t)keep, just_made,
                                    command->dry_run, &pruned->removed, error);
    pruned->present = snapshots.count;
    pruned->directory = snapshots.path == NULL ? NULL : hb_copy_text(snapshots.path);
    pruned->names = json_array();
    for (size_t i = 0; i < snapshots.count; i++) {
        if (!snapshots.items[i].kept.removed)
            continue;
        HB_AUTO_FREE char *name = hb_printable(snapshots.items[i].kept.name);
        json_array_append_new(pruned->names, json_string(name));
    }
    hb_snapshots_close(&snapshots);
    return status;
}

static void pruned_clear(struct pruned *pruned)
{
    json_decref(pruned->names);
    free(pruned->directory);
}

static void say_removed(const struct snapshot_command *command, const struct pruned *pruned)
{
    size_t index;
    json_t *name;
    if (command->cli->quiet || command->cli->json || pruned->removed == 0)
        return;
    fprintf(command->cli->out, "%s %zu older snapshot(s):\n",
            command->dry_run ? "Would remove" : "Removed", pruned->removed);
    json_array_foreach(pruned->names, index, name)
    {
        fprintf(command->cli->out, "  %s\n", json_string_value(name));
    }
}

/* Nothing went wrong, but whoever typed it has no snapshot. */
static void hint_at_files(const struct snapshot_command *command)
{
    const char *const *files = hb_config_list(command->run.config, "snapshot", "files");
    const char *file = hb_config_path(command->run.config);
    HB_AUTO_FREE char *shown = hb_printable(file == NULL ? "a configuration file" : file);
    fprintf(command->cli->out,
            *files == NULL
                ? "  Name those that matter most in %s: section [snapshot], key 'files'\n"
                : "  None of those that %s names is there: section [snapshot], key "
                  "'files'\n",
            shown);
}

static void say_created(const struct snapshot_command *command, const struct hb_snapshot_made *made,
                        size_t stored, const char *directory)
{
    FILE *out = command->cli->out;
    char size[24];
    if (command->cli->quiet || command->cli->json)
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
        hb_cli_command_line(command->cli, &command->run, "hbcore snapshot restore");
    fprintf(out, "  Restore with: %s %s\n", restore, id);
}

static void show_file(const struct snapshot_command *command, const char *path, uint64_t bytes,
                      const char *change)
{
    if (command->cli->json) {
        json_t *object = json_object();
        json_object_set_new(object, "type", json_string("entry"));
        hb_json_name(object, "path", path);
        json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
        if (change != NULL)
            json_object_set_new(object, "change", json_string(change));
        hb_json_line(command->cli->out, object);
    } else if (!command->cli->quiet) {
        HB_AUTO_FREE char *shown = hb_printable(path);
        if (change != NULL)
            fprintf(command->cli->out, "  %-9s  %s\n", change, shown);
        else
            fprintf(command->cli->out, "  %s\n", shown);
    }
}

static void on_would_copy(void *context, const char *path, uint64_t bytes)
{
    show_file(context, path, bytes, NULL);
}

static int would_create(struct snapshot_command *command, struct hb_error *error)
{
    struct hb_snapshot_made planned;
    char size[24];
    struct hb_snapshot_request request = {
        .run = &command->run, .would_copy = on_would_copy, .context = command};
    int status = hb_snapshot_make(&request, &planned, error);
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    json_t *object = summary_json(command, "snapshot create");
    json_object_set_new(object, "id", json_null());
    json_object_set_new(object, "files", json_integer((json_int_t)planned.files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)planned.bytes));
    if (!command->cli->json && !command->cli->quiet)
        fprintf(command->cli->out, "Dry run: %" PRIu64 " files, %s; nothing was written.\n",
                planned.files, hb_human_bytes(planned.bytes, size));
    if (planned.files == 0 && !command->cli->json && !command->cli->quiet)
        hint_at_files(command);
    return conclude(command, object);
}

static int create(struct snapshot_command *command, struct hb_error *error)
{
    struct hb_snapshot_made made;
    struct pruned pruned = {0};
    int64_t keep = keep_of(command);
    if (command->dry_run)
        return would_create(command, error);
    struct hb_snapshot_request request = {.run = &command->run, .label = command->label};
    int status = hb_snapshot_make(&request, &made, error);
    if (status == HB_OK && made.id != NULL)
        status = prune_to(command, keep < 1 ? 1 : keep, made.id, &pruned, error);
    int code = hb_cli_exit_code(status);
    if (status == HB_OK) {
        json_t *object = summary_json(command, "snapshot create");
        json_object_set_new(object, "id", made.id == NULL ? json_null() : json_string(made.id));
        json_object_set_new(object, "files", json_integer((json_int_t)made.files));
        json_object_set_new(object, "bytes", json_integer((json_int_t)made.bytes));
        json_object_set_new(object, "removed", json_integer((json_int_t)pruned.removed));
        json_object_set_new(object, "removed_snapshots",
                            pruned.names == NULL ? json_array() : json_incref(pruned.names));
        say_created(command, &made, pruned.present - pruned.removed, pruned.directory);
        say_removed(command, &pruned);
        code = conclude(command, object);
    } else {
        hb_summary_failed(command->cli, &command->run.report);
    }
    pruned_clear(&pruned);
    free(made.id);
    return code;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void list_json(const struct snapshot_command *command, const struct hb_snapshot *snapshot,
                      int64_t number)
{
    json_t *object = json_object();
    json_object_set_new(object, "type", json_string("snapshot"));
    json_object_set_new(object, "number", json_integer(number));
    hb_json_name(object, "id", snapshot->kept.name);
    json_object_set_new(object, "files", json_integer((json_int_t)snapshot->files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)snapshot->bytes));
    json_object_set_new(object, "label",
                        snapshot->label == NULL ? json_null() : json_string(snapshot->label));
    json_object_set_new(object, "complete",
                        snapshot->kept.complete == HB_CANNOT_TELL
                            ? json_null()
                            : json_boolean(snapshot->kept.complete == HB_YES));
    hb_json_line(command->cli->out, object);
}

static void list_people(const struct snapshot_command *command, const struct hb_snapshot *snapshot,
                        int64_t number)
{
    char size[24];
    HB_AUTO_FREE char *name = hb_printable(snapshot->kept.name);
    HB_AUTO_FREE char *label = hb_printable(snapshot->label == NULL ? "" : snapshot->label);
    fprintf(command->cli->out, "%3" PRId64 "  %-32s  %5" PRIu64 "  %9s  %s%s\n", number, name,
            snapshot->files, hb_human_bytes(snapshot->bytes, size), label,
            snapshot->kept.complete == HB_YES           ? ""
            : snapshot->kept.complete == HB_CANNOT_TELL ? " (cannot be read now)"
            : snapshot->readable                        ? " (incomplete)"
                                                        : " (its manifest cannot be read)");
}

static int list(struct snapshot_command *command, struct hb_error *error)
{
    struct hb_snapshots snapshots;
    int64_t shown = 0;
    int status = hb_snapshots_open(&command->run, &snapshots, error);
    for (size_t i = 0; i < snapshots.count && shown < command->limit; i++) {
        if (!snapshots.items[i].has_manifest)
            continue;
        shown++;
        if (command->cli->json) {
            list_json(command, &snapshots.items[i], shown);
            continue;
        }
        if (shown == 1)
            fprintf(command->cli->out, "  #  %-32s  files       size  label\n", "id");
        list_people(command, &snapshots.items[i], shown);
    }
    hb_snapshots_close(&snapshots);
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    hb_cli_tell_pending(&command->run);
    if (command->cli->json) {
        json_t *object = summary_json(command, "snapshot list");
        json_object_set_new(object, "snapshots", json_integer(shown));
        return conclude(command, object);
    }
    if (shown == 0 && command->limit > 0)
        fprintf(command->cli->out, "No snapshots.\n");
    fflush(command->cli->out);
    hb_cli_show_notes(command->cli, &command->run.report);
    return HB_EXIT_DONE;
}

/* ---- restore ------------------------------------------------------------------------------- */

static void on_would_restore(void *context, const char *path, uint64_t bytes, const char *change)
{
    show_file(context, path, bytes, change);
}

static int restore(struct snapshot_command *command, struct hb_error *error)
{
    struct hb_snapshot_restored restored;
    HB_AUTO_FREE char *name = hb_cli_snapshot_wanted(&command->run, command->wanted, error);
    if (name == NULL)
        return HB_EXIT_FAILED;
    int status = hb_snapshot_restore(&command->run, name, command->dry_run, on_would_restore,
                                     command, &restored, error);
    if (status != HB_OK && status != HB_NOMATCH)
        hb_summary_failed(command->cli, &command->run.report);
    if (status == HB_NOMATCH) /* another machine */
        return HB_EXIT_LOCKED;
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    json_t *object = summary_json(command, "snapshot restore");
    hb_json_name(object, "id", name);
    json_object_set_new(object, "files", json_integer((json_int_t)restored.files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)restored.bytes));
    json_object_set_new(object, "members", json_integer((json_int_t)restored.members));
    if (!command->cli->json && !command->cli->quiet) {
        HB_AUTO_FREE char *shown = hb_printable(name);
        if (command->dry_run)
            fprintf(command->cli->out, "Dry run: nothing was changed.\n");
        else
            fprintf(command->cli->out, "Restored %" PRIu64 " of %" PRIu64 " files from %s\n",
                    restored.files, restored.members, shown);
    }
    int code = conclude(command, object);
    if (command->dry_run || restored.files > 0)
        return code;
    hb_error_set(error, HB_FATAL, "%s: nothing of it could be restored", name);
    return HB_EXIT_FAILED;
}

/* ---- prune --------------------------------------------------------------------------------- */

static int prune(struct snapshot_command *command, struct hb_error *error)
{
    struct pruned pruned = {0};
    hb_cli_tell_pending(&command->run);
    int status = prune_to(command, keep_of(command), NULL, &pruned, error);
    if (status != HB_OK) {
        pruned_clear(&pruned);
        return hb_cli_exit_code(status);
    }
    size_t removed = pruned.removed, present = pruned.present;
    json_t *object = summary_json(command, "snapshot prune");
    json_object_set_new(object, "removed", json_integer((json_int_t)removed));
    json_object_set_new(object, "removed_snapshots", json_incref(pruned.names));
    json_object_set_new(object, "snapshots", json_integer((json_int_t)(present - removed)));
    say_removed(command, &pruned);
    pruned_clear(&pruned);
    if (!command->cli->json && !command->cli->quiet)
        fprintf(command->cli->out, "%s %zu snapshot(s), %zu %s.\n",
                command->dry_run ? "Would remove" : "Removed", removed, present - removed,
                command->dry_run ? "would stay" : "stay");
    return conclude(command, object);
}

/* ---- the command --------------------------------------------------------------------------- */

static int run_action(struct snapshot_command *command, action act, bool locks)
{
    struct hb_cli *cli = command->cli;
    struct hb_config *config;
    struct hb_error error = {0};
    int code = hb_cli_load_config(cli, &config);
    if (code != 0)
        return code;
    clock_gettime(CLOCK_MONOTONIC, &command->started);
    hb_run_init(&command->run, config);
    command->run.log = cli->err;
    command->run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    code = hb_cli_open_home(cli, &command->run, false, locks, &error);
    if (code == 0 && locks && !command->dry_run) /* of runs that were killed */
        hb_stage_sweep(command->run.home.fd);
    if (code == 0)
        code = act(command, &error);
    if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    hb_run_clear(&command->run);
    hb_config_free(config);
    return code;
}

int hb_cli_snapshot_create(struct hb_cli *cli, const char *label, int64_t keep, bool dry_run)
{
    struct snapshot_command command = {
        .cli = cli, .label = label, .keep = keep, .dry_run = dry_run};
    const char *problem = label == NULL ? NULL : hb_snapshot_label_problem(label);
    if (problem != NULL)
        return hb_cli_usage(cli, "snapshot", "the label %s", problem);
    cli->output_is_extra = !dry_run;
    return run_action(&command, create, true);
}

/* 0, or an exit code. */
static int parse_options(struct snapshot_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"label", required_argument, NULL, 'l'}, {"keep", required_argument, NULL, 'k'},
        {"limit", required_argument, NULL, 'L'}, {"dry-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":l:h", options, NULL)) != -1) {
        int code = 0;
        if (option == 'l')
            command->label = optarg;
        else if (option == 'k')
            code = hb_cli_number(command->cli, argv[0], "--keep", optarg, &command->keep);
        else if (option == 'L')
            code = hb_cli_number(command->cli, argv[0], "--limit", optarg, &command->limit);
        else if (option == 'n')
            command->dry_run = true;
        else if (option == 'h')
            return fputs(help, command->cli->out) < 0 ? HB_EXIT_FAILED : -1;
        else
            return hb_cli_what(command->cli, option, argv);
        if (code != 0)
            return code;
    }
    return 0;
}

int hb_cli_snapshot(struct hb_cli *cli, int argc, char **argv)
{
    struct snapshot_command command = {.cli = cli, .keep = -1, .limit = HB_SNAPSHOTS_LISTED};
    int code = parse_options(&command, argc, argv);
    if (code != 0)
        return code < 0 ? HB_EXIT_DONE : code;
    int left = argc - optind;
    const char *what = left > 0 ? argv[optind] : "";
    bool restores = strcmp(what, "restore") == 0;
    if (restores && left != 2)
        return hb_cli_usage(cli, argv[0], "restore takes one id or number");
    if (!restores && left > 1)
        return hb_cli_usage(cli, argv[0], "%s takes no argument, but got %s", what,
                            argv[optind + 1]);
    if (restores)
        command.wanted = argv[optind + 1];
    if (strcmp(what, "create") == 0)
        return hb_cli_snapshot_create(cli, command.label, command.keep, command.dry_run);
    if (strcmp(what, "list") == 0)
        return run_action(&command, list, false);
    cli->output_is_extra = !command.dry_run;
    if (restores)
        return run_action(&command, restore, true);
    if (strcmp(what, "prune") == 0)
        return run_action(&command, prune, true);
    return hb_cli_usage(cli, argv[0], "say create, list, restore or prune");
}

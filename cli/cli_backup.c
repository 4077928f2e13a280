/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore backup */
#include "backup/preset_backup.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "choice_options.h"
#include "cli_snapshot.h"
#include "commands.h"
#include "complain.h"
#include "config/home_path.h"
#include "entry_json.h"
#include "host/roots.h"
#include "no_config.h"
#include "preset_report.h"
#include "summary.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct backup_options {
    const char *output;
    const char *format;
    const char *seal;
    const char *preset;
    int64_t keep; /* -1: as the configuration says */
    bool replace;
    bool quick;
    const char *label;
    bool dry_run;
    struct hb_choice_options choice;
};

#define AT(member) offsetof(struct backup_options, member)

enum { AN_ARCHIVE = 1 << 0, A_SNAPSHOT = 1 << 1 }; /* the forms below */

static const struct hb_cli_option table[] = {
    {"output", 'o', "PATH|-", "a file, a directory to put it in, or - for standard output",
     .takes = HB_TAKES_OUTPUT, .offset = AT(output), .values = HB_VALUES_FILES,
     .not_in = A_SNAPSHOT},
    {"format", 0, "NAME", "a [format:NAME] of the configuration, or a format plugin",
     .takes = HB_TAKES_TEXT, .offset = AT(format), .values = HB_VALUES_FORMATS,
     .not_in = A_SNAPSHOT},
    {"seal", 0, "NAME", "a [transform:NAME] or transform plugin that seals it; none: no seal",
     .takes = HB_TAKES_TEXT, .offset = AT(seal), .values = HB_VALUES_SEALS,
     .choices = (const char *const[]){"none", NULL}, .not_in = A_SNAPSHOT},
    {"preset", 0, "NAME", "take directory, name and format from [preset:NAME]",
     .takes = HB_TAKES_TEXT, .offset = AT(preset), .values = HB_VALUES_PRESETS,
     .not_in = A_SNAPSHOT},
    {"keep", 0, "N", "how many archives of the preset to keep", .takes = HB_TAKES_NUMBER,
     .offset = AT(keep)},
    {"replace", 0, NULL, "with -o and a URL: what has the name may be replaced",
     .offset = AT(replace), .not_in = A_SNAPSHOT},
    {"quick", 'q', NULL, "a snapshot of the files that matter most: hbcore snapshot create",
     .offset = AT(quick), .not_in = AN_ARCHIVE | A_SNAPSHOT},
    {"label", 'l', "TEXT", "a text to add to the id of the snapshot", .takes = HB_TAKES_TEXT,
     .offset = AT(label), .not_in = AN_ARCHIVE},
    HB_CHOICE_ROWS("store", AT(choice), A_SNAPSHOT),
    {"dry-run", 0, NULL, "show what would be stored, write nothing", .offset = AT(dry_run)},
    {0},
};

struct backup_command {
    struct hb_session *session;
    const struct backup_options *options;
    struct hb_preset_backup backup;
    struct hb_choice choice;
};

/* "-o a.b" with a suffix of a format that was not asked for: the archive is called "a.b.c". */
static void note_other_suffix(struct backup_command *command)
{
    const struct hb_destination *made = &command->backup.destination;
    const char *name =
        command->options->output == NULL ? "" : hb_base_name(command->options->output);
    struct hb_chosen_list formats;
    if (*name == '\0' || made->stream || made->unique ||
        hb_format_stem((const char *const *)command->backup.suffixes.all, name) > 0 ||
        hb_format_stem(command->backup.suffixes.format, name) > 0)
        return;
    hb_format_list(command->session->run.config, &formats);
    for (size_t i = 0; i < formats.count; i++) {
        if (hb_format_stem(hb_format_ops_of(&formats.choices[i])->suffixes, name) == 0)
            continue;
        const char *other = formats.choices[i].section->label;
        hb_report_add(
            &command->session->run.report, HB_FOUND_NOTE, "",
            "-o %s has the suffix of format %s, but this archive has format %s: use --format %s",
            name, other, command->backup.choice.section->label, other);
        break;
    }
    hb_chosen_list_clear(&formats);
}

static void on_planned(void *context, uint64_t files, uint64_t bytes)
{
    struct backup_command *command = context;
    const struct hb_cli *cli = command->session->cli;
    FILE *out = hb_cli_out(cli);
    char text[24];
    note_other_suffix(command);
    hb_session_say(command->session, "%s %" PRIu64 " file%s (%s) ...\n",
                   command->options->dry_run ? "Would back up" : "Backing up", files,
                   hb_plural(files), hb_human_bytes(bytes, text));
    fflush(out);
    if (!command->options->dry_run)
        hb_session_start_progress(command->session, "stored", files, bytes);
}

static void on_would_store(void *context, const char *path, const struct hb_plan *plan,
                           const struct hb_planned *planned)
{
    const struct backup_command *command = context;
    hb_session_print_entry(command->session, path, planned->type == HB_TYPE_DIRECTORY, NULL,
                           hb_json_planned(plan, planned));
}

static void json_not_kept(json_t *object, const struct hb_not_kept *not_kept)
{
    json_t *counts = json_object();
    hb_json_add(counts, "{s:I, s:I, s:I, s:I, s:I}", "attributes",
                (json_int_t)atomic_load(&not_kept->attributes), "access_lists",
                (json_int_t)atomic_load(&not_kept->access_lists), "owners",
                (json_int_t)not_kept->owners, "hard_links", (json_int_t)not_kept->hard_links,
                "times", (json_int_t)not_kept->times);
    json_object_set_new(object, "not_kept", counts);
}

static void print_json(const struct backup_command *command)
{
    const struct hb_preset_backup *backup = &command->backup;
    const struct hb_backup_result *result = &backup->result;
    json_t *object = hb_session_summary(command->session, "backup");
    bool made = !result->nothing && !command->options->dry_run;
    hb_json_name_or_null(object, "preset", backup->preset);
    hb_json_name_or_null(object, "archive", made ? backup->destination.path : NULL);
    hb_json_name_or_null(object, "kept", backup->destination.kept);
    hb_json_name_or_null(object, "held", backup->held);
    hb_json_name(object, "format", backup->choice.section->label);
    hb_json_name_or_null(object, "sealed",
                         backup->sealing.section == NULL ? NULL : backup->sealing.section->label);
    hb_json_add(object, "{s:b, s:I, s:I, s:I, s:I, s:I}", "dry_run", command->options->dry_run,
                "files", (json_int_t)result->files, "directories", (json_int_t)result->directories,
                "bytes", (json_int_t)result->bytes, "archive_bytes",
                (json_int_t)result->archive_bytes, "reused_bytes",
                (json_int_t)result->reused_bytes);
    hb_json_add(object, "{s:b}", "shrunk", result->shrink.shrunk == HB_SHRUNK_YES);
    json_not_kept(object, &command->session->run.not_kept);
    hb_choice_json(object, &command->choice);
    hb_preset_report_json(object, &backup->archives);
    hb_session_print_summary(command->session, object);
}

/* Since the archive from which the rest was taken over. */
static void print_changed(const struct hb_backup_result *result, FILE *out)
{
    char changed[HB_HUMAN_BYTES], reused[HB_HUMAN_BYTES];
    uint64_t rest = result->bytes > result->reused_bytes ? result->bytes - result->reused_bytes : 0;
    if (result->reused_bytes == 0)
        return;
    fprintf(out, "  Changed:     %s since the previous archive\n", hb_human_bytes(rest, changed));
    fprintf(out, "  Unchanged:   %s, copied from it\n",
            hb_human_bytes(result->reused_bytes, reused));
}

static void print_made(const struct backup_command *command)
{
    const struct hb_session *session = command->session;
    const struct hb_backup_result *result = &command->backup.result;
    FILE *out = hb_cli_out(session->cli);
    char text[HB_HUMAN_BYTES];
    fprintf(out, "  Files:       %" PRIu64 "\n", result->files);
    fprintf(out, "  Original:    %s\n", hb_human_bytes(result->bytes, text));
    fprintf(out, "  Compressed:  %s", hb_human_bytes(result->archive_bytes, text));
    if (result->bytes >= result->archive_bytes && result->bytes > 0)
        fprintf(out, " (%.0f%%)", 100.0 * (double)result->archive_bytes / (double)result->bytes);
    fputc('\n', out);
    print_changed(result, out);
    fprintf(out, "  Time:        %s\n", hb_human_seconds(hb_session_seconds(session), text));
    HB_AUTO_FREE char *not_kept = hb_not_kept_text(&session->run.not_kept);
    if (not_kept != NULL)
        fprintf(out, "  Not kept:    %s\n", not_kept);
    hb_preset_report(session->cli, out, &command->backup.archives, false);
}

static void print_status(const struct backup_command *command)
{
    HB_AUTO_FREE char *path = hb_printable(command->backup.destination.path);
    hb_summary_status(command->session, "Backup complete",
                      command->backup.result.shrink.shrunk == HB_SHRUNK_YES &&
                              !command->backup.incomplete
                          ? "Backup complete, but SHRUNK"
                          : "Backup INCOMPLETE",
                      "%s", path);
    if (!command->session->cli->quiet)
        print_made(command);
}

static void print_restore_line(const struct backup_command *command)
{
    const struct hb_session *session = command->session;
    HB_AUTO_FREE char *path = hb_shell_word(command->backup.destination.path);
    HB_AUTO_FREE char *import =
        hb_session_command_line(session, hb_config_backup(session->config)->restore_command);
    HB_AUTO_FREE char *lacks = hb_cli_lacks_secrets(session->cli);
    fprintf(hb_cli_out(session->cli), "\nRestore with: %s %s%s\n", import, path, lacks);
}

static void print_summary(const struct backup_command *command)
{
    const struct hb_cli *cli = command->session->cli;
    const struct hb_backup_result *result = &command->backup.result;
    FILE *out = hb_cli_out(cli);
    char bytes[24];
    bool made = !result->nothing && !command->options->dry_run;
    if (cli->json) {
        print_json(command);
        return;
    }
    if (result->swept > 0)
        fprintf(cli->err, "Removed the leftovers of %u earlier run%s.\n", result->swept,
                hb_plural(result->swept));
    HB_AUTO_FREE char *home = hb_printable(command->session->run.home.path);
    if (result->nothing)
        fprintf(out, "Nothing to back up in %s: no archive was made.\n", home);
    else if (!made)
        hb_session_say(command->session,
                       "\nDry run: %" PRIu64 " file%s, %s; nothing was written.\n", result->files,
                       hb_plural(result->files), hb_human_bytes(result->bytes, bytes));
    else
        print_status(command);
    if (!made)
        hb_summary_problems(cli, &command->session->run.report);
    if (!cli->quiet)
        hb_choice_show(out, &command->choice);
    hb_session_print_summary(command->session, NULL);
    if (made && !cli->quiet && !command->backup.destination.stream) /* no name leads to it */
        print_restore_line(command);
}

/* Without a configuration file the home, the format and the preset are missing all at once. */
static void explain_missing(struct hb_session *session, const struct backup_options *options)
{
    HB_AUTO_FREE char *home = NULL;
    struct hb_error ignored;
    const struct hb_config *config = session->config;
    const struct hb_cli *cli = session->cli;
    bool named = options->format != NULL || *hb_config_backup(config)->format != '\0';
    if (options->preset != NULL)
        hb_cli_no_config(config, cli, "backup --preset NAME", "what this preset is",
                         &session->error);
    else if (!named && hb_home_find(config, cli->home, true, &home, &ignored) == HB_OK)
        hb_cli_no_config(config, cli, "backup", "which format to use", &session->error);
    else if (!named)
        hb_cli_no_config(config, cli, "backup", "which home and which format to use",
                         &session->error);
}

static int back_up(struct backup_command *command)
{
    struct hb_session *session = command->session;
    struct hb_preset_backup *backup = &command->backup;
    struct hb_report *report = &session->run.report;
    if (hb_choice_options_read(&command->options->choice, false, &command->choice,
                               &session->error) != HB_OK)
        return HB_EXIT_USAGE;
    if (hb_preset_backup_find(backup, &session->run, &session->error) != HB_OK) {
        explain_missing(session, command->options);
        return HB_EXIT_USAGE;
    }
    int code = hb_session_open_home(session, HB_HOME_OUTERMOST, true);
    if (code != 0)
        return code;
    int status = hb_roots_lock(&session->run, false, session->cli->wait_seconds, &session->error);
    if (status == HB_STATUS_NOMATCH)
        return HB_EXIT_LOCKED;
    if (status == HB_OK)
        status = hb_preset_backup(backup, &session->error);
    hb_session_end_progress(session);
    if (status != HB_OK && !backup->result.nothing) {
        hb_summary_failed(session->cli, report);
        return hb_cli_exit_code(status);
    }
    if (status == HB_OK) {
        hb_preset_report_unknown(session, &backup->archives, backup->preset);
        hb_preset_report_shrunk(session, &backup->archives, backup->preset, HB_FOUND_NOTE);
        hb_report_sort(report);
        hb_summary_keep(session->cli, report);
    }
    print_summary(command);
    if (status == HB_OK && backup->result.nothing && backup->destination.stream &&
        !backup->dry_run) /* whoever reads it waits for an archive */
        status = hb_error_set(&session->error, HB_STATUS_FATAL,
                              "nothing to back up: no archive was written to %s",
                              backup->destination.path);
    return status == HB_OK ? hb_session_code(session) : hb_cli_exit_code(status);
}

static int run(struct hb_session *session)
{
    const struct backup_options *options = session->options;
    struct backup_command command = {session, options, {HB_PRESET_BACKUP_NONE}, HB_CHOICE_NONE};
    session->cli->output_is_extra = !options->dry_run;
    if (options->quick)
        return hb_cli_snapshot_create(session, options->label, options->keep, options->dry_run);
    command.backup.output = options->output;
    command.backup.format = options->format;
    command.backup.seal = options->seal;
    command.backup.preset = options->preset;
    command.backup.keep = options->keep;
    command.backup.replaces = options->replace;
    command.backup.dry_run = options->dry_run;
    command.backup.wanted = hb_choice_options_given(&options->choice) ? &command.choice : NULL;
    command.backup.prunes = true;
    command.backup.planned = on_planned;
    command.backup.would_store = on_would_store;
    command.backup.context = &command;
    int code = back_up(&command);
    hb_preset_backup_clear(&command.backup);
    hb_choice_clear(&command.choice);
    return code;
}

/* ---- what is typed ------------------------------------------------------------------------- */

static int check(const struct hb_cli *cli, const void *parsed)
{
    const struct backup_options *options = parsed;
    const char *wrong = NULL;
    if (options->quick && (options->output != NULL || options->preset != NULL ||
                           options->format != NULL || options->seal != NULL))
        wrong = "--quick makes a snapshot in the home: use it without -o, --format, --seal and "
                "--preset";
    else if (options->quick && hb_choice_options_given(&options->choice))
        wrong = "--quick copies the files that [snapshot] names: use it without --include and "
                "--exclude";
    else if (hb_choice_options_given(&options->choice) && options->preset != NULL &&
             options->output == NULL)
        wrong = "--include and --exclude make an archive of a part, which would count as one of "
                "the whole home when older ones are removed: name it with -o, use it without "
                "--preset, or put what is never wanted into a filter of the configuration";
    else if (options->label != NULL && !options->quick)
        wrong = "--label needs --quick";
    else if (options->keep >= 0 && !options->quick && options->preset == NULL)
        wrong = "--keep needs --preset or --quick";
    else if (options->keep >= 0 && options->preset != NULL && options->output != NULL)
        wrong = "--keep applies to the directory of the preset: use it without -o";
    else if (options->replace && options->output == NULL)
        wrong = "--replace needs -o";
    else if (options->output != NULL && *options->output == '\0')
        wrong = "the name after -o is empty";
    else if (cli->raw_out && !options->dry_run && isatty(STDOUT_FILENO))
        wrong = "standard output is a terminal: redirect it, or name a file with -o";
    if (wrong != NULL)
        return hb_cli_usage(cli, "backup", "%s", wrong);
    int code = hb_choice_options_check(cli, "backup", &options->choice);
    return code != 0 ? code : hb_cli_snapshot_label(cli, options->label);
}

static const struct hb_form forms[] = {
    {.wrong = "takes no argument: name the archive with -o, and the home with --home", .run = run},
    {.arguments = "-q|--quick"},
};

const struct hb_command hb_command_backup = {
    .name = "backup",
    .summary = "make an archive of the home",
    .about = "Makes an archive of the home. The archive gets its name only when it is complete\n"
             "and on the disk.",
    .end = HB_CHOICE_HELP
    "\n\n"
    "Exit status: 0 all stored, 1 failed and nothing published, 2 wrong use or\n"
    "configuration, 3 done but files were skipped or are doubtful, 5 another run works\n"
    "on the home.",
    .forms = forms,
    .form_count = 2,
    .options = table,
    .bytes = sizeof(struct backup_options),
    .defaults = &(const struct backup_options){.keep = -1},
    .check = check,
};

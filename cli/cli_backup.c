/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore backup */
#include "cli_backup.h"

#include "backup/preset_backup.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "cli_snapshot.h"
#include "complain.h"
#include "config/home_path.h"
#include "no_config.h"
#include "preset_report.h"
#include "session.h"
#include "summary.h"
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] backup [-o PATH|-] [--format NAME] [--preset NAME]\n"
    "       [--keep N] [--dry-run]\n"
    "       hbcore [global options] backup -q|--quick [-l|--label TEXT] [--keep N] [--dry-run]\n"
    "\n"
    "Makes an archive of the home. It appears under its name only when it is complete\n"
    "and on the disk.\n"
    "\n"
    "  -o, --output PATH   a file, a directory to put it in, or - for standard output\n"
    "      --format NAME   a [format:NAME] of the configuration, or a format plugin\n"
    "      --preset NAME   directory, name and format as [preset:NAME] says\n"
    "      --keep N        how many archives of the preset stay\n"
    "  -q, --quick         a snapshot of the files that matter most: hbcore snapshot create\n"
    "  -l, --label TEXT    added to its id\n"
    "      --dry-run       show what would be stored, write nothing\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all stored, 1 failed and nothing published, 2 wrong use or\n"
    "configuration, 3 done but files were skipped or are doubtful, 5 another run works\n"
    "on the home.\n";

struct backup_command {
    struct hb_cli *cli;
    const char *label;
    bool quick;
    struct hb_preset_backup backup;
    struct hb_run run;
    struct timespec started;
    FILE *out; /* results; standard error where the archive goes to standard output */
};

/* One option; 0 to go on, -1 when all is done, else an exit code. */
static int take_option(struct backup_command *command, int option, char **argv)
{
    switch (option) {
    case 'o':
        command->backup.output = optarg;
        command->cli->raw_out = strcmp(optarg, "-") == 0;
        return 0;
    case 'f':
        command->backup.format = optarg;
        return 0;
    case 'p':
        command->backup.preset = optarg;
        return 0;
    case 'k':
        return hb_cli_number(command->cli, argv[0], "--keep", optarg, &command->backup.keep);
    case 'q':
        command->quick = true;
        return 0;
    case 'l':
        command->label = optarg;
        return 0;
    case 'n':
        command->backup.dry_run = true;
        return 0;
    case 'h':
        fputs(help, command->cli->out);
        return -1;
    default:
        return hb_cli_what(command->cli, option, argv);
    }
}

/* What does not go together. */
static int check_options(const struct backup_command *command, const char *name)
{
    if (command->quick && (command->backup.output != NULL || command->backup.preset != NULL ||
                           command->backup.format != NULL))
        return hb_cli_usage(command->cli, name,
                            "--quick makes a snapshot in the home: it does not go with -o, "
                            "--format or --preset");
    if (command->label != NULL && !command->quick)
        return hb_cli_usage(command->cli, name, "--label is for --quick");
    if (command->backup.keep >= 0 && !command->quick && command->backup.preset == NULL)
        return hb_cli_usage(command->cli, name, "--keep is for --preset and --quick");
    if (command->backup.keep >= 0 && command->backup.preset != NULL &&
        command->backup.output != NULL)
        return hb_cli_usage(command->cli, name,
                            "--keep is about the directory of the preset, not about -o");
    if (command->backup.output != NULL && *command->backup.output == '\0')
        return hb_cli_usage(command->cli, name, "the name after -o is empty");
    return 0;
}

static int parse_arguments(struct backup_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"format", required_argument, NULL, 'f'},
        {"preset", required_argument, NULL, 'p'},
        {"keep", required_argument, NULL, 'k'},
        {"quick", no_argument, NULL, 'q'},
        {"label", required_argument, NULL, 'l'},
        {"dry-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":o:ql:h", options, NULL)) != -1) {
        int code = take_option(command, option, argv);
        if (code != 0)
            return code;
    }
    if (optind < argc)
        return hb_cli_usage(command->cli, argv[0], "takes no argument, but got %s", argv[optind]);
    return check_options(command, argv[0]);
}

/* "-o a.b" with a suffix of a format that was not asked for: the archive is called "a.b.c". */
static void note_other_suffix(struct backup_command *command)
{
    const struct hb_destination *made = &command->backup.destination;
    const char *name = command->backup.output == NULL ? "" : hb_base_name(command->backup.output);
    struct hb_format_list formats;
    if (*name == '\0' || made->stream || made->unique ||
        hb_format_stem(hb_format_ops_of(&command->backup.choice)->suffixes, name) > 0)
        return;
    hb_format_list(command->run.config, &formats);
    for (size_t i = 0; i < formats.count; i++) {
        if (hb_format_stem(hb_format_ops_of(&formats.choices[i])->suffixes, name) == 0)
            continue;
        const char *other = formats.choices[i].section->label;
        hb_report_add(&command->run.report, HB_FOUND_NOTE, "",
                      "-o %s ends as archives of %s do, but this one is %s: say --format %s", name,
                      other, command->backup.choice.section->label, other);
        break;
    }
    hb_format_list_clear(&formats);
}

static void on_planned(void *context, uint64_t files, uint64_t bytes)
{
    struct backup_command *command = context;
    char text[24];
    note_other_suffix(command);
    if (!command->cli->quiet && !command->cli->json)
        fprintf(command->out, "%s %" PRIu64 " entries (%s) ...\n",
                command->backup.dry_run ? "Would back up" : "Backing up", files,
                hb_human_bytes(bytes, text));
    fflush(command->out);
    if (!command->backup.dry_run)
        hb_cli_start_progress(command->cli, &command->run, "stored", files, bytes);
}

static void on_would_store(void *context, const char *path, uint32_t type, uint64_t bytes)
{
    struct backup_command *command = context;
    if (command->cli->json) {
        json_t *object = json_object();
        json_object_set_new(object, "type", json_string("entry"));
        hb_json_name(object, "path", path);
        json_object_set_new(object, "kind",
                            json_string(type == HB_DIRECTORY ? "directory"
                                        : type == HB_SYMLINK ? "link"
                                                             : "file"));
        json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
        hb_json_line(command->out, object);
    } else if (!command->cli->quiet) {
        HB_AUTO_FREE char *shown = hb_printable(path);
        fprintf(command->out, "  %s%s\n", shown, type == HB_DIRECTORY ? "/" : "");
    }
}

static void print_json(const struct backup_command *command)
{
    const struct hb_backup_result *result = &command->backup.result;
    json_t *object = hb_summary_json("backup", &command->run.report);
    if (result->nothing || command->backup.dry_run)
        json_object_set_new(object, "archive", json_null());
    else
        hb_json_name(object, "archive", command->backup.destination.path);
    if (command->backup.destination.kept == NULL)
        json_object_set_new(object, "kept", json_null());
    else
        hb_json_name(object, "kept", command->backup.destination.kept);
    json_object_set_new(object, "format", json_string(command->backup.choice.section->label));
    json_object_set_new(object, "dry_run", json_boolean(command->backup.dry_run));
    json_object_set_new(object, "files", json_integer((json_int_t)result->files));
    json_object_set_new(object, "directories", json_integer((json_int_t)result->directories));
    json_object_set_new(object, "bytes", json_integer((json_int_t)result->bytes));
    json_object_set_new(object, "archive_bytes", json_integer((json_int_t)result->archive_bytes));
    json_object_set_new(object, "reused_bytes", json_integer((json_int_t)result->reused_bytes));
    hb_preset_report_json(object, &command->backup.archives);
    json_object_set_new(object, "seconds", json_real(hb_cli_seconds_since(&command->started)));
    hb_summary_json_findings(object, &command->run.report);
    hb_json_line(command->out, object);
}

static void print_summary(const struct backup_command *command)
{
    const struct hb_backup_result *result = &command->backup.result;
    FILE *out = command->out;
    char original[24], compressed[24];
    if (command->cli->json) {
        print_json(command);
        return;
    }
    if (result->swept > 0)
        fprintf(command->cli->err, "Removed what %u earlier run(s) had left behind.\n",
                result->swept);
    if (result->nothing) {
        fprintf(out, "Nothing to back up in %s.\n", command->run.home.path);
    } else if (command->backup.dry_run) {
        fprintf(out, "\nDry run: %" PRIu64 " files, %s; nothing was written.\n", result->files,
                hb_human_bytes(result->bytes, original));
    } else if (!command->cli->quiet) {
        HB_AUTO_FREE char *path = hb_printable(command->backup.destination.path);
        bool incomplete = hb_report_incomplete(&command->run.report);
        fprintf(out, "\n%s: %s\n", incomplete ? "Backup done, but incomplete" : "Backup complete",
                path);
        fprintf(out, "  Files:       %" PRIu64 "\n", result->files);
        fprintf(out, "  Original:    %s\n", hb_human_bytes(result->bytes, original));
        fprintf(out, "  Compressed:  %s\n", hb_human_bytes(result->archive_bytes, compressed));
        if (result->reused_bytes > 0)
            fprintf(out, "  Unchanged:   %s, copied from the archive before\n",
                    hb_human_bytes(result->reused_bytes, original));
        fprintf(out, "  Time:        %.1fs\n", hb_cli_seconds_since(&command->started));
        hb_preset_report(command->cli, out, &command->backup.archives, false);
    }
    hb_summary_findings(command->cli, command->cli->quiet ? command->cli->err : out,
                        &command->run.report);
    hb_summary_lines(out, &command->run.report);
    if (!result->nothing && !command->backup.dry_run && !command->cli->quiet) {
        const char *text = hb_config_text(command->run.config, "backup", "restore-command");
        HB_AUTO_FREE char *path = hb_shell_word(command->backup.destination.path);
        HB_AUTO_FREE char *import = hb_cli_command_line(command->cli, &command->run, text);
        fprintf(out, "\nRestore with: %s %s\n", import, path);
    }
}

/* Without a configuration file the home, the format and the preset are missing all at once. */
static void explain_missing(const struct backup_command *command, const struct hb_config *config,
                            struct hb_error *error)
{
    HB_AUTO_FREE char *home = NULL;
    struct hb_error ignored;
    bool named =
        command->backup.format != NULL || *hb_config_text(config, "backup", "format") != '\0';
    if (command->backup.preset != NULL)
        hb_cli_no_config(config, command->cli, "backup --preset NAME", "what this preset is",
                         error);
    else if (!named && hb_home_find(config, command->cli->home, true, &home, &ignored) == HB_OK)
        hb_cli_no_config(config, command->cli, "backup", "which format to take", error);
    else if (!named)
        hb_cli_no_config(config, command->cli, "backup", "which home and which format to take",
                         error);
}

static int back_up(struct backup_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    struct hb_preset_backup *backup = &command->backup;
    int code = hb_cli_open_home(command->cli, run, true, true, error);
    if (code != 0)
        return code;
    int status = hb_preset_backup(backup, error);
    hb_cli_end_progress(run);
    if (status != HB_OK && !backup->result.nothing) {
        hb_summary_failed(command->cli, &run->report);
        return hb_cli_exit_code(status);
    }
    if (status == HB_OK) {
        hb_preset_report_unknown(command->cli, run, &backup->archives, backup->preset);
        hb_report_sort(&run->report);
        hb_summary_keep(command->cli, &run->report);
    }
    print_summary(command);
    return status != HB_OK                      ? hb_cli_exit_code(status)
           : hb_report_incomplete(&run->report) ? HB_EXIT_INCOMPLETE
                                                : HB_EXIT_DONE;
}

int hb_cli_backup(struct hb_cli *cli, int argc, char **argv)
{
    struct backup_command command = {
        .cli = cli, .out = cli->out, .backup = {HB_PRESET_BACKUP_NONE}};
    struct hb_config *config;
    struct hb_error error = {0};
    int code = parse_arguments(&command, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    cli->output_is_extra = !command.backup.dry_run;
    if (command.quick)
        return hb_cli_snapshot_create(cli, command.label, command.backup.keep,
                                      command.backup.dry_run);
    if (command.backup.output != NULL && strcmp(command.backup.output, "-") == 0) {
        if (!command.backup.dry_run && isatty(STDOUT_FILENO))
            return hb_cli_usage(cli, argv[0], "will not write an archive to a terminal");
        command.out = cli->err;
    }
    clock_gettime(CLOCK_MONOTONIC, &command.started);
    code = hb_cli_load_config(cli, &config);
    if (code != 0)
        return code;
    hb_run_init(&command.run, config);
    command.run.log = cli->err;
    command.run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    command.backup.prunes = true;
    command.backup.planned = on_planned;
    command.backup.would_store = on_would_store;
    command.backup.context = &command;
    if (hb_preset_backup_find(&command.backup, &command.run, &error) != HB_OK) {
        code = HB_EXIT_USAGE;
        explain_missing(&command, config, &error);
    } else {
        code = back_up(&command, &error);
    }
    if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    hb_preset_backup_clear(&command.backup);
    hb_run_clear(&command.run);
    hb_config_free(config);
    return code;
}

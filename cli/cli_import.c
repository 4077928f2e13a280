/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore import */
#include "cli_import.h"

#include "backup/backup.h"
#include "backup/preset.h"
#include "backup/preset_next.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "complain.h"
#include "config/home_path.h"
#include "files/anywhere.h"
#include "host/hooks.h"
#include "host/instance.h"
#include "import/import.h"
#include "no_config.h"
#include "session.h"
#include "summary.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: hbcore [global options] import ARCHIVE|- [-f|--force] [--format NAME] [--dry-run]\n"
    "       [--backup-first] [--include GLOB]... [--exclude GLOB]...\n"
    "\n"
    "Brings an archive back into the home. Everything is staged and verified before the\n"
    "first file is replaced; files that the archive lacks stay.\n"
    "\n"
    "  -f, --force         do not ask\n"
    "      --format NAME   how to read it; else that is found out\n"
    "      --backup-first  archive what is there before anything is replaced\n"
    "      --dry-run       show what would be restored, change nothing\n"
    "      --include GLOB  only what matches; repeatable\n"
    "      --exclude GLOB  not what matches; repeatable\n"
    "  -h, --help\n"
    "\n"
    "In a GLOB * and ? stop at a /; a directory that matches goes with all below it.\n"
    "\n"
    "Exit status: 0 all restored, 1 failed and nothing changed, 2 wrong use or\n"
    "configuration, 3 done but files were refused or skipped, 4 declined, 5 another run\n"
    "works on the home.\n";

struct import_command {
    struct hb_cli *cli;
    const char *archive;
    const char *format;
    bool force;
    bool dry_run;
    bool backup_first;
    struct hb_patterns patterns;
    char **globs[2]; /* of --include and --exclude; what `patterns` points to */
    size_t glob_count[2];
    struct hb_changes shown; /* counts only */
    bool has_changes;
    char *way_back; /* the archive that was made first */
    char *home;
    struct hb_run run;
    struct hb_chain hooks;
    struct hb_event event;
    struct hb_import_result result;
    struct timespec started;
};

enum { INCLUDE, EXCLUDE };

/* 0, or an exit code. */
static int add_glob(struct import_command *command, int which, const char *text)
{
    const char *const names[] = {"--include", "--exclude"};
    size_t length = strlen(text);
    while (length > 1 && text[length - 1] == '/') /* "skills/" is how people name a directory */
        length--;
    if (length == 0 || text[0] == '/' || strncmp(text, "./", 2) == 0)
        return hb_cli_usage(command->cli, "import",
                            "%s: '%s' would never match: names are relative to the home",
                            names[which], text);
    size_t count = command->glob_count[which]++;
    command->globs[which] = hb_resize(command->globs[which], count + 2, sizeof(char *));
    command->globs[which][count] = hb_copy_bytes(text, length);
    command->globs[which][count + 1] = NULL;
    const char *const *list = (const char *const *)command->globs[which];
    *(which == INCLUDE ? &command->patterns.include : &command->patterns.exclude) = list;
    return 0;
}

static int parse_arguments(struct import_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'},         {"format", required_argument, NULL, 'F'},
        {"dry-run", no_argument, NULL, 'n'},       {"backup-first", no_argument, NULL, 'b'},
        {"include", required_argument, NULL, 'i'}, {"exclude", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    int code;
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":fh", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            command->force = true;
            break;
        case 'F':
            command->format = optarg;
            break;
        case 'b':
            command->backup_first = true;
            break;
        case 'n':
            command->dry_run = true;
            break;
        case 'i':
        case 'e':
            code = add_glob(command, option == 'i' ? INCLUDE : EXCLUDE, optarg);
            if (code != 0)
                return code;
            break;
        case 'h':
            fputs(help, command->cli->out);
            return -1;
        default:
            return hb_cli_what(command->cli, option, argv);
        }
    }
    if (argc - optind != 1)
        return hb_cli_usage(command->cli, argv[0], "takes one archive, or - for standard input");
    command->archive = argv[optind];
    return 0;
}

/* ---- the question -------------------------------------------------------------------------- */

/* One byte of standard input; -1 at the end of it, or on a signal. */
static int read_byte(void)
{
    unsigned char byte;
    ssize_t got = -1;
    while (got < 0 && hb_interrupt_wait_input(STDIN_FILENO)) {
        got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
    }
    return got == 1 ? byte : -1;
}

/*
 * One line from standard input and no more of it, trimmed; -1 at the end of input or on a signal.
 * What has no room is no answer.
 */
static int read_answer(char *answer, size_t bytes)
{
    size_t length = 0;
    int byte = read_byte();
    if (byte < 0)
        return -1;
    for (; byte >= 0 && byte != '\n'; byte = read_byte()) {
        bool leading = length == 0 && isspace(byte);
        if (!leading && length < bytes - 1)
            answer[length++] = (char)byte;
    }
    if (hb_interrupt_signal() != 0)
        return -1;
    while (length > 0 && isspace((unsigned char)answer[length - 1]))
        length--;
    answer[length] = '\0';
    return 0;
}

static int ask(FILE *out, struct hb_error *error)
{
    char answer[64];
    fprintf(out, "\nWarning: the target already has a configuration.\n"
                 "Importing replaces files there with those of the archive.\n\n"
                 "Continue? [y/N] ");
    if ((fflush(out) != 0 || ferror(out)) &&
        hb_interrupt_signal() == 0) { /* what nobody has read nobody has answered */
        hb_error_set(error, HB_FATAL,
                     "the question whether to import over files that are there "
                     "cannot be written; nothing was changed");
        hb_error_hint(error, "say --force to import without being asked");
        return HB_FATAL;
    }
    if (read_answer(answer, sizeof answer) != 0) {
        fputc('\n', out);
        if (hb_interrupt_signal() != 0)
            return hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
        hb_error_set(error, HB_FATAL, "no answer; nothing was changed");
        hb_error_hint(error, "say --force to import without being asked");
        return HB_FATAL;
    }
    if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
        return HB_OK;
    return HB_NOMATCH;
}

static const char nothing_changed[] = "nothing was changed",
                  nothing_of_it[] = "nothing of this archive was imported";

/* By a run that ends early: it may have completed another import before. */
static const char *what_was_done(const struct hb_run *run)
{
    return hb_summary_has_lines(&run->report) ? nothing_of_it : nothing_changed;
}

static void correct(char *text, size_t room)
{
    char *at = strstr(text, nothing_changed);
    if (at == NULL)
        return;
    HB_AUTO_FREE char *right =
        hb_text("%.*s%s%s", (int)(at - text), text, nothing_of_it, at + sizeof nothing_changed - 1);
    snprintf(text, room, "%s", right);
}

static void print_members(const struct import_command *command, const struct hb_restore_plan *plan,
                          const struct hb_changes *changes)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_catalog_member *member = &plan->catalog->members[i];
        if (!hb_planned_is_selected(plan, i))
            continue;
        const char *path = hb_planned_path(plan, i);
        const char *change = hb_change_word(changes->rows[i]);
        if (command->cli->json) {
            json_t *object = json_object();
            json_object_set_new(object, "type", json_string("entry"));
            hb_json_name(object, "path", path);
            json_object_set_new(object, "bytes", json_integer((json_int_t)member->bytes));
            json_object_set_new(object, "change",
                                *change == '\0' ? json_null() : json_string(change));
            hb_json_line(command->cli->out, object);
        } else if (!command->cli->quiet) {
            HB_AUTO_FREE char *shown = hb_printable(path);
            fprintf(command->cli->out, "  %-9s  %s%s\n", change, shown,
                    member->type == HB_DIRECTORY ? "/" : "");
        }
    }
}

static void show_changes(FILE *out, const struct hb_changes *changes)
{
    fprintf(out,
            "Changes: %" PRIu64 " new, %" PRIu64 " replaced, %" PRIu64 " unchanged (same size and "
            "time), %" PRIu64 " preserved",
            changes->counts[HB_CHANGE_NEW], changes->counts[HB_CHANGE_REPLACED],
            changes->counts[HB_CHANGE_UNCHANGED], changes->preserved);
    if (changes->counts[HB_CHANGE_REFUSED] > 0)
        fprintf(out, ", %" PRIu64 " refused", changes->counts[HB_CHANGE_REFUSED]);
    fputc('\n', out);
}

/* What is in the archive, where it goes, and what that does there. */
static void show_plan(FILE *out, const char *target, const struct hb_archive *archive,
                      const struct hb_restore_plan *plan, const struct hb_changes *changes)
{
    char size[24];
    HB_AUTO_FREE char *home = hb_printable(target);
    fprintf(out, "Backup contains %" PRIu64 " files (%s to restore)\n", plan->members,
            hb_human_bytes(plan->bytes, size));
    if (plan->unwanted > 0)
        fprintf(out, "Left out by --include and --exclude: %" PRIu64 "\n", plan->unwanted);
    fprintf(out, "Target: %s\n", home);
    if (changes != NULL)
        show_changes(out, changes);
    if (plan->wrapper != NULL) {
        HB_AUTO_FREE char *wrapper = hb_printable(plan->wrapper);
        fprintf(out, "Detected archive prefix: '%s/' (will be stripped)\n", wrapper);
    }
    if (archive->has_trailer && hb_trailer_incomplete(&archive->trailer))
        fprintf(out, "The archive is marked as incomplete: `hbcore verify` says why.\n");
}

/* Said once the list is known; what it holds is restored all the same. */
static void note_later(struct import_command *command, const struct hb_archive *archive)
{
    if (archive->later_trailer)
        hb_report_add(&command->run.report, HB_FOUND_NOTE, "", "the archive: " HB_LATER_TRAILER);
}

/* The home is locked, if it is there; nothing has been done. */
static int on_begin(void *context, struct hb_error *error)
{
    struct import_command *command = context;
    if (command->run.home.fd >= 0)
        command->event.home = command->run.home.path;
    return hb_hooks_before(&command->run, &command->hooks, &command->event, error);
}

static int on_confirm(void *context, const struct hb_archive *archive,
                      const struct hb_restore_plan *plan, const struct hb_changes *changes,
                      bool must_ask, struct hb_error *error)
{
    struct import_command *command = context;
    FILE *out = command->cli->json ? command->cli->err : command->cli->out;
    note_later(command, archive);
    if (changes != NULL) {
        command->shown = *changes;
        command->shown.rows = NULL;
        command->has_changes = true;
    }
    if (!command->cli->quiet || must_ask)
        show_plan(out, command->home, archive, plan, changes);
    if (command->dry_run) {
        print_members(command, plan, changes);
        return HB_OK;
    }
    int status = must_ask ? ask(out, error) : HB_OK;
    if (status == HB_NOMATCH)
        fprintf(out, "Declined; %s.\n", what_was_done(&command->run));
    if (status == HB_OK) {
        if (!command->cli->quiet)
            fprintf(out, "\nImporting %" PRIu64 " files ...\n", plan->files);
        fflush(out);
        /* Every file is staged, and then published. */
        hb_cli_start_progress(command->cli, &command->run, "done", plan->files * 2, plan->bytes);
    }
    return status;
}

/* ---- the way back -------------------------------------------------------------------------- */

static int incomplete_way_back(const struct hb_run *run, const char *archive,
                               struct hb_error *error)
{
    const struct hb_finding *first = NULL;
    for (size_t i = 0; i < run->report.count && first == NULL; i++)
        if (run->report.findings[i].kind == HB_FOUND_SKIPPED ||
            run->report.findings[i].kind == HB_FOUND_DOUBTFUL)
            first = &run->report.findings[i];
    hb_error_set(error, HB_FATAL, "%s: the archive to go back to would be incomplete: %s: %s",
                 run->home.path, first == NULL ? "" : first->path,
                 first == NULL ? "" : first->reason);
    hb_error_hint(
        error,
        "nothing was imported; mend that, or import without --backup-first; what could be "
        "archived is in %s",
        archive);
    return HB_FATAL;
}

/* With a run of its own: that of the import is in the middle of things. The home is locked. */
static int archive_home(struct import_command *command, struct hb_run *run,
                        const struct hb_preset *preset, const struct hb_format_choice *choice,
                        struct hb_destination *destination, struct hb_error *error)
{
    int result = hb_root_copy(&command->run.home, &run->home);
    if (result != 0)
        return hb_error_set(error, HB_FATAL, "%s: the home cannot be opened: %s", command->home,
                            strerror(-result));
    struct hb_preset_next next;
    int status = hb_preset_next(run, preset, hb_format_ops_of(choice)->suffixes, false, destination,
                                &next, error);
    struct hb_backup_request request = {
        .run = run,
        .format = choice,
        .destination = destination,
        .id = &next.id,
        .preset = preset->section == NULL ? NULL : preset->section->label,
        .sequence = next.sequence,
        .stamp = next.stamp,
        .remember = preset->reuse && !destination->stream,
        .previous = next.previous,
    };
    struct hb_backup_result done = {0};
    if (status == HB_OK)
        status = hb_backup(&request, &done, error);
    if (status == HB_OK && hb_report_incomplete(&run->report))
        status = incomplete_way_back(run, destination->path, error);
    else if (status == HB_OK && !done.nothing)
        command->way_back = hb_copy_text(destination->path);
    hb_preset_next_clear(&next);
    return status;
}

static int on_before(void *context, struct hb_error *error)
{
    struct import_command *command = context;
    const struct hb_config *config = command->run.config;
    const char *name = hb_config_text(config, "import", "backup-preset");
    struct hb_preset preset;
    struct hb_format_choice choice = {0};
    struct hb_destination destination = HB_DESTINATION_NONE;
    struct hb_run run;
    if (!command->backup_first)
        return HB_OK;
    int status = hb_preset_find(config, *name == '\0' ? NULL : name, &preset, error);
    if (status == HB_OK)
        status = hb_format_find(config, preset.format, &choice, error);
    if (status == HB_OK)
        status = hb_preset_destination(&preset, command->home, NULL, hb_format_ops_of(&choice),
                                       &destination, error);
    if (status == HB_OK) {
        hb_run_init(&run, config);
        run.log = command->run.log;
        run.log_level = command->run.log_level;
        status = archive_home(command, &run, &preset, &choice, &destination, error);
        hb_run_clear(&run);
    }
    hb_destination_clear(&destination);
    hb_format_choice_clear(&choice);
    hb_preset_clear(&preset);
    return status;
}

/* ---- the summary --------------------------------------------------------------------------- */

static json_t *preserved_list(const struct hb_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->count; i++) {
        if (report->findings[i].kind != HB_FOUND_PRESERVED)
            continue;
        json_t *object = json_object();
        hb_json_name(object, "path", report->findings[i].path);
        json_array_append_new(list, object);
    }
    return list;
}

static void json_changes(json_t *object, const struct hb_changes *changes)
{
    for (enum hb_change change = HB_CHANGE_NEW; change < HB_CHANGES; change++)
        json_object_set_new(object, hb_change_word(change),
                            json_integer((json_int_t)changes->counts[change]));
}

static void print_json(const struct import_command *command)
{
    const struct hb_import_result *result = &command->result;
    json_t *object = hb_summary_json("import", &command->run.report);
    hb_json_name(object, "archive", command->archive);
    hb_json_name(object, "target", command->home);
    json_object_set_new(object, "dry_run", json_boolean(command->dry_run));
    json_object_set_new(object, "files", json_integer((json_int_t)result->files));
    json_object_set_new(object, "bytes", json_integer((json_int_t)result->bytes));
    json_object_set_new(object, "members", json_integer((json_int_t)result->members));
    json_object_set_new(object, "seconds", json_real(hb_cli_seconds_since(&command->started)));
    if (result->wrapper != NULL)
        hb_json_name(object, "prefix", result->wrapper);
    else
        json_object_set_new(object, "prefix", json_null());
    if (command->way_back != NULL)
        hb_json_name(object, "way_back", command->way_back);
    if (command->has_changes)
        json_changes(object, &command->shown);
    json_object_set_new(object, "preserved", preserved_list(&command->run.report));
    hb_summary_json_findings(object, &command->run.report);
    hb_json_line(command->cli->out, object);
}

static void print_summary(const struct import_command *command)
{
    const struct hb_import_result *result = &command->result;
    FILE *out = command->cli->out;
    if (command->cli->json) {
        print_json(command);
        return;
    }
    if (result->swept > 0)
        fprintf(command->cli->err, "Removed what %u earlier run(s) had left behind.\n",
                result->swept);
    if (command->dry_run) {
        fprintf(out, "\nDry run: nothing was changed.\n");
    } else if (!command->cli->quiet) {
        HB_AUTO_FREE char *home = hb_printable(command->home);
        fprintf(out, "\nImport %s: %" PRIu64 " files restored in %.1fs\n",
                hb_report_incomplete(&command->run.report) ? "done, but incomplete" : "complete",
                result->files, hb_cli_seconds_since(&command->started));
        fprintf(out, "  Target: %s\n", home);
    }
    if (command->way_back != NULL && !command->cli->quiet) {
        HB_AUTO_FREE char *path = hb_printable(command->way_back);
        fprintf(out, "  What was there before: %s\n", path);
    }
    hb_summary_findings(command->cli, command->cli->quiet ? command->cli->err : out,
                        &command->run.report);
    hb_summary_lines(out, &command->run.report);
}

/* ---- the command --------------------------------------------------------------------------- */

static int import_archive(struct import_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    HB_AUTO_FREE char *home = NULL;
    if (hb_home_find(run->config, command->cli->home, true, &home, error) != HB_OK) {
        if (command->cli->home == NULL)
            hb_cli_no_config(run->config, command->cli, "import ARCHIVE", "which home to work on",
                             error);
        return HB_EXIT_USAGE;
    }
    if (hb_chain_create(run, HB_KIND_HOOK, "import", &command->hooks, error) != HB_OK)
        return HB_EXIT_USAGE;
    command->home = hb_absolute(home); /* it may not be there yet, so no realpath() */
    struct hb_event *event = &command->event;
    *event = (struct hb_event){.size = sizeof *event,
                               .command = "import",
                               .home = command->home,
                               .archive = command->archive,
                               .dry_run = command->dry_run};
    struct hb_import_request request = {
        .run = run,
        .archive = command->archive,
        .format = command->format,
        .home = command->home,
        .wait_seconds = command->cli->wait_seconds,
        .dry_run = command->dry_run,
        .force = command->force,
        .patterns = command->globs[INCLUDE] == NULL && command->globs[EXCLUDE] == NULL
                        ? NULL
                        : &command->patterns,
        .begin = on_begin,
        .confirm = on_confirm,
        .before = on_before,
        .context = command,
    };
    int status = hb_import(&request, &command->result, error);
    hb_cli_end_progress(run);
    if (status != HB_OK && hb_summary_has_lines(&run->report)) {
        correct(error->text, sizeof error->text);
        correct(error->hint, sizeof error->hint);
        hb_summary_failed(command->cli, &run->report);
    }
    if (status == HB_NOMATCH)
        return command->result.locked ? HB_EXIT_LOCKED : HB_EXIT_DECLINED;
    if (status != HB_OK)
        return hb_cli_exit_code(status);
    if (run->home.fd >= 0) /* it may have been made */
        event->home = run->home.path;
    event->exit_status = hb_report_incomplete(&run->report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
    event->files = command->result.files;
    event->bytes = command->result.bytes;
    event->skipped = run->report.kinds[HB_FOUND_SKIPPED] + run->report.kinds[HB_FOUND_DOUBTFUL];
    hb_cli_hooks_after(run, &command->hooks, event);
    hb_report_sort(&run->report);
    hb_summary_keep(command->cli, &run->report);
    print_summary(command);
    return event->exit_status;
}

static int run_command(struct import_command *command, struct hb_cli *cli)
{
    struct hb_config *config;
    struct hb_error error = {0};
    clock_gettime(CLOCK_MONOTONIC, &command->started);
    int code = hb_cli_load_config(cli, &config);
    if (code != 0)
        return code;
    hb_run_init(&command->run, config);
    command->run.log = cli->err;
    command->run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    code = import_archive(command, &error);
    if (code == HB_EXIT_DECLINED) {
        HB_AUTO_FREE char *text = hb_text("declined; %s", what_was_done(&command->run));
        hb_cli_fail_json(cli, code, text, "");
    } else if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    free(command->result.wrapper);
    free(command->way_back);
    free(command->home);
    hb_chain_free(&command->hooks);
    hb_run_clear(&command->run);
    hb_config_free(config);
    return code;
}

int hb_cli_import(struct hb_cli *cli, int argc, char **argv)
{
    struct import_command command = {.cli = cli};
    int code = parse_arguments(&command, argc, argv);
    cli->output_is_extra = code == 0 && !command.dry_run;
    code = code == 0 ? run_command(&command, cli) : code < 0 ? HB_EXIT_DONE : code;
    for (int which = INCLUDE; which <= EXCLUDE; which++) {
        for (size_t i = 0; i < command.glob_count[which]; i++)
            free(command.globs[which][i]);
        free(command.globs[which]);
    }
    return code;
}

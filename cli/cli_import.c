/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore import */
#include "answer.h"
#include "archive/archive_sealed.h"
#include "backup/way_back.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "base/url.h"
#include "choice_options.h"
#include "commands.h"
#include "complain.h"
#include "entry_json.h"
#include "host/hooks.h"
#include "import/import.h"
#include "named_archive.h"
#include "summary.h"
#include <inttypes.h>
#include <string.h>

enum { REPLACED_NAMED = 10 /* files, before the question */ };

struct import_options {
    const char *format, *preset;
    bool force;
    bool dry_run;
    bool backup_first;
    bool only_changed;
    struct hb_choice_options choice;
};

#define AT(member) offsetof(struct import_options, member)

static const struct hb_cli_option table[] = {
    {"force", 'f', NULL, "do not ask", .offset = AT(force)},
    {"format", 0, "NAME", "format of the archive; detected by default", .takes = HB_TAKES_TEXT,
     .offset = AT(format), .values = HB_VALUES_FORMATS},
    {"preset", 0, "NAME", "whose archive `latest` or a number is; default: any",
     .takes = HB_TAKES_TEXT, .offset = AT(preset), .values = HB_VALUES_PRESETS},
    {"backup-first", 0, NULL, "archive the home before replacing anything",
     .offset = AT(backup_first)},
    {"only-changed", 0, NULL, "leave alone what the home holds already, byte by byte",
     .offset = AT(only_changed)},
    {"dry-run", 0, NULL, "show what would be restored, change nothing", .offset = AT(dry_run)},
    HB_CHOICE_ROWS("import", AT(choice), 0),
    {0},
};

struct import_command {
    struct hb_session *session;
    const struct import_options *options;
    char *archive;           /* a path, a URL, or "-" */
    struct hb_changes shown; /* counts only */
    bool has_changes;
    char *format;            /* of the archive; NULL until it is listed */
    char *sealed;            /* what it is sealed with; NULL: nothing */
    char *way_back;          /* the archive that was made first */
    struct hb_undo_way undo; /* the same, for an undo */
    char *home;
    struct hb_hooks hooks;
    struct hb_import_result result;
    struct hb_choice choice;
};

/* ---- the question -------------------------------------------------------------------------- */

/* The first files that would be replaced, and how many there are more. */
static void name_replaced(FILE *out, const struct hb_restore_plan *plan,
                          const struct hb_changes *changes)
{
    uint64_t named = 0, replaced = changes->counts[HB_CHANGE_REPLACED];
    for (size_t i = 0; i < plan->count && named < REPLACED_NAMED; i++) {
        if (changes->rows[i] != HB_CHANGE_REPLACED)
            continue;
        HB_AUTO_FREE char *shown = hb_printable(hb_planned_path(plan, i));
        fprintf(out, "  %s\n", shown);
        named++;
    }
    if (named < replaced)
        fprintf(out, "  and %" PRIu64 " more\n", replaced - named);
}

static int ask(FILE *out, const struct hb_restore_plan *plan, const struct hb_changes *changes,
               struct hb_error *error)
{
    bool names = changes != NULL && changes->counts[HB_CHANGE_REPLACED] > 0;
    fprintf(out,
            "\nWarning: the target already has a configuration.\n"
            "Importing replaces files there with those of the archive%s\n",
            names ? ":" : ".");
    if (names)
        name_replaced(out, plan, changes);
    return hb_answer(out, "--force", "the question whether to import over existing files",
                     "import without being asked", error);
}

static const char nothing_changed[] = "nothing was changed",
                  nothing_of_it[] = "nothing of this archive was imported";

/* By a run that ends early: it may have completed another import before. */
static const char *what_was_done(const struct hb_run *run)
{
    return run->report.line_count > 0 ? nothing_of_it : nothing_changed;
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
        json_t *object = hb_json_member(plan->catalog, i);
        hb_json_add(object, "{s:s?}", "change", *change == '\0' ? NULL : change);
        hb_session_print_entry(command->session, path, member->type == HB_TYPE_DIRECTORY, change,
                               object);
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

/* Where backups are of another directory: one above the target. */
static void show_whole(FILE *out, const struct hb_session *session)
{
    HB_AUTO_FREE char *whole = hb_session_whole_home(session);
    if (whole == NULL)
        return;
    HB_AUTO_FREE char *shown = hb_printable(whole);
    HB_AUTO_FREE char *word = hb_shell_word(whole);
    fprintf(out, "Backups are of all of %s; --home %s imports there.\n", shown, word);
}

/* What goes elsewhere than to the target. */
static void show_roots(FILE *out, const struct hb_run *run, const struct hb_restore_plan *plan)
{
    for (size_t i = 0; i < run->grafts.count; i++) {
        const struct hb_graft *graft = &run->grafts.rows[i];
        size_t bytes = strlen(graft->name);
        uint64_t files = 0;
        for (size_t row = 0; row < plan->count; row++) {
            const char *path = hb_planned_path(plan, row);
            files += hb_planned_is_selected(plan, row) && strncmp(path, graft->name, bytes) == 0 &&
                     path[bytes] == '/' && plan->catalog->members[row].type != HB_TYPE_DIRECTORY;
        }
        if (files == 0 || graft->root.path == NULL)
            continue;
        HB_AUTO_FREE char *directory = hb_printable(graft->root.path);
        fprintf(out, "        %s, for %" PRIu64 " file%s below %s/\n", directory, files,
                hb_plural(files), graft->name);
    }
}

/* What is in the archive, where it goes, and what that does there. */
static void show_plan(FILE *out, const struct import_command *command,
                      const struct hb_archive *archive, const struct hb_restore_plan *plan,
                      const struct hb_changes *changes)
{
    char size[24];
    HB_AUTO_FREE char *home = hb_printable(command->home);
    fprintf(out, "Backup contains %" PRIu64 " file%s (%s to restore)\n", plan->members,
            hb_plural(plan->members), hb_human_bytes(plan->bytes, size));
    if (plan->unwanted > 0)
        fprintf(out, "Left out by options: %" PRIu64 "\n", plan->unwanted);
    hb_choice_show(out, &command->choice);
    fprintf(out, "Target: %s\n", home);
    show_roots(out, &command->session->run, plan);
    show_whole(out, command->session);
    if (changes != NULL)
        show_changes(out, changes);
    if (plan->wrapper != NULL) {
        HB_AUTO_FREE char *wrapper = hb_printable(plan->wrapper);
        fprintf(out, "Detected archive prefix: '%s/' (will be stripped)\n", wrapper);
    }
    if (archive->has_trailer && hb_trailer_incomplete(&archive->trailer))
        fprintf(out, "The archive is marked as incomplete.\n");
}

/* The home is locked, if it is there; nothing has been done. */
static int on_begin(void *context, struct hb_error *error)
{
    struct import_command *command = context;
    if (command->session->run.home.fd >= 0)
        hb_hooks_tell(&command->hooks, HB_HOOKS_HOME, command->session->run.home.path);
    return hb_hooks_before(&command->hooks, error);
}

static void note_incomplete(const struct import_command *command)
{
    HB_AUTO_FREE char *text = hb_cli_with_options(
        command->session->cli,
        "the archive is marked as incomplete: `hbcore verify ARCHIVE` says why");
    hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "", "%s", text);
}

static int on_confirm(void *context, const struct hb_archive *archive,
                      const struct hb_restore_plan *plan, const struct hb_changes *changes,
                      bool must_ask, struct hb_error *error)
{
    struct import_command *command = context;
    const struct hb_cli *cli = command->session->cli;
    FILE *out = cli->json ? cli->err : cli->out;
    command->format = hb_copy_text(archive->choice->section->label);
    if (hb_archive_seal_name(archive) != NULL)
        command->sealed = hb_copy_text(hb_archive_seal_name(archive));
    if (archive->later_trailer) /* what it holds is restored all the same */
        hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "",
                      "the archive: " HB_LATER_TRAILER);
    command->hooks.event.left_out = plan->unwanted;
    hb_hooks_tell(&command->hooks, HB_HOOKS_FORMAT, command->format);
    if (archive->has_trailer && hb_trailer_incomplete(&archive->trailer))
        note_incomplete(command);
    if (changes != NULL) {
        command->shown = *changes;
        command->shown.rows = NULL;
        command->has_changes = true;
    }
    if (!cli->quiet || must_ask)
        show_plan(out, command, archive, plan, changes);
    if (command->options->dry_run) {
        print_members(command, plan, changes);
        return HB_OK;
    }
    int status = must_ask ? ask(out, plan, changes, error) : HB_OK;
    if (status == HB_STATUS_NOMATCH)
        fprintf(out, "Declined; %s.\n", what_was_done(&command->session->run));
    if (status == HB_OK) {
        if (!cli->quiet)
            fprintf(out, "\nImporting %" PRIu64 " file%s ...\n", plan->files,
                    hb_plural(plan->files));
        fflush(out);
        hb_session_start_progress(command->session, "unpacked", plan->files, plan->unpacked);
    }
    return status;
}

/* All is staged; nothing has been replaced yet. */
static int on_before(void *context, struct hb_error *error)
{
    struct import_command *command = context;
    bool sealed = false;
    if (!command->options->backup_first)
        return HB_OK;
    int status = hb_way_back(&command->session->run, &command->way_back, &sealed, error);
    if (status == HB_OK)
        command->undo.place =
            command->way_back == NULL ? hb_copy_text("") : hb_way_back_place(command->way_back);
    command->undo.is_sealed = sealed;
    if (command->way_back != NULL && command->sealed != NULL && !sealed)
        hb_report_add(&command->session->run.report, HB_FOUND_NOTE, "",
                      "the safety backup is not sealed, though the archive is that was imported; "
                      "to have it sealed, set seal in [backup], or backup-preset in [import]");
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

/* NULL: what would change was not asked for. */
static void json_changes(json_t *object, const struct hb_changes *changes)
{
    for (enum hb_change change = HB_CHANGE_NEW; change < HB_CHANGES; change++)
        json_object_set_new(object, hb_change_word(change),
                            changes == NULL ? json_null()
                                            : json_integer((json_int_t)changes->counts[change]));
}

static void print_json(const struct import_command *command)
{
    const struct hb_import_result *result = &command->result;
    json_t *object = hb_session_summary(command->session, "import");
    hb_json_name(object, "archive", command->archive);
    hb_json_name(object, "home", command->home);
    hb_json_name(object, "target", command->home);
    hb_json_name_or_null(object, "format", command->format);
    hb_json_name_or_null(object, "sealed", command->sealed);
    hb_json_name_or_null(object, "prefix", result->wrapper);
    hb_json_name_or_null(object, "way_back", command->way_back);
    hb_json_add(object, "{s:b, s:I, s:I, s:I, s:o}", "dry_run", command->options->dry_run, "files",
                (json_int_t)result->files, "bytes", (json_int_t)result->bytes, "members",
                (json_int_t)result->members, "preserved",
                preserved_list(&command->session->run.report));
    hb_choice_json(object, &command->choice);
    json_object_set_new(object, "left_unchanged",
                        command->options->only_changed ? json_integer((json_int_t)result->unchanged)
                                                       : json_null());
    json_changes(object, command->has_changes ? &command->shown : NULL);
    hb_session_print_summary(command->session, object);
}

static void print_summary(const struct import_command *command)
{
    const struct hb_import_result *result = &command->result;
    const struct hb_cli *cli = command->session->cli;
    FILE *out = cli->out;
    char time[HB_HUMAN_BYTES];
    if (cli->json) {
        print_json(command);
        return;
    }
    if (result->swept > 0)
        fprintf(cli->err, "Removed the leftovers of %u earlier run%s.\n", result->swept,
                hb_plural(result->swept));
    if (command->options->dry_run) {
        hb_session_say(command->session, "\nDry run: nothing was changed.\n");
        hb_summary_problems(cli, &command->session->run.report);
    } else {
        HB_AUTO_FREE char *home = hb_printable(command->home);
        hb_summary_status(command->session, "Import complete", "Import INCOMPLETE",
                          "%" PRIu64 " file%s restored in %s", result->files,
                          hb_plural(result->files),
                          hb_human_seconds(hb_session_seconds(command->session), time));
        if (!cli->quiet)
            fprintf(out, "  Target: %s\n", home);
        if (!cli->quiet && command->options->only_changed)
            fprintf(out, "  Unchanged: %" PRIu64 "\n", result->unchanged);
    }
    if (command->way_back != NULL && !cli->quiet) {
        HB_AUTO_FREE char *path = hb_printable(command->way_back);
        fprintf(out, "  Safety backup: %s\n", path);
    }
    hb_session_print_summary(command->session, NULL);
}

/* ---- the command --------------------------------------------------------------------------- */

/* The exit code, of which the hooks are told. */
static int fail(struct import_command *command, int status)
{
    struct hb_error *error = &command->session->error;
    struct hb_error declined;
    int code = command->choice.missed        ? HB_EXIT_USAGE
               : status != HB_STATUS_NOMATCH ? hb_cli_exit_code(status)
               : command->result.locked      ? HB_EXIT_LOCKED
                                             : HB_EXIT_DECLINED;
    if (code == HB_EXIT_FAILED && error->wrong_use)
        code = HB_EXIT_USAGE;
    hb_error_set(&declined, HB_STATUS_CANCELLED, "declined; nothing was changed");
    hb_hooks_finally(&command->hooks,
                     code == HB_EXIT_DECLINED      ? HB_STATUS_CANCELLED
                     : status == HB_STATUS_NOMATCH ? HB_STATUS_FATAL
                                                   : status,
                     code, code == HB_EXIT_DECLINED ? &declined : error);
    return code;
}

/* As hooks are told: an absolute path, or a URL. NULL: it is as it was given. Caller frees. */
static char *place_of(const char *archive)
{
    HB_AUTO_FREE char *path = hb_expand_path(archive);
    return strcmp(archive, "-") == 0 || hb_url_scheme(path) > 0 ? NULL : hb_absolute(path);
}

static int import_archive(struct import_command *command)
{
    struct hb_session *session = command->session;
    const struct import_options *options = command->options;
    struct hb_run *run = &session->run;
    struct hb_error *error = &session->error;
    HB_AUTO_FREE char *home = NULL;
    if (hb_choice_options_read(&options->choice, strcmp(command->archive, "-") == 0,
                               &command->choice, error) != HB_OK)
        return HB_EXIT_USAGE;
    int code = hb_session_find_home(session, HB_HOME_OF_IMPORT, "import ARCHIVE", &home);
    if (code != 0)
        return code;
    if (hb_hooks_open(&command->hooks, run, "import", options->dry_run, error) != HB_OK)
        return HB_EXIT_USAGE;
    command->home = hb_absolute(home); /* it may not be there yet, so no realpath() */
    if (command->home == NULL) {
        hb_error_set(error, HB_STATUS_FATAL, "%s: the home cannot be opened: %s", home,
                     HB_NO_CURRENT_TEXT);
        return HB_EXIT_FAILED;
    }
    hb_hooks_tell(&command->hooks, HB_HOOKS_HOME, command->home);
    HB_AUTO_FREE char *archive = place_of(command->archive);
    hb_hooks_tell(&command->hooks, HB_HOOKS_ARCHIVE, archive == NULL ? command->archive : archive);
    struct hb_import_request request = {
        .run = run,
        .archive = command->archive,
        .format = options->format,
        .home = command->home,
        .wait_seconds = session->cli->wait_seconds,
        .dry_run = options->dry_run,
        .force = options->force,
        .only_changed = options->only_changed,
        .choice = hb_choice_is_open(&command->choice) ? NULL : &command->choice,
        .way_back = &command->undo,
        .begin = on_begin,
        .confirm = on_confirm,
        .before = on_before,
        .context = command,
    };
    int status = hb_import(&request, &command->result, error);
    hb_session_end_progress(session);
    if (status != HB_OK && run->report.line_count > 0) {
        correct(error->text, sizeof error->text);
        correct(error->hint, sizeof error->hint);
        hb_summary_failed(session->cli, &run->report);
    }
    if (status != HB_OK || command->choice.missed)
        return fail(command, status == HB_OK ? HB_STATUS_FATAL : status);
    if (run->home.fd >= 0) /* it may have been made */
        hb_hooks_tell(&command->hooks, HB_HOOKS_HOME, run->home.path);
    hb_hooks_after(&command->hooks, command->result.files, command->result.bytes, false);
    hb_hooks_end(&command->hooks, HB_OK, error);
    hb_report_sort(&run->report);
    hb_summary_keep(session->cli, &run->report);
    print_summary(command);
    return hb_session_code(session);
}

/* A number may be another archive's a moment later: who is not asked, does not see which. */
static int find_archive(struct import_command *command)
{
    struct hb_session *session = command->session;
    const char *word = session->arguments[0];
    enum hb_named named = hb_archive_is_named(word);
    if (named == HB_NAMED_NUMBER && command->options->force)
        return hb_cli_usage(session->cli, "import",
                            "a number does not go with --force: name the file, or latest");
    int code = hb_archive_named(session, word, command->options->preset, &command->archive);
    if (code == 0 && named != HB_NAMED_NOT)
        hb_session_say(session, "Archive: %s\n", command->archive);
    return code;
}

static int run(struct hb_session *session)
{
    struct import_command command = {
        .session = session, .options = session->options, .choice = HB_CHOICE_NONE};
    command.choice.compares = true;
    session->cli->output_is_extra = !command.options->dry_run;
    int code = find_archive(&command);
    if (code == 0)
        code = import_archive(&command);
    if (code == HB_EXIT_DECLINED) {
        HB_AUTO_FREE char *text = hb_text("declined; %s", what_was_done(&session->run));
        hb_cli_fail_json(session->cli, code, text, "");
        session->error.text[0] = '\0'; /* it has been said */
    }
    free(command.result.wrapper);
    free(command.archive);
    free(command.format);
    free(command.sealed);
    free(command.way_back);
    free(command.undo.place);
    free(command.home);
    hb_choice_clear(&command.choice);
    hb_hooks_close(&command.hooks);
    return code;
}

/* ---- what is typed ------------------------------------------------------------------------- */

static int check(const struct hb_cli *cli, const void *parsed)
{
    const struct import_options *options = parsed;
    if (options->only_changed && options->dry_run)
        return hb_cli_usage(cli, "import",
                            "--only-changed does not go with --dry-run, which reads no data: "
                            "nothing could be compared");
    return hb_choice_options_check(cli, "import", &options->choice);
}

static const struct hb_form form = {.arguments = "ARCHIVE|-",
                                    .wrong = "takes one archive, or - for standard input",
                                    .values = {HB_VALUES_FILES},
                                    .run = run};

const struct hb_command hb_command_import = {
    .name = "import",
    .summary = "bring an archive back into the home",
    .about = "Brings an archive back into the home. Everything is staged and verified before the\n"
             "first file is replaced; files that the archive lacks stay.",
    .end = HB_CHOICE_HELP
    "\n\n"
    "A dry run does not read the data: `hbcore verify ARCHIVE` finds damage in it.\n"
    "\n"
    "Exit status: 0 all restored, 1 failed and nothing changed, 2 wrong use or\n"
    "configuration, 3 done but files were refused, skipped or doubtful, or the archive is\n"
    "marked as incomplete, 4 declined, 5 another run works on the home.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct import_options),
    .check = check,
};

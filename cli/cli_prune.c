/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore prune: which archives of a preset stay, named one by one. */
#include "backup/prune.h"
#include "base/human.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "keep_words.h"
#include "named_archive.h"
#include "preset_report.h"
#include "summary.h"
#include <inttypes.h>
#include <stdlib.h>

struct prune_options {
    const char *preset;
    const char *accept;
    bool adopt;
    bool dry_run;
};

#define AT(member) offsetof(struct prune_options, member)

static const struct hb_cli_option table[] = {
    {"preset", 0, "NAME", "prune only [preset:NAME]; default: all presets", .takes = HB_TAKES_TEXT,
     .offset = AT(preset), .values = HB_VALUES_PRESETS},
    {"adopt", 0, NULL,
     "from now on, treat archives that do not name their home as\n"
     "this home's; earlier releases made such archives",
     .offset = AT(adopt)},
    {"accept", 0, "ARCHIVE",
     "an archive that is marked as shrunk is as it should be:\n"
     "from now on archives are removed again; a file, a\n"
     "number, latest, or the mere name",
     .takes = HB_TAKES_TEXT, .offset = AT(accept)},
    {"dry-run", 0, NULL, "show what would be removed, change nothing", .offset = AT(dry_run)},
    {0},
};

static const struct hb_meant meant[] = {
    {"--keep", "the preset says how many stay: keep in its section, or --set preset:NAME.keep=N"},
    {"--keep-last", "a preset says so: keep-last in its section, or --set preset:NAME.keep-last=N"},
    {"--keep-hourly",
     "a preset says so: keep-hourly in its section, or --set preset:NAME.keep-hourly=N"},
    {"--keep-daily",
     "a preset says so: keep-daily in its section, or --set preset:NAME.keep-daily=N"},
    {"--keep-weekly",
     "a preset says so: keep-weekly in its section, or --set preset:NAME.keep-weekly=N"},
    {"--keep-monthly",
     "a preset says so: keep-monthly in its section, or --set preset:NAME.keep-monthly=N"},
    {"--keep-yearly",
     "a preset says so: keep-yearly in its section, or --set preset:NAME.keep-yearly=N"},
    {"--keep-within",
     "a preset says so: keep-within in its section, or --set preset:NAME.keep-within=N"},
    {"--all", "without --preset, prune works on all presets"},
    {0},
};

struct prune_command {
    struct hb_session *session;
    const struct hb_cli *cli;
    const struct prune_options *options;
    json_t *lists; /* of all presets: removed, removed_archives, … */
    struct hb_hooks hooks;
    char *accept; /* the archive that is accepted; or NULL */
};

/* ---- what is said -------------------------------------------------------------------------- */

/* For people. */
static const char *word_of(const struct prune_command *command, const struct hb_preset_archive *row)
{
    static const char *const words[] = {
        [HB_GOES] = "removed",
        [HB_STAYS_NEW] = "new",
        [HB_STAYS_KEPT] = "stays",
        [HB_STAYS_COMPLETE] = "stays: the newest complete one",
        [HB_STAYS_NEEDED] = "stays: no complete one could be read",
        [HB_STAYS_UNTOLD] = "stays: it cannot be identified now",
        [HB_STAYS_UNTIMED] = "stays: when it was made is not known",
        [HB_STAYS_HELD] = "stays: a newer one has shrunk",
        [HB_STAYS_WAY_BACK] = "stays: undo goes back to it",
        [HB_STAYS_OTHERS] = "stays: it belongs to another home",
        [HB_STAYS_UNKNOWN] = "stays: it does not name its home",
    };
    if (row->kept.fate == HB_GOES && !row->kept.removed)
        return "could not be removed";
    if (row->kept.fate == HB_GOES && command->options->dry_run)
        return "would be removed";
    if (row->no_archive && row->kept.fate == HB_STAYS_UNKNOWN)
        return "stays: it is not an archive";
    if (row->unproved && row->kept.fate == HB_STAYS_UNKNOWN)
        return "stays: nothing in it shows that it was made here";
    return words[row->kept.fate];
}

static void tell_program(const struct prune_command *command, const struct hb_preset *preset,
                         const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
    json_t *object = json_pack("{s:s}", "type", "archive");
    hb_json_name(object, "preset", preset->section->label);
    hb_json_name(object, "path", path);
    hb_json_add(object, "{s:s, s:o, s:I, s:b}", "fate", hb_json_fate(&row->kept), "complete",
                hb_json_answer(row->kept.complete), "sequence", (json_int_t)row->origin.sequence,
                "other_installation", row->other_installation);
    hb_json_add(object, "{s:b}", "shrunk", row->kept.shrunk);
    json_object_set_new(object, "rules", hb_json_rules(row->kept.rules));
    hb_json_line(command->cli->out, object);
}

static void tell_people(const struct prune_command *command,
                        const struct hb_preset_archives *archives, size_t number, int width)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *name = hb_printable(row->kept.name);
    HB_AUTO_FREE char *home = hb_home_of_archive(row);
    bool other = row->kept.fate == HB_STAYS_OTHERS && home != NULL;
    HB_AUTO_FREE char *rules =
        row->kept.fate == HB_STAYS_KEPT ? hb_keep_rules(row->kept.rules) : NULL;
    fprintf(command->cli->out, "  %s%*s  %s%s%s%s%s%s%s%s\n", name, width - hb_columns(name), "",
            word_of(command, row), rules != NULL ? ": " : "", rules != NULL ? rules : "",
            other ? ", " : "", other ? home : "",
            row->other_installation ? " (of another installation)" : "",
            row->kept.complete == HB_NO && !(row->no_archive && row->kept.fate == HB_STAYS_UNKNOWN)
                ? " (incomplete)"
                : "",
            row->kept.shrunk ? " (shrunk)" : "");
}

/* Of the longest name. */
static int width_of(const struct hb_preset_archives *archives)
{
    int most = 0;
    for (size_t i = 0; i < archives->count; i++) {
        HB_AUTO_FREE char *name = hb_printable(archives->rows[i].kept.name);
        most = hb_columns(name) > most ? hb_columns(name) : most;
    }
    return most;
}

static void on_pruned(void *context, const struct hb_preset *preset,
                      const struct hb_preset_archives *archives, const char *directory,
                      const struct hb_keep *keep)
{
    struct prune_command *command = context;
    if (hb_session_speaks(command->session)) {
        HB_AUTO_FREE char *shown =
            hb_printable(archives->directory == NULL ? directory : archives->directory);
        HB_AUTO_FREE char *rules = hb_keep_words(keep);
        fprintf(command->cli->out, "%s: %s, %s\n", preset->section->label, shown, rules);
    }
    int width = width_of(archives);
    for (size_t i = 0; i < archives->count; i++) {
        if (command->cli->json)
            tell_program(command, preset, archives, i);
        else if (!command->cli->quiet)
            tell_people(command, archives, i, width);
    }
    hb_preset_report_unknown(command->session, archives, preset->section->label);
    hb_preset_report_shrunk(command->session, archives, preset->section->label, HB_FOUND_DOUBTFUL);
    hb_preset_report_json(command->lists, archives);
    hb_preset_tell_removed(archives, &command->hooks);
}

static void print_summary(const struct prune_command *command, const struct hb_prune_result *result)
{
    const struct hb_cli *cli = command->cli;
    json_t *object = NULL;
    if (cli->json) {
        object = hb_session_summary(command->session, "prune");
        hb_json_name_or_null(object, "preset", command->options->preset);
        if (result->doubtful)
            hb_json_add(object, "{s:s}", "status", "incomplete");
        json_object_update(object, command->lists);
        hb_json_name_or_null(object, "accepted", result->accepted);
        hb_json_add(object, "{s:I, s:b}", "adopted", (json_int_t)result->adopted, "dry_run",
                    command->options->dry_run);
    } else if (!cli->quiet) {
        HB_AUTO_FREE char *accepted =
            hb_printable(result->accepted == NULL ? "" : result->accepted);
        if (result->accepted != NULL)
            fprintf(cli->out, "%s: %s\n", command->options->dry_run ? "Would accept" : "Accepted",
                    accepted);
        json_int_t removed = json_integer_value(json_object_get(command->lists, "removed"));
        if (hb_config_next_preset(command->session->config, NULL) == NULL)
            fputs("There are no presets: nothing to remove.\n", cli->out);
        else
            fprintf(cli->out, "%s %" JSON_INTEGER_FORMAT " archive%s.\n",
                    command->options->dry_run ? "Would remove" : "Removed", removed,
                    hb_plural((uint64_t)removed));
    }
    if (object == NULL)
        hb_summary_problems(cli, &command->session->run.report);
    hb_session_print_summary(command->session, object);
}

/* ---- the command --------------------------------------------------------------------------- */

/* The home is open and locked. */
static int prune(struct prune_command *command, struct hb_prune_result *result)
{
    struct hb_session *session = command->session;
    const struct prune_options *options = command->options;
    struct hb_prune_request request = {.run = &session->run,
                                       .preset = options->preset,
                                       .adopt = options->adopt,
                                       .accept = command->accept,
                                       .dry_run = options->dry_run,
                                       .pruned = on_pruned,
                                       .context = command};
    int status = hb_prune(&request, result, &session->error);
    size_t doubts = session->run.report.kinds[HB_FOUND_DOUBTFUL];
    if (status == HB_OK)
        hb_hooks_after(&command->hooks, 0, 0, false);
    hb_hooks_end(&command->hooks, status, &session->error);
    result->doubtful |= session->run.report.kinds[HB_FOUND_DOUBTFUL] > doubts;
    return status;
}

static int prune_and_tell(struct prune_command *command)
{
    struct hb_session *session = command->session;
    struct hb_preset_archives none = {.fd = -1};
    struct hb_prune_result result = {0};
    hb_hooks_tell(&command->hooks, HB_HOOKS_HOME, session->run.home.path);
    hb_hooks_tell(&command->hooks, HB_HOOKS_PRESET, command->options->preset);
    int status = hb_hooks_before(&command->hooks, &session->error);
    if (status != HB_OK) {
        hb_hooks_end(&command->hooks, status, &session->error);
        return hb_cli_exit_code(status);
    }
    command->lists = json_object();
    hb_preset_report_json(command->lists, &none);
    status = prune(command, &result);
    hb_report_sort(&session->run.report);
    print_summary(command, &result);
    json_decref(command->lists);
    free(result.accepted);
    if (status != HB_OK || hb_interrupt_signal() != 0)
        return hb_cli_exit_code(status);
    return result.doubtful ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

static int run(struct hb_session *session)
{
    const struct prune_options *options = session->options;
    struct prune_command command = {.session = session, .cli = session->cli, .options = options};
    struct hb_preset preset;
    session->cli->output_is_extra = !options->dry_run;
    int status = hb_preset_find(session->config, options->preset, &preset, &session->error);
    hb_preset_clear(&preset);
    if (status != HB_OK || hb_hooks_open(&command.hooks, &session->run, "prune", options->dry_run,
                                         &session->error) != HB_OK)
        return HB_EXIT_USAGE;
    int code = options->accept == NULL
                   ? 0
                   : hb_archive_named(session, options->accept, options->preset, &command.accept);
    if (code == 0)
        code = hb_session_open_home(session, HB_HOME_OUTERMOST, true);
    if (code == 0)
        code = prune_and_tell(&command);
    free(command.accept);
    hb_hooks_close(&command.hooks);
    return code;
}

static const struct hb_form form = {.run = run};

const struct hb_command hb_command_prune = {
    .name = "prune",
    .group = HB_FOR_ARCHIVES,
    .summary = "remove the archives that presets do not keep",
    .about =
        "Removes the archives of this home that its presets do not keep, as a backup does\n"
        "after it has made one, and lists each archive of the presets. Archives of other homes\n"
        "stay, and so do files that cannot be read now.",
    .end = "Exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 something could not be\n"
           "removed or read, 5 another run works on the home.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .meant = meant,
    .bytes = sizeof(struct prune_options),
};

/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore prune: which archives of a preset stay, named one by one. */
#include "cli_prune.h"

#include "backup/preset_archives.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "host/instance.h"
#include "pending.h"
#include "preset_report.h"
#include "session.h"
#include "summary.h"
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] prune [--preset NAME] [--dry-run] [--adopt]\n"
    "\n"
    "Removes the archives of this home that its presets do not keep, as a backup does\n"
    "when it has made one, and names each archive that is there. Archives of other homes\n"
    "stay, and so does what cannot be read now.\n"
    "\n"
    "      --preset NAME   only those of [preset:NAME]; else of all presets\n"
    "      --adopt         those that do not say of which home they are, for a release\n"
    "                      before made them, are this home's from now on\n"
    "      --dry-run       show what would be removed, change nothing\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 something could not be\n"
    "removed or read, 5 another run works on the home.\n";

struct prune_command {
    struct hb_cli *cli;
    const char *preset_name;
    bool adopt;
    bool dry_run;
    struct hb_run run;
    struct hb_home_id id;
    struct hb_preset_archives *archives; /* of each preset */
    size_t preset_count;
    size_t adopted;
    bool doubtful; /* something could not be removed or read */
    struct timespec started;
};

static int parse_arguments(struct prune_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"preset", required_argument, NULL, 'p'},
        {"adopt", no_argument, NULL, 'a'},
        {"dry-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            command->preset_name = optarg;
            break;
        case 'a':
            command->adopt = true;
            break;
        case 'n':
            command->dry_run = true;
            break;
        case 'h':
            fputs(help, command->cli->out);
            return -1;
        default:
            return hb_cli_what(command->cli, option, argv);
        }
    }
    if (optind < argc)
        return hb_cli_usage(command->cli, argv[0], "takes no argument, but got %s", argv[optind]);
    return 0;
}

/* ---- what is said -------------------------------------------------------------------------- */

/* For programs, and for people. */
static const char *const words[][2] = {
    [HB_GOES] = {"removed", "removed"},
    [HB_STAYS_NEW] = {"new", "new"},
    [HB_STAYS_KEPT] = {"kept", "stays"},
    [HB_STAYS_COMPLETE] = {"complete", "stays: the newest complete one"},
    [HB_STAYS_NEEDED] = {"needed", "stays: no complete one could be read"},
    [HB_STAYS_UNTOLD] = {"untold", "stays: nothing can be told about it"},
    [HB_STAYS_OTHERS] = {"other", "stays: another home's"},
    [HB_STAYS_UNKNOWN] = {"unknown", "stays: it does not say of which home it is"},
};

static const char *word_of(const struct prune_command *command, const struct hb_preset_archive *row,
                           int which)
{
    if (row->kept.fate == HB_GOES && !row->kept.removed)
        return which == 0 ? "failed" : "could not be removed";
    if (row->kept.fate == HB_GOES && which == 1 && command->dry_run)
        return "would be removed";
    return words[row->kept.fate][which];
}

static void tell_program(const struct prune_command *command, const struct hb_preset *preset,
                         const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
    json_t *object = json_object();
    json_object_set_new(object, "type", json_string("archive"));
    json_object_set_new(object, "preset", json_string(preset->section->label));
    hb_json_name(object, "path", path);
    json_object_set_new(object, "fate", json_string(word_of(command, row, 0)));
    json_object_set_new(object, "complete",
                        row->kept.complete == HB_YES  ? json_true()
                        : row->kept.complete == HB_NO ? json_false()
                                                      : json_null());
    json_object_set_new(object, "sequence", json_integer((json_int_t)row->origin.sequence));
    hb_json_line(command->cli->out, object);
}

static void tell_people(const struct prune_command *command,
                        const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *name = hb_printable(row->kept.name);
    HB_AUTO_FREE char *home = hb_printable(row->origin.path == NULL ? "" : row->origin.path);
    HB_AUTO_FREE char *host = hb_printable(row->origin.host == NULL ? "" : row->origin.host);
    bool other = row->kept.fate == HB_STAYS_OTHERS;
    fprintf(command->cli->out, "  %s  %s%s%s%s%s\n", name, word_of(command, row, 1),
            other ? ", " : "", other ? home : "", other ? " on " : "", other ? host : "");
}

/* `directory`: as an absolute path, also where nothing is there yet. */
static void tell(const struct prune_command *command, const struct hb_preset *preset,
                 const struct hb_preset_archives *archives, const char *directory, uint64_t keep)
{
    if (!command->cli->json && !command->cli->quiet) {
        HB_AUTO_FREE char *shown =
            hb_printable(archives->directory == NULL ? directory : archives->directory);
        fprintf(command->cli->out, "%s: %s, keep %" PRIu64 "\n", preset->section->label, shown,
                keep);
    }
    for (size_t i = 0; i < archives->count; i++) {
        if (command->cli->json)
            tell_program(command, preset, archives, i);
        else if (!command->cli->quiet)
            tell_people(command, archives, i);
    }
}

static void append_all(json_t *object, json_t *rows, const char *key)
{
    json_array_extend(json_object_get(object, key), json_object_get(rows, key));
}

static int conclude(struct prune_command *command)
{
    const struct hb_cli *cli = command->cli;
    struct hb_preset_archives none = {.fd = -1};
    json_t *object = hb_summary_json("prune", &command->run.report);
    json_int_t removed = 0;
    hb_preset_report_json(object, &none);
    for (size_t i = 0; i < command->preset_count; i++) {
        json_t *rows = json_object();
        hb_preset_report_json(rows, &command->archives[i]);
        removed += json_integer_value(json_object_get(rows, "removed"));
        append_all(object, rows, "removed_archives");
        append_all(object, rows, "other_archives");
        append_all(object, rows, "unknown_archives");
        append_all(object, rows, "untold_archives");
        json_decref(rows);
    }
    json_object_set_new(object, "removed", json_integer(removed));
    json_object_set_new(object, "adopted", json_integer((json_int_t)command->adopted));
    json_object_set_new(object, "dry_run", json_boolean(command->dry_run));
    json_object_set_new(object, "seconds", json_real(hb_cli_seconds_since(&command->started)));
    hb_report_sort(&command->run.report);
    if (cli->json) {
        hb_summary_json_findings(object, &command->run.report);
        hb_json_line(cli->out, object);
    } else {
        json_decref(object);
        if (!cli->quiet)
            fprintf(cli->out, "%s %" JSON_INTEGER_FORMAT " archive(s).\n",
                    command->dry_run ? "Would remove" : "Removed", removed);
        hb_summary_findings(cli, cli->quiet ? cli->err : cli->out, &command->run.report);
    }
    return command->doubtful ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

/* ---- one preset ---------------------------------------------------------------------------- */

struct seen {
    const struct hb_preset_query *query;
    const struct hb_preset_archives *archives;
};

/* What cannot be read now is there all the same. Names of other presets were not looked at. */
static bool is_gone(void *context, const char *name)
{
    const struct seen *seen = context;
    struct hb_archive_name parts;
    for (size_t i = 0; i < seen->archives->count; i++)
        if (strcmp(seen->archives->rows[i].kept.name, name) == 0)
            return seen->archives->rows[i].kept.removed;
    return hb_archive_name_parse(name, seen->query->prefix, seen->query->suffixes, &parts);
}

/*
 * Nothing can be told about the archives of the preset, of which none was looked at or not all:
 * none is removed, and the other presets are not to blame.
 */
static void report_unlisted(struct prune_command *command, const char *preset,
                            struct hb_error *error)
{
    hb_report_add(&command->run.report, HB_FOUND_DOUBTFUL, "",
                  "[preset:%s]: its archives stay, for it cannot be told which there are: %s",
                  preset, error->text);
    *error = (struct hb_error){0};
    command->doubtful = true;
}

/* `section`: of the preset. Appends its archives to those of the command. */
static int prune_preset(struct prune_command *command, const struct hb_section *section,
                        struct hb_error *error)
{
    struct hb_run *run = &command->run;
    struct hb_preset preset;
    struct hb_format_choice choice = {0};
    command->archives =
        hb_resize(command->archives, command->preset_count + 1, sizeof *command->archives);
    struct hb_preset_archives *archives = &command->archives[command->preset_count++];
    *archives = (struct hb_preset_archives){.fd = -1};
    int status = hb_preset_find(run->config, section->label, &preset, error);
    if (status == HB_OK)
        status = hb_format_find(run->config, preset.format, &choice, error);
    if (status == HB_OK) {
        HB_AUTO_FREE char *directory = hb_preset_directory(&preset, run->home.path);
        struct hb_preset_query query = {.run = run,
                                        .id = &command->id,
                                        .prefix = preset.prefix,
                                        .suffixes = hb_format_ops_of(&choice)->suffixes,
                                        .directory = directory};
        uint64_t keep = preset.keep < 1 ? 1 : (uint64_t)preset.keep;
        status = hb_preset_archives_read(&query, archives, error);
        if (status == HB_FATAL) {
            report_unlisted(command, section->label, error);
            hb_preset_archives_clear(archives); /* of some of them nothing more is said */
            status = HB_OK;
        }
        if (status == HB_OK && command->adopt)
            command->adopted += hb_preset_adopt(archives, &command->id);
        if (status == HB_OK) {
            hb_preset_prune(&query, archives, keep, NULL, false, command->dry_run);
            if (command->adopt && archives->directory != NULL)
                hb_home_id_forget(&command->id, archives->directory, is_gone,
                                  &(struct seen){&query, archives});
            tell(command, &preset, archives, directory, keep);
            hb_preset_report_unknown(command->cli, run, archives, section->label);
        }
    }
    hb_format_choice_clear(&choice);
    hb_preset_clear(&preset);
    return status;
}

static void look_for_doubt(struct prune_command *command)
{
    for (size_t i = 0; i < command->preset_count; i++)
        for (size_t j = 0; j < command->archives[i].count; j++) {
            const struct hb_preset_archive *row = &command->archives[i].rows[j];
            command->doubtful |= row->kept.fate == HB_STAYS_UNTOLD ||
                                 (row->kept.fate == HB_GOES && !row->kept.removed);
        }
}

/* ---- the command --------------------------------------------------------------------------- */

/* One preset after the other; what is wrong with one is no reason to leave out the next. */
static int prune_each(struct prune_command *command, struct hb_error *error)
{
    const struct hb_section *section = NULL;
    int worst = HB_OK;
    while (worst != HB_CANCELLED &&
           (section = hb_config_next_preset(command->run.config, section)) != NULL) {
        struct hb_error reason = {0};
        if (command->preset_name != NULL && strcmp(command->preset_name, section->label) != 0)
            continue;
        int status = prune_preset(command, section, &reason);
        if (status == HB_OK)
            continue;
        if (worst == HB_OK || status == HB_CANCELLED)
            *error = reason;
        worst = status;
    }
    return worst;
}

static int prune_all(struct prune_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    int code = hb_cli_open_home(command->cli, run, true, true, error);
    if (code != 0)
        return code;
    hb_cli_tell_pending(run);
    hb_home_id_find(&run->home, !command->dry_run, &command->id);
    if (command->id.note != NULL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", command->id.note);
    int status = prune_each(command, error);
    if (command->adopt && !command->dry_run) {
        int result = hb_home_id_save(&run->home, &command->id);
        if (result != 0)
            hb_report_add(&run->report, HB_FOUND_NOTE, "",
                          "%s: what was adopted cannot be noted there, and holds for this run "
                          "alone: %s",
                          HB_HOME_ID_NAME, hb_rights_explain(-result));
    }
    look_for_doubt(command);
    code = conclude(command);
    return status != HB_OK || hb_interrupt_signal() != 0 ? hb_cli_exit_code(status) : code;
}

static void clear(struct prune_command *command)
{
    for (size_t i = 0; i < command->preset_count; i++)
        hb_preset_archives_clear(&command->archives[i]);
    free(command->archives);
    hb_home_id_clear(&command->id);
    hb_run_clear(&command->run);
}

int hb_cli_prune(struct hb_cli *cli, int argc, char **argv)
{
    struct prune_command command = {.cli = cli};
    struct hb_config *config;
    struct hb_preset preset = {.prefix = NULL};
    struct hb_error error = {0};
    int code = parse_arguments(&command, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    cli->output_is_extra = !command.dry_run;
    clock_gettime(CLOCK_MONOTONIC, &command.started);
    code = hb_cli_load_config(cli, &config);
    if (code != 0)
        return code;
    hb_run_init(&command.run, config);
    command.run.log = cli->err;
    command.run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    bool known = command.preset_name == NULL ||
                 hb_preset_find(config, command.preset_name, &preset, &error) == HB_OK;
    code = known ? prune_all(&command, &error) : HB_EXIT_USAGE;
    if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    hb_preset_clear(&preset);
    clear(&command);
    hb_config_free(config);
    return code;
}

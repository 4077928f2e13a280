/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore prune: which archives of a preset stay, named one by one. */
#include "cli_prune.h"

#include "backup/prune.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
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
    struct hb_prune_result result;
    json_t *lists; /* of all presets: removed, removed_archives, … */
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
    if (row->fate == HB_GOES && !row->removed)
        return which == 0 ? "failed" : "could not be removed";
    if (row->fate == HB_GOES && which == 1 && command->dry_run)
        return "would be removed";
    return words[row->fate][which];
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
                        row->complete == HB_YES  ? json_true()
                        : row->complete == HB_NO ? json_false()
                                                 : json_null());
    json_object_set_new(object, "sequence", json_integer((json_int_t)row->origin.sequence));
    hb_json_line(command->cli->out, object);
}

static void tell_people(const struct prune_command *command,
                        const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    HB_AUTO_FREE char *name = hb_printable(row->name);
    HB_AUTO_FREE char *home = hb_printable(row->origin.path == NULL ? "" : row->origin.path);
    HB_AUTO_FREE char *host = hb_printable(row->origin.host == NULL ? "" : row->origin.host);
    bool other = row->fate == HB_STAYS_OTHERS;
    fprintf(command->cli->out, "  %s  %s%s%s%s%s\n", name, word_of(command, row, 1),
            other ? ", " : "", other ? home : "", other ? " on " : "", other ? host : "");
}

/* Adds what became of the archives of one preset to that of those before. */
static void add_lists(json_t *lists, const struct hb_preset_archives *archives)
{
    const char *key;
    json_t *rows = json_object(), *row;
    hb_preset_report_json(rows, archives);
    json_object_foreach(rows, key, row)
    {
        json_t *sum = json_object_get(lists, key);
        if (json_is_array(row))
            json_array_extend(sum, row);
        else
            json_integer_set(sum, json_integer_value(sum) + json_integer_value(row));
    }
    json_decref(rows);
}

static void on_pruned(void *context, const struct hb_preset *preset,
                      const struct hb_preset_archives *archives, const char *directory,
                      uint64_t keep)
{
    struct prune_command *command = context;
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
    hb_preset_report_unknown(command->cli, &command->run, archives, preset->section->label);
    add_lists(command->lists, archives);
}

static int conclude(struct prune_command *command)
{
    const struct hb_cli *cli = command->cli;
    json_t *object = hb_summary_json("prune", &command->run.report);
    json_object_update(object, command->lists);
    json_object_set_new(object, "adopted", json_integer((json_int_t)command->result.adopted));
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
                    command->dry_run ? "Would remove" : "Removed",
                    json_integer_value(json_object_get(command->lists, "removed")));
        hb_summary_findings(cli, cli->quiet ? cli->err : cli->out, &command->run.report);
    }
    return command->result.doubtful ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

/* ---- the command --------------------------------------------------------------------------- */

static int prune(struct prune_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    struct hb_preset_archives none = {.fd = -1};
    struct hb_prune_request request = {.run = run,
                                       .preset = command->preset_name,
                                       .adopt = command->adopt,
                                       .dry_run = command->dry_run,
                                       .pruned = on_pruned,
                                       .context = command};
    int code = hb_cli_open_home(command->cli, run, true, true, error);
    if (code != 0)
        return code;
    hb_cli_tell_pending(run);
    command->lists = json_object();
    hb_preset_report_json(command->lists, &none);
    int status = hb_prune(&request, &command->result, error);
    code = conclude(command);
    json_decref(command->lists);
    return status != HB_OK || hb_interrupt_signal() != 0 ? hb_cli_exit_code(status) : code;
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
    code = known ? prune(&command, &error) : HB_EXIT_USAGE;
    if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    hb_preset_clear(&preset);
    hb_run_clear(&command.run);
    hb_config_free(config);
    return code;
}

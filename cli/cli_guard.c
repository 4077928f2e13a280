/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore guard: hooks compare the home with a snapshot and put back what got lost. What that is and
 * how it is told, only they know.
 */
#include "cli_guard.h"

#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "host/failure.h"
#include "host/hooks.h"
#include "host/instance.h"
#include "restore/recover.h"
#include "session.h"
#include "snapshot/snapshot.h"
#include "snapshot_wanted.h"
#include "summary.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] guard ID|NUMBER [--dry-run]\n"
    "\n"
    "Puts back what an update emptied: the hooks of the configuration compare the home with\n"
    "the snapshot that was made before, by its id or its number in `hbcore snapshot list`,\n"
    "and restore what is lost beyond doubt.\n"
    "\n"
    "      --dry-run       show what would be put back, change nothing\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 something was put back, or there was nothing to do; 1 it could not be put\n"
    "back, or there is no such snapshot, 2 wrong use or configuration, 3 something is doubtful, 5 "
    "another run works on the\n"
    "home.\n";

struct guard_command {
    struct hb_cli *cli;
    const char *wanted; /* its id, or its number */
    char *snapshot;     /* its id */
    bool dry_run;
    struct hb_run run;
    struct hb_chain hooks, contents;
    struct timespec started;
};

static int parse_arguments(struct guard_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"dry-run", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'n')
            command->dry_run = true;
        else if (option == 'h')
            return fputs(help, command->cli->out) < 0 ? HB_EXIT_FAILED : -1;
        else
            return hb_cli_what(command->cli, option, argv);
    }
    if (argc - optind != 1)
        return hb_cli_usage(command->cli, argv[0], "takes the id or the number of one snapshot");
    command->wanted = argv[optind];
    return 0;
}

static void print_summary(struct guard_command *command)
{
    const struct hb_cli *cli = command->cli;
    if (!cli->json) {
        hb_summary_findings(cli, cli->quiet ? cli->err : cli->out, &command->run.report);
        hb_summary_lines(cli->out, &command->run.report);
        return;
    }
    json_t *object = hb_summary_json("guard", &command->run.report);
    hb_json_name(object, "target", command->run.home.path);
    hb_json_name(object, "id", command->snapshot);
    json_object_set_new(object, "dry_run", json_boolean(command->dry_run));
    json_object_set_new(object, "seconds", json_real(hb_cli_seconds_since(&command->started)));
    hb_summary_json_findings(object, &command->run.report);
    hb_json_line(cli->out, object);
}

/* Each hook does its part; one that fails ends it. */
static int run_hooks(struct guard_command *command, struct hb_event *event, struct hb_error *error)
{
    bool done = false;
    for (size_t i = 0; i < command->hooks.count; i++) {
        const struct hb_instance *instance = command->hooks.instances[i];
        const struct hb_hook_ops *ops = instance->plugin->ops;
        hb_run_clear_failure(&command->run);
        int status = HB_CAN(ops, run) ? ops->run(instance->self, event) : HB_NOMATCH;
        if (status < 0) {
            hb_error_set(error, status, "[%s]: %s", instance->section->name,
                         hb_instance_failure(instance));
            return hb_cli_exit_code(status);
        }
        done = done || status == HB_OK;
    }
    if (done)
        return HB_EXIT_DONE;
    hb_error_set(error, HB_FATAL, "guard: no hook of the configuration compares anything");
    hb_error_hint(error, "a section [hook:NAME] with guard in its 'on' says what is compared");
    return HB_EXIT_USAGE;
}

/* Does a hook compare anything at all? */
static bool has_comparing(const struct guard_command *command)
{
    for (size_t i = 0; i < command->hooks.count; i++) {
        const struct hb_hook_ops *ops = command->hooks.instances[i]->plugin->ops;
        if (HB_CAN(ops, run))
            return true;
    }
    return false;
}

/* Whoever relies on it must not read that all is well when there is nothing to compare with. */
static int check_there(struct hb_run *run, const char *snapshot, const char *id,
                       struct hb_error *error)
{
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, snapshot, 0, &place, NULL);
    bool missing = result == -ENOENT || (result == 0 && !place.exists);
    hb_place_clear(&place);
    if (!missing)
        return 0;
    hb_error_set(error, HB_FATAL, "there is no snapshot %s", id);
    hb_error_hint(error, "hbcore snapshot list shows those that are there");
    return HB_EXIT_FAILED;
}

static int compare(struct guard_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    HB_AUTO_FREE char *snapshot =
        hb_text("%s/%s", hb_config_text(run->config, "snapshot", "directory"), command->snapshot);
    struct hb_event event = {.size = sizeof event,
                             .command = "guard",
                             .home = run->home.path,
                             .dry_run = command->dry_run,
                             .snapshot = snapshot};
    int code = has_comparing(command) ? check_there(run, snapshot, command->snapshot, error) : 0;
    if (code != 0)
        return code;
    run->stage_on_demand = !command->dry_run;
    if (!command->dry_run) /* of runs that were killed; there may be nothing to do, and no stage */
        hb_stage_sweep(run->home.fd);
    if (hb_hooks_before(run, &command->hooks, &event, error) != HB_OK)
        return HB_EXIT_FAILED;
    code = run_hooks(command, &event, error);
    if (code != HB_EXIT_DONE)
        return code;
    event.exit_status = hb_report_incomplete(&run->report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
    hb_cli_hooks_after(run, &command->hooks, &event);
    hb_report_sort(&run->report);
    hb_summary_keep(command->cli, &run->report);
    print_summary(command);
    return event.exit_status;
}

static int guard(struct guard_command *command, struct hb_error *error)
{
    struct hb_run *run = &command->run;
    if (!hb_snapshot_is_name(command->wanted)) {
        hb_error_set(error, HB_FATAL, "'%s' is no id of a snapshot", command->wanted);
        return HB_EXIT_FAILED;
    }
    int code = hb_cli_open_home(command->cli, run, false, true, error);
    if (code != 0)
        return code;
    if (hb_chain_create(run, HB_KIND_HOOK, "guard", &command->hooks, error) != HB_OK ||
        hb_chain_create(run, HB_KIND_CONTENT, NULL, &command->contents, error) != HB_OK)
        return HB_EXIT_USAGE;
    command->snapshot = hb_cli_snapshot_wanted(run, command->wanted, error);
    if (command->snapshot == NULL)
        return HB_EXIT_FAILED;
    int status =
        hb_recover(run, &command->contents, command->dry_run ? HB_RECOVER_TELL : HB_RECOVER, error);
    code = status == HB_OK ? compare(command, error) : hb_cli_exit_code(status);
    if (error->text[0] != '\0')
        hb_summary_failed(command->cli, &run->report);
    return code;
}

int hb_cli_guard(struct hb_cli *cli, int argc, char **argv)
{
    struct guard_command command = {.cli = cli};
    struct hb_config *config;
    struct hb_error error = {0};
    int code = parse_arguments(&command, argc, argv);
    if (code != 0)
        return code < 0 ? HB_EXIT_DONE : code;
    cli->output_is_extra = !command.dry_run;
    clock_gettime(CLOCK_MONOTONIC, &command.started);
    code = hb_cli_load_config(cli, &config);
    if (code != 0)
        return code;
    hb_run_init(&command.run, config);
    command.run.log = cli->err;
    command.run.log_level = cli->verbose > 0 ? HB_LOG_DEBUG : HB_LOG_INFO;
    code = guard(&command, &error);
    if (error.text[0] != '\0')
        hb_cli_fail(cli, code, &error);
    hb_chain_free(&command.hooks);
    hb_chain_free(&command.contents);
    free(command.snapshot);
    hb_run_clear(&command.run);
    hb_config_free(config);
    return code;
}

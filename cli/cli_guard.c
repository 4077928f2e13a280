/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore guard: what it does is in snapshot/guard.h. */
#include "cli_guard.h"

#include "base/memory.h"
#include "base/name.h"
#include "complain.h"
#include "session.h"
#include "snapshot/guard.h"
#include "snapshot/snapshot.h"
#include "snapshot_wanted.h"
#include "summary.h"
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
    command->snapshot = hb_cli_snapshot_wanted(run, command->wanted, error);
    if (command->snapshot == NULL)
        return HB_EXIT_FAILED;
    int status = hb_guard(run, command->snapshot, command->dry_run, error);
    if (status != HB_OK) {
        hb_summary_failed(command->cli, &run->report);
        return status == HB_NOMATCH ? HB_EXIT_USAGE : hb_cli_exit_code(status);
    }
    hb_report_sort(&run->report);
    hb_summary_keep(command->cli, &run->report);
    print_summary(command);
    return hb_report_incomplete(&run->report) ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
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
    free(command.snapshot);
    hb_run_clear(&command.run);
    hb_config_free(config);
    return code;
}

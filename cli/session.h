/* SPDX-License-Identifier: Apache-2.0 */
/* What commands share that run something: configuration, run, home, progress. */
#ifndef HB_SESSION_H
#define HB_SESSION_H

#include "base/progress.h"
#include "cli.h"
#include "host/run.h"
#include <errno.h>
#include <time.h>

/* Loads the configuration, prints what is wrong with it; 0, or HB_EXIT_USAGE. */
int hb_cli_load_config(const struct hb_cli *cli, struct hb_config **config);

/* The exit code for a status; a signal gives 128 + its number. */
int hb_cli_exit_code(int status);

/* Draw a bar? */
bool hb_cli_bar(const struct hb_cli *cli);

void hb_cli_start_progress(const struct hb_cli *cli, struct hb_run *run, const char *verb,
                           uint64_t files, uint64_t bytes);
void hb_cli_end_progress(struct hb_run *run);

/* Of CLOCK_MONOTONIC. */
double hb_cli_seconds_since(const struct timespec *started);

/*
 * Finds and opens the home, `outermost` as in hb_home_find; with `lock` it is this run's. 0 or an
 * exit code with *error.
 */
int hb_cli_open_home(const struct hb_cli *cli, struct hb_run *run, bool outermost, bool lock,
                     struct hb_error *error);

/* A number of at least 0 after an option; 0, or HB_EXIT_USAGE. */
int hb_cli_number(const struct hb_cli *cli, const char *command, const char *option,
                  const char *text, int64_t *number);

/*
 * A command line to be shown, such as "hbcore import": with the configuration and the home that
 * were named to this run, if it is one of ours, so that it does the same wherever it is typed.
 * Caller frees.
 */
char *hb_cli_command_line(const struct hb_cli *cli, const struct hb_run *run, const char *command);

#endif

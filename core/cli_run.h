/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that run something share. */
#ifndef HB_CLI_RUN_H
#define HB_CLI_RUN_H

#include "cli.h"
#include "progress.h"
#include "run.h"
#include <errno.h>
#include <time.h>

/* The exit code for a status; a signal gives 128 + its number. */
int hb_cli_exit_code(int status);

/* Draw a bar? */
bool hb_cli_bar(const struct hb_cli *cli);

void hb_cli_start_progress(const struct hb_cli *cli, struct hb_run *run, const char *verb,
                           uint64_t files, uint64_t bytes);
void hb_cli_end_progress(struct hb_run *run);

/* Of CLOCK_MONOTONIC. */
double hb_cli_seconds_since(const struct timespec *started);

/* Finds, opens and locks the home; 0 or an exit code with *error. */
int hb_cli_open_home(const struct hb_cli *cli, struct hb_run *run, struct hb_error *error);

int hb_cli_hooks_before(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event,
                        struct hb_error *error);
void hb_cli_hooks_after(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event);

#endif

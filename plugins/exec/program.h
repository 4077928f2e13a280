/* SPDX-License-Identifier: Apache-2.0 */
/* One program of a section: run with the facts, waited for, and told of if it fails. */
#ifndef EXEC_PROGRAM_H
#define EXEC_PROGRAM_H

#include "exec.h"

/*
 * Runs the program of that moment, if there is one, and not in a dry run. HB_OK: it ended with
 * status 0, or there is none; or a failure after host->fail(), with the end of what it wrote.
 */
int program_run(const struct exec *exec, const struct hb_event *event, enum moment moment);
/* The same, where its failure changes nothing: it is told as a note. HB_OK or
 * HB_STATUS_CANCELLED. */
int program_try(const struct exec *exec, const struct hb_event *event, enum moment moment);

#endif

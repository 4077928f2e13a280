/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that complete nothing say that an import of the home was interrupted. */
#ifndef HB_CLI_PENDING_H
#define HB_CLI_PENDING_H

#include "cli.h"
#include "host/run.h"

/* The home of the run is open: as notes of its report. */
void hb_cli_tell_pending(struct hb_run *run);

/*
 * For commands that have an archive and no home: of the home that --home or the configuration
 * names, if there is one; as notes of the report, and nothing if it cannot be looked at.
 */
void hb_cli_find_pending(const struct hb_cli *cli, struct hb_run *run);

/* What is in the report as a note, a line each on standard error. */
void hb_cli_show_notes(const struct hb_cli *cli, const struct hb_report *report);

#endif

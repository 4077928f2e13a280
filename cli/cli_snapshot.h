/* SPDX-License-Identifier: Apache-2.0 */
/* What other commands have of `snapshot`. */
#ifndef HB_CLI_SNAPSHOT_H
#define HB_CLI_SNAPSHOT_H

#include "session.h"

int hb_cli_snapshot_create(struct hb_session *session, const char *label, int64_t keep,
                           bool dry_run);

/* 0, or HB_EXIT_USAGE: the label (or NULL) cannot be a part of a name. */
int hb_cli_snapshot_label(const struct hb_cli *cli, const char *label);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_CLI_ARCHIVES_H
#define HB_CLI_ARCHIVES_H

#include "session.h"

/* The command `archives`, also where it is typed as `list` without an archive. The exit code. */
int hb_archives_run(struct hb_session *session);

#endif

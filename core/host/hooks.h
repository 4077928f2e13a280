/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks hear of what a command is going to do, and of what it has done (hbcore/hook.h). */
#ifndef HB_HOOKS_H
#define HB_HOOKS_H

#include "host/run.h"

/* Each in turn may veto. HB_OK, or HB_FATAL with the reason of the one that did. */
int hb_hooks_before(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event,
                    struct hb_error *error);

/* A failure of theirs is a note: what is done is done. */
void hb_hooks_after(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks hear of what is going to be done, may veto it, and hear of what was done (hbcore/hook.h).
 * Whoever does such a thing opens them, so that a hook hears of each archive that is made and each
 * import, whatever command was typed.
 */
#ifndef HB_HOOKS_H
#define HB_HOOKS_H

#include "host/run.h"

/* What the event's exit_status can be; the program exits with the same. */
enum { HB_EVENT_COMPLETE = 0, HB_EVENT_INCOMPLETE = 3 };

struct hb_hooks {
    struct hb_run *run;
    struct hb_chain chain;
    struct hb_event event; /* home and archive: the caller's, once they are known */
};

/*
 * Makes the hooks that have `what` ("backup", "import", …) in their `on`. HB_OK, or
 * HB_STATUS_FATAL: the configuration is wrong. hb_hooks_close in any case.
 */
int hb_hooks_open(struct hb_hooks *hooks, struct hb_run *run, const char *what, bool dry_run,
                  struct hb_error *error);
void hb_hooks_close(struct hb_hooks *hooks);

/* Each in turn may veto. HB_OK, or HB_STATUS_FATAL with the reason of the one that did. */
int hb_hooks_before(struct hb_hooks *hooks, struct hb_error *error);

/* Can one of them do work of its own? */
bool hb_hooks_can_run(const struct hb_hooks *hooks);

/* Each does its work; one that fails ends it. HB_STATUS_NOMATCH: none has done any. */
int hb_hooks_run(struct hb_hooks *hooks, struct hb_error *error);

/*
 * So many files and bytes were stored or restored; what was skipped, and whether all is complete,
 * is in the report. A failure of theirs is a note: what is done is done.
 */
void hb_hooks_after(struct hb_hooks *hooks, uint64_t files, uint64_t bytes);

#endif

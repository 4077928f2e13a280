/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks hear of what is going to be done, may veto it, and hear of what was done and of the end
 * (hbcore/hook.h). Whoever makes, changes or removes an archive or a snapshot opens them, so that a
 * hook hears of each, whatever command was typed:
 *
 *     hb_hooks_open ---> _before ---> the work ---> _after ---> retention ---> _finally ---> _close
 *
 * What an event points to is copied in here: names change while an archive is made, and whoever
 * knows a name has no need to know how long a hook may look at it.
 */
#ifndef HB_HOOKS_H
#define HB_HOOKS_H

#include "host/run.h"

/* What the event's exit_status can be where nothing failed; the program exits with the same. */
enum { HB_EVENT_COMPLETE = 0, HB_EVENT_INCOMPLETE = 3 };

/* The texts of an event. */
enum hb_hooks_text {
    HB_HOOKS_WITHIN,
    HB_HOOKS_HOME,
    HB_HOOKS_ARCHIVE,
    HB_HOOKS_SNAPSHOT,
    HB_HOOKS_PRESET,
    HB_HOOKS_FORMAT,
    HB_HOOKS_TEXTS
};

struct hb_hooks {
    struct hb_run *run;
    struct hb_chain chain;
    struct hb_event event; /* numbers: the caller's; texts by hb_hooks_tell() */
    char *texts[HB_HOOKS_TEXTS];
    char **removed; /* what retention has removed, or would */
    size_t removed_count;
    size_t begun;           /* so many of the chain have had their before() */
    struct timespec opened; /* CLOCK_MONOTONIC */
    char *held;             /* why retention is held back; NULL: it is not */
};

/*
 * Makes the hooks that have `what` ("backup", "snapshot create", …) in their `on`, by its first
 * word. HB_OK, or HB_STATUS_FATAL: the configuration is wrong. hb_hooks_close in any case.
 */
int hb_hooks_open(struct hb_hooks *hooks, struct hb_run *run, const char *what, bool dry_run,
                  struct hb_error *error);
/* Removes what they staged and did not publish. */
void hb_hooks_close(struct hb_hooks *hooks);

/* A copy of the text (NULL: none) is in the event from here on. */
void hb_hooks_tell(struct hb_hooks *hooks, enum hb_hooks_text which, const char *text);
/* An archive's path or a snapshot's id, of what was removed, or would be. */
void hb_hooks_removed(struct hb_hooks *hooks, const char *name);

/*
 * Each in turn may veto. HB_OK, or HB_STATUS_FATAL with the reason of the one that did; then, too,
 * hb_hooks_finally() is called.
 */
int hb_hooks_before(struct hb_hooks *hooks, struct hb_error *error);

/* The command of that section does its work, with the event of now. HB_OK, or a failure. */
int hb_hooks_run(struct hb_hooks *hooks, const struct hb_section *section,
                 struct hb_invocation *invocation, struct hb_error *error);

/*
 * So many files and bytes were stored or restored; what was skipped, and whether all is complete,
 * is in the report. A failure of theirs is a note: what is done is done. Afterwards `held` says
 * whether something older may be removed; where it is set and `retains`, a note says so.
 */
void hb_hooks_after(struct hb_hooks *hooks, uint64_t files, uint64_t bytes, bool retains);

/*
 * The command is over: with `status`, and for a failure *error and the exit status that the program
 * will have. Only those hear it whose before() came, the last one first.
 */
void hb_hooks_finally(struct hb_hooks *hooks, int status, int exit_status,
                      const struct hb_error *error);
/* The same, with the exit status that follows from the status. */
void hb_hooks_end(struct hb_hooks *hooks, int status, const struct hb_error *error);

#endif

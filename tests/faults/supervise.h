/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command and holds each of its watched system calls until it is decided what becomes of it.
 */
#ifndef FAULTS_SUPERVISE_H
#define FAULTS_SUPERVISE_H

#include "calls.h"

enum fault_action { FAULT_NONE, FAULT_ERROR, FAULT_KILL, FAULT_RUN };

struct fault_plan {
    struct fault_selection selection;
    const char *path; /* only calls on files that match this pattern count; NULL: all */
    uint64_t at;      /* the call that is acted on, from 1; 0: none */
    bool and_after;   /* and all that follow */
    enum fault_action action;
    int error;           /* for FAULT_ERROR */
    const char *command; /* for FAULT_RUN: for the shell, while the caller is held */
    unsigned timeout;    /* in seconds, for all */
    FILE *log;           /* NULL: none */
    bool list;           /* each call that counts has its line in the log */
    /* What came of it. */
    uint64_t count, hits;
};

enum { FAULT_UNAVAILABLE = 77, FAULT_TIMEOUT = 124, FAULT_BROKEN = 125 };

/* Returns the command's exit code, 128 and its signal, or one of the above (said on stderr). */
int fault_supervise(struct fault_plan *plan, char **command);

#endif

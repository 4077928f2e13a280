/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that can be made to fail: their names, their classes, and the files they are
 * about. */
#ifndef FAULTS_CALLS_H
#define FAULTS_CALLS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { FAULT_CALLS = 64, FAULT_FILES = 2 };

/* Which calls are watched. */
struct fault_selection {
    struct {
        int number; /* of the system call here; negative: there is none */
        bool any;   /* chosen by its name */
        bool class; /* chosen by its class: an open counts only if it creates or empties the file */
    } calls[FAULT_CALLS];
};

/* One call as it was made. */
struct fault_made {
    pid_t thread;
    int number;
    const uint64_t *arguments;
};

/* Names and classes, separated by commas. Returns the word that is neither, or NULL. */
const char *fault_select(struct fault_selection *selection, char *list);

/* The names of all classes and calls, for the help. */
void fault_list_names(FILE *out);

/* The name of a call that is watched and counts, or NULL. */
const char *fault_counts(const struct fault_selection *selection, const struct fault_made *made);

/* The absolute names of the files that a call is about; "" where there is none. */
void fault_files_of(const struct fault_selection *selection, const struct fault_made *made,
                    char files[FAULT_FILES][PATH_MAX]);

/* Which argument of a call (by its place in a selection) has an open's flags; -1: none that can be
 * seen without reading the caller's memory. */
int fault_flags_of(size_t call);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program is told of a command: NAME=VALUE for its environment, and the same and more as one
 * JSON object for its standard input.
 */
#ifndef EXEC_FACTS_H
#define EXEC_FACTS_H

#include "exec.h"
#include <stdbool.h>

struct facts {
    char **environment; /* ended by NULL */
    char *json;         /* ends with a newline */
};

/* False: out of memory. facts_clear() in any case. */
bool facts_of(const struct hb_event *event, enum moment moment, struct facts *facts);
void facts_clear(struct facts *facts);

/* "success", "incomplete" or "failure"; before the work: "running". */
const char *facts_outcome(const struct hb_event *event, enum moment moment);

#endif

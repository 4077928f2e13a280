/* SPDX-License-Identifier: Apache-2.0 */
/* Files of keys: a key a line, and lines that are empty or begin with '#'. */
#ifndef AGE_LINES_H
#define AGE_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
    const char *at, *end;
    size_t number; /* of the line that was given last */
};

/* The next key. False: no more. */
bool lines_next(struct lines *lines, const char **text, size_t *bytes);

#endif

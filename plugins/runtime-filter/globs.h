/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of whole paths, in which only a slash matches a slash. */
#ifndef GLOBS_H
#define GLOBS_H

#include <stdbool.h>
#include <stddef.h>

struct glob {
    const char *text; /* not owned */
    size_t literal;   /* bytes in front of the first special one: cheap to compare */
    size_t slashes;
    char *around; /* what matches all that is in the same directory */
    size_t around_literal;
    bool repeats; /* one in front of it is about the same directory: fnmatch() is slow */
};

struct globs {
    struct glob *globs;
    size_t count;
};

/* The texts stay the caller's and must outlive the globs. False: out of memory. */
bool globs_init(struct globs *globs, const char *const *texts, size_t count);
void globs_free(struct globs *globs);

/*
 * Under FNM_PATHNAME a pattern only ever matches a path with as many slashes as it has itself:
 * `part` is the start of the path with so many.
 */
bool glob_matches(const struct glob *glob, const char *part);
bool glob_is_about(const struct glob *glob, const char *part); /* it is in the same directory */

#endif

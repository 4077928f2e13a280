/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of jobs: JSON that a program of the home keeps. All that we know of it is how many jobs
 * there are.
 */
#ifndef HERMES_JOBS_H
#define HERMES_JOBS_H

#include "hermes.h"

#include <sys/stat.h>

struct jobs {
    bool is_there;   /* opened */
    bool is_outside; /* a link leads out of the home */
    bool is_known;   /* the count */
    size_t count;
    char reason[256]; /* why it is not known */
    char *text;       /* the whole file */
    size_t bytes;
    struct stat status;
};

/*
 * The length of the list `member` in an object (0 where there is no such member), or of a bare
 * list. False, with the reason: anything else.
 */
bool jobs_count(const char *text, size_t bytes, const char *member, size_t *count, char *reason,
                size_t reason_bytes);

/* Reads a file below the home; jobs_clear() in any case. */
void jobs_read(const struct hermes *hermes, const char *path, struct jobs *jobs);
void jobs_clear(struct jobs *jobs);

#endif

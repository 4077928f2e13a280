/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a file of jobs and counts them. */
#include "jobs.h"

#include "home.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* JSON in memory takes many times its length; no list of jobs is near this. */
enum { LARGEST_FILE = 8 << 20 };

bool jobs_count(const char *text, size_t bytes, const char *member, size_t *count, char *reason,
                size_t reason_bytes)
{
    json_error_t error;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* editors put that in front */
        text += 3;
        bytes -= 3;
    }
    /* Numbers do not matter, so the largest may be inexact. */
    json_t *root =
        json_loadb(text, bytes, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    if (root == NULL) {
        HERMES_AUTO_FREE char *shown = hermes_printable(error.text);
        snprintf(reason, reason_bytes, "is not JSON: line %d: %s", error.line,
                 shown == NULL ? "" : shown);
        return false;
    }
    const json_t *list = json_is_object(root) ? json_object_get(root, member) : root;
    bool is_known = list == NULL || json_is_array(list);
    if (is_known)
        *count = list == NULL ? 0 : json_array_size(list);
    else if (list == root)
        snprintf(reason, reason_bytes, "is neither an object nor a list");
    else
        snprintf(reason, reason_bytes, "holds a '%.64s' that is not a list", member);
    json_decref(root);
    return is_known;
}

/* The whole file in jobs->text. 0, or -errno. */
static int read_whole(int fd, struct jobs *jobs)
{
    if (fstat(fd, &jobs->status) != 0)
        return -errno;
    if (!S_ISREG(jobs->status.st_mode))
        return -EINVAL;
    if (jobs->status.st_size > LARGEST_FILE)
        return -EFBIG;
    jobs->text = malloc(LARGEST_FILE + 1); /* it may grow while it is read */
    if (jobs->text == NULL)
        return -ENOMEM;
    while (jobs->bytes <= LARGEST_FILE) {
        ssize_t got = read(fd, jobs->text + jobs->bytes, LARGEST_FILE + 1 - jobs->bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        jobs->bytes += (size_t)got;
    }
    return -EFBIG;
}

void jobs_read(const struct hermes *hermes, const char *path, struct jobs *jobs)
{
    *jobs = (struct jobs){0};
    HERMES_AUTO_CLOSE int fd = hermes_open(hermes->host, path, O_RDONLY | O_NONBLOCK);
    int result = fd < 0 ? fd : read_whole(fd, jobs);
    jobs->is_there = fd >= 0;
    jobs->is_outside = fd == -EXDEV;
    if (result == 0)
        jobs->is_known = jobs_count(jobs->text, jobs->bytes, hermes->jobs_member, &jobs->count,
                                    jobs->reason, sizeof jobs->reason);
    else if (fd == -ENOENT || fd == -EXDEV || result == -EINVAL)
        snprintf(jobs->reason, sizeof jobs->reason, "%s",
                 result == -EINVAL ? "is not a regular file"
                 : fd == -ENOENT   ? "is not there"
                                   : hermes_reason(fd));
    else
        snprintf(jobs->reason, sizeof jobs->reason, "cannot be read: %s", strerror(-result));
}

void jobs_clear(struct jobs *jobs)
{
    free(jobs->text);
    *jobs = (struct jobs){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and devices that an archive is written to or read from, by the name that the user gave. */
#ifndef HB_STREAM_H
#define HB_STREAM_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* What is there takes bytes and has no content to be replaced. */
bool hb_is_stream(const struct stat *status);

enum { HB_STREAM_OF_ANOTHER = 132 /* ERFKILL, which no call about files has for an answer */ };

/*
 * Opens it for writing. A descriptor, or -errno: ESTALE: it is no longer a stream;
 * HB_STREAM_OF_ANOTHER: it belongs to another user, or a link of another user's leads there. A pipe
 * of our own that nobody reads is waited for, which is said to `log` first (NULL: to nobody).
 */
int hb_stream_open(const char *path, FILE *log);

/* Is that there and so? For who only reads it. */
bool hb_stream_is_of_another(const char *path);

/* Why it failed, in words. */
const char *hb_stream_explain(int error);

#endif

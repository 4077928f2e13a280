/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges that will be read soon, fetched before somebody asks: over a line with a long way, a
 * reader that waits for each block uses little of it. A few threads of its own, which say nothing
 * to the host and send each request once; what they could not get the reader gets itself, and then
 * hears why.
 */
#ifndef S3_AHEAD_H
#define S3_AHEAD_H

#include "range.h"

/* NULL: there is no thread, or no memory; then nothing is fetched ahead. */
struct ahead *ahead_make(struct s3 *s3, const struct reader *reader);
/* Waits for what is on its way. NULL is fine. */
void ahead_free(struct ahead *ahead);
/* Any thread; cheap. */
void ahead_want(struct ahead *ahead, uint64_t offset, uint64_t bytes);
/* Gives bytes that were fetched, waiting for those that are on their way. False: they were not. */
bool ahead_give(struct ahead *ahead, void *buffer, size_t bytes, uint64_t offset);

#endif

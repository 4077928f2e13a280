/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges that will be read soon, fetched before somebody asks: over a line with a long way, a
 * reader that waits for each block uses little of it. Two threads of its own, which say nothing to
 * the host. Each has one request on its way, for all that is left of the object, and takes of it
 * what is wanted, as it comes; for what is not wanted yet it lets the service wait. So a file of
 * any size is read with one request, and no more memory than these pieces:
 *
 *     WANTED ---> COMING ---> THERE ---> read, or pushed out: FREE
 *        '-----------'--- the request fails: FREE
 *
 * What is wanted elsewhere, where no request leads, ends one that has nothing to do. What they
 * could not get the reader gets itself, and then hears why.
 */
#ifndef S3_AHEAD_H
#define S3_AHEAD_H

#include "range.h"

/* NULL: there is no thread, or no memory; then nothing is fetched ahead. */
struct ahead *ahead_make(struct s3 *s3, const struct reader *reader);
/* Ends what is on its way. NULL is fine. */
void ahead_free(struct ahead *ahead);
/* Any thread; cheap. */
void ahead_want(struct ahead *ahead, uint64_t offset, uint64_t bytes);
/* Gives bytes that were wanted, waiting for them. False: they were not, or could not be had. */
bool ahead_give(struct ahead *ahead, void *buffer, size_t bytes, uint64_t offset);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A database in use as a source that is read where it lies; when, and why not: in_place.c. */
#ifndef IN_PLACE_H
#define IN_PLACE_H

#include "attempt.h"
#include "view_vfs.h"

struct in_place;

/*
 * Is there no room in the staging directory for a copy, and for as much of the archive? Cannot
 * tell: there is.
 */
bool in_place_has_no_room(const struct attempt *attempt);

/*
 * Pins attempt->live, which lies there with the files that attempt->before says. `closed`: it is in
 * WAL mode, and no program has it open. True:
 * attempt->in_place, which uses the staged file until in_place_close(). False: attempt->why_copied;
 * nothing is held, and the attempt is as before. The caller has the inode to itself.
 */
bool in_place_open(struct attempt *attempt, bool closed);
/* Any thread. */
void in_place_close(struct in_place *in_place);

uint64_t in_place_bytes(const struct in_place *in_place);
/* As hb_source.read_at; any thread. Each byte once. */
int64_t in_place_read(struct in_place *in_place, void *buffer, size_t bytes, uint64_t offset);

/* The same for SQLite, in any order and as often as it likes, until in_place_looked_at(). */
const struct view_source *in_place_source(const struct in_place *in_place);
/* HB_OK: what SQLite has read until now was of the view. HB_STATUS_ENTRY after fail(). */
int in_place_confirm(struct in_place *in_place);
void in_place_looked_at(struct in_place *in_place);

/* What had to be done, in words; NULL: it was read in place to its end, so far. */
const char *in_place_handed_over(const struct in_place *in_place);
/* handover_overdue_ms() of one that was read to its end, or is still. */
int64_t in_place_overdue_ms(const struct in_place *in_place);

#endif

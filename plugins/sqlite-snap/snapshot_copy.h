/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a database by SQLite's online backup, from one read transaction to the staged file. */
#ifndef SNAPSHOT_COPY_H
#define SNAPSHOT_COPY_H

#include "attempt.h"

/*
 * Copies attempt->live into attempt->staged, which has been started over. With `locks` as any
 * reader does; without them (immutable) the copy counts only if nothing changed meanwhile, which
 * the caller finds out. HB_OK: attempt->result tells how it went; AGAIN: the name led to another
 * file; else a failure, after fail().
 */
int copy_with_sqlite(struct attempt *attempt, bool locks);

/* Of a result once the source is open and pinned: was it the staged side that failed? */
bool staging_failed(int result);

#endif

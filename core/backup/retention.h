/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several archives, or snapshots, stay. The one rule for both; it touches no file.
 *
 * What it promises: whatever happens, the newest one that is complete is there afterwards. So
 * nothing is removed on a guess. Every question about a file has three answers, for a file may be
 * there and yet tell nothing at this moment: no permission, an error of the disk, no descriptor
 * left, a limit of the configuration, a signal. "Cannot tell" is never taken for "no".
 *
 * The order is that in which they were made. A number that counts up with each says most; else the
 * time at which it was begun, then the time in its name and the number behind that, then when it
 * was written. Clocks are set back, so each is asked only where all before it are the same.
 *
 * Removed is only what
 *   - was read in this run (in a store: it or its facts), and is this home's: not another's, and
 * not one that does not say whose;
 *   - was not made by this run;
 *   - lies beyond the newest `keep`, of which one that is unknown is none: it stays beside
 * them; and has no place by the rules of time, below;
 *   - is not needed any more: one that was read in this run as complete stays, and the one that
 * goes is older than that, or was itself read as incomplete. Where no complete one could be read
 * nothing goes at all. With nothing to keep, which only a person who says so gives, all goes that
 * is this home's and could be read.
 *
 * What an undo goes back to stays as long as it does, whatever is said.
 *
 * While the newest is marked as shrunk nothing goes, whatever else is said here: what is lost from
 * the home may be in the older ones alone. Only one that is read as complete and is not marked ends
 * that, if it is newer than those that are marked.
 *
 * Rules of time are those of restic-forget(1): of each of the last N hours, days, weeks, months and
 * years that have one, the newest stays, and what was begun less than a while before the newest of
 * all. Days are those of the local time zone, weeks begin on Monday. The time is that at which it
 * was begun, by its facts or trailer; what is known to be incomplete takes no place, and what does
 * not say when, or says a time more than a day ahead, has none either, but stays.
 */
#ifndef HB_RETENTION_H
#define HB_RETENTION_H

#include "backup/kept.h"
#include <stddef.h>

/* For qsort() of rows that begin with a struct hb_kept. */
int hb_newest_first(const void *one, const void *other);

/*
 * Decides on rows of `row_bytes` each that begin with a struct hb_kept, the newest first.
 * `is_complete` is asked about a row of ours, at most once, and only where it matters.
 */
void hb_retention(void *rows, size_t row_bytes, size_t count, const struct hb_keep *keep,
                  enum hb_answer (*is_complete)(void *context, size_t row), void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How long a view is held, and what takes its place then; see handover.c. */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "view.h"

struct handover_bounds {
    int64_t hold_ms;    /* once something has been committed since the pin; where there is room */
    uint64_t log_bytes; /* growth of the log */
    int64_t wait_ms;    /* that a writer is kept waiting */
};

enum handover_state {
    HANDOVER_IN_PLACE, /* the view is held */
    HANDOVER_STAGED,   /* what was not read yet has been copied, and the view let go */
    HANDOVER_LOST      /* neither: handover_why() */
};

struct handover;

/*
 * Begins to watch over a pinned view, whose SQLite connection is closed. The view and the empty
 * staged file (a descriptor) stay the caller's, and stay as they are until handover_stop(). NULL:
 * no memory, or no thread can be made.
 */
struct handover *handover_start(struct view *view, int staged,
                                const struct handover_bounds *bounds);

/*
 * All that was asked for, fewer at the end; -errno; -ESTALE: lost. Any thread, several at once.
 * `once`: the caller does not come back for it, so that a copy may lack it.
 */
int64_t handover_read(struct handover *handover, void *buffer, size_t bytes, uint64_t offset,
                      bool once);

/* From now on what was read once is read by nobody. Until then a copy is of everything. */
void handover_rest_suffices(struct handover *handover);

/* Hands over now, in this thread; for tests. */
enum handover_state handover_now(struct handover *handover);
enum handover_state handover_state(const struct handover *handover);
/* Why it was handed over or lost; empty before. Valid until handover_stop(). */
const char *handover_why(const struct handover *handover);

/*
 * How long it has been held, if that is longer than it should be because there is no room for a
 * copy; else 0.
 */
int64_t handover_overdue_ms(const struct handover *handover);

/* Ends the watch and unlocks the view. Nobody reads any more. */
void handover_stop(struct handover *handover);

#endif

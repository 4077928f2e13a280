/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes which item or unit, and what comes back.
 *
 * Workers take what is next and bring what has finished, openers prepare claimed entries, one
 * thread takes the results (pipeline_result.h). Each function here takes the pipeline's lock itself
 * and has let it go when it returns; any thread may call it.
 *
 *     WAITING ---> OPENING ------> OPEN ---> DRAINED ---> SETTLED
 *                   | | |            ^          ^           ^  ^
 *                   | | `--> OFFERED-+----------'           |  |
 *                   | |         |                           |  |
 *                   | `---------+----> DEAD ----------------'  |
 *                   `------------------------------------------'
 *
 * A claimed item WAITs for an opener. Others are made when a worker takes them, and begin as
 * OPENING. A source whose plugin has still to judge it is OFFERED: workers make units of it, but
 * none is handed out, for what is in the archive cannot be taken back. When the plugin accepts it,
 * it is OPEN, or DRAINED if all its units have been taken meanwhile. An item is DEAD when it cannot
 * be opened, when its plugin rejects it, or when the format refuses one of its units (so OPEN and
 * DRAINED items can die too, which the picture leaves out). Once a unit of it is handed out, a
 * refusal fails the whole backup instead. The last thread to leave a DRAINED or DEAD item looks at
 * what became of its source, which makes it SETTLED, and closes it. An item that one worker took
 * whole is SETTLED at once: its sources are closed before its only unit is finished.
 *
 * What holds:
 *   - Units are handed out in the order of the plan, however they finish: each item keeps its
 *     finished ones in a list, and only the first item's list is looked at. So the archive is the
 *     same with any number of workers.
 *   - The last unit of an item is handed out when the item is SETTLED: until then the source may
 *     turn out to have changed, which the archive's trailer has to say.
 *   - No lock is held while a file is read, a unit is encoded, or a source is closed (to remove a
 *     staged copy may take long). That is why hb_queue_leave() and its like only RETURN that the
 *     caller is the last: the caller settles and closes (pipeline_finish.h).
 *   - An item is freed when it is handed out and no thread is in it.
 *   - Work never stops for want of room: units of the first item go beyond a full window, as many
 *     as there are workers, because the units that fill it wait for just those.
 *   - What may come to nothing stays within the window: it is not worth room in the stage.
 *
 * Only advance() in pipeline_queue.c changes a state. The list of items with units to take and the
 * count of unfinished items follow from the states there, so that no caller can forget them.
 */
#ifndef HB_PIPELINE_QUEUE_H
#define HB_PIPELINE_QUEUE_H

#include "pipeline/pipeline_item.h"

/* What a worker takes: an item to be opened and, if it is small, encoded; or one unit. */
struct hb_work {
    struct hb_item *item;
    uint64_t index;
    bool whole;
};

void hb_queue_init(struct hb_pipeline *pipeline);
void hb_queue_clear(struct hb_pipeline *pipeline);

/* Remembers the first failure and stops everything. */
void hb_queue_fail(struct hb_pipeline *pipeline, int status, const char *path, const char *why);
/* Tells all threads to end. */
void hb_queue_stop(struct hb_pipeline *pipeline);

/* What a worker does next. HB_OK; HB_STATUS_END: nothing any more; HB_STATUS_SKIP: nothing now (if
 * !wait). */
int hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work);
/* What an opener does next; NULL: nothing any more, or (if !wait) nothing now. */
struct hb_item *hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait);

/* The item is open, and the caller has left it: its units can be taken. */
void hb_queue_opened(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
/*
 * The same, but the caller is still in it, and none is handed out before hb_queue_accept,
 * hb_queue_replace or hb_queue_drop.
 */
void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
/*
 * What was made of the item counts for nothing: another takes its place, for the same thread to
 * open. NULL: the format has refused the entry meanwhile.
 */
struct hb_item *hb_queue_replace(struct hb_pipeline *pipeline, struct hb_item *item);
/* The entry ends in unit `index`, which is still to be finished. */
void hb_queue_end_early(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index);
/*
 * The format refuses the entry at a unit: nothing of it is stored. If a part of it has been handed
 * out already, everything fails. True for the first such unit.
 */
bool hb_queue_refuse(struct hb_pipeline *pipeline, struct hb_item *item, const char *why);
/* Reports what happened to the item's one entry, once. */
void hb_queue_report(struct hb_pipeline *pipeline, struct hb_item *item, const char *what,
                     const char *detail);

/*
 * With each of these the calling thread leaves the item. False: it must not touch it again. True:
 * it was the last, and calls hb_queue_settled and hb_queue_closed when it has done what they say.
 */
/* A unit has finished; the only one, if the item was taken whole. Takes its data over. */
bool hb_queue_finish(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index,
                     const struct hb_encoded *encoded);
/* The plugin accepts the source that was offered. */
bool hb_queue_accept(struct hb_pipeline *pipeline, struct hb_item *item);
/* Nothing of an item that was taken whole, opened, or to be opened can be stored. */
bool hb_queue_drop(struct hb_pipeline *pipeline, struct hb_item *item);
/* Nothing is left to say. */
bool hb_queue_leave(struct hb_pipeline *pipeline, struct hb_item *item);

/* What became of the source has been reported. */
void hb_queue_settled(struct hb_pipeline *pipeline, struct hb_item *item);
/* The source is closed. */
void hb_queue_closed(struct hb_pipeline *pipeline, struct hb_item *item);

#endif

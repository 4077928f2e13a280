/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items and their units, between the threads of a pipeline: workers take what is next and bring
 * what has finished, openers prepare claimed entries, one thread takes the results in order.
 * All functions here take the pipeline's lock themselves, from any thread.
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
/* All threads are to come to an end. */
void hb_queue_stop(struct hb_pipeline *pipeline);

/* What a worker does next. HB_OK; HB_END: nothing any more; HB_SKIP: nothing now (if !wait). */
int hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work);
/* What an opener does next; NULL: nothing any more, or (if !wait) nothing now. */
struct hb_item *hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait);

/* The item is open: its units can be taken. */
void hb_queue_opened(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
/* The same, but none is handed out before hb_queue_accept, hb_queue_replace or hb_queue_drop. */
void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
void hb_queue_accept(struct hb_pipeline *pipeline, struct hb_item *item);
/*
 * What was made of the item counts for nothing: another takes its place, for the same thread to
 * open. NULL: the format has refused the entry meanwhile.
 */
struct hb_item *hb_queue_replace(struct hb_pipeline *pipeline, struct hb_item *item);
/* A unit has finished; the only one, if the item was taken whole. Takes its data over. */
void hb_queue_finish(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index,
                     const struct hb_encoded *encoded);
/* Nothing of an item that was taken whole, opened or to be opened can be stored. */
void hb_queue_drop(struct hb_pipeline *pipeline, struct hb_item *item);
/* The entry ends in unit `index`, which is still to be finished. */
void hb_queue_end_early(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index);
/*
 * The format refuses the entry at a unit: nothing of it is to be stored. If a part of it has been
 * handed out already, everything fails. True for the first such unit.
 */
bool hb_queue_refuse(struct hb_pipeline *pipeline, struct hb_item *item, const char *why);
/* A unit that came to nothing. */
void hb_queue_leave(struct hb_pipeline *pipeline, struct hb_item *item);
/* Reports what happened to the item's one entry, once. */
void hb_queue_report(struct hb_pipeline *pipeline, struct hb_item *item, const char *what,
                     const char *detail);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the plan to encoded units, by all workers, in the order of the plan.
 *
 * The plan is cut into items: one entry, or several small ones that share a unit where the format
 * lets units span entries. Where it is cut depends on the plan and the format's policy alone, never
 * on the workers, so the same tree gives the same units. Workers take items and the units of big
 * ones in order; one thread takes the results in order (hb_pipeline_next). No lock is held while a
 * plugin encodes or a file is read.
 *
 * What is unchanged since the previous archive waits there, and is handed out in runs.
 *
 * Other finished units wait for their turn in a bounded window of memory. Only while the entry
 * whose turn it is cannot be read yet (its snapshot is being made, its lock is waited for), work
 * goes on beyond the window: new units wait in the stage (spill.h), as long as it has
 * room for the copies that are still to be made there; those of the previous archive are left in it
 * and read once more. What may yet come to nothing stays within the window.
 *
 *     pipeline.c         start, results, end
 *     pipeline_worker.c  what a thread does with an item: open, read, encode
 *     pipeline_reuse.c   what is taken over from the previous archive
 *     pipeline_gather.c  what of that is handed out together
 *     pipeline_finish.c  how a thread brings what it has made to the queue
 *     pipeline_queue.c   who takes which item or unit, and what comes back: the states of an item
 *     pipeline_result.c  finished units in their order
 *     pipeline_window.c  how much may wait
 *     pipeline_item.c    the data that these share, under one lock
 *     pipeline_cut.c     where the plan is cut
 */
#ifndef HB_PIPELINE_H
#define HB_PIPELINE_H

#include "pipeline/pipeline_step.h"

struct hb_pipeline;

int hb_pipeline_start(const struct hb_pipeline_request *request, struct hb_pipeline **pipeline,
                      struct hb_error *error);

/*
 * The next step; valid until the next call. HB_OK, HB_STATUS_END, HB_STATUS_CANCELLED or
 * HB_STATUS_FATAL. One thread.
 */
int hb_pipeline_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error);

/* Stops the workers, waits for them, frees. */
void hb_pipeline_free(struct hb_pipeline *pipeline);

#endif

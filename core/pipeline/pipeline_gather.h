/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs: items that were taken over whole (pipeline_reuse.h), one after the other both in the plan
 * and in the previous archive. They are handed out together, so that what lies there as one range
 * is copied as one. The previous archive is as long as the range is; the new one gets the same
 * bytes, whatever is gathered into a run: what they are was decided when each item was proved.
 *
 * The thread that takes the results gathers what has finished. It waits for an item that a worker
 * has just begun with, for that is soon there, and for nothing else: not for a snapshot, nor when
 * what it has is worth the copying.
 */
#ifndef HB_PIPELINE_GATHER_H
#define HB_PIPELINE_GATHER_H

#include "pipeline/pipeline_item.h"

/* Takes what belongs together off the front. True: it is to be handed out now. Under the lock. */
bool hb_gather_front(struct hb_pipeline *pipeline);
/* Fills in what hb_gather_front has found. */
void hb_gathered_step(struct hb_pipeline *pipeline, struct hb_step *step);
/* It was handed out, or nobody wants it any more. */
void hb_gathered_clear(struct hb_pipeline *pipeline);

#endif

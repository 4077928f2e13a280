/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much may wait to be handed out, where it waits, and who is woken when that changes. Under the
 * pipeline's lock, hb_window_place excepted.
 */
#ifndef HB_PIPELINE_WINDOW_H
#define HB_PIPELINE_WINDOW_H

#include "pipeline/pipeline_item.h"

bool hb_window_full(const struct hb_pipeline *pipeline);
/* May another unit be made, of whatever is not handed out next? */
bool hb_window_may_make_more(struct hb_pipeline *pipeline);

void hb_wake_workers(struct hb_pipeline *pipeline);
/* The one who takes the results, if there are some in their order, and enough. */
void hb_wake_taker(struct hb_pipeline *pipeline);

/* Where does a unit wait for its turn? Memory is for those whose turn comes sooner. */
enum hb_place_of_unit { HB_IN_MEMORY, HB_IN_SPILL, HB_IN_PREVIOUS };
/* Takes the lock. */
enum hb_place_of_unit hb_window_place(struct hb_pipeline *pipeline, const struct hb_item *item,
                                      bool reused);

/* It waits from now on; it waits no longer. */
void hb_window_enter(struct hb_pipeline *pipeline, const struct hb_finished *finished);
void hb_window_leave(struct hb_pipeline *pipeline, const struct hb_finished *finished);
/* The item's units will be taken by nobody. */
void hb_window_discard(struct hb_pipeline *pipeline, struct hb_item *item);

#endif

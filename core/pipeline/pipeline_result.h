/* SPDX-License-Identifier: Apache-2.0 */
/* Finished units, in the order of the plan, for the one thread that takes them. */
#ifndef HB_PIPELINE_RESULT_H
#define HB_PIPELINE_RESULT_H

#include "pipeline/pipeline_item.h"

/*
 * Waits for the next one; takes the lock. *step has all but the data of a unit that waited outside
 * memory; *item is the one that it belongs to, and stays until the next call. The caller frees what
 * is returned. NULL: *status is HB_END, HB_CANCELLED or a failure with *error.
 */
struct hb_finished *hb_result_next(struct hb_pipeline *pipeline, struct hb_step *step,
                                   const struct hb_item **item, int *status,
                                   struct hb_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Finished units, in the order of the plan, for the one thread that takes them. */
#ifndef HB_PIPELINE_RESULT_H
#define HB_PIPELINE_RESULT_H

#include "pipeline/pipeline_item.h"

/*
 * Waits for the next one; takes the lock. HB_OK: *step has all but the data of a unit that waited
 * outside memory, and the caller frees *finished, which belongs to pipeline->head until the next
 * call. HB_STATUS_END, HB_STATUS_CANCELLED, or a failure with *error.
 */
int hb_result_next(struct hb_pipeline *pipeline, struct hb_step *step,
                   struct hb_finished **finished, struct hb_error *error);

#endif

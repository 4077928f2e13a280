/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of a pipeline do with items: open, read, encode. */
#ifndef HB_PIPELINE_WORKER_H
#define HB_PIPELINE_WORKER_H

#include "pipeline/pipeline_finish.h"

/* Thread functions; the argument is a struct hb_pipeline_thread. */
void *hb_worker_main(void *argument);
/* Prepares claimed entries, which may wait for locks for long, beside the workers. */
void *hb_opener_main(void *argument);

/*
 * Does one step of the work for which no thread could be made, in the thread that takes the
 * results. False: there is nothing to do now.
 */
bool hb_worker_help(struct hb_pipeline *pipeline);

#endif

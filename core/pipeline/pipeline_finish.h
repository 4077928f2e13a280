/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of a pipeline, and how it brings what it has done to the queue and leaves an item. */
#ifndef HB_PIPELINE_FINISH_H
#define HB_PIPELINE_FINISH_H

#include "pipeline/pipeline_queue.h"

struct hb_pipeline_thread {
    struct hb_pipeline *pipeline;
    pthread_t thread;
    bool started;
    void *worker; /* the format's */
    unsigned char *buffer;
    size_t buffer_bytes;
    unsigned char *proof; /* HB_PROOF_BYTES, once something was to be proved */
};

/*
 * These leave the item, which the caller must not touch again; the last thread to leave it settles
 * and closes its source. hb_queue_finish, hb_queue_drop, hb_queue_leave and hb_queue_accept are
 * called here alone.
 */
void hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                      const struct hb_encoded *encoded);
void hb_worker_drop(struct hb_pipeline *pipeline, struct hb_item *item);
void hb_worker_leave(struct hb_pipeline *pipeline, struct hb_item *item);
void hb_worker_accept(struct hb_pipeline *pipeline, struct hb_item *item);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of a pipeline, and how it brings what it has finished to the queue. */
#ifndef HB_PIPELINE_FINISH_H
#define HB_PIPELINE_FINISH_H

#include "pipeline/pipeline_queue.h"

enum { HB_HELD_BACK = 4 };

/* A finished unit that is held back, so that others come before it (hb_pipeline_request.shuffle).
 */
struct hb_held_back {
    struct hb_item *item;
    uint64_t index;
    struct hb_encoded encoded;
};

struct hb_pipeline_thread {
    struct hb_pipeline *pipeline;
    pthread_t thread;
    bool started;
    void *worker; /* the format's */
    unsigned char *buffer;
    size_t buffer_bytes;
    uint64_t random; /* 0: nothing is held back */
    struct hb_held_back held[HB_HELD_BACK];
    unsigned held_count;
};

/* Brings a finished unit to the queue, now or (hb_pipeline_request.shuffle) later. */
void hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                      const struct hb_encoded *encoded);

/* All that is held back. */
void hb_worker_finish_all(struct hb_pipeline_thread *thread);

#endif

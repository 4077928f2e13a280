/* SPDX-License-Identifier: Apache-2.0 */
/* At once; or, for tests, in another order (hb_pipeline_request.shuffle). */
#include "pipeline/pipeline_finish.h"

static void release(struct hb_pipeline_thread *thread, unsigned which)
{
    struct hb_held_back held = thread->held[which];
    thread->held[which] = thread->held[--thread->held_count];
    hb_queue_finish(thread->pipeline, held.item, held.index, &held.encoded);
}

void hb_worker_finish_all(struct hb_pipeline_thread *thread)
{
    while (thread->held_count > 0)
        release(thread, thread->held_count - 1);
}

/* xorshift64: any order will do, as long as the seed gives it again. */
static unsigned draw(struct hb_pipeline_thread *thread, unsigned count)
{
    thread->random ^= thread->random << 13;
    thread->random ^= thread->random >> 7;
    thread->random ^= thread->random << 17;
    return (unsigned)(thread->random % count);
}

void hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                      const struct hb_encoded *encoded)
{
    if (thread->random == 0) {
        hb_queue_finish(thread->pipeline, item, index, encoded);
        return;
    }
    thread->held[thread->held_count++] =
        (struct hb_held_back){.item = item, .index = index, .encoded = *encoded};
    if (thread->held_count == HB_HELD_BACK)
        release(thread, draw(thread, HB_HELD_BACK));
}

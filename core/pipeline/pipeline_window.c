/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_window.h"

enum {
    UNIT_WEIGHT = 3,        /* a unit costs as much beside its bytes as three entries do */
    WAITING_WEIGHT = 16384, /* of finished ones in the window, however small: some 10 MB */
    SPILLED_WEIGHT = 65536, /* and with those beyond it */
    BATCH_WEIGHT = 128,     /* of finished ones for which the one who takes them is woken */
    BATCH_BYTES = 256 << 10 /* the same */
};

void hb_wake_workers(struct hb_pipeline *pipeline)
{
    if (pipeline->idle > 0)
        pthread_cond_broadcast(&pipeline->work);
}

/* What a finished unit holds besides its bytes. */
static uint64_t weight_of(const struct hb_unit *unit)
{
    return UNIT_WEIGHT + unit->entries;
}

/*
 * Wakes the one who takes the results, if there are some in their order. Not for each: to be woken
 * takes as long as to append a small file. But at once when a worker waits, maybe for room in the
 * window, or no more will come.
 */
void hb_wake_taker(struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    bool enough = pipeline->idle > 0 || hb_all_taken(pipeline) ||
                  pipeline->waiting_weight >= BATCH_WEIGHT ||
                  pipeline->waiting_bytes >= BATCH_BYTES;
    if (enough && head != NULL &&
        (hb_item_is_over(head) ||
         (!head->pending && head->finished != NULL && head->finished->index == head->next_step)))
        pthread_cond_signal(&pipeline->done);
}

bool hb_window_full(const struct hb_pipeline *pipeline)
{
    return pipeline->waiting_bytes >= pipeline->request.window ||
           pipeline->waiting_weight >= WAITING_WEIGHT;
}

/* Must all wait for an entry that no worker can help with? */
static bool head_blocks(const struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    return head != NULL && (head->state == HB_ITEM_WAITING || head->state == HB_ITEM_OPENING ||
                            (head->state == HB_ITEM_OPEN && head->pending));
}

bool hb_window_may_make_more(struct hb_pipeline *pipeline)
{
    if (!hb_window_full(pipeline))
        return true;
    return head_blocks(pipeline) && pipeline->waiting_weight < SPILLED_WEIGHT &&
           hb_spill_is_open(&pipeline->spill);
}

static uint64_t memory_of(const struct hb_finished *finished)
{
    return finished->spilled || finished->left ? 0 : finished->encoded.unit.bytes;
}

void hb_window_enter(struct hb_pipeline *pipeline, const struct hb_finished *finished)
{
    pipeline->waiting_weight += weight_of(&finished->encoded.unit);
    pipeline->waiting_bytes += memory_of(finished);
}

void hb_window_leave(struct hb_pipeline *pipeline, const struct hb_finished *finished)
{
    pipeline->waiting_weight -= weight_of(&finished->encoded.unit);
    pipeline->waiting_bytes -= memory_of(finished);
}

void hb_window_discard(struct hb_pipeline *pipeline, struct hb_item *item)
{
    while (item->finished != NULL) {
        struct hb_finished *finished = item->finished;
        item->finished = finished->next;
        hb_window_leave(pipeline, finished);
        if (finished->spilled)
            hb_spill_drop(&pipeline->spill, (size_t)finished->encoded.unit.bytes, finished->offset);
        hb_finished_free(finished);
    }
}

enum hb_place_of_unit hb_window_place(struct hb_pipeline *pipeline, const struct hb_item *item,
                                      bool reused)
{
    pthread_mutex_lock(&pipeline->lock);
    bool is_head = item == pipeline->head, blocked = head_blocks(pipeline);
    /* One of the previous archive is there anyway: half of the window is for others. */
    bool beyond = blocked && (reused ? pipeline->waiting_bytes >= pipeline->request.window / 2
                                     : hb_window_full(pipeline) && !is_head && !item->pending);
    if (is_head && !item->pending)
        beyond = false;
    pthread_mutex_unlock(&pipeline->lock);
    return !beyond ? HB_IN_MEMORY : reused ? HB_IN_PREVIOUS : HB_IN_SPILL;
}

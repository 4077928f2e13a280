/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_item.h"

#include "base/memory.h"

struct hb_item *hb_item_new(struct hb_pipeline *pipeline, size_t first, size_t count,
                            enum hb_item_state state)
{
    struct hb_item *item = hb_alloc(sizeof *item);
    item->first = first;
    item->count = count;
    item->state = state;
    item->short_unit = UINT64_MAX;
    item->previous = SIZE_MAX;
    item->readers = hb_alloc(count * sizeof *item->readers);
    item->entries = hb_alloc(count * sizeof(struct hb_entry *));
    for (size_t i = 0; i < count; i++)
        item->readers[i].fd = -1;
    pipeline->unfinished++;
    return item;
}

void hb_item_discard(struct hb_pipeline *pipeline, struct hb_item *item)
{
    while (item->finished != NULL) {
        struct hb_finished *finished = item->finished;
        const struct hb_unit *unit = &finished->encoded.unit;
        item->finished = finished->next;
        hb_window_give(&pipeline->window, unit, finished->place);
        if (finished->place == HB_IN_SPILL)
            hb_spill_drop(&pipeline->spill, (size_t)unit->bytes, finished->offset);
        free((void *)(uintptr_t)unit->data);
        free(finished);
    }
}

void hb_item_free(struct hb_item *item)
{
    for (size_t i = 0; i < item->count; i++)
        hb_reader_free(&item->readers[i]);
    free(item->readers);
    free(item->entries);
    free(item);
}

void hb_item_append(struct hb_pipeline *pipeline, struct hb_item *item)
{
    item->next = NULL;
    if (pipeline->tail == NULL)
        pipeline->head = item;
    else
        pipeline->tail->next = item;
    pipeline->tail = item;
}

void hb_item_insert_behind(struct hb_pipeline *pipeline, struct hb_item *item, struct hb_item *next)
{
    next->next = item->next;
    item->next = next;
    if (pipeline->tail == item)
        pipeline->tail = next;
}

void hb_item_append_claimed(struct hb_pipeline *pipeline)
{
    while (pipeline->claimed != NULL) {
        struct hb_item *item = pipeline->claimed;
        pipeline->claimed = item->next;
        hb_item_append(pipeline, item);
    }
}

bool hb_item_is_claimed(const struct hb_pipeline *pipeline, const struct hb_item *item)
{
    return item->first >= pipeline->request.plan->first_claimed;
}

bool hb_item_is_last(const struct hb_item *item, uint64_t index)
{
    return index + 1 == item->units || index == item->short_unit;
}

bool hb_item_has_step(const struct hb_item *item)
{
    return item->state >= HB_ITEM_OPEN && item->finished != NULL &&
           item->finished->index == item->next_step &&
           (item->state == HB_ITEM_SETTLED || !hb_item_is_last(item, item->next_step));
}

bool hb_item_is_over(const struct hb_item *item)
{
    return item->state == HB_ITEM_SETTLED &&
           (item->next_step >= item->units || item->next_step > item->short_unit);
}

bool hb_all_planned(const struct hb_pipeline *pipeline)
{
    return pipeline->planned_next >= pipeline->request.plan->first_claimed;
}

bool hb_all_taken(const struct hb_pipeline *pipeline)
{
    return hb_all_planned(pipeline) && pipeline->unfinished == 0;
}

bool hb_all_handed_out(const struct hb_pipeline *pipeline)
{
    return pipeline->head == NULL && pipeline->claimed == NULL && hb_all_planned(pipeline);
}

void hb_wake_workers(struct hb_pipeline *pipeline)
{
    if (pipeline->idle > 0)
        pthread_cond_broadcast(&pipeline->work);
}

/* At once when a worker waits, maybe for room in the window, or no more will come. */
void hb_wake_taker(struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    if (head != NULL && (hb_item_is_over(head) || hb_item_has_step(head)) &&
        (pipeline->idle > 0 || hb_all_taken(pipeline) || hb_window_has_batch(&pipeline->window)))
        pthread_cond_signal(&pipeline->done);
}

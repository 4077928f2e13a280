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

void hb_finished_free(struct hb_finished *finished)
{
    free((void *)(uintptr_t)finished->encoded.unit.data);
    free(finished);
}

void hb_item_free(struct hb_item *item)
{
    for (size_t i = 0; i < item->count; i++)
        hb_reader_free(&item->readers[i]);
    while (item->finished != NULL) {
        struct hb_finished *finished = item->finished;
        item->finished = finished->next;
        hb_finished_free(finished);
    }
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

/* All others have their place: the claimed ones follow. */
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

bool hb_all_planned(const struct hb_pipeline *pipeline)
{
    return pipeline->planned_next >= pipeline->request.plan->first_claimed;
}

/* Has all been handed out of the item that is handed out now? */
bool hb_item_is_over(const struct hb_item *item)
{
    return item->state == HB_ITEM_DEAD ||
           (item->state == HB_ITEM_OPEN &&
            (item->next_step >= item->units || item->next_step > item->short_unit));
}

/* Nothing is left to be taken by any worker. */
bool hb_all_taken(const struct hb_pipeline *pipeline)
{
    return hb_all_planned(pipeline) && pipeline->unfinished == 0 && pipeline->pending == 0;
}

bool hb_all_handed_out(const struct hb_pipeline *pipeline)
{
    return pipeline->head == NULL && pipeline->claimed == NULL && hb_all_planned(pipeline);
}

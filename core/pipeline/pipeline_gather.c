/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_gather.h"

#include "base/memory.h"
#include "pipeline/pipeline_reuse.h"

enum {
    RUN_BYTES = 16 << 20, /* while it is copied, others are proved */
    RUN_ENTRIES = 4096    /* each is kept in memory until then */
};

/* Does the item go on where the run ends? Until it has a step it is a worker's, and not looked at.
 */
static bool continues(const struct hb_gathered *run, const struct hb_item *item)
{
    return hb_item_has_step(item) && item->adopted &&
           (run->last == NULL || (item->previous == run->last->previous + run->last->count &&
                                  item->range.offset == run->range.offset + run->range.bytes));
}

static bool is_enough(const struct hb_gathered *run)
{
    return run->range.bytes >= RUN_BYTES || run->entry_count >= RUN_ENTRIES;
}

/* From the front of all items to the end of the run. No thread is in it any more. */
static void take_head(struct hb_pipeline *pipeline)
{
    struct hb_gathered *run = &pipeline->run;
    struct hb_item *item = pipeline->head;
    pipeline->head = item->next;
    if (pipeline->head == NULL)
        pipeline->tail = NULL;
    item->next = NULL;
    if (run->last == NULL) {
        run->first = item;
        run->range = item->range;
        run->range.bytes = 0;
    } else {
        run->last->next = item;
    }
    run->last = item;
    run->entry_count += item->count;
    run->unit_count += hb_previous_units(pipeline->request.previous, item->previous);
    run->range.bytes += item->range.bytes;
    hb_window_give(&pipeline->window, &item->finished->encoded.unit, item->finished->place);
    hb_wake_workers(pipeline);
}

/* Will the next item be there soon, and may it belong to the run? */
static bool is_worth_waiting(const struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    return head == NULL ? !hb_all_handed_out(pipeline)
                        : head->state == HB_ITEM_OPENING && !hb_item_is_claimed(pipeline, head);
}

bool hb_gather_front(struct hb_pipeline *pipeline)
{
    struct hb_gathered *run = &pipeline->run;
    while (pipeline->head != NULL && run->range.bytes < RUN_BYTES && continues(run, pipeline->head))
        take_head(pipeline);
    return run->last != NULL && (is_enough(run) || !is_worth_waiting(pipeline));
}

void hb_gathered_step(struct hb_pipeline *pipeline, struct hb_step *step)
{
    struct hb_gathered *run = &pipeline->run;
    size_t entries = 0, units = 0;
    run->entries = hb_alloc(run->entry_count * sizeof *run->entries);
    run->units = hb_alloc(run->unit_count * sizeof *run->units);
    run->marks = hb_alloc(run->unit_count * sizeof *run->marks);
    for (const struct hb_item *item = run->first; item != NULL; item = item->next) {
        for (size_t i = 0; i < item->count; i++)
            run->entries[entries++] = item->entries[i];
        units += hb_reuse_units_of(pipeline, item, &run->units[units], &run->marks[units]);
    }
    run->adoption = (struct hb_adoption){
        .size = sizeof run->adoption,
        .entries = run->entries,
        .entry_count = entries,
        .units = run->units,
        .unit_count = units,
        .range = &run->range,
    };
    *step = (struct hb_step){
        .adoption = &run->adoption, .marks = run->marks, .previous = run->first->previous};
}

void hb_gathered_clear(struct hb_pipeline *pipeline)
{
    struct hb_gathered *run = &pipeline->run;
    while (run->first != NULL) {
        struct hb_item *item = run->first;
        run->first = item->next;
        free(item->finished); /* its window was given back */
        hb_item_free(item);
    }
    free(run->entries);
    free(run->units);
    free(run->marks);
    *run = (struct hb_gathered){0};
}

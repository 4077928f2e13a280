/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_result.h"

#include "pipeline/pipeline_window.h"
#include "pipeline/pipeline_worker.h"

/* Nobody has to wait for a source that is being closed: its item goes at the end then. */
static void drop_head(struct hb_pipeline *pipeline)
{
    struct hb_item *item = pipeline->head;
    pipeline->head = item->next;
    if (pipeline->head == NULL)
        pipeline->tail = NULL;
    hb_window_discard(pipeline, item);
    if (item->in_flight == 0) {
        hb_item_free(item);
        return;
    }
    item->next = pipeline->parting;
    pipeline->parting = item;
}

static bool is_last(const struct hb_item *item, uint64_t index)
{
    return index + 1 == item->units || index == item->short_unit;
}

static void fill_step(struct hb_item *item, const struct hb_encoded *encoded, struct hb_step *step)
{
    uint64_t index = item->next_step++;
    item->content += encoded->unit.raw_bytes;
    *step = (struct hb_step){
        .unit = encoded->unit,
        .mark = encoded->mark,
        .reused = encoded->reused,
        .entries = item->entries,
        .entry_count = item->entry_count,
        .first = index == 0,
        .last = is_last(item, index),
    };
    if (step->last && item->entry_count == 1)
        item->entries[0]->bytes = item->content;
}

/* Takes the next finished unit of the head, if it is there, under the lock. */
static struct hb_finished *take_finished(struct hb_pipeline *pipeline, struct hb_step *step)
{
    struct hb_item *item = pipeline->head;
    struct hb_finished *finished = item->finished;
    if (item->state != HB_ITEM_OPEN || item->pending || finished == NULL ||
        finished->index != item->next_step)
        return NULL;
    if (is_last(item, finished->index) && !item->settled)
        return NULL;
    item->finished = finished->next;
    hb_window_leave(pipeline, finished);
    fill_step(item, &finished->encoded, step);
    hb_wake_workers(pipeline);
    return finished;
}

static void wait_a_little(struct hb_pipeline *pipeline)
{
    struct timespec until; /* a signal wakes nobody: look at it several times a second */
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 100 * 1000 * 1000;
    if (until.tv_nsec >= 1000 * 1000 * 1000) {
        until.tv_nsec -= 1000 * 1000 * 1000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&pipeline->done, &pipeline->lock, &until);
}

/* Under the lock, which is let go meanwhile. */
static bool help(struct hb_pipeline *pipeline)
{
    if (pipeline->missing_worker == NULL && pipeline->missing_opener == NULL)
        return false;
    pthread_mutex_unlock(&pipeline->lock);
    bool helped = hb_worker_help(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    return helped;
}

/* The next finished unit, under the lock, or NULL with *status. */
static struct hb_finished *wait_for_finished(struct hb_pipeline *pipeline, struct hb_step *step,
                                             int *status, struct hb_error *error)
{
    for (;;) {
        struct hb_item *head = pipeline->head;
        struct hb_finished *finished;
        if (pipeline->status != HB_OK) {
            *error = pipeline->error;
            *status = pipeline->status;
            return NULL;
        }
        if (hb_run_cancelled(pipeline->request.run)) {
            *status = hb_error_set(error, HB_CANCELLED, "interrupted");
            return NULL;
        }
        if (head != NULL && hb_item_is_over(head) && head->settled) {
            drop_head(pipeline);
            hb_wake_workers(pipeline);
            continue;
        }
        if (head != NULL && !hb_item_is_over(head) &&
            (finished = take_finished(pipeline, step)) != NULL)
            return finished;
        if (hb_all_handed_out(pipeline)) {
            *status = HB_END;
            return NULL;
        }
        hb_stage_refresh(&pipeline->request.run->stage);
        if (!help(pipeline))
            wait_a_little(pipeline);
    }
}

struct hb_finished *hb_result_next(struct hb_pipeline *pipeline, struct hb_step *step,
                                   const struct hb_item **item, int *status, struct hb_error *error)
{
    pthread_mutex_lock(&pipeline->lock);
    struct hb_finished *finished = wait_for_finished(pipeline, step, status, error);
    *item = pipeline->head;
    pthread_mutex_unlock(&pipeline->lock);
    return finished;
}

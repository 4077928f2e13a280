/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_result.h"

#include "pipeline/pipeline_gather.h"
#include "pipeline/pipeline_worker.h"

/* Nobody has to wait for a source that is being closed: its item goes at the end then. */
static void drop_head(struct hb_pipeline *pipeline)
{
    struct hb_item *item = pipeline->head;
    pipeline->head = item->next;
    if (pipeline->head == NULL)
        pipeline->tail = NULL;
    hb_item_discard(pipeline, item);
    if (item->threads == 0) {
        hb_item_free(item);
    } else {
        item->next = pipeline->parting;
        pipeline->parting = item;
    }
    hb_wake_workers(pipeline);
}

/* The next finished unit of the head. Under the lock. */
static struct hb_finished *take_finished(struct hb_pipeline *pipeline, struct hb_step *step)
{
    struct hb_item *item = pipeline->head;
    struct hb_finished *finished = item->finished;
    const struct hb_encoded *encoded = &finished->encoded;
    uint64_t index = item->next_step++;
    item->finished = finished->next;
    item->content += encoded->unit.raw_bytes;
    item->content_hash += encoded->content;
    hb_window_give(&pipeline->window, &encoded->unit, finished->place);
    *step = (struct hb_step){
        .unit = encoded->unit,
        .mark = encoded->mark,
        .reused = encoded->reused,
        .entries = item->entries,
        .entry_count = item->entry_count,
        .first = index == 0,
        .last = hb_item_is_last(item, index),
    };
    if (step->last && item->entry_count == 1) {
        item->entries[0]->bytes = item->content;
        hb_reader_of(item->entries[0])->content_hash = item->content_hash;
    }
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

/*
 * HB_OK and *finished, NULL for a run; HB_STATUS_LATER: it is not there yet; or as hb_result_next.
 * Under the lock.
 */
static int look(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_finished **finished,
                struct hb_error *error)
{
    if (pipeline->status != HB_OK) {
        *error = pipeline->error;
        return pipeline->status;
    }
    if (hb_run_cancelled(pipeline->request.run))
        return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    while (pipeline->head != NULL && hb_item_is_over(pipeline->head))
        drop_head(pipeline);
    *finished = NULL;
    if (hb_gather_front(pipeline))
        return HB_OK;
    if (pipeline->run.last != NULL)
        return HB_STATUS_LATER;
    if (pipeline->head == NULL)
        return hb_all_handed_out(pipeline) ? HB_STATUS_END : HB_STATUS_LATER;
    if (!hb_item_has_step(pipeline->head))
        return HB_STATUS_LATER;
    *finished = take_finished(pipeline, step);
    return HB_OK;
}

int hb_result_next(struct hb_pipeline *pipeline, struct hb_step *step,
                   struct hb_finished **finished, struct hb_error *error)
{
    int status;
    bool alone = pipeline->missing_worker != NULL || pipeline->missing_opener != NULL;
    pthread_mutex_lock(&pipeline->lock);
    while ((status = look(pipeline, step, finished, error)) == HB_STATUS_LATER) {
        bool helped = false;
        hb_stage_refresh(&pipeline->request.run->stage);
        if (alone) {
            pthread_mutex_unlock(&pipeline->lock);
            helped = hb_worker_help(pipeline);
            pthread_mutex_lock(&pipeline->lock);
        }
        if (!helped)
            wait_a_little(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_queue.h"

#include "base/memory.h"
#include "pipeline/pipeline_cut.h"
#include "pipeline/pipeline_window.h"
#include <string.h>

enum { OPEN_AHEAD = 8 }; /* prepared entries whose units are not all encoded: staged copies */

/* ---- what can be taken, under the lock ----------------------------------------------------- */

static void add_ready(struct hb_pipeline *pipeline, struct hb_item *item)
{
    struct hb_item **at = &pipeline->ready;
    while (*at != NULL && (*at)->first < item->first)
        at = &(*at)->next_ready;
    item->next_ready = *at;
    *at = item;
    item->ready = true;
}

static void remove_ready(struct hb_pipeline *pipeline, struct hb_item *item)
{
    struct hb_item **at = &pipeline->ready;
    while (*at != item)
        at = &(*at)->next_ready;
    *at = item->next_ready;
    item->ready = false;
}

/* After anything that may have taken the last unit of an item. */
static void note_exhausted(struct hb_pipeline *pipeline, struct hb_item *item)
{
    bool over = item->state == HB_ITEM_DEAD ||
                (item->state == HB_ITEM_OPEN &&
                 (item->next_unit >= item->units || item->next_unit > item->short_unit));
    if (!over || item->exhausted)
        return;
    item->exhausted = true;
    if (item->ready)
        remove_ready(pipeline, item);
    if (--pipeline->unfinished == 0)
        hb_wake_workers(pipeline);
}

/*
 * May units of the item that is handed out next go beyond the window? It may be full of others that
 * wait for them, so one must; but no more than the workers have at once, for whoever takes the
 * results may be slow.
 */
static bool head_may_go_on(const struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    return head->next_unit - head->next_step < pipeline->request.workers;
}

/*
 * The first open item of which a unit may be made now, or NULL. What may come to nothing keeps
 * within the window: it is not worth room in the stage.
 */
static struct hb_item *first_ready(struct hb_pipeline *pipeline)
{
    struct hb_item *item = pipeline->ready;
    while (item != NULL && item->pending && hb_window_full(pipeline))
        item = item->next_ready;
    if (item == NULL || (hb_item_is_claimed(pipeline, item) && !hb_all_planned(pipeline)))
        return NULL;
    if (!hb_window_may_make_more(pipeline) && (item != pipeline->head || !head_may_go_on(pipeline)))
        return NULL;
    return item;
}

/* A unit of an open item. */
static bool take_unit(struct hb_pipeline *pipeline, struct hb_work *work)
{
    struct hb_item *item = first_ready(pipeline);
    if (item == NULL)
        return false;
    *work = (struct hb_work){.item = item, .index = item->next_unit++};
    item->in_flight++;
    note_exhausted(pipeline, item);
    return true;
}

static bool take_item(struct hb_pipeline *pipeline, struct hb_work *work)
{
    const struct hb_plan *plan = pipeline->request.plan;
    if (hb_all_planned(pipeline) || !hb_window_may_make_more(pipeline))
        return false;
    size_t first = pipeline->planned_next;
    size_t count = hb_item_entries(plan, &pipeline->policy, first, plan->first_claimed);
    struct hb_item *item = hb_item_new(pipeline, first, count, HB_ITEM_OPENING);
    item->in_flight = 1;
    pipeline->planned_next += count;
    hb_item_append(pipeline, item);
    if (hb_all_planned(pipeline))
        hb_item_append_claimed(pipeline);
    *work = (struct hb_work){.item = item, .whole = true};
    return true;
}

static void wait_for_work(struct hb_pipeline *pipeline)
{
    pipeline->idle++;
    hb_wake_taker(pipeline);
    pthread_cond_wait(&pipeline->work, &pipeline->lock);
    pipeline->idle--;
}

int hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work)
{
    int status = HB_SKIP;
    pthread_mutex_lock(&pipeline->lock);
    while (status == HB_SKIP) {
        if (pipeline->stopping || hb_run_cancelled(pipeline->request.run))
            status = HB_END;
        else if (take_unit(pipeline, work) || take_item(pipeline, work))
            status = HB_OK;
        else if (hb_all_taken(pipeline))
            status = HB_END;
        else if (!wait)
            break;
        else
            wait_for_work(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return status;
}

struct hb_item *hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait)
{
    pthread_mutex_lock(&pipeline->lock);
    while (wait && !pipeline->stopping && pipeline->claimed_next != NULL &&
           pipeline->opened >= OPEN_AHEAD)
        pthread_cond_wait(&pipeline->room, &pipeline->lock);
    struct hb_item *item =
        pipeline->stopping || pipeline->opened >= OPEN_AHEAD ? NULL : pipeline->claimed_next;
    if (item != NULL) {
        pipeline->opened++;
        pipeline->claimed_next = item->next;
        item->state = HB_ITEM_OPENING;
        item->in_flight = 1;
    }
    pthread_mutex_unlock(&pipeline->lock);
    return item;
}

/* ---- what comes back ----------------------------------------------------------------------- */

void hb_queue_report(struct hb_pipeline *pipeline, struct hb_item *item, const char *what,
                     const char *detail)
{
    pthread_mutex_lock(&pipeline->lock);
    bool reported = item->reported || item->state == HB_ITEM_DEAD;
    item->reported = true;
    pthread_mutex_unlock(&pipeline->lock);
    if (!reported)
        hb_report_add(&pipeline->request.run->report, HB_FOUND_DOUBTFUL,
                      item->readers[0].entry.path, "%s%s", what, detail);
}

/* All of a big entry has been read: what became of its source meanwhile? */
static void settle(struct hb_pipeline *pipeline, struct hb_item *item)
{
    const char *how;
    if (item->state == HB_ITEM_OPEN && hb_reader_changed(&item->readers[0], &how))
        hb_queue_report(pipeline, item, how, "; it may be stored half old, half new");
    if (item->state == HB_ITEM_OPEN && !item->reported && !item->taken_over)
        hb_reader_settle(&item->readers[0]);
    hb_reader_look_back(&item->readers[0]);
}

/*
 * A thread leaves the item, under the lock. The last one closes the source, outside the lock, for
 * to remove a staged copy may take long; until it has, the item stays.
 */
static void leave(struct hb_pipeline *pipeline, struct hb_item *item)
{
    if (item->in_flight == 1 && item->exhausted && !item->closed) {
        item->closed = true;
        pthread_mutex_unlock(&pipeline->lock);
        settle(pipeline, item);
        pthread_mutex_lock(&pipeline->lock);
        item->settled = true;
        if (item == pipeline->head)
            pthread_cond_signal(&pipeline->done);
        pthread_mutex_unlock(&pipeline->lock);
        hb_reader_close(&item->readers[0]);
        pthread_mutex_lock(&pipeline->lock);
        if (hb_item_is_claimed(pipeline, item)) {
            pipeline->opened--;
            pthread_cond_signal(&pipeline->room);
        }
    }
    item->in_flight--;
    hb_wake_workers(pipeline);
    hb_wake_taker(pipeline);
}

void hb_queue_leave(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

/* Its copy is made, or there will be none. */
static void end_reserve(struct hb_pipeline *pipeline, struct hb_item *item)
{
    atomic_fetch_sub(&pipeline->spill.reserved, item->reserved);
    item->reserved = 0;
}

static void open_item(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    end_reserve(pipeline, item);
    item->units = units;
    item->state = HB_ITEM_OPEN;
    add_ready(pipeline, item);
}

void hb_queue_opened(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    pthread_mutex_lock(&pipeline->lock);
    open_item(pipeline, item, units);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

static void end_pending(struct hb_pipeline *pipeline, struct hb_item *item)
{
    if (!item->pending)
        return;
    item->pending = false;
    pipeline->pending--;
}

/* Nothing of it is to be stored. */
static void kill_item(struct hb_pipeline *pipeline, struct hb_item *item)
{
    end_pending(pipeline, item);
    end_reserve(pipeline, item);
    item->state = HB_ITEM_DEAD;
    hb_window_discard(pipeline, item);
    note_exhausted(pipeline, item);
}

void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    pthread_mutex_lock(&pipeline->lock);
    open_item(pipeline, item, units);
    item->pending = true;
    pipeline->pending++;
    hb_wake_workers(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_accept(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    end_pending(pipeline, item);
    if (item == pipeline->head)
        pthread_cond_signal(&pipeline->done);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

/* It has its place in the order already, behind `item`. */
static void insert_behind(struct hb_pipeline *pipeline, struct hb_item *item, struct hb_item *next)
{
    next->next = item->next;
    item->next = next;
    if (pipeline->tail == item)
        pipeline->tail = next;
}

struct hb_item *hb_queue_replace(struct hb_pipeline *pipeline, struct hb_item *item)
{
    struct hb_item *other = NULL;
    pthread_mutex_lock(&pipeline->lock);
    if (!item->refused) {
        other = hb_item_new(pipeline, item->first, item->count, HB_ITEM_OPENING);
        other->in_flight = 1;
        pipeline->opened++;
        insert_behind(pipeline, item, other);
    }
    kill_item(pipeline, item);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    return other;
}

void hb_queue_drop(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    kill_item(pipeline, item);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_end_early(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index)
{
    pthread_mutex_lock(&pipeline->lock);
    if (index < item->short_unit)
        item->short_unit = index;
    note_exhausted(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

bool hb_queue_refuse(struct hb_pipeline *pipeline, struct hb_item *item, const char *why)
{
    pthread_mutex_lock(&pipeline->lock);
    bool begun = item->next_step > 0, first = !item->refused && item->state != HB_ITEM_DEAD;
    item->refused = true;
    if (!begun)
        kill_item(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    if (begun)
        hb_queue_fail(pipeline, HB_FATAL, item->readers[0].entry.path, why);
    return first && !begun;
}

static struct hb_finished *finished_new(struct hb_pipeline *pipeline, const struct hb_item *item,
                                        uint64_t index, const struct hb_encoded *encoded)
{
    struct hb_finished *finished = hb_alloc(sizeof *finished);
    const struct hb_unit *unit = &encoded->unit;
    finished->index = index;
    finished->encoded = *encoded;
    if (unit->data == NULL)
        return finished;
    enum hb_place_of_unit place = hb_window_place(pipeline, item, encoded->reused);
    finished->left = place == HB_IN_PREVIOUS;
    finished->spilled =
        place == HB_IN_SPILL &&
        hb_spill_put(&pipeline->spill, unit->data, (size_t)unit->bytes, &finished->offset);
    if (finished->left || finished->spilled) {
        free((void *)(uintptr_t)unit->data);
        finished->encoded.unit.data = NULL;
    }
    return finished;
}

void hb_queue_finish(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index,
                     const struct hb_encoded *encoded)
{
    struct hb_finished *finished = finished_new(pipeline, item, index, encoded), **at;
    pthread_mutex_lock(&pipeline->lock);
    if (item->state == HB_ITEM_OPENING) {
        item->units = item->next_unit = 1;
        item->state = HB_ITEM_OPEN;
        note_exhausted(pipeline, item);
    }
    for (at = &item->finished; *at != NULL && (*at)->index < index; at = &(*at)->next)
        ;
    finished->next = *at;
    *at = finished;
    hb_window_enter(pipeline, finished);
    if (item->state == HB_ITEM_DEAD)
        hb_window_discard(pipeline, item);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

/* ---- start, end ---------------------------------------------------------------------------- */

void hb_queue_fail(struct hb_pipeline *pipeline, int status, const char *path, const char *why)
{
    pthread_mutex_lock(&pipeline->lock);
    if (pipeline->status == HB_OK) {
        pipeline->status = status;
        hb_error_set(&pipeline->error, status, "%s%s%s", path == NULL ? "" : path,
                     path == NULL ? "" : ": ", why);
    }
    pipeline->stopping = true;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->room);
    pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_stop(struct hb_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->stopping = true;
    if (!hb_all_handed_out(pipeline)) /* a snapshot that is under way asks hb_run_cancelled */
        atomic_store(&pipeline->request.run->stop, 1);
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->room);
    pthread_mutex_unlock(&pipeline->lock);
}

/* Claimed entries stand last; they get their items now, so that openers can start. */
static void make_claimed(struct hb_pipeline *pipeline)
{
    const struct hb_plan *plan = pipeline->request.plan;
    struct hb_item **at = &pipeline->claimed;
    for (size_t i = plan->first_claimed; i < plan->count; i++) {
        *at = hb_item_new(pipeline, i, 1, HB_ITEM_WAITING);
        (*at)->reserved = plan->entries[i].bytes;
        atomic_fetch_add(&pipeline->spill.reserved, (*at)->reserved);
        at = &(*at)->next;
    }
    pipeline->claimed_next = pipeline->claimed;
    if (hb_all_planned(pipeline))
        hb_item_append_claimed(pipeline);
}

void hb_queue_init(struct hb_pipeline *pipeline)
{
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->work, NULL);
    pthread_cond_init(&pipeline->room, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pipeline->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    hb_spill_init(&pipeline->spill, &pipeline->request.run->stage);
    make_claimed(pipeline);
}

void hb_queue_clear(struct hb_pipeline *pipeline)
{
    hb_item_append_claimed(pipeline);
    while (pipeline->head != NULL) {
        struct hb_item *item = pipeline->head;
        pipeline->head = item->next;
        hb_item_free(item);
    }
    while (pipeline->parting != NULL) {
        struct hb_item *item = pipeline->parting;
        pipeline->parting = item->next;
        hb_item_free(item);
    }
    hb_spill_clear(&pipeline->spill);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->room);
    pthread_cond_destroy(&pipeline->done);
    pthread_mutex_destroy(&pipeline->lock);
}

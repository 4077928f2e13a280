/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_queue.h"

#include "base/memory.h"
#include "pipeline/pipeline_cut.h"
#include <string.h>

enum { OPEN_AHEAD = 8 }; /* prepared entries whose units are not all encoded: staged copies */

/* ---- states, under the lock ---------------------------------------------------------------- */

static bool has_units(const struct hb_item *item)
{
    return item->next_unit < item->units && item->next_unit <= item->short_unit;
}

/* Puts the item into the list of those with units to take, or takes it off. */
static void update_ready(struct hb_pipeline *pipeline, struct hb_item *item)
{
    bool ready = (item->state == HB_ITEM_OFFERED || item->state == HB_ITEM_OPEN) && has_units(item);
    struct hb_item **at = &pipeline->ready;
    while (*at != NULL && (*at)->first < item->first)
        at = &(*at)->next_ready;
    if (*at == item && !ready) {
        *at = item->next_ready;
    } else if (*at != item && ready) {
        item->next_ready = *at;
        *at = item;
    }
}

/* To `state`; to the present one, when a unit was taken or the entry turned out to be shorter. */
static void advance(struct hb_pipeline *pipeline, struct hb_item *item, enum hb_item_state state)
{
    bool was_unfinished = item->state < HB_ITEM_DRAINED;
    if (state == HB_ITEM_OPEN && !has_units(item))
        state = HB_ITEM_DRAINED;
    if (state > HB_ITEM_OPENING) { /* its copy is made, or there will be none */
        atomic_fetch_sub(&pipeline->spill.reserved, item->reserved);
        item->reserved = 0;
    }
    item->state = state;
    if (state == HB_ITEM_DEAD) {
        hb_item_discard(pipeline, item);
        item->next_unit = item->next_step = item->units;
    }
    update_ready(pipeline, item);
    if (was_unfinished && state >= HB_ITEM_DRAINED && --pipeline->unfinished == 0)
        hb_wake_workers(pipeline);
}

static bool leave(struct hb_pipeline *pipeline, struct hb_item *item)
{
    if (item->threads == 1 && (item->state == HB_ITEM_DRAINED || item->state == HB_ITEM_DEAD))
        return true;
    item->threads--;
    hb_wake_workers(pipeline);
    hb_wake_taker(pipeline);
    return false;
}

/* ---- what can be taken --------------------------------------------------------------------- */

/* Must all wait for an entry that no worker can help with? */
static bool head_blocks(const struct hb_pipeline *pipeline)
{
    return pipeline->head != NULL && pipeline->head->state < HB_ITEM_OPEN;
}

/*
 * Nor is anything of it read yet: a copy is made in the stage, or a lock is waited for. What is
 * only judged still, and lies where it always was, is not worth writing all that comes behind it
 * twice.
 */
static bool head_is_not_read(const struct hb_pipeline *pipeline)
{
    return head_blocks(pipeline) && pipeline->head->state < HB_ITEM_OFFERED;
}

/* May another unit be made, of whatever is not handed out next? */
static bool may_make_more(struct hb_pipeline *pipeline)
{
    return !hb_window_full(&pipeline->window) ||
           (head_is_not_read(pipeline) && !hb_window_overflows(&pipeline->window) &&
            hb_spill_is_open(&pipeline->spill));
}

/*
 * May units of the item that is handed out next go beyond the window? One must, but no more than
 * the workers have at once: the thread that takes the results may be slow.
 */
static bool head_may_go_on(const struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    return head->next_unit - head->next_step < pipeline->request.workers;
}

/* The first open item of which a unit may be made now, or NULL. */
static struct hb_item *first_ready(struct hb_pipeline *pipeline)
{
    struct hb_item *item = pipeline->ready;
    while (item != NULL && item->state == HB_ITEM_OFFERED && hb_window_full(&pipeline->window))
        item = item->next_ready;
    if (item == NULL || (hb_item_is_claimed(pipeline, item) && !hb_all_planned(pipeline)))
        return NULL;
    if (!may_make_more(pipeline) && (item != pipeline->head || !head_may_go_on(pipeline)))
        return NULL;
    return item;
}

static bool take_unit(struct hb_pipeline *pipeline, struct hb_work *work)
{
    struct hb_item *item = first_ready(pipeline);
    if (item == NULL)
        return false;
    *work = (struct hb_work){.item = item, .index = item->next_unit++};
    item->threads++;
    advance(pipeline, item, item->state);
    return true;
}

static bool take_item(struct hb_pipeline *pipeline, struct hb_work *work)
{
    const struct hb_plan *plan = pipeline->request.plan;
    if (hb_all_planned(pipeline) || !may_make_more(pipeline))
        return false;
    size_t first = pipeline->planned_next;
    size_t count = hb_item_entries(plan, &pipeline->policy, first, plan->first_claimed);
    struct hb_item *item = hb_item_new(pipeline, first, count, HB_ITEM_OPENING);
    item->threads = 1;
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
    int status = HB_STATUS_SKIP;
    pthread_mutex_lock(&pipeline->lock);
    while (status == HB_STATUS_SKIP) {
        if (pipeline->stopping || hb_run_cancelled(pipeline->request.run))
            status = HB_STATUS_END;
        else if (take_unit(pipeline, work) || take_item(pipeline, work))
            status = HB_OK;
        else if (hb_all_taken(pipeline))
            status = HB_STATUS_END;
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
        item->threads = 1;
        advance(pipeline, item, HB_ITEM_OPENING);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return item;
}

/* The source of a claimed item is closed, or was never opened: another may be. Under the lock. */
static void free_opener(struct hb_pipeline *pipeline, const struct hb_item *item)
{
    if (hb_item_is_claimed(pipeline, item)) {
        pipeline->opened--;
        pthread_cond_signal(&pipeline->room);
    }
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

void hb_queue_opened(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    pthread_mutex_lock(&pipeline->lock);
    item->units = units;
    advance(pipeline, item, HB_ITEM_OPEN);
    (void)leave(pipeline, item); /* never the last: there are units to take */
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    pthread_mutex_lock(&pipeline->lock);
    item->units = units;
    advance(pipeline, item, HB_ITEM_OFFERED);
    hb_wake_workers(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
}

bool hb_queue_accept(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    if (item->state == HB_ITEM_OFFERED) /* not when the format has refused it */
        advance(pipeline, item, HB_ITEM_OPEN);
    if (item == pipeline->head)
        pthread_cond_signal(&pipeline->done);
    bool last = leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    return last;
}

struct hb_item *hb_queue_replace(struct hb_pipeline *pipeline, struct hb_item *item)
{
    struct hb_item *other = NULL;
    pthread_mutex_lock(&pipeline->lock);
    if (item->state == HB_ITEM_OFFERED) {
        other = hb_item_new(pipeline, item->first, item->count, HB_ITEM_OPENING);
        other->threads = 1;
        pipeline->opened++;
        hb_item_insert_behind(pipeline, item, other);
        advance(pipeline, item, HB_ITEM_DEAD);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return other;
}

bool hb_queue_drop(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    advance(pipeline, item, HB_ITEM_DEAD);
    bool last = leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    return last;
}

bool hb_queue_leave(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    bool last = leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    return last;
}

void hb_queue_settled(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    advance(pipeline, item, HB_ITEM_SETTLED);
    if (item == pipeline->head)
        pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_closed(struct hb_pipeline *pipeline, struct hb_item *item)
{
    pthread_mutex_lock(&pipeline->lock);
    free_opener(pipeline, item);
    (void)leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_end_early(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index)
{
    pthread_mutex_lock(&pipeline->lock);
    if (index < item->short_unit)
        item->short_unit = index;
    advance(pipeline, item, item->state);
    pthread_mutex_unlock(&pipeline->lock);
}

bool hb_queue_refuse(struct hb_pipeline *pipeline, struct hb_item *item, const char *why)
{
    pthread_mutex_lock(&pipeline->lock);
    bool lives = item->state != HB_ITEM_DEAD, begun = lives && item->next_step > 0;
    if (lives && !begun)
        advance(pipeline, item, HB_ITEM_DEAD);
    pthread_mutex_unlock(&pipeline->lock);
    if (begun)
        hb_queue_fail(pipeline, HB_STATUS_FATAL, item->readers[0].entry.path, why);
    return lives && !begun;
}

/* Where a unit waits for its turn. Takes the lock. */
static enum hb_place_of_unit place_of(struct hb_pipeline *pipeline, const struct hb_item *item,
                                      bool reused)
{
    enum hb_place_of_unit place = HB_IN_MEMORY;
    const struct hb_window *window = &pipeline->window;
    pthread_mutex_lock(&pipeline->lock);
    bool offered = item->state == HB_ITEM_OFFERED, is_next = item == pipeline->head && !offered;
    if (head_blocks(pipeline) && !is_next) {
        /* One of the previous archive is there anyway: half of the window is for others. */
        if (reused && window->bytes >= window->limit / 2)
            place = HB_IN_PREVIOUS;
        else if (!reused && !offered && hb_window_full(window) && head_is_not_read(pipeline))
            place = HB_IN_SPILL;
    }
    pthread_mutex_unlock(&pipeline->lock);
    return place;
}

/* Takes the data of `encoded` over; it waits where there is room. */
static struct hb_finished *finished_new(struct hb_pipeline *pipeline, const struct hb_item *item,
                                        uint64_t index, const struct hb_encoded *encoded)
{
    struct hb_finished *finished = hb_alloc(sizeof *finished);
    struct hb_unit *unit = &finished->encoded.unit;
    finished->index = index;
    finished->encoded = *encoded;
    if (item->adopted)
        finished->place = HB_IN_PREVIOUS;
    if (unit->data == NULL)
        return finished;
    finished->place = place_of(pipeline, item, encoded->reused);
    if (finished->place == HB_IN_SPILL &&
        !hb_spill_put(&pipeline->spill, unit->data, (size_t)unit->bytes, &finished->offset))
        finished->place = HB_IN_MEMORY;
    if (finished->place != HB_IN_MEMORY) {
        free((void *)(uintptr_t)unit->data);
        unit->data = NULL;
    }
    return finished;
}

bool hb_queue_finish(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index,
                     const struct hb_encoded *encoded)
{
    struct hb_finished *finished = finished_new(pipeline, item, index, encoded), **at;
    pthread_mutex_lock(&pipeline->lock);
    for (at = &item->finished; *at != NULL && (*at)->index < index; at = &(*at)->next)
        ;
    finished->next = *at;
    *at = finished;
    hb_window_take(&pipeline->window, &finished->encoded.unit, finished->place);
    if (item->state == HB_ITEM_OPENING) { /* it was taken whole */
        item->units = item->next_unit = 1;
        advance(pipeline, item, HB_ITEM_SETTLED);
        free_opener(pipeline, item);
    } else if (item->state == HB_ITEM_DEAD) {
        hb_item_discard(pipeline, item);
    }
    bool last = leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
    return last;
}

/* ---- start, end ---------------------------------------------------------------------------- */

/* Under the lock. */
static void stop(struct hb_pipeline *pipeline)
{
    pipeline->stopping = true;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->room);
    pthread_cond_signal(&pipeline->done);
}

void hb_queue_fail(struct hb_pipeline *pipeline, int status, const char *path, const char *why)
{
    pthread_mutex_lock(&pipeline->lock);
    if (pipeline->status == HB_OK) {
        pipeline->status = status;
        hb_error_set(&pipeline->error, status, "%s%s%s", path == NULL ? "" : path,
                     path == NULL ? "" : ": ", why);
    }
    stop(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
}

void hb_queue_stop(struct hb_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    if (!hb_all_handed_out(pipeline)) /* a snapshot that is under way asks hb_run_cancelled */
        atomic_store(&pipeline->request.run->stop, 1);
    stop(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
}

/* Claimed entries stand last; they get their items now, so that openers can start. */
static void make_claimed(struct hb_pipeline *pipeline)
{
    const struct hb_plan *plan = pipeline->request.plan;
    struct hb_item **at = &pipeline->claimed;
    for (size_t i = plan->first_claimed; i < plan->count; i++) {
        *at = hb_item_new(pipeline, i, 1, HB_ITEM_WAITING);
        (*at)->reserved = hb_plan_entry(plan, i).bytes;
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
    pipeline->window.limit = pipeline->request.window;
    hb_spill_init(&pipeline->spill, &pipeline->request.run->stage, pipeline->request.seals);
    make_claimed(pipeline);
}

static void free_items(struct hb_pipeline *pipeline, struct hb_item *item)
{
    while (item != NULL) {
        struct hb_item *next = item->next;
        hb_item_discard(pipeline, item);
        hb_item_free(item);
        item = next;
    }
}

void hb_queue_clear(struct hb_pipeline *pipeline)
{
    hb_item_append_claimed(pipeline);
    free_items(pipeline, pipeline->head);
    free_items(pipeline, pipeline->parting);
    hb_spill_clear(&pipeline->spill);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->room);
    pthread_cond_destroy(&pipeline->done);
    pthread_mutex_destroy(&pipeline->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_queue.h"

#include "base/memory.h"
#include "pipeline/pipeline_cut.h"
#include "pipeline/pipeline_reuse.h"
#include <errno.h>
#include <string.h>

enum {
    UNIT_WEIGHT = 3,        /* a unit costs as much beside its bytes as three entries do */
    WAITING_WEIGHT = 16384, /* of finished ones in the window, however small: some 10 MB */
    SPILLED_WEIGHT = 65536, /* and with those beyond it */
    OPEN_AHEAD = 8,         /* prepared entries whose units are not all encoded: staged copies */
    BATCH_WEIGHT = 128,     /* of finished ones for which the one who takes them is woken */
    BATCH_BYTES = 256 << 10 /* the same */
};

/* ---- items ----------------------------------------------------------------------------- */

static struct hb_item *item_new(struct hb_pipeline *pipeline, size_t first, size_t count,
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

static void finished_free(struct hb_finished *finished)
{
    free((void *)(uintptr_t)finished->encoded.unit.data);
    free(finished);
}

static void item_free(struct hb_item *item)
{
    for (size_t i = 0; i < item->count; i++)
        hb_reader_free(&item->readers[i]);
    while (item->finished != NULL) {
        struct hb_finished *finished = item->finished;
        item->finished = finished->next;
        finished_free(finished);
    }
    free(item->readers);
    free(item->entries);
    free(item);
}

static void append_item(struct hb_pipeline *pipeline, struct hb_item *item)
{
    item->next = NULL;
    if (pipeline->tail == NULL)
        pipeline->head = item;
    else
        pipeline->tail->next = item;
    pipeline->tail = item;
}

/* All others have their place: the claimed ones follow. */
static void append_claimed(struct hb_pipeline *pipeline)
{
    while (pipeline->claimed != NULL) {
        struct hb_item *item = pipeline->claimed;
        pipeline->claimed = item->next;
        append_item(pipeline, item);
    }
}

static bool is_claimed(const struct hb_pipeline *pipeline, const struct hb_item *item)
{
    return item->first >= pipeline->request.plan->first_claimed;
}

static bool all_planned(const struct hb_pipeline *pipeline)
{
    return pipeline->planned_next >= pipeline->request.plan->first_claimed;
}

/* ---- the window, under the lock ------------------------------------------------------------ */

static void wake_workers(struct hb_pipeline *pipeline)
{
    if (pipeline->idle > 0)
        pthread_cond_broadcast(&pipeline->work);
}

/* What a finished unit holds besides its bytes. */
static uint64_t weight_of(const struct hb_unit *unit)
{
    return UNIT_WEIGHT + unit->entries;
}

/* Has all been handed out of the item that is handed out now? */
static bool item_is_over(const struct hb_item *item)
{
    return item->state == HB_ITEM_DEAD ||
           (item->state == HB_ITEM_OPEN &&
            (item->next_step >= item->units || item->next_step > item->short_unit));
}

/* Nothing is left to be taken by any worker. */
static bool all_taken(const struct hb_pipeline *pipeline)
{
    return all_planned(pipeline) && pipeline->unfinished == 0 && pipeline->pending == 0;
}

/*
 * Wakes the one who takes the results, if there are some in their order. Not for each: to be woken
 * takes as long as to append a small file. But at once when a worker waits, maybe for room in the
 * window, or no more will come.
 */
static void wake_taker(struct hb_pipeline *pipeline)
{
    const struct hb_item *head = pipeline->head;
    bool enough = pipeline->idle > 0 || all_taken(pipeline) ||
                  pipeline->waiting_weight >= BATCH_WEIGHT ||
                  pipeline->waiting_bytes >= BATCH_BYTES;
    if (enough && head != NULL &&
        (item_is_over(head) ||
         (!head->pending && head->finished != NULL && head->finished->index == head->next_step)))
        pthread_cond_signal(&pipeline->done);
}

static bool window_full(const struct hb_pipeline *pipeline)
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

static bool may_make_more(struct hb_pipeline *pipeline)
{
    if (!window_full(pipeline))
        return true;
    return head_blocks(pipeline) && pipeline->waiting_weight < SPILLED_WEIGHT &&
           hb_spill_is_open(&pipeline->spill);
}

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
        wake_workers(pipeline);
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
    while (item != NULL && item->pending && window_full(pipeline))
        item = item->next_ready;
    if (item == NULL || (is_claimed(pipeline, item) && !all_planned(pipeline)))
        return NULL;
    if (!may_make_more(pipeline) && (item != pipeline->head || !head_may_go_on(pipeline)))
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
    if (all_planned(pipeline) || !may_make_more(pipeline))
        return false;
    size_t first = pipeline->planned_next;
    size_t count = hb_item_entries(plan, &pipeline->policy, first, plan->first_claimed);
    struct hb_item *item = item_new(pipeline, first, count, HB_ITEM_OPENING);
    item->in_flight = 1;
    pipeline->planned_next += count;
    append_item(pipeline, item);
    if (all_planned(pipeline))
        append_claimed(pipeline);
    *work = (struct hb_work){.item = item, .whole = true};
    return true;
}

static void wait_for_work(struct hb_pipeline *pipeline)
{
    pipeline->idle++;
    wake_taker(pipeline);
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
        else if (all_taken(pipeline))
            status = HB_END;
        else if (!wait)
            break;
        else
            wait_for_work(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return status;
}

struct hb_item *hb_queue_take_claimed(struct hb_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    while (!pipeline->stopping && pipeline->claimed_next != NULL && pipeline->opened >= OPEN_AHEAD)
        pthread_cond_wait(&pipeline->room, &pipeline->lock);
    struct hb_item *item = pipeline->stopping ? NULL : pipeline->claimed_next;
    if (item != NULL) {
        pipeline->opened++;
        pipeline->claimed_next = item->next;
        item->state = HB_ITEM_OPENING;
        item->in_flight = 1;
    }
    pthread_mutex_unlock(&pipeline->lock);
    return item;
}

/* ---- what comes back ------------------------------------------------------------------------ */

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
        if (is_claimed(pipeline, item)) {
            pipeline->opened--;
            pthread_cond_signal(&pipeline->room);
        }
    }
    item->in_flight--;
    wake_workers(pipeline);
    wake_taker(pipeline);
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

static uint64_t memory_of(const struct hb_finished *finished)
{
    return finished->spilled || finished->left ? 0 : finished->encoded.unit.bytes;
}

/* It waits no longer. */
static void forget(struct hb_pipeline *pipeline, const struct hb_finished *finished)
{
    pipeline->waiting_weight -= weight_of(&finished->encoded.unit);
    pipeline->waiting_bytes -= memory_of(finished);
}

/* Units of an item that nobody will take. */
static void discard_finished(struct hb_pipeline *pipeline, struct hb_item *item)
{
    while (item->finished != NULL) {
        struct hb_finished *finished = item->finished;
        item->finished = finished->next;
        forget(pipeline, finished);
        if (finished->spilled)
            hb_spill_drop(&pipeline->spill, (size_t)finished->encoded.unit.bytes, finished->offset);
        finished_free(finished);
    }
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
    discard_finished(pipeline, item);
    note_exhausted(pipeline, item);
}

void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units)
{
    pthread_mutex_lock(&pipeline->lock);
    open_item(pipeline, item, units);
    item->pending = true;
    pipeline->pending++;
    wake_workers(pipeline);
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
        other = item_new(pipeline, item->first, item->count, HB_ITEM_OPENING);
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

/* Where does a unit wait for its turn? Memory is for those whose turn comes sooner. */
enum place { IN_MEMORY, IN_SPILL, IN_PREVIOUS };

static enum place place_of(struct hb_pipeline *pipeline, const struct hb_item *item, bool reused)
{
    pthread_mutex_lock(&pipeline->lock);
    bool is_head = item == pipeline->head, blocked = head_blocks(pipeline);
    /* One of the previous archive is there anyway: half of the window is for others. */
    bool beyond = blocked && (reused ? pipeline->waiting_bytes >= pipeline->request.window / 2
                                     : window_full(pipeline) && !is_head && !item->pending);
    if (is_head && !item->pending)
        beyond = false;
    pthread_mutex_unlock(&pipeline->lock);
    return !beyond ? IN_MEMORY : reused ? IN_PREVIOUS : IN_SPILL;
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
    enum place place = place_of(pipeline, item, encoded->reused);
    finished->left = place == IN_PREVIOUS;
    finished->spilled = place == IN_SPILL && hb_spill_put(&pipeline->spill, unit->data,
                                                          (size_t)unit->bytes, &finished->offset);
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
    pipeline->waiting_weight += weight_of(&finished->encoded.unit);
    pipeline->waiting_bytes += memory_of(finished);
    if (item->state == HB_ITEM_DEAD)
        discard_finished(pipeline, item);
    leave(pipeline, item);
    pthread_mutex_unlock(&pipeline->lock);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Nobody has to wait for a source that is being closed: its item goes at the end then. */
static void drop_head(struct hb_pipeline *pipeline)
{
    struct hb_item *item = pipeline->head;
    pipeline->head = item->next;
    if (pipeline->head == NULL)
        pipeline->tail = NULL;
    discard_finished(pipeline, item);
    if (item->in_flight == 0) {
        item_free(item);
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
    forget(pipeline, finished);
    fill_step(item, &finished->encoded, step);
    wake_workers(pipeline);
    return finished;
}

static bool all_handed_out(const struct hb_pipeline *pipeline)
{
    return pipeline->head == NULL && pipeline->claimed == NULL && all_planned(pipeline);
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
        if (head != NULL && item_is_over(head) && head->settled) {
            drop_head(pipeline);
            wake_workers(pipeline);
            continue;
        }
        if (head != NULL && !item_is_over(head) &&
            (finished = take_finished(pipeline, step)) != NULL)
            return finished;
        if (all_handed_out(pipeline)) {
            *status = HB_END;
            return NULL;
        }
        wait_a_little(pipeline);
    }
}

/* Back into memory: formats, simple ones too, get bytes. */
static int load(struct hb_pipeline *pipeline, const struct hb_item *item,
                struct hb_finished *finished, struct hb_error *error)
{
    if (finished->left)
        return hb_reuse_again(pipeline, item, finished->index, &finished->encoded, error);
    void *data = malloc((size_t)finished->encoded.unit.bytes);
    int result = data == NULL
                     ? -ENOMEM
                     : hb_spill_take(&pipeline->spill, data, (size_t)finished->encoded.unit.bytes,
                                     finished->offset);
    finished->encoded.unit.data = data;
    if (result == 0)
        return HB_OK;
    return hb_error_set(error, HB_FATAL, "%s: cannot be read back from the staging directory: %s",
                        finished->encoded.unit.entry->path, strerror(-result));
}

int hb_queue_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error)
{
    int status = HB_OK;
    pthread_mutex_lock(&pipeline->lock);
    struct hb_finished *finished = wait_for_finished(pipeline, step, &status, error);
    const struct hb_item *item = pipeline->head; /* it stays until the next call */
    pthread_mutex_unlock(&pipeline->lock);
    if (finished == NULL)
        return status;
    if (finished->spilled || finished->left)
        status = load(pipeline, item, finished, error);
    step->unit.data = finished->encoded.unit.data;
    pipeline->handed_out = finished->encoded.unit;
    free(finished);
    return status;
}

/* ---- start, end --------------------------------------------------------------------------------
 */

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
    if (!all_handed_out(pipeline)) /* a snapshot that is under way asks hb_run_cancelled */
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
        *at = item_new(pipeline, i, 1, HB_ITEM_WAITING);
        (*at)->reserved = plan->entries[i].bytes;
        atomic_fetch_add(&pipeline->spill.reserved, (*at)->reserved);
        at = &(*at)->next;
    }
    pipeline->claimed_next = pipeline->claimed;
    if (all_planned(pipeline))
        append_claimed(pipeline);
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
    append_claimed(pipeline);
    while (pipeline->head != NULL) {
        struct hb_item *item = pipeline->head;
        pipeline->head = item->next;
        item_free(item);
    }
    while (pipeline->parting != NULL) {
        struct hb_item *item = pipeline->parting;
        pipeline->parting = item->next;
        item_free(item);
    }
    hb_spill_clear(&pipeline->spill);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->room);
    pthread_cond_destroy(&pipeline->done);
    pthread_mutex_destroy(&pipeline->lock);
}

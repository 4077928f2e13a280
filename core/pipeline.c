/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "memory.h"
#include "pipeline_cut.h"
#include <errno.h>
#include <string.h>

enum {
    WAITING_UNITS = 4096, /* finished ones, however small */
    OPENERS = 2,          /* claimed entries that are prepared at the same time */
    OPEN_AHEAD = 8,       /* prepared ones that wait for their turn: each holds a staged copy */
    READ_AGAIN = 3,       /* times that a small file is read when it changes meanwhile */
    GROWTH_FACTOR = 4     /* a small file that grew beyond so many units is cut off */
};

enum item_state {
    ITEM_WAITING, /* claimed; for an opener */
    ITEM_OPENING,
    ITEM_OPEN, /* its units can be taken */
    ITEM_DEAD  /* nothing of it can be stored */
};

struct finished {
    struct finished *next;
    uint64_t index;
    struct hb_unit unit;
};

struct item {
    struct item *next;
    enum item_state state;
    size_t first, count; /* in the plan */
    struct hb_reader *readers;
    struct hb_entry **entries; /* of those readers that could be opened */
    size_t entry_count;
    uint64_t units;      /* how many it has */
    uint64_t next_unit;  /* the next to be taken by a worker */
    uint64_t next_step;  /* the next to be handed out */
    uint64_t short_unit; /* the entry ends with this one, earlier than thought; or UINT64_MAX */
    uint64_t content;    /* bytes of it in the steps so far */
    bool reported;       /* that it changed, or was refused */
    bool refused;        /* by the format, before anything of it was handed out */
    uint64_t returned;   /* units that were taken and came to nothing */
    uint64_t bytes;      /* of its one entry, when it was opened */
    struct finished *finished; /* by index */
};

struct pipeline_thread {
    struct hb_pipeline *pipeline;
    pthread_t thread;
    bool started;
    void *worker; /* the format's */
    unsigned char *buffer;
    size_t buffer_bytes;
};

struct hb_pipeline {
    struct hb_pipeline_request request;
    const struct hb_format_ops *ops;
    struct hb_unit_policy policy;
    bool size_first;

    pthread_mutex_t lock;
    pthread_cond_t work;       /* for workers and openers: there may be something to take */
    pthread_cond_t done;       /* for hb_pipeline_next: something was finished */
    struct item *head, *tail;  /* handed out next; made last */
    struct item *claimed_next; /* the first claimed one that no opener has taken */
    size_t opened;             /* claimed ones that were taken by openers and are not yet over */
    struct item *claimed;      /* made at the start, appended when their turn comes */
    size_t planned_next;       /* the first entry that has no item */
    uint64_t waiting_bytes, waiting_units;
    bool stopping;
    int status; /* of the first failure */
    struct hb_error error;

    struct pipeline_thread *threads;
    unsigned thread_count;
    struct hb_unit handed_out; /* its data is freed by the next call */
    bool handed_out_last;
};

/* ---- items ----------------------------------------------------------------------------- */

static struct item *item_new(size_t first, size_t count, enum item_state state)
{
    struct item *item = hb_alloc(sizeof *item);
    item->first = first;
    item->count = count;
    item->state = state;
    item->short_unit = UINT64_MAX;
    item->readers = hb_alloc(count * sizeof *item->readers);
    item->entries = hb_alloc(count * sizeof(struct hb_entry *));
    for (size_t i = 0; i < count; i++)
        item->readers[i].fd = -1;
    return item;
}

static void item_free(struct item *item)
{
    for (size_t i = 0; i < item->count; i++)
        hb_reader_free(&item->readers[i]);
    while (item->finished != NULL) {
        struct finished *finished = item->finished;
        item->finished = finished->next;
        free((void *)(uintptr_t)finished->unit.data);
        free(finished);
    }
    free(item->readers);
    free(item->entries);
    free(item);
}

static void append_item(struct hb_pipeline *pipeline, struct item *item)
{
    item->next = NULL;
    if (pipeline->tail == NULL)
        pipeline->head = item;
    else
        pipeline->tail->next = item;
    pipeline->tail = item;
}

/* ---- failures ---------------------------------------------------------------------------- */

/* Remembers the first failure and stops everything. */
static void fail(struct hb_pipeline *pipeline, int status, const char *path, const char *why)
{
    pthread_mutex_lock(&pipeline->lock);
    if (pipeline->status == HB_OK) {
        pipeline->status = status;
        if (path != NULL)
            hb_error_set(&pipeline->error, status, "%s: %s", path, why);
        else
            hb_error_set(&pipeline->error, status, "%s", why);
    }
    pipeline->stopping = true;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

static void report_once(struct hb_pipeline *pipeline, struct item *item, const char *path,
                        const char *format, const char *what)
{
    pthread_mutex_lock(&pipeline->lock);
    bool reported = item->reported;
    item->reported = true;
    pthread_mutex_unlock(&pipeline->lock);
    if (!reported)
        hb_report_add(&pipeline->request.run->report, HB_FOUND_DOUBTFUL, path, format, what);
}

/* ---- encoding ------------------------------------------------------------------------------ */

static void *buffer_of(struct pipeline_thread *thread, size_t bytes)
{
    if (bytes > thread->buffer_bytes) {
        free(thread->buffer);
        thread->buffer_bytes = 0;
        thread->buffer = malloc(bytes);
        if (thread->buffer == NULL) {
            fail(thread->pipeline, HB_FATAL, NULL, "out of memory for a unit");
            return NULL;
        }
        thread->buffer_bytes = bytes;
    }
    return thread->buffer;
}

/* Turns segments into a unit; without encode() the unit is a copy of the one segment. */
static int encode(struct pipeline_thread *thread, const struct hb_segment *segments, size_t count,
                  struct hb_unit *unit)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    struct hb_run *run = pipeline->request.run;
    const struct hb_segment *one[1] = {segments}, **pointers = one;
    int status = HB_OK;

    *unit = (struct hb_unit){.size = sizeof *unit,
                             .flags = count == 1 ? segments[0].flags : HB_FIRST | HB_LAST,
                             .entry = segments[0].entry,
                             .range_fd = -1,
                             .entries = (uint32_t)count};
    for (size_t i = 0; i < count; i++)
        unit->raw_bytes += segments[i].bytes;
    if (!HB_CAN(pipeline->ops, encode)) {
        unit->bytes = segments[0].bytes;
        if (unit->bytes == 0)
            return HB_OK;
        void *copy = malloc((size_t)unit->bytes);
        if (copy == NULL) {
            fail(pipeline, HB_FATAL, NULL, "out of memory for a unit");
            return HB_FATAL;
        }
        unit->data = memcpy(copy, segments[0].data, (size_t)unit->bytes);
        return HB_OK;
    }
    if (count > 1) {
        pointers = hb_alloc(count * sizeof *pointers);
        for (size_t i = 0; i < count; i++)
            pointers[i] = &segments[i];
    }
    hb_run_clear_failure(run);
    status = pipeline->ops->encode(pipeline->request.format->self, thread->worker, pointers, count,
                                   unit);
    if (count > 1)
        free(pointers);
    /* HB_ENTRY: the format cannot store this entry; for the caller to see to. */
    if (status != HB_OK && status != HB_ENTRY)
        fail(pipeline, status == HB_CANCELLED ? HB_CANCELLED : HB_FATAL, segments[0].entry->path,
             hb_instance_failure(pipeline->request.format));
    return status;
}

/* In the thread whose encode() refused it. */
static void refuse_entry(struct hb_pipeline *pipeline, const char *path)
{
    hb_report_add(&pipeline->request.run->report, HB_FOUND_SKIPPED, path, "%s",
                  hb_instance_failure(pipeline->request.format));
}

/*
 * Several entries in one unit, some of which the format may not be able to store: each is tried
 * alone then, those that fail are left out (reported), and the rest is encoded. *count shrinks.
 */
static int encode_group(struct pipeline_thread *thread, struct item *item,
                        struct hb_segment *segments, size_t *count, struct hb_unit *unit)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    int status = encode(thread, segments, *count, unit);
    if (status != HB_ENTRY)
        return status;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct hb_unit alone;
        status = encode(thread, &segments[i], 1, &alone);
        free((void *)(uintptr_t)alone.data);
        if (status == HB_ENTRY) {
            refuse_entry(pipeline, segments[i].entry->path);
            continue;
        }
        if (status != HB_OK)
            return status;
        segments[kept] = segments[i];
        item->entries[kept++] = item->entries[i];
    }
    item->entry_count = *count = kept;
    return kept == 0 ? HB_ENTRY : encode(thread, segments, kept, unit);
}

static void put_finished(struct hb_pipeline *pipeline, struct item *item, uint64_t index,
                         const struct hb_unit *unit)
{
    struct finished *finished = hb_alloc(sizeof *finished), **at;
    finished->index = index;
    finished->unit = *unit;
    pthread_mutex_lock(&pipeline->lock);
    for (at = &item->finished; *at != NULL && (*at)->index < index; at = &(*at)->next)
        ;
    finished->next = *at;
    *at = finished;
    pipeline->waiting_bytes += unit->bytes;
    pipeline->waiting_units++;
    if (item == pipeline->head)
        pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

static void set_state(struct hb_pipeline *pipeline, struct item *item, enum item_state state)
{
    pthread_mutex_lock(&pipeline->lock);
    item->state = state;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

/* ---- reading whole small files --------------------------------------------------------------- */

/*
 * Reads all of an entry that is open into the thread's buffer at `at`; again when it changed
 * meanwhile. Returns the bytes, or -1 when it must be left out (reported).
 */
static int64_t read_whole(struct pipeline_thread *thread, struct hb_reader *reader, size_t at,
                          uint64_t limit)
{
    struct hb_run *run = thread->pipeline->request.run;
    const char *path = reader->entry.path, *how = NULL;
    for (int attempt = 1;; attempt++) {
        uint64_t want = reader->entry.bytes > limit ? limit : reader->entry.bytes;
        int64_t got = hb_reader_read(reader, thread->buffer + at, (size_t)want, 0);
        if (got < 0) {
            hb_report_add(&run->report, HB_FOUND_SKIPPED, path, "cannot be read: %s",
                          strerror((int)-got));
            return -1;
        }
        if (!hb_reader_changed(reader, &how) && reader->entry.bytes <= limit) {
            reader->entry.bytes = (uint64_t)got;
            return got;
        }
        if (attempt < READ_AGAIN && hb_reader_refresh(reader) && reader->entry.bytes <= limit)
            continue;
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, path, "%s; what was there first is stored",
                      how != NULL ? how : "grew since the home was walked");
        reader->entry.bytes = (uint64_t)got;
        return got;
    }
}

/* One unit of several small entries. */
static void process_group(struct pipeline_thread *thread, struct item *item)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_pipeline_request *request = &pipeline->request;
    uint64_t limit = pipeline->policy.unit_bytes * GROWTH_FACTOR, used = 0;
    struct hb_segment *segments = hb_alloc(item->count * sizeof *segments);
    size_t count = 0, *offsets = hb_alloc(item->count * sizeof *offsets);
    bool failed = false;

    for (size_t i = 0; i < item->count && !failed && !hb_run_cancelled(request->run); i++) {
        struct hb_reader *reader = &item->readers[i];
        if (hb_reader_open(request->run, request->contents, request->plan,
                           &request->plan->entries[item->first + i], reader) != HB_OK)
            continue;
        uint64_t want = reader->entry.bytes > limit ? limit : reader->entry.bytes;
        if (used + want > thread->buffer_bytes) {
            /* Files grew since the walk. Keep what was read. */
            unsigned char *grown = realloc(thread->buffer, (size_t)(used + limit));
            if (grown == NULL) {
                fail(pipeline, HB_FATAL, NULL, "out of memory for a unit");
                failed = true;
                break;
            }
            thread->buffer = grown;
            thread->buffer_bytes = (size_t)(used + limit);
        }
        uint64_t room = thread->buffer_bytes - used < limit ? thread->buffer_bytes - used : limit;
        int64_t got =
            reader->entry.type == HB_FILE ? read_whole(thread, reader, (size_t)used, room) : 0;
        hb_reader_close(reader);
        if (got < 0)
            continue;
        offsets[count] = (size_t)used;
        segments[count] = (struct hb_segment){.size = sizeof *segments,
                                              .flags = HB_FIRST | HB_LAST,
                                              .entry = &reader->entry,
                                              .bytes = (uint64_t)got};
        item->entries[count++] = &reader->entry;
        used += (uint64_t)got;
    }
    for (size_t i = 0; i < count; i++)
        segments[i].data = segments[i].bytes == 0 ? NULL : thread->buffer + offsets[i];
    struct hb_unit unit;
    item->entry_count = count;
    bool encoded =
        !failed && count > 0 && encode_group(thread, item, segments, &count, &unit) == HB_OK;
    item->units = item->next_unit = encoded ? 1 : 0;
    if (encoded)
        put_finished(pipeline, item, 0, &unit);
    free(segments);
    free(offsets);
    set_state(pipeline, item, encoded ? ITEM_OPEN : ITEM_DEAD);
}

/* ---- single entries ----------------------------------------------------------------------------
 */

/* An entry of one unit: it is read whole, so that its size is certain. */
static void process_single(struct pipeline_thread *thread, struct item *item)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    struct hb_reader *reader = &item->readers[0];
    int64_t got = 0;
    if (reader->entry.type == HB_FILE && reader->entry.bytes > 0) {
        if (buffer_of(thread, (size_t)pipeline->policy.unit_bytes) == NULL)
            return;
        got = read_whole(thread, reader, 0, pipeline->policy.unit_bytes);
    }
    hb_reader_close(reader);
    if (got < 0) {
        set_state(pipeline, item, ITEM_DEAD);
        return;
    }
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = HB_FIRST | HB_LAST,
                                 .entry = &reader->entry,
                                 .data = got == 0 ? NULL : thread->buffer,
                                 .bytes = (uint64_t)got};
    struct hb_unit unit;
    item->entries[0] = &reader->entry;
    item->entry_count = 1;
    int status = encode(thread, &segment, 1, &unit);
    if (status == HB_ENTRY)
        refuse_entry(pipeline, reader->entry.path);
    if (status != HB_OK) {
        set_state(pipeline, item, ITEM_DEAD);
        return;
    }
    item->units = item->next_unit = 1;
    put_finished(pipeline, item, 0, &unit);
    set_state(pipeline, item, ITEM_OPEN);
}

/* The entry's units can be taken from here on. */
static void open_units(struct hb_pipeline *pipeline, struct item *item)
{
    uint64_t each = pipeline->policy.unit_bytes, bytes = item->readers[0].entry.bytes;
    item->entries[0] = &item->readers[0].entry;
    item->entry_count = 1;
    item->bytes = bytes;
    item->units = bytes == 0 ? 1 : bytes / each + (bytes % each != 0);
    set_state(pipeline, item, ITEM_OPEN);
}

static void process_item(struct pipeline_thread *thread, struct item *item)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_pipeline_request *request = &pipeline->request;
    if (item->count > 1 || (pipeline->policy.spans && request->plan->entries[item->first].bytes <=
                                                          pipeline->policy.unit_bytes)) {
        process_group(thread, item);
        return;
    }
    int status = hb_reader_open(request->run, request->contents, request->plan,
                                &request->plan->entries[item->first], &item->readers[0]);
    if (status == HB_CANCELLED)
        fail(pipeline, HB_CANCELLED, NULL, "interrupted");
    else if (status != HB_OK)
        set_state(pipeline, item, ITEM_DEAD);
    else if (item->readers[0].entry.bytes <= pipeline->policy.unit_bytes)
        process_single(thread, item);
    else
        open_units(pipeline, item);
}

/* The entry ends in unit `index`: it is shorter than it was, or cannot be read further. */
static void end_early(struct hb_pipeline *pipeline, struct item *item, uint64_t index)
{
    pthread_mutex_lock(&pipeline->lock);
    if (index < item->short_unit)
        item->short_unit = index;
    pthread_mutex_unlock(&pipeline->lock);
}

/*
 * The format refuses an entry at one of its units: nothing of it is stored. If a part of it has
 * been handed out already, the archive cannot be saved.
 */
static void refuse_unit(struct hb_pipeline *pipeline, struct item *item, const char *path)
{
    pthread_mutex_lock(&pipeline->lock);
    bool begun = item->next_step > 0, first = !item->refused;
    item->refused = true;
    pthread_mutex_unlock(&pipeline->lock);
    if (begun)
        fail(pipeline, HB_FATAL, path, hb_instance_failure(pipeline->request.format));
    else if (first)
        refuse_entry(pipeline, path);
    pthread_mutex_lock(&pipeline->lock);
    item->returned++; /* the last touch: the item may go now */
    if (!begun)
        item->state = ITEM_DEAD;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
}

static void process_unit(struct pipeline_thread *thread, struct item *item, uint64_t index)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    struct hb_reader *reader = &item->readers[0];
    const char *path = reader->entry.path, *how = NULL;
    uint64_t each = pipeline->policy.unit_bytes, offset = index * each;
    uint64_t want = item->bytes - offset < each ? item->bytes - offset : each;
    bool last = index + 1 == item->units;
    if (buffer_of(thread, (size_t)each) == NULL)
        return;
    int64_t got = hb_reader_read(reader, thread->buffer, (size_t)want, offset);
    if (got < 0) {
        report_once(pipeline, item, path, "could be read in part only: %s", strerror((int)-got));
        got = 0;
    } else if ((uint64_t)got < want) {
        report_once(pipeline, item, path, "%s while it was read", "shrank");
    }
    if ((uint64_t)got < want && pipeline->size_first) {
        memset(thread->buffer + got, 0, (size_t)(want - (uint64_t)got));
        got = (int64_t)want;
    } else if ((uint64_t)got < want) {
        end_early(pipeline, item, index);
    }
    if (last && hb_reader_changed(reader, &how))
        report_once(pipeline, item, path, "%s; it may be stored half old, half new", how);
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = (index == 0 ? HB_FIRST : 0u) | (last ? HB_LAST : 0u),
                                 .entry = &reader->entry,
                                 .offset = offset,
                                 .data = got == 0 ? NULL : thread->buffer,
                                 .bytes = (uint64_t)got};
    struct hb_unit unit;
    int status = encode(thread, &segment, 1, &unit);
    if (status == HB_OK)
        put_finished(pipeline, item, index, &unit);
    else if (status == HB_ENTRY)
        refuse_unit(pipeline, item, path);
}

/* ---- what a worker does next -------------------------------------------------------------------
 */

static bool window_full(const struct hb_pipeline *pipeline)
{
    return pipeline->waiting_bytes >= pipeline->request.window ||
           pipeline->waiting_units >= WAITING_UNITS;
}

/* The first item with units left. The item that is handed out may go beyond the window. */
static struct item *item_with_units(struct hb_pipeline *pipeline)
{
    bool full = window_full(pipeline);
    for (struct item *item = pipeline->head; item != NULL; item = item->next) {
        if (item->state == ITEM_OPEN && item->next_unit < item->units &&
            item->next_unit <= item->short_unit)
            return item;
        if (full)
            break;
    }
    return NULL;
}

static struct item *next_item(struct hb_pipeline *pipeline)
{
    const struct hb_plan *plan = pipeline->request.plan;
    if (window_full(pipeline) || pipeline->planned_next >= plan->first_claimed)
        return NULL;
    size_t first = pipeline->planned_next;
    size_t count = hb_item_entries(plan, &pipeline->policy, first, plan->first_claimed);
    struct item *item = item_new(first, count, ITEM_OPENING);
    pipeline->planned_next += count;
    append_item(pipeline, item);
    if (pipeline->planned_next == plan->first_claimed) {
        /* All others have their place: the claimed ones follow. */
        while (pipeline->claimed != NULL) {
            struct item *claimed = pipeline->claimed;
            pipeline->claimed = claimed->next;
            append_item(pipeline, claimed);
        }
    }
    return item;
}

static bool all_taken(const struct hb_pipeline *pipeline)
{
    if (pipeline->planned_next < pipeline->request.plan->first_claimed)
        return false;
    for (const struct item *item = pipeline->head; item != NULL; item = item->next)
        if (item->state == ITEM_WAITING || item->state == ITEM_OPENING ||
            (item->state == ITEM_OPEN && item->next_unit < item->units &&
             item->next_unit <= item->short_unit))
            return false;
    return true;
}

static void *worker_main(void *argument)
{
    struct pipeline_thread *thread = argument;
    struct hb_pipeline *pipeline = thread->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    while (!pipeline->stopping && !hb_run_cancelled(pipeline->request.run)) {
        struct item *item = item_with_units(pipeline);
        if (item != NULL) {
            uint64_t index = item->next_unit++;
            pthread_mutex_unlock(&pipeline->lock);
            process_unit(thread, item, index);
        } else if ((item = next_item(pipeline)) != NULL) {
            pthread_mutex_unlock(&pipeline->lock);
            process_item(thread, item);
        } else if (all_taken(pipeline)) {
            break;
        } else {
            pthread_cond_wait(&pipeline->work, &pipeline->lock);
            continue;
        }
        pthread_mutex_lock(&pipeline->lock);
    }
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

/* Prepares claimed entries, which may wait for locks for long, beside the workers. */
static void *opener_main(void *argument)
{
    struct pipeline_thread *thread = argument;
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_pipeline_request *request = &pipeline->request;
    for (;;) {
        pthread_mutex_lock(&pipeline->lock);
        while (!pipeline->stopping && pipeline->claimed_next != NULL &&
               pipeline->opened >= OPEN_AHEAD)
            pthread_cond_wait(&pipeline->work, &pipeline->lock);
        struct item *item = pipeline->stopping ? NULL : pipeline->claimed_next;
        if (item != NULL) {
            pipeline->opened++;
            pipeline->claimed_next = item->next;
            item->state = ITEM_OPENING;
        }
        pthread_mutex_unlock(&pipeline->lock);
        if (item == NULL)
            return NULL;
        int status = hb_reader_open(request->run, request->contents, request->plan,
                                    &request->plan->entries[item->first], &item->readers[0]);
        if (status == HB_OK)
            open_units(pipeline, item);
        else if (status == HB_CANCELLED)
            fail(pipeline, HB_CANCELLED, NULL, "interrupted");
        else
            set_state(pipeline, item, ITEM_DEAD);
    }
}

/* ---- start, results, end ------------------------------------------------------------------------
 */

static int start_thread(struct hb_pipeline *pipeline, struct pipeline_thread *thread,
                        void *(*main_function)(void *), bool encodes, struct hb_error *error)
{
    const struct hb_instance *format = pipeline->request.format;
    thread->pipeline = pipeline;
    if (encodes && HB_CAN(pipeline->ops, encode) && HB_CAN(pipeline->ops, worker_create)) {
        hb_run_clear_failure(pipeline->request.run);
        thread->worker = pipeline->ops->worker_create(format->self);
        if (thread->worker == NULL)
            return hb_error_set(error, HB_FATAL, "%s", hb_instance_failure(format));
    }
    if (pipeline->policy.spans && encodes) {
        thread->buffer_bytes = (size_t)pipeline->policy.unit_bytes;
        thread->buffer = malloc(thread->buffer_bytes);
        if (thread->buffer == NULL)
            return hb_error_set(error, HB_FATAL, "out of memory for a worker");
    }
    int result = pthread_create(&thread->thread, NULL, main_function, thread);
    if (result != 0)
        return hb_error_set(error, HB_FATAL, "cannot start a thread: %s", strerror(result));
    thread->started = true;
    return HB_OK;
}

static int ask_policy(struct hb_pipeline *pipeline, struct hb_error *error)
{
    const struct hb_instance *format = pipeline->request.format;
    pipeline->policy =
        (struct hb_unit_policy){.size = sizeof pipeline->policy, .unit_bytes = 1 << 20};
    if (!HB_CAN(pipeline->ops, unit_policy))
        return HB_OK;
    hb_run_clear_failure(pipeline->request.run);
    if (pipeline->ops->unit_policy(format->self, &pipeline->policy) != HB_OK)
        return hb_error_set(error, HB_FATAL, "%s", hb_instance_failure(format));
    if (pipeline->policy.unit_bytes < 64 << 10 || pipeline->policy.unit_bytes > 64 << 20 ||
        pipeline->policy.overhead > pipeline->policy.unit_bytes)
        return hb_error_set(error, HB_FATAL, "%s: its units are not within 64 KiB to 64 MiB",
                            format->plugin->name);
    if (!HB_CAN(pipeline->ops, encode))
        pipeline->policy.spans = 0;
    return HB_OK;
}

/* Claimed entries stand last; they get their items now, so that openers can start. */
static void make_claimed(struct hb_pipeline *pipeline)
{
    const struct hb_plan *plan = pipeline->request.plan;
    struct item **at = &pipeline->claimed;
    for (size_t i = plan->first_claimed; i < plan->count; i++) {
        *at = item_new(i, 1, ITEM_WAITING);
        at = &(*at)->next;
    }
    pipeline->claimed_next = pipeline->claimed;
    if (plan->first_claimed > 0 || pipeline->claimed == NULL)
        return;
    pipeline->head = pipeline->claimed; /* there is nothing before them */
    for (struct item *item = pipeline->head; item != NULL; item = item->next)
        pipeline->tail = item;
    pipeline->claimed = NULL;
}

int hb_pipeline_start(const struct hb_pipeline_request *request, struct hb_pipeline **pipeline,
                      struct hb_error *error)
{
    struct hb_pipeline *made = hb_alloc(sizeof *made);
    made->request = *request;
    made->ops = request->format->plugin->ops;
    made->size_first = (made->ops->flags & HB_FORMAT_SIZE_FIRST) != 0;
    made->handed_out.range_fd = -1;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int status = ask_policy(made, error);
    if (status == HB_OK)
        make_claimed(made);
    size_t claimed = request->plan->count - request->plan->first_claimed;
    unsigned openers = claimed < OPENERS ? (unsigned)claimed : OPENERS;
    made->threads = hb_alloc((request->workers + openers) * sizeof *made->threads);
    made->thread_count = request->workers + openers;
    for (unsigned i = 0; status == HB_OK && i < openers; i++)
        status = start_thread(made, &made->threads[i], opener_main, false, error);
    for (unsigned i = openers; status == HB_OK && i < made->thread_count; i++)
        status = start_thread(made, &made->threads[i], worker_main, true, error);
    if (status != HB_OK) {
        hb_pipeline_free(made);
        return status;
    }
    *pipeline = made;
    return HB_OK;
}

/* Is there nothing more to come of the item that is handed out? */
static bool item_is_over(const struct item *item)
{
    if (item->state == ITEM_DEAD)
        return true;
    return item->state == ITEM_OPEN &&
           (item->next_step >= item->units || item->next_step > item->short_unit);
}

static void drop_head(struct hb_pipeline *pipeline)
{
    struct item *item = pipeline->head;
    pipeline->head = item->next;
    if (pipeline->head == NULL)
        pipeline->tail = NULL;
    if (pipeline->request.plan->entries[item->first].content != 0)
        pipeline->opened--;
    item_free(item);
}

static bool nothing_left(const struct hb_pipeline *pipeline)
{
    return pipeline->head == NULL && pipeline->claimed == NULL &&
           pipeline->planned_next >= pipeline->request.plan->first_claimed;
}

/*
 * Workers may still be inside units behind an early end; the item must not go before they
 * have left it.
 */
static bool all_returned(const struct item *item)
{
    uint64_t finished = 0;
    for (const struct finished *at = item->finished; at != NULL; at = at->next)
        finished++;
    return item->next_unit == item->next_step + finished + item->returned;
}

static void fill_step(struct item *item, const struct hb_unit *unit, struct hb_step *step)
{
    uint64_t index = item->next_step++;
    item->content += unit->raw_bytes;
    *step = (struct hb_step){
        .unit = *unit,
        .entries = item->entries,
        .entry_count = item->entry_count,
        .first = index == 0,
        .last = item->next_step == item->units || index == item->short_unit,
    };
    if (step->last && item->entry_count == 1)
        item->entries[0]->bytes = item->content;
}

/* Takes the next finished unit of the head, if it is there. */
static bool take_finished(struct hb_pipeline *pipeline, struct hb_step *step)
{
    struct item *item = pipeline->head;
    struct finished *finished = item->finished;
    if (item->state != ITEM_OPEN || item->refused || finished == NULL ||
        finished->index != item->next_step)
        return false;
    item->finished = finished->next;
    pipeline->waiting_bytes -= finished->unit.bytes;
    pipeline->waiting_units--;
    pipeline->handed_out = finished->unit;
    fill_step(item, &finished->unit, step);
    free(finished);
    pthread_cond_broadcast(&pipeline->work);
    return true;
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

int hb_pipeline_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error)
{
    free((void *)(uintptr_t)pipeline->handed_out.data);
    pipeline->handed_out.data = NULL;
    int status;
    pthread_mutex_lock(&pipeline->lock);
    for (;;) {
        if (pipeline->status != HB_OK) {
            *error = pipeline->error;
            status = pipeline->status;
            break;
        }
        if (hb_run_cancelled(pipeline->request.run)) {
            status = hb_error_set(error, HB_CANCELLED, "interrupted");
            break;
        }
        struct item *head = pipeline->head;
        if (head != NULL && item_is_over(head)) {
            if (all_returned(head)) {
                for (struct finished *at = head->finished; at != NULL; at = at->next) {
                    pipeline->waiting_bytes -= at->unit.bytes;
                    pipeline->waiting_units--;
                }
                drop_head(pipeline);
                pthread_cond_broadcast(&pipeline->work);
                continue;
            }
        } else if (head != NULL && take_finished(pipeline, step)) {
            status = HB_OK;
            break;
        }
        if (nothing_left(pipeline)) {
            status = HB_END;
            break;
        }
        wait_a_little(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return status;
}

void hb_pipeline_free(struct hb_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->stopping = true;
    if (!nothing_left(pipeline)) /* a snapshot that is under way asks hb_run_cancelled */
        atomic_store(&pipeline->request.run->stop, 1);
    pthread_cond_broadcast(&pipeline->work);
    pthread_mutex_unlock(&pipeline->lock);
    for (unsigned i = 0; i < pipeline->thread_count; i++) {
        struct pipeline_thread *thread = &pipeline->threads[i];
        if (thread->started)
            pthread_join(thread->thread, NULL);
        if (thread->worker != NULL)
            pipeline->ops->worker_destroy(pipeline->request.format->self, thread->worker);
        free(thread->buffer);
    }
    while (pipeline->head != NULL)
        drop_head(pipeline);
    while (pipeline->claimed != NULL) {
        struct item *item = pipeline->claimed;
        pipeline->claimed = item->next;
        item_free(item);
    }
    free((void *)(uintptr_t)pipeline->handed_out.data);
    free(pipeline->threads);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->done);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_worker.h"

#include "base/content_hash.h"
#include "base/memory.h"
#include "host/failure.h"
#include "pipeline/pipeline_cut.h"
#include "pipeline/pipeline_reuse.h"
#include <string.h>

enum { GROWTH_FACTOR = 4 }; /* a small file that grew beyond so many units is cut off */

/* ---- encoding ------------------------------------------------------------------------------ */

static void *buffer_of(struct hb_pipeline_thread *thread, size_t bytes)
{
    if (bytes > thread->buffer_bytes) {
        /* What has been read into it stays. */
        unsigned char *grown = realloc(thread->buffer, bytes);
        if (grown == NULL) {
            hb_queue_fail(thread->pipeline, HB_STATUS_FATAL, NULL, "out of memory for a unit");
            return NULL;
        }
        thread->buffer = grown;
        thread->buffer_bytes = bytes;
    }
    return thread->buffer;
}

/* Without encode() a unit is a copy of the one segment. */
static int copy_segment(struct hb_pipeline *pipeline, const struct hb_segment *segment,
                        struct hb_unit *unit)
{
    unit->bytes = segment->bytes;
    if (unit->bytes == 0)
        return HB_OK;
    void *copy = malloc((size_t)unit->bytes);
    if (copy == NULL) {
        hb_queue_fail(pipeline, HB_STATUS_FATAL, NULL, "out of memory for a unit");
        return HB_STATUS_FATAL;
    }
    memcpy(copy, segment->data, (size_t)unit->bytes);
    unit->data = copy;
    return HB_OK;
}

/* Turns segments into a unit. HB_STATUS_ENTRY: the format cannot store this; for the caller to see
 * to. */
static int encode(struct hb_pipeline_thread *thread, const struct hb_segment *segments,
                  size_t count, struct hb_unit *unit)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_instance *format = pipeline->request.format;
    const struct hb_segment *one[1] = {segments}, **pointers = one;

    *unit = (struct hb_unit){.size = sizeof *unit,
                             .flags = count == 1 ? segments[0].flags : HB_UNIT_FIRST | HB_UNIT_LAST,
                             .entry = segments[0].entry,
                             .entries = (uint32_t)count};
    for (size_t i = 0; i < count; i++)
        unit->raw_bytes += segments[i].bytes;
    if (!HB_CAN(pipeline->ops, encode))
        return copy_segment(pipeline, segments, unit);
    if (count > 1) {
        pointers = hb_alloc(count * sizeof *pointers);
        for (size_t i = 0; i < count; i++)
            pointers[i] = &segments[i];
    }
    hb_run_clear_failure(pipeline->request.run);
    int status = pipeline->ops->encode(format->self, thread->worker, pointers, count, unit);
    if (count > 1)
        free(pointers);
    if (status != HB_OK && status != HB_STATUS_ENTRY)
        hb_queue_fail(pipeline,
                      status == HB_STATUS_CANCELLED ? HB_STATUS_CANCELLED : HB_STATUS_FATAL,
                      segments[0].entry->path, hb_instance_failure(format));
    return status;
}

/* A unit has been encoded: brings it to the queue, with its checksum if that will be asked for. */
static void finish(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                   struct hb_encoded *encoded)
{
    if (thread->pipeline->request.plan->remember)
        encoded->mark.check = hb_unit_check(&encoded->unit, encoded->unit.data);
    hb_worker_finish(thread, item, index, encoded);
}

/* In the thread whose encode() refused it. */
static void refuse_entry(struct hb_pipeline *pipeline, const char *path)
{
    hb_report_add(&pipeline->request.run->report, HB_FOUND_SKIPPED, path, "%s",
                  hb_instance_failure(pipeline->request.format));
}

/*
 * Several entries in one unit. If the format refuses it, each entry is tried alone, those that fail
 * are left out (reported), and the rest is encoded. *count shrinks.
 */
static int encode_group(struct hb_pipeline_thread *thread, struct hb_item *item,
                        struct hb_segment *segments, size_t *count, struct hb_unit *unit)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    int status = encode(thread, segments, *count, unit);
    if (status != HB_STATUS_ENTRY)
        return status;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct hb_unit alone;
        status = encode(thread, &segments[i], 1, &alone);
        free((void *)(uintptr_t)alone.data);
        if (status == HB_STATUS_ENTRY) {
            refuse_entry(pipeline, segments[i].entry->path);
            continue;
        }
        if (status != HB_OK)
            return status;
        segments[kept] = segments[i];
        item->entries[kept++] = item->entries[i];
    }
    item->entry_count = *count = kept;
    return kept == 0 ? HB_STATUS_ENTRY : encode(thread, segments, kept, unit);
}

/* ---- small entries, read whole ------------------------------------------------------------- */

/*
 * Reads all of an entry that is open into the thread's buffer at `at`; again when it changed
 * meanwhile. Returns the bytes, or -1 when it must be left out (reported).
 */
static int64_t read_whole(struct hb_pipeline_thread *thread, struct hb_reader *reader, size_t at,
                          uint64_t limit)
{
    int64_t got;
    do {
        uint64_t want = reader->entry.bytes > limit ? limit : reader->entry.bytes;
        got = hb_reader_read(reader, thread->buffer + at, (size_t)want, 0);
        if (got < 0) {
            hb_report_add(&thread->pipeline->request.run->report, HB_FOUND_SKIPPED,
                          reader->entry.path, "cannot be read: %s", hb_reader_why(reader, got));
            return -1;
        }
    } while (hb_reader_again(reader, limit, (uint64_t)got));
    return got;
}

/*
 * Opens and reads the next entry of a group to `used` in the buffer. HB_STATUS_SKIP: it is left out
 * (reported). The buffer grows with files that grew since the walk.
 */
static int read_member(struct hb_pipeline_thread *thread, struct hb_reader *reader,
                       const struct hb_planned *planned, uint64_t used, uint64_t *bytes)
{
    const struct hb_pipeline_request *request = &thread->pipeline->request;
    uint64_t limit = thread->pipeline->policy.unit_bytes * GROWTH_FACTOR;
    int64_t got = 0;
    if (hb_reader_open(request->run, request->contents, request->plan, planned, reader) != HB_OK)
        return HB_STATUS_SKIP;
    uint64_t want = reader->entry.bytes > limit ? limit : reader->entry.bytes;
    if (used + want > thread->buffer_bytes && buffer_of(thread, (size_t)(used + limit)) == NULL)
        return HB_STATUS_FATAL;
    uint64_t room = thread->buffer_bytes - used < limit ? thread->buffer_bytes - used : limit;
    if (reader->entry.type == HB_TYPE_FILE)
        got = read_whole(thread, reader, (size_t)used, room);
    if (got >= 0)
        hb_reader_settle(reader);
    hb_reader_close(reader);
    *bytes = got < 0 ? 0 : (uint64_t)got;
    return got < 0 ? HB_STATUS_SKIP : HB_OK;
}

/* Reads all entries of the group into the buffer; returns how many can be stored. */
static size_t read_group(struct hb_pipeline_thread *thread, struct hb_item *item,
                         struct hb_segment *segments)
{
    const struct hb_pipeline_request *request = &thread->pipeline->request;
    uint64_t used = 0;
    size_t count = 0;
    for (size_t i = 0; i < item->count && !hb_run_cancelled(request->run); i++) {
        struct hb_reader *reader = &item->readers[i];
        struct hb_planned planned = hb_plan_entry(request->plan, item->first + i);
        uint64_t bytes;
        int status = read_member(thread, reader, &planned, used, &bytes);
        if (status == HB_STATUS_FATAL)
            return 0;
        if (status != HB_OK)
            continue;
        segments[count] = (struct hb_segment){.size = sizeof *segments,
                                              .flags = HB_UNIT_FIRST | HB_UNIT_LAST,
                                              .entry = &reader->entry,
                                              .bytes = bytes};
        item->entries[count++] = &reader->entry;
        used += bytes;
    }
    used = 0; /* the buffer may have moved while it was filled */
    for (size_t i = 0; i < count; used += segments[i++].bytes) {
        struct hb_segment *segment = &segments[i];
        segment->data = segment->bytes == 0 ? NULL : thread->buffer + used;
        hb_reader_of(item->entries[i])->content_hash =
            hb_content_part(segment->data, (size_t)segment->bytes, 0);
    }
    return count;
}

/* One unit of several small entries. */
static void process_group(struct hb_pipeline_thread *thread, struct hb_item *item)
{
    struct hb_segment *segments = hb_alloc(item->count * sizeof *segments);
    struct hb_encoded encoded = {0};
    size_t count = item->entry_count = read_group(thread, item, segments);
    if (count > 0 && encode_group(thread, item, segments, &count, &encoded.unit) == HB_OK) {
        encoded.content = hb_reader_of(item->entries[0])->content_hash; /* if it is the only one */
        finish(thread, item, 0, &encoded);
    } else {
        hb_worker_drop(thread->pipeline, item);
    }
    free(segments);
}

/* An entry of one unit: it is read whole, so that its size is certain. */
static void process_single(struct hb_pipeline_thread *thread, struct hb_item *item)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    struct hb_reader *reader = &item->readers[0];
    int64_t got = 0;
    if (reader->entry.type == HB_TYPE_FILE && reader->entry.bytes > 0) {
        if (buffer_of(thread, (size_t)pipeline->policy.unit_bytes) == NULL)
            return;
        got = read_whole(thread, reader, 0, pipeline->policy.unit_bytes);
    }
    if (got >= 0)
        hb_reader_settle(reader);
    hb_reader_close(reader);
    if (got < 0) {
        hb_worker_drop(pipeline, item);
        return;
    }
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = HB_UNIT_FIRST | HB_UNIT_LAST,
                                 .entry = &reader->entry,
                                 .data = got == 0 ? NULL : thread->buffer,
                                 .bytes = (uint64_t)got};
    struct hb_encoded encoded = {.content = hb_content_part(segment.data, (size_t)got, 0)};
    item->entries[0] = &reader->entry;
    item->entry_count = 1;
    int status = encode(thread, &segment, 1, &encoded.unit);
    if (status == HB_STATUS_ENTRY)
        refuse_entry(pipeline, reader->entry.path);
    if (status == HB_OK)
        finish(thread, item, 0, &encoded);
    else
        hb_worker_drop(pipeline, item);
}

/* ---- big and claimed entries, unit by unit ------------------------------------------------- */

/* Records the item's size; returns its number of units. */
static uint64_t cut_units(const struct hb_pipeline *pipeline, struct hb_item *item)
{
    uint64_t bytes = item->readers[0].entry.bytes;
    item->entries[0] = &item->readers[0].entry;
    item->entry_count = 1;
    item->bytes = bytes;
    hb_reuse_seek(pipeline, item);
    return hb_units_of(&pipeline->policy, bytes);
}

static void process_item(struct hb_pipeline_thread *thread, struct hb_item *item)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_pipeline_request *request = &pipeline->request;
    if (hb_reuse_item(thread, item))
        return;
    const struct hb_planned planned = hb_plan_entry(request->plan, item->first);
    if (item->count > 1 ||
        (pipeline->policy.spans && planned.bytes <= pipeline->policy.unit_bytes)) {
        process_group(thread, item);
        return;
    }
    int status =
        hb_reader_open(request->run, request->contents, request->plan, &planned, &item->readers[0]);
    if (status == HB_STATUS_CANCELLED)
        hb_queue_fail(pipeline, HB_STATUS_CANCELLED, NULL, "interrupted");
    else if (status != HB_OK)
        hb_worker_drop(pipeline, item);
    else if (item->readers[0].entry.bytes <= pipeline->policy.unit_bytes)
        process_single(thread, item);
    else
        hb_queue_opened(pipeline, item, cut_units(pipeline, item));
}

/*
 * Reads unit `index` into the buffer. What is missing is filled with zero bytes for a format that
 * has promised the size, else the entry ends here.
 */
static uint64_t read_unit(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                          uint64_t want)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    uint64_t offset = index * pipeline->policy.unit_bytes;
    int64_t got = hb_reader_read(&item->readers[0], thread->buffer, (size_t)want, offset);
    if (got < 0) {
        hb_queue_report(pipeline, item,
                        "only a part could be read: ", hb_reader_why(&item->readers[0], got));
        got = 0;
    } else if ((uint64_t)got < want) {
        hb_queue_report(pipeline, item, "shrank while it was read", "");
    }
    if ((uint64_t)got < want && pipeline->size_first) {
        memset(thread->buffer + got, 0, (size_t)(want - (uint64_t)got));
        return want;
    }
    if ((uint64_t)got < want)
        hb_queue_end_early(pipeline, item, index);
    return (uint64_t)got;
}

/* What the host says of a unit of this one segment, as it does in encode(). */
static void describe_taken(const struct hb_segment *segment, struct hb_unit *unit)
{
    unit->flags = segment->flags;
    unit->entry = segment->entry;
    unit->entries = 1;
    unit->raw_bytes = segment->bytes;
}

static void process_unit(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    struct hb_reader *reader = &item->readers[0];
    uint64_t each = pipeline->policy.unit_bytes, offset = index * each;
    uint64_t want = item->bytes - offset < each ? item->bytes - offset : each;
    bool last = index + 1 == item->units;
    if (buffer_of(thread, (size_t)each) == NULL)
        return;
    uint64_t got = read_unit(thread, item, index, want);
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags =
                                     (index == 0 ? HB_UNIT_FIRST : 0u) | (last ? HB_UNIT_LAST : 0u),
                                 .entry = &reader->entry,
                                 .offset = offset,
                                 .data = got == 0 ? NULL : thread->buffer,
                                 .bytes = got};
    struct hb_encoded encoded = {.content = hb_content_part(segment.data, (size_t)got, offset)};
    if (pipeline->request.plan->remember && item->units > 1)
        hb_segment_hash(&segment, encoded.mark.hash);
    if (hb_reuse_segment(pipeline, item, index, &encoded)) {
        describe_taken(&segment, &encoded.unit);
        hb_worker_finish(thread, item, index, &encoded);
        return;
    }
    int status = encode(thread, &segment, 1, &encoded.unit);
    if (status == HB_OK) {
        finish(thread, item, index, &encoded);
    } else if (status == HB_STATUS_ENTRY) {
        if (hb_queue_refuse(pipeline, item, hb_instance_failure(pipeline->request.format)))
            refuse_entry(pipeline, reader->entry.path);
        hb_worker_leave(pipeline, item);
    }
}

/* ---- threads ------------------------------------------------------------------------------- */

static void process(struct hb_pipeline_thread *thread, const struct hb_work *work)
{
    if (work->whole)
        process_item(thread, work->item);
    else
        process_unit(thread, work->item, work->index);
}

void *hb_worker_main(void *argument)
{
    struct hb_pipeline_thread *thread = argument;
    struct hb_work work;
    /* Most files belong to the home's owner. If this fails, opening a file fails, and is reported.
     */
    struct hb_rights reading = hb_root_reading(&thread->pipeline->request.run->home);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &reading);
    while (hb_queue_take(thread->pipeline, true, &work) == HB_OK)
        process(thread, &work);
    return NULL;
}

/*
 * Lets workers begin with a source that its plugin has not judged yet. If the plugin rejects it,
 * *item becomes the one that replaces it, an ordinary file.
 */
static int judge_claimed(struct hb_pipeline *pipeline, struct hb_item **item)
{
    const struct hb_pipeline_request *request = &pipeline->request;
    hb_queue_offer(pipeline, *item, cut_units(pipeline, *item));
    int status = hb_reader_judge(&(*item)->readers[0]);
    if (status == HB_OK)
        hb_worker_accept(pipeline, *item);
    if (status != HB_STATUS_NOMATCH)
        return status;
    struct hb_item *rejected = *item;
    *item = hb_queue_replace(pipeline, rejected);
    hb_worker_leave(pipeline, rejected);
    if (*item == NULL)
        return HB_OK;
    const struct hb_planned planned = hb_plan_entry(request->plan, (*item)->first);
    status = hb_reader_open_raw(request->run, request->plan, &planned, &(*item)->readers[0]);
    if (status == HB_OK)
        hb_queue_opened(pipeline, *item, cut_units(pipeline, *item));
    return status;
}

static void open_claimed(struct hb_pipeline *pipeline, struct hb_item *item)
{
    const struct hb_pipeline_request *request = &pipeline->request;
    const struct hb_planned planned = hb_plan_entry(request->plan, item->first);
    int status =
        hb_reader_open(request->run, request->contents, request->plan, &planned, &item->readers[0]);
    if (status == HB_OK && item->readers[0].to_be_judged)
        status = judge_claimed(pipeline, &item);
    else if (status == HB_OK)
        hb_queue_opened(pipeline, item, cut_units(pipeline, item));
    if (status == HB_STATUS_CANCELLED)
        hb_queue_fail(pipeline, HB_STATUS_CANCELLED, NULL, "interrupted");
    else if (status != HB_OK)
        hb_worker_drop(pipeline, item);
}

/* False: there is nothing (more) to open. */
static bool open_next(struct hb_pipeline_thread *thread, bool wait)
{
    struct hb_item *item = hb_queue_take_claimed(thread->pipeline, wait);
    if (item != NULL && !hb_reuse_item(thread, item))
        open_claimed(thread->pipeline, item);
    return item != NULL;
}

void *hb_opener_main(void *argument)
{
    while (open_next(argument, true))
        ;
    return NULL;
}

/* ---- in the thread that takes the results -------------------------------------------------- */

/* One step of a worker. */
static bool work_on(struct hb_pipeline_thread *thread)
{
    struct hb_work work;
    struct hb_rights reading = hb_root_reading(&thread->pipeline->request.run->home);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &reading);
    if (hb_queue_take(thread->pipeline, false, &work) != HB_OK)
        return false;
    process(thread, &work);
    return true;
}

bool hb_worker_help(struct hb_pipeline *pipeline)
{
    return (pipeline->missing_worker != NULL && work_on(pipeline->missing_worker)) ||
           (pipeline->missing_opener != NULL && open_next(pipeline->missing_opener, false));
}

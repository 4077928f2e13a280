/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_reuse.h"

#include "base/memory.h"
#include "pipeline/entry_facts.h"
#include "pipeline/pipeline_cut.h"
#include <string.h>

/* ---- is it as it was? ---------------------------------------------------------------------- */

static void release_readers(struct hb_item *item)
{
    for (size_t i = 0; i < item->count; i++)
        hb_reader_free(&item->readers[i]);
    item->entry_count = 0;
}

/* The entry of the previous archive that is the one planned now, or SIZE_MAX. */
static size_t find(const struct hb_pipeline *pipeline, const struct hb_planned *planned,
                   struct hb_reader *reader, uint32_t soundness)
{
    const struct hb_pipeline_request *request = &pipeline->request;
    hb_reader_expect(request->contents, request->plan, planned, reader, soundness);
    return hb_previous_find(request->previous, &reader->fingerprint);
}

/* Claimed content: the same, and sound or too large to be checked then. */
static size_t find_claimed(const struct hb_pipeline *pipeline, const struct hb_planned *planned,
                           struct hb_reader *reader)
{
    static const uint32_t known[] = {HB_SOUNDNESS_SOUND, HB_SOUNDNESS_NOT_CHECKED};
    size_t found = SIZE_MAX;
    for (size_t i = 0; found == SIZE_MAX && i < sizeof known / sizeof *known; i++) {
        found = find(pipeline, planned, reader, known[i]);
        reader->source.soundness = known[i];
    }
    return found;
}

/* All entries of the item, one after the other in the previous archive. */
static size_t find_all(const struct hb_pipeline *pipeline, struct hb_item *item)
{
    const struct hb_pipeline_request *request = &pipeline->request;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < item->count; i++) {
        const struct hb_planned now = hb_plan_entry(request->plan, item->first + i);
        const struct hb_planned *planned = &now;
        struct hb_reader *reader = &item->readers[i];
        if (hb_reader_plan(request->run, request->plan, planned, reader) != HB_OK)
            return SIZE_MAX;
        size_t found = hb_plan_common(request->plan, planned)->content != 0
                           ? find_claimed(pipeline, planned, reader)
                           : find(pipeline, planned, reader, 0);
        if (found == SIZE_MAX || (i > 0 && found != first + i))
            return SIZE_MAX;
        if (i == 0)
            first = found;
        if (planned->type == HB_TYPE_FILE)
            reader->entry.bytes = hb_previous_bytes(request->previous, found);
        if (!hb_previous_content(request->previous, found, &reader->content_hash))
            return SIZE_MAX;
        item->entries[i] = &reader->entry;
    }
    item->entry_count = item->count;
    return first;
}

/* ---- taking it over ------------------------------------------------------------------------ */

/* Fills in what encode() does not. */
static void describe(const struct hb_pipeline *pipeline, const struct hb_item *item, uint64_t units,
                     uint64_t index, struct hb_unit *unit)
{
    uint64_t each = pipeline->policy.unit_bytes, bytes = 0;
    unit->size = sizeof *unit;
    unit->flags = (index == 0 ? HB_UNIT_FIRST : 0u) | (index + 1 == units ? HB_UNIT_LAST : 0u);
    unit->entry = item->entries[0];
    unit->entries = (uint32_t)item->entry_count;
    for (size_t i = 0; i < item->entry_count; i++)
        bytes += item->entries[i]->type == HB_TYPE_FILE ? item->entries[i]->bytes : 0;
    unit->raw_bytes = units == 1 ? bytes : index + 1 < units ? each : bytes - index * each;
}

size_t hb_reuse_units_of(const struct hb_pipeline *pipeline, const struct hb_item *item,
                         struct hb_unit *units, struct hb_unit_mark *marks)
{
    const struct hb_previous *previous = pipeline->request.previous;
    size_t count = hb_previous_units(previous, item->previous);
    units[0] = item->finished->encoded.unit;
    for (size_t i = 0; i < count; i++) {
        describe(pipeline, item, count, i, &units[i]);
        hb_previous_unit(previous, item->previous, i, &units[i], &marks[i]);
    }
    return count;
}

/* The plugin is not asked again: what it said then, of facts and notes, it says now. */
static void report_content(const struct hb_pipeline *pipeline, const struct hb_item *item,
                           size_t found)
{
    struct hb_report *report = &pipeline->request.run->report;
    const struct hb_previous *previous = pipeline->request.previous;
    struct hb_reader *reader = &item->readers[0];
    const json_t *notes = hb_previous_notes(previous, found);
    reader->of_content = true;
    reader->facts = json_deep_copy(hb_previous_facts(previous, found));
    HB_AUTO_FREE char *facts = hb_entry_facts_text(reader->facts);
    hb_report_content(report, reader->entry.path, HB_METHOD_SNAPSHOT, reader->source.soundness,
                      facts);
    for (size_t i = 0; i < json_array_size(notes); i++)
        hb_report_content_note(report, reader->entry.path,
                               json_string_value(json_array_get(notes, i)));
    if (reader->source.soundness == HB_SOUNDNESS_NOT_CHECKED && json_array_size(notes) == 0)
        hb_report_add(report, HB_FOUND_NOTE, reader->entry.path,
                      "unchanged since the last backup, which did not check it");
}

/* Would it be cut into units as it was then? */
static bool has_same_units(const struct hb_pipeline *pipeline, const struct hb_item *item,
                           size_t found)
{
    const struct hb_previous *previous = pipeline->request.previous;
    return hb_previous_is_group(previous, found, item->count) &&
           (item->count > 1 || hb_previous_units(previous, found) ==
                                   hb_units_of(&pipeline->policy, item->entries[0]->bytes));
}

static bool take_over(struct hb_pipeline_thread *thread, struct hb_item *item, size_t found)
{
    struct hb_pipeline *pipeline = thread->pipeline;
    const struct hb_planned planned = hb_plan_entry(pipeline->request.plan, item->first);
    struct hb_encoded encoded = {.reused = true};
    if (thread->proof == NULL)
        thread->proof = hb_alloc(HB_PROOF_BYTES);
    if (!has_same_units(pipeline, item, found) ||
        !hb_previous_prove(pipeline->request.previous, found, item->count, item->entries[0],
                           thread->proof, &encoded.unit, &item->range))
        return false;
    if (hb_plan_common(pipeline->request.plan, &planned)->content != 0)
        report_content(pipeline, item, found);
    encoded.unit.entries = (uint32_t)item->entry_count;
    if (hb_previous_units(pipeline->request.previous, found) > 1)
        encoded.unit.bytes = item->range.bytes; /* of all; what each has is asked for later */
    item->previous = found;
    item->adopted = true;
    hb_worker_finish(thread, item, 0, &encoded);
    return true;
}

bool hb_reuse_item(struct hb_pipeline_thread *thread, struct hb_item *item)
{
    if (thread->pipeline->request.previous == NULL)
        return false;
    size_t found = find_all(thread->pipeline, item);
    if (found != SIZE_MAX && take_over(thread, item, found))
        return true;
    release_readers(item);
    return false;
}

/* ---- parts of what has changed ------------------------------------------------------------- */

/* Unit `index` of an entry that was number item->previous in the previous archive. */
static bool read_unit(const struct hb_pipeline *pipeline, const struct hb_item *item,
                      uint64_t index, struct hb_encoded *encoded)
{
    encoded->unit.size = sizeof encoded->unit;
    encoded->reused = hb_previous_read(pipeline->request.previous, item->previous, index,
                                       &encoded->unit, &encoded->mark.check);
    return encoded->reused;
}

/* Every unit that is taken over was read and checked before. */
int hb_reuse_again(const struct hb_pipeline *pipeline, const struct hb_item *item, uint64_t index,
                   struct hb_encoded *encoded, struct hb_error *error)
{
    struct hb_encoded again = {0};
    bool same = read_unit(pipeline, item, index, &again) &&
                again.unit.bytes == encoded->unit.bytes && again.mark.check == encoded->mark.check;
    encoded->unit.data = again.unit.data;
    return same ? HB_OK
                : hb_error_set(error, HB_STATUS_FATAL, "%s: %s", item->entries[0]->path,
                               HB_PREVIOUS_CHANGED);
}

void hb_reuse_seek(const struct hb_pipeline *pipeline, struct hb_item *item)
{
    item->previous = pipeline->request.previous == NULL
                         ? SIZE_MAX
                         : hb_previous_find_long(pipeline->request.previous, item->entries[0]);
}

bool hb_reuse_segment(const struct hb_pipeline *pipeline, const struct hb_item *item,
                      uint64_t index, struct hb_encoded *encoded)
{
    const struct hb_previous *previous = pipeline->request.previous;
    if (previous == NULL || item->previous == SIZE_MAX)
        return false;
    const unsigned char *hash = hb_previous_hash(previous, item->previous, index);
    return hash != NULL && memcmp(hash, encoded->mark.hash, HB_UNIT_HASH_BYTES) == 0 &&
           read_unit(pipeline, item, index, encoded);
}

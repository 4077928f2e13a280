/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_archive.h"

#include <stdlib.h>
#include <string.h>

static int memory_append(const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct memory *memory = sink->self;
    if (bytes > memory->limit || memory->bytes > memory->limit - bytes)
        return HB_STATUS_FATAL;
    if (memory->bytes + bytes > memory->capacity) {
        memory->capacity = (memory->bytes + bytes) * 2;
        memory->data = realloc(memory->data, memory->capacity);
    }
    memcpy(memory->data + memory->bytes, data, bytes);
    memory->bytes += bytes;
    return HB_OK;
}

/* The source of a range is another archive in memory. */
static int memory_copy(const struct hb_sink *sink, const struct hb_range *range)
{
    const struct memory *from = range->source;
    if (range->offset > from->bytes || range->bytes > from->bytes - range->offset)
        return HB_STATUS_FATAL;
    return memory_append(sink, from->data + range->offset, (size_t)range->bytes);
}

static uint64_t memory_tell(const struct hb_sink *sink)
{
    return ((struct memory *)sink->self)->bytes;
}

static int memory_patch(const struct hb_sink *sink, uint64_t offset, const void *data, size_t bytes)
{
    struct memory *memory = sink->self;
    if (offset > memory->bytes || bytes > memory->bytes - offset)
        return HB_STATUS_FATAL;
    memcpy(memory->data + offset, data, bytes);
    return HB_OK;
}

static int64_t memory_read_at(const struct hb_input *input, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct memory *memory = input->self;
    if (offset >= memory->bytes)
        return 0;
    if (bytes > memory->bytes - offset)
        bytes = memory->bytes - (size_t)offset;
    memcpy(buffer, memory->data + offset, bytes);
    return (int64_t)bytes;
}

static int64_t memory_read(const struct hb_input *input, void *buffer, size_t bytes)
{
    struct memory *memory = input->self;
    int64_t got = memory_read_at(input, buffer, bytes, memory->position);
    memory->position += (size_t)got;
    return got;
}

void memory_rewind(struct memory *memory, bool seekable)
{
    memory->position = 0;
    memory->input = (struct hb_input){
        .size = sizeof memory->input,
        .self = memory,
        .bytes = seekable ? memory->bytes : HB_SIZE_UNKNOWN,
        .read = memory_read,
        .read_at = seekable ? memory_read_at : NULL,
    };
}

void memory_init(struct memory *memory, bool seekable)
{
    memset(memory, 0, sizeof *memory);
    memory->limit = SIZE_MAX;
    memory->sink = (struct hb_sink){
        .size = sizeof memory->sink,
        .self = memory,
        .write = memory_append,
        .copy = memory_copy,
        .tell = memory_tell,
        .patch = seekable ? memory_patch : NULL,
    };
    memory_rewind(memory, seekable);
}

void memory_free(struct memory *memory)
{
    free(memory->data);
    memory->data = NULL;
}

/* ---- writing as the host does -------------------------------------------------------------- */

struct writer {
    const struct hb_format_ops *ops;
    const struct hb_host *host;
    void *self;
    void *worker;
    struct memory *memory;
    struct hb_unit_policy policy;
    struct hb_segment segments[512];
    size_t count;
    uint64_t raw;
};

static int flush_unit(struct writer *writer)
{
    if (writer->count == 0)
        return HB_OK;
    const struct hb_segment *pointers[512];
    for (size_t i = 0; i < writer->count; i++)
        pointers[i] = &writer->segments[i];
    const struct hb_segment *first = pointers[0], *last = pointers[writer->count - 1];
    struct hb_unit unit = {.size = sizeof unit,
                           .flags = (first->flags & HB_UNIT_FIRST) | (last->flags & HB_UNIT_LAST),
                           .entry = first->entry,
                           .raw_bytes = writer->raw,
                           .entries = (uint32_t)writer->count};
    const struct hb_sink *sink = &writer->memory->sink;
    int status = writer->ops->encode(writer->self, writer->worker, pointers, writer->count, &unit);
    for (size_t i = 0; status == HB_OK && i < writer->count; i++)
        if (pointers[i]->flags & HB_UNIT_FIRST)
            status = writer->ops->begin_entry(writer->self, sink, pointers[i]->entry);
    if (status == HB_OK)
        status = writer->ops->append(writer->self, sink, &unit);
    for (size_t i = 0; status == HB_OK && i < writer->count; i++)
        if (pointers[i]->flags & HB_UNIT_LAST)
            status = writer->ops->end_entry(writer->self, sink, pointers[i]->entry);
    writer->host->release(writer->host, (void *)(uintptr_t)unit.data);
    writer->count = 0;
    writer->raw = 0;
    return status;
}

static int write_encoded(struct writer *writer, const struct sample *sample)
{
    uint64_t total = sample->entry.type == HB_TYPE_FILE ? sample->entry.bytes : 0, offset = 0;
    bool alone = !writer->policy.spans || total > writer->policy.unit_bytes / 2;
    int status = HB_OK;
    if (alone || writer->raw + total + writer->policy.overhead > writer->policy.unit_bytes ||
        writer->count == 512)
        status = flush_unit(writer);
    do {
        uint64_t bytes = total - offset;
        if (bytes > writer->policy.unit_bytes)
            bytes = writer->policy.unit_bytes;
        uint32_t flags =
            (offset == 0 ? HB_UNIT_FIRST : 0u) | (offset + bytes == total ? HB_UNIT_LAST : 0u);
        writer->segments[writer->count++] = (struct hb_segment){
            .size = sizeof(struct hb_segment),
            .flags = flags,
            .entry = &sample->entry,
            .offset = offset,
            .data = bytes == 0 ? NULL : (const char *)sample->data + offset,
            .bytes = bytes,
        };
        writer->raw += bytes + writer->policy.overhead;
        offset += bytes;
        if (status == HB_OK && alone)
            status = flush_unit(writer);
    } while (status == HB_OK && offset < total);
    return status;
}

static int write_raw(struct writer *writer, const struct sample *sample)
{
    const struct hb_sink *sink = &writer->memory->sink;
    uint64_t total = sample->entry.type == HB_TYPE_FILE ? sample->entry.bytes : 0;
    int status = writer->ops->begin_entry(writer->self, sink, &sample->entry);
    for (uint64_t offset = 0; status == HB_OK && offset < total;) {
        uint64_t bytes = total - offset > 65536 ? 65536 : total - offset;
        struct hb_unit unit = {.size = sizeof unit,
                               .entry = &sample->entry,
                               .data = (const char *)sample->data + offset,
                               .bytes = bytes,
                               .raw_bytes = bytes,
                               .entries = 1};
        status = writer->ops->append(writer->self, sink, &unit);
        offset += bytes;
    }
    return status == HB_OK ? writer->ops->end_entry(writer->self, sink, &sample->entry) : status;
}

int memory_write(const struct hb_format_ops *ops, const struct hb_host *host, void *self,
                 struct memory *memory, const struct sample *samples, size_t count,
                 const void *trailer, size_t trailer_bytes)
{
    struct writer *writer = calloc(1, sizeof *writer);
    writer->ops = ops;
    writer->host = host;
    writer->self = self;
    writer->memory = memory;
    writer->policy = (struct hb_unit_policy){.size = sizeof writer->policy, .unit_bytes = 1 << 20};
    int status = HB_OK;
    if (ops->unit_policy != NULL)
        status = ops->unit_policy(self, &writer->policy);
    if (ops->encode != NULL && ops->worker_create != NULL)
        writer->worker = ops->worker_create(self);
    for (size_t i = 0; status == HB_OK && i < count; i++)
        status = ops->encode != NULL ? write_encoded(writer, &samples[i])
                                     : write_raw(writer, &samples[i]);
    if (status == HB_OK && ops->encode != NULL)
        status = flush_unit(writer);
    if (status == HB_OK)
        status = ops->finish(self, &memory->sink, trailer, trailer_bytes);
    else if (ops->abort != NULL)
        ops->abort(self);
    if (writer->worker != NULL)
        ops->worker_destroy(self, writer->worker);
    free(writer);
    return status;
}

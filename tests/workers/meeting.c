/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format that shows what the host does beside encode() and decode(): the first `threads` calls of
 * encode(), the first `readers` of decode(), return only once they have all been inside at the same
 * time, and that of the entry `waits-for-append` only once append() was called. A host that held a
 * lock over them, or called them from one thread, would never come so far.
 *
 * An archive is one record after the other: struct record, the path, the content. Files only.
 */
#include <errno.h>
#include <hbcore/format.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_SECONDS = 60 };

static const char magic[4] = {'m', 'e', 'e', 't'};

struct record {
    char magic[4];
    uint32_t path_bytes;
    uint64_t bytes;
    uint64_t encoded; /* calls of encode() that had begun when the record was written */
};

struct meeting {
    const struct hb_host *host;
    unsigned threads, readers;
    const char *patient;
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned inside, appended, reading;
};

static int meeting_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    struct meeting *meeting = calloc(1, sizeof *meeting);
    if (meeting == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    meeting->host = host;
    meeting->threads = (unsigned)settings->values[0]->number;
    meeting->patient = settings->values[1]->text;
    meeting->readers = (unsigned)settings->values[2]->number;
    pthread_mutex_init(&meeting->lock, NULL);
    pthread_cond_init(&meeting->change, NULL);
    *self = meeting;
    return HB_OK;
}

static void meeting_destroy(void *self)
{
    struct meeting *meeting = self;
    pthread_cond_destroy(&meeting->change);
    pthread_mutex_destroy(&meeting->lock);
    free(meeting);
}

/* Under the lock: until *count has come to `enough`. */
static int await(struct meeting *meeting, const unsigned *count, unsigned enough, const char *what)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    while (*count < enough)
        if (pthread_cond_timedwait(&meeting->change, &meeting->lock, &until) == ETIMEDOUT)
            return meeting->host->fail(meeting->host, HB_STATUS_FATAL, "waited in vain for %s",
                                       what);
    return HB_OK;
}

static int meeting_encode(void *self, void *worker, const struct hb_segment *const *segments,
                          size_t count, struct hb_unit *unit)
{
    struct meeting *meeting = self;
    (void)worker;
    (void)count;
    pthread_mutex_lock(&meeting->lock);
    meeting->inside++;
    pthread_cond_broadcast(&meeting->change);
    int status = await(meeting, &meeting->inside, meeting->threads, "other threads in encode");
    if (status == HB_OK && strcmp(segments[0]->entry->path, meeting->patient) == 0)
        status = await(meeting, &meeting->appended, 1, "append");
    pthread_mutex_unlock(&meeting->lock);
    if (status != HB_OK)
        return status;
    void *data = meeting->host->alloc(meeting->host, (size_t)segments[0]->bytes + 1);
    if (data == NULL)
        return meeting->host->fail(meeting->host, HB_STATUS_FATAL, "out of memory");
    if (segments[0]->bytes > 0)
        memcpy(data, segments[0]->data, (size_t)segments[0]->bytes);
    unit->data = data;
    unit->bytes = segments[0]->bytes;
    return HB_OK;
}

static int meeting_begin(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct meeting *meeting = self;
    struct record record = {.path_bytes = (uint32_t)entry->path_bytes, .bytes = entry->bytes};
    memcpy(record.magic, magic, sizeof magic);
    pthread_mutex_lock(&meeting->lock);
    record.encoded = meeting->inside;
    pthread_mutex_unlock(&meeting->lock);
    int status = sink->write(sink, &record, sizeof record);
    return status == HB_OK ? sink->write(sink, entry->path, entry->path_bytes) : status;
}

static int meeting_end(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    (void)self;
    (void)sink;
    (void)entry;
    return HB_OK;
}

static int meeting_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct meeting *meeting = self;
    pthread_mutex_lock(&meeting->lock);
    meeting->appended++;
    pthread_cond_broadcast(&meeting->change);
    pthread_mutex_unlock(&meeting->lock);
    return hb_sink_write_unit(sink, unit);
}

static int meeting_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    (void)self;
    (void)sink;
    (void)trailer;
    (void)bytes;
    return HB_OK;
}

static int damaged(const struct meeting *meeting)
{
    return meeting->host->fail(meeting->host, HB_STATUS_FATAL, "is no archive of meeting");
}

/* One record; HB_STATUS_END at the end. */
static int list_record(const struct meeting *meeting, const struct hb_input *input,
                       const struct hb_lister *lister, uint64_t index, uint64_t *offset)
{
    struct record record;
    char path[4096];
    int64_t got = input->read_at(input, &record, sizeof record, *offset);
    if (got == 0)
        return HB_STATUS_END;
    if (got != (int64_t)sizeof record || memcmp(record.magic, magic, sizeof magic) != 0 ||
        record.path_bytes >= sizeof path ||
        input->read_at(input, path, record.path_bytes, *offset + sizeof record) !=
            (int64_t)record.path_bytes)
        return got < 0 ? (int)got : damaged(meeting);
    path[record.path_bytes] = '\0';
    *offset += sizeof record + record.path_bytes;
    const struct hb_entry entry = {.size = sizeof entry,
                                   .type = HB_TYPE_FILE,
                                   .path = path,
                                   .path_bytes = record.path_bytes,
                                   .bytes = record.bytes};
    const struct hb_member member = {.size = sizeof member,
                                     .entry = &entry,
                                     .group = index,
                                     .token = *offset,
                                     .stored_bytes = record.bytes};
    *offset += record.bytes;
    return lister->member(lister, &member);
}

static int meeting_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    uint64_t offset = 0, index = 0;
    int status;
    while ((status = list_record(self, input, lister, index++, &offset)) == HB_OK)
        ;
    return status == HB_STATUS_END ? HB_OK : status;
}

static int meeting_decode(void *self, void *worker, const struct hb_input *input,
                          const struct hb_member *const *members, size_t count,
                          const struct hb_output *const *outputs)
{
    struct meeting *meeting = self;
    char block[1 << 16];
    (void)worker;
    (void)count; /* each is a group of its own */
    pthread_mutex_lock(&meeting->lock);
    meeting->reading++;
    pthread_cond_broadcast(&meeting->change);
    int status = await(meeting, &meeting->reading, meeting->readers, "other threads in decode");
    pthread_mutex_unlock(&meeting->lock);
    uint64_t bytes = members[0]->entry->bytes;
    for (uint64_t done = 0; status == HB_OK && done < bytes;) {
        uint64_t left = bytes - done;
        size_t part = left < sizeof block ? (size_t)left : sizeof block;
        if (input->read_at(input, block, part, members[0]->token + done) != (int64_t)part)
            return damaged(meeting);
        status = outputs[0]->write(outputs[0], block, part, done);
        done += part;
    }
    return status;
}

static int meeting_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct meeting *meeting = self;
    (void)input;
    (void)visitor;
    return meeting->host->fail(meeting->host, HB_STATUS_FATAL, "is read by its list only");
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_INTEGER,
                              .key = "threads",
                              .default_text = "1",
                              .minimum = 1,
                              .maximum = 64,
                              .help = "How many must be in encode at the same time"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "waits-for-append",
                              .default_text = "",
                              .help = "An entry whose encoding waits until something was appended"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_INTEGER,
                              .key = "readers",
                              .default_text = "1",
                              .minimum = 1,
                              .maximum = 64,
                              .help = "How many must be in decode at the same time"},
};

static const char *const suffixes[] = {".meeting", NULL};
static const struct hb_magic magics[] = {{0, sizeof magic, magic}, {0, 0, NULL}};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .flags = HB_FORMAT_SIZE_FIRST,
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = meeting_begin,
    .append = meeting_append,
    .end_entry = meeting_end,
    .finish = meeting_finish,
    .walk = meeting_walk,
    .encode = meeting_encode,
    .list = meeting_list,
    .decode = meeting_decode,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "meeting",
    .version = "1.0",
    .summary = "Shows that nothing is locked while it encodes and decodes",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = meeting_create,
    .destroy = meeting_destroy,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}

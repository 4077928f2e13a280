/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format that shows what the host does beside encode(): the first `threads` calls of it return
 * only once they have all been inside at the same time, and that of the entry `waits-for-append`
 * only once append() was called. A host that held a lock over encode() would never come so far.
 */
#include <errno.h>
#include <hbcore/format.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_SECONDS = 60 };

struct meeting {
    const struct hb_host *host;
    unsigned threads;
    const char *patient;
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned inside, appended;
};

static int meeting_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    struct meeting *meeting = calloc(1, sizeof *meeting);
    if (meeting == NULL)
        return host->fail(host, HB_FATAL, "out of memory");
    meeting->host = host;
    meeting->threads = (unsigned)settings->values[0]->number;
    meeting->patient = settings->values[1]->text;
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
            return meeting->host->fail(meeting->host, HB_FATAL, "waited in vain for %s", what);
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
        return meeting->host->fail(meeting->host, HB_FATAL, "out of memory");
    if (segments[0]->bytes > 0)
        memcpy(data, segments[0]->data, (size_t)segments[0]->bytes);
    unit->data = data;
    unit->bytes = segments[0]->bytes;
    return HB_OK;
}

static int meeting_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
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

static int meeting_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct meeting *meeting = self;
    (void)input;
    (void)visitor;
    return meeting->host->fail(meeting->host, HB_FATAL, "is only written");
}

static const struct hb_option options[] = {
    {.size = sizeof(struct hb_option),
     .type = HB_OPTION_INTEGER,
     .key = "threads",
     .default_text = "1",
     .minimum = 1,
     .maximum = 64,
     .help = "How many must be in encode at the same time"},
    {.size = sizeof(struct hb_option),
     .type = HB_OPTION_STRING,
     .key = "waits-for-append",
     .default_text = "",
     .help = "An entry whose encoding waits until something was appended"},
};

static const char *const suffixes[] = {".meeting", NULL};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .suffixes = suffixes,
    .begin_entry = meeting_entry,
    .append = meeting_append,
    .end_entry = meeting_entry,
    .finish = meeting_finish,
    .walk = meeting_walk,
    .encode = meeting_encode,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "meeting",
    .version = "1.0",
    .summary = "Shows that nothing is locked while it encodes",
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

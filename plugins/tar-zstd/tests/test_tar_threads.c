/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads encode and decode through one instance, each with its own worker. */
#include "fixture.h"

#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, FILES = 24, BYTES = 200000 };

struct job {
    const struct hb_format_ops *ops;
    void *self;
    const struct hb_host *host;
    const struct hb_input *input;
    const struct sample *samples;
    struct item *items; /* decode: all of them */
    size_t first;       /* this thread's share: first, first + THREADS, … */
    struct hb_unit units[FILES];
    int status;
};

static void *encode_share(void *argument)
{
    struct job *job = argument;
    void *worker = job->ops->worker_create(job->self);
    for (size_t i = 0; job->status == HB_OK && i < FILES; i++) {
        const struct hb_segment segment = {.size = sizeof segment,
                                           .flags = HB_UNIT_FIRST | HB_UNIT_LAST,
                                           .entry = &job->samples[i].entry,
                                           .data = job->samples[i].data,
                                           .bytes = BYTES};
        const struct hb_segment *segments = &segment;
        job->units[i] = (struct hb_unit){.size = sizeof job->units[i]};
        job->status = job->ops->encode(job->self, worker, &segments, 1, &job->units[i]);
    }
    job->ops->worker_destroy(job->self, worker);
    return NULL;
}

static int keep(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    struct item *item = output->self;
    memcpy(item->data + offset, data, bytes);
    item->bytes = (size_t)offset + bytes;
    return HB_OK;
}

static void *decode_share(void *argument)
{
    struct job *job = argument;
    void *worker = job->ops->worker_create(job->self);
    for (size_t i = job->first; job->status == HB_OK && i < FILES; i += THREADS) {
        struct item *item = &job->items[i];
        const struct hb_member member = {.size = sizeof member,
                                         .entry = &item->entry,
                                         .group = item->group,
                                         .token = item->token};
        const struct hb_output output = {.size = sizeof output, .self = item, .write = keep};
        const struct hb_member *members = &member;
        const struct hb_output *outputs = &output;
        item->data = calloc(1, BYTES);
        job->status = job->ops->decode(job->self, worker, job->input, &members, 1, &outputs);
    }
    job->ops->worker_destroy(job->self, worker);
    return NULL;
}

static void run_all(struct job *jobs, void *(*work)(void *))
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(jobs[i].status, HB_OK);
}

static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct content *content = lister->self;
    struct item *item = &content->items[content->count++];
    item->entry = *member->entry;
    item->entry.path = strdup(member->entry->path);
    item->group = member->group;
    item->token = member->token;
    return HB_OK;
}

/* Every thread gives the same units; then what was written is decoded by all of them. */
static void share_an_instance(void **state)
{
    (void)state;
    struct fake_host fake;
    fake_host_init(&fake);
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_format_ops *ops = plugin->ops;
    struct fake_settings *settings;
    struct memory memory;
    struct sample samples[FILES];
    char paths[FILES][3];
    unsigned char *data = noise(FILES + BYTES, 5);
    struct job *jobs = calloc(THREADS, sizeof *jobs);
    struct content content = {.items = calloc(FILES, sizeof *content.items)};
    const struct hb_lister lister = {
        .size = sizeof lister, .self = &content, .member = keep_member};
    void *self;
    for (size_t i = 0; i < FILES; i++) {
        paths[i][0] = (char)('a' + i);
        paths[i][1] = '\0';
        samples[i] = sample_file(paths[i], data + i, BYTES);
    }
    memory_init(&memory, true);
    assert_int_equal(fake_create(&fake, plugin, "", &self, &settings), HB_OK);
    for (size_t i = 0; i < THREADS; i++)
        jobs[i] = (struct job){
            .ops = ops, .self = self, .host = &fake.host, .samples = samples, .first = i};
    run_all(jobs, encode_share);
    for (size_t i = 0; i < FILES; i++) {
        struct hb_unit *unit = &jobs[0].units[i];
        for (size_t j = 1; j < THREADS; j++) {
            assert_int_equal(unit->bytes, jobs[j].units[i].bytes);
            assert_memory_equal(unit->data, jobs[j].units[i].data, unit->bytes);
            free((void *)(uintptr_t)jobs[j].units[i].data);
        }
        assert_int_equal(ops->begin_entry(self, &memory.sink, &samples[i].entry), HB_OK);
        assert_int_equal(ops->append(self, &memory.sink, unit), HB_OK);
        assert_int_equal(ops->end_entry(self, &memory.sink, &samples[i].entry), HB_OK);
        free((void *)(uintptr_t)unit->data);
    }
    assert_int_equal(ops->finish(self, &memory.sink, NULL, 0), HB_OK);
    fake_destroy(plugin, self, settings);

    memory_rewind(&memory, true);
    assert_int_equal(fake_create(&fake, plugin, "", &self, &settings), HB_OK);
    assert_int_equal(ops->list(self, &memory.input, &lister), HB_OK);
    for (size_t i = 0; i < THREADS; i++)
        jobs[i] = (struct job){
            .ops = ops, .self = self, .input = &memory.input, .items = content.items, .first = i};
    run_all(jobs, decode_share);
    assert_true(same_as_samples(&content, samples, FILES));
    fake_destroy(plugin, self, settings);
    content_free(&content);
    memory_free(&memory);
    free(jobs);
    free(data);
    fake_host_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(share_an_instance)};
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

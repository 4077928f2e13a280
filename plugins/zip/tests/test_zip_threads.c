/* SPDX-License-Identifier: Apache-2.0 */
/* Several workers at once, in an order of their own, give the same archive and read it back. */
#include "zip_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 8, UNITS = 48, UNIT = 1 << 19, BYTES = UNITS * UNIT - 5 };

struct shared {
    struct zip_test test;
    struct sample sample;
    struct hb_unit units[UNITS];
    struct memory memory;
    struct hb_member members[UNITS];
    size_t members_count;
    atomic_uint next;
    atomic_uint failures;
    unsigned threads;
};

static void encode_unit(struct shared *shared, void *worker, unsigned i)
{
    struct hb_segment segment = {
        .size = sizeof segment,
        .flags = (i == 0 ? HB_UNIT_FIRST : 0u) | (i == UNITS - 1 ? HB_UNIT_LAST : 0u),
        .entry = &shared->sample.entry,
        .offset = (uint64_t)i * UNIT,
        .data = (const char *)shared->sample.data + (size_t)i * UNIT,
        .bytes = i == UNITS - 1 ? UNIT - 5 : UNIT,
    };
    const struct hb_segment *segments[] = {&segment};
    shared->units[i] = (struct hb_unit){.size = sizeof(struct hb_unit),
                                        .flags = segment.flags,
                                        .entry = segment.entry,
                                        .raw_bytes = segment.bytes,
                                        .entries = 1};
    if (shared->test.ops->encode(shared->test.self, worker, segments, 1, &shared->units[i]) !=
        HB_OK)
        atomic_fetch_add(&shared->failures, 1);
}

static void *encode_some(void *argument)
{
    struct shared *shared = argument;
    void *worker = shared->test.ops->worker_create(shared->test.self);
    for (unsigned i; (i = atomic_fetch_add(&shared->next, 1)) < UNITS;)
        encode_unit(shared, worker, UNITS - 1 - i); /* the last first */
    shared->test.ops->worker_destroy(shared->test.self, worker);
    return NULL;
}

static int compare(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    return memcmp((const char *)output->self + offset, data, bytes) == 0 ? HB_OK : HB_STATUS_FATAL;
}

static void *decode_some(void *argument)
{
    struct shared *shared = argument;
    void *worker = shared->test.ops->worker_create(shared->test.self);
    for (unsigned i; (i = atomic_fetch_add(&shared->next, 1)) < 2 * MOST_THREADS;) {
        struct hb_output output = {.size = sizeof output,
                                   .self = (void *)(uintptr_t)shared->sample.data,
                                   .write = compare};
        const struct hb_member *members[] = {&shared->members[i % shared->members_count]};
        const struct hb_output *outputs[] = {&output};
        if (shared->test.ops->decode(shared->test.self, worker, &shared->memory.input, members, 1,
                                     outputs) != HB_OK)
            atomic_fetch_add(&shared->failures, 1);
    }
    shared->test.ops->worker_destroy(shared->test.self, worker);
    return NULL;
}

static void run(struct shared *shared, void *(*job)(void *))
{
    pthread_t threads[MOST_THREADS];
    atomic_store(&shared->next, 0);
    for (unsigned i = 0; i < shared->threads; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, job, shared), 0);
    for (unsigned i = 0; i < shared->threads; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&shared->failures), 0);
}

static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct shared *shared = lister->self;
    struct hb_member *kept = &shared->members[shared->members_count++];
    *kept = *member;
    assert_int_equal(member->entry->type, shared->sample.entry.type);
    kept->entry = &shared->sample.entry; /* the listed one ends with this call */
    return HB_OK;
}

static void append_all(struct shared *shared)
{
    const struct hb_format_ops *ops = shared->test.ops;
    void *self = shared->test.self;
    const struct hb_sink *sink = &shared->memory.sink;
    memory_init(&shared->memory, true);
    assert_int_equal(ops->begin_entry(self, sink, &shared->sample.entry), HB_OK);
    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(ops->append(self, sink, &shared->units[i]), HB_OK);
        shared->test.fake.host.release(&shared->test.fake.host,
                                       (void *)(uintptr_t)shared->units[i].data);
    }
    assert_int_equal(ops->end_entry(self, sink, &shared->sample.entry), HB_OK);
    assert_int_equal(ops->finish(self, sink, NULL, 0), HB_OK);
}

/* The archive by so many threads is `alone`, and they read it back. */
static void write_and_read(const struct sample *sample, int level, unsigned threads,
                           const struct memory *alone)
{
    struct shared *shared = calloc(1, sizeof *shared);
    shared->sample = *sample;
    shared->threads = threads;
    zip_test_start(&shared->test, level);
    run(shared, encode_some);
    append_all(shared);
    assert_int_equal(shared->memory.bytes, alone->bytes);
    assert_memory_equal(shared->memory.data, alone->data, alone->bytes);
    memory_rewind(&shared->memory, true);
    struct hb_lister lister = {.size = sizeof lister, .self = shared, .member = keep_member};
    assert_int_equal(shared->test.ops->list(shared->test.self, &shared->memory.input, &lister),
                     HB_OK);
    run(shared, decode_some);
    zip_test_end(&shared->test);
    memory_free(&shared->memory);
    free(shared);
}

static void threads(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 2, 3, 8};
    unsigned char *data = zip_test_text(BYTES), *noise = zip_test_noise(3 * UNIT, 11);
    memcpy(data + 5 * UNIT, noise, 3 * UNIT);
    struct sample sample = zip_test_file("file", data, BYTES);
    for (int fast = 0; fast < 2; fast++) {
        int level = fast ? ZIP_LEVEL_FAST : 2;
        struct memory alone;
        assert_int_equal(zip_test_write(&alone, true, level, &sample, 1, NULL, 0), HB_OK);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            write_and_read(&sample, level, counts[i], &alone);
        memory_free(&alone);
    }
    free(data);
    free(noise);
}

/* ---- the walk, on one ------------------------------------------------------------------------ */

struct visit {
    const struct sample *samples;
    size_t entries, ends;
    uint64_t bytes;
    bool trailer;
};

static int visit_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct visit *visit = visitor->self;
    assert_string_equal(entry->path, visit->samples[visit->entries].entry.path);
    visit->bytes = 0;
    return visit->entries++ == 1 ? HB_STATUS_SKIP : HB_OK;
}

static int visit_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                      uint64_t offset)
{
    struct visit *visit = visitor->self;
    assert_memory_equal((const char *)visit->samples[visit->entries - 1].data + offset, data,
                        bytes);
    visit->bytes += bytes;
    return HB_OK;
}

static int visit_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct visit *visit = visitor->self;
    assert_int_equal(bytes, visit->samples[visit->ends].entry.bytes);
    assert_int_equal(visit->bytes, visit->ends == 1 ? 0 : bytes);
    visit->ends++;
    return HB_OK;
}

static int visit_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct visit *visit = visitor->self;
    assert_int_equal(bytes, 7);
    assert_memory_equal(data, "trailer", 7);
    visit->trailer = true;
    return HB_OK;
}

static void walk(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(3 * UNIT);
    struct sample samples[] = {zip_test_file("one", "1", 1), zip_test_file("skipped", "2", 1),
                               zip_test_directory("directory"),
                               zip_test_file("large", text, 3 * UNIT)};
    struct visit visit = {.samples = samples};
    struct hb_visitor visitor = {.size = sizeof visitor,
                                 .self = &visit,
                                 .entry = visit_entry,
                                 .data = visit_data,
                                 .end = visit_end,
                                 .trailer = visit_trailer};
    struct memory memory;
    struct zip_test test;
    assert_int_equal(zip_test_write(&memory, true, 6, samples, 4, "trailer", 7), HB_OK);
    zip_test_start(&test, 6);
    memory_rewind(&memory, true);
    assert_int_equal(test.ops->walk(test.self, &memory.input, &visitor), HB_OK);
    assert_int_equal(visit.ends, 4);
    assert_true(visit.trailer);
    zip_test_end(&test);
    memory_free(&memory);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads), cmocka_unit_test(walk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An object is read in large blocks, each once while it is needed, and announced where it is read
 * in order. */
#include "base/memory.h"
#include "host/failure.h"
#include "scratch.h"
#include "store/blocks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { MIB = 1 << 20, BLOCKS = 20, LENGTH = BLOCKS * MIB - 12345, THREADS = 6 };

struct far {
    struct hb_run run;
    struct hb_store_ops ops;
    struct hb_store store;
    struct hb_opened opened;
    atomic_uint reads, fails; /* so many of the next reads fail */
    uint64_t advised;         /* up to here, without a gap */
    struct hb_blocks *blocks;
};

static unsigned char byte_at(uint64_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

static int64_t read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset)
{
    struct far *far = self;
    (void)reader;
    far->reads++;
    assert_true(bytes <= LENGTH && offset <= LENGTH - bytes);
    if (far->fails > 0) {
        far->fails--;
        hb_run_explain(&far->run, "it failed");
        return HB_STATUS_FATAL;
    }
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)buffer)[i] = byte_at(offset + i);
    return (int64_t)bytes;
}

static void advise(void *self, void *reader, uint64_t offset, uint64_t bytes)
{
    struct far *far = self;
    (void)reader;
    assert_true(far->advised == 0 || offset == far->advised);
    assert_true(bytes > 0 && offset + bytes <= LENGTH);
    far->advised = offset + bytes;
}

static int set_up(void **state)
{
    struct far *far = hb_alloc(sizeof *far);
    hb_run_init(&far->run, NULL);
    far->ops = (struct hb_store_ops){.size = sizeof far->ops, .read_at = read_at, .advise = advise};
    far->store = (struct hb_store){.ops = &far->ops, .self = far, .run = &far->run};
    far->opened = (struct hb_opened){.store = &far->store, .object = {.bytes = LENGTH}};
    far->blocks = hb_blocks_make(&far->opened);
    *state = far;
    return 0;
}

static int tear_down(void **state)
{
    struct far *far = *state;
    hb_blocks_free(far->blocks);
    hb_run_clear(&far->run);
    free(far);
    return 0;
}

static void expect(struct far *far, uint64_t offset, size_t bytes)
{
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(bytes + 1);
    uint64_t left = offset < LENGTH ? LENGTH - offset : 0;
    size_t there = bytes < left ? bytes : (size_t)left;
    assert_int_equal(hb_blocks_read_at(far->blocks, buffer, bytes, offset), there);
    for (size_t i = 0; i < there; i++)
        if (buffer[i] != byte_at(offset + i))
            fail_msg("byte %llu is another", (unsigned long long)(offset + i));
}

static void test_in_order(void **state)
{
    struct far *far = *state;
    for (uint64_t at = 0; at < LENGTH; at += 60000)
        expect(far, at, 60000);
    assert_int_equal(far->reads, BLOCKS);
    assert_int_equal(far->advised, LENGTH);
}

static void test_anywhere(void **state)
{
    struct far *far = *state;
    expect(far, 5 * MIB - 3, 7);
    expect(far, 5 * MIB - 100, 90);
    assert_int_equal(far->reads, 2);
    expect(far, LENGTH - 5, 100);
    expect(far, LENGTH, 1);
    expect(far, UINT64_MAX, 1);
    expect(far, 0, 0);
    assert_int_equal(far->reads, 3);
    expect(far, 1, 4 * MIB + 1); /* large enough as it is */
    assert_int_equal(far->reads, 4);
    for (unsigned round = 0; round < 3; round++)
        for (uint64_t at = BLOCKS; at > 0; at--)
            expect(far, (at - 1) * MIB + 17, 1000);
    assert_int_equal(far->reads, 4 + BLOCKS - 3);
}

static void test_a_failure_is_not_kept(void **state)
{
    struct far *far = *state;
    unsigned char byte;
    expect(far, 2 * MIB, 10);
    far->fails = 1;
    assert_true(hb_blocks_read_at(far->blocks, &byte, 1, 7 * MIB) < 0);
    assert_string_equal(hb_failure_of(&far->run)->text, "it failed");
    expect(far, 7 * MIB, 100);
    expect(far, 2 * MIB, 10);
    assert_int_equal(far->reads, 3);
}

static void *read_all(void *argument)
{
    struct far *far = argument;
    for (uint64_t at = 0; at < LENGTH; at += 200000)
        expect(far, at, 200000);
    return NULL;
}

static void test_by_many(void **state)
{
    struct far *far = *state;
    pthread_t threads[THREADS];
    far->ops.advise = NULL; /* its order is one thread's */
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, far), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(far->reads, BLOCKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failure_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

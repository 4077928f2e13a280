/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units finish in another order, drawn by the seed in the environment variable HBCORE_TEST_SHUFFLE:
 * a worker keeps some of its finished units back. Only in builds with the option of the same name,
 * where the linker puts these functions in place of those that they call (ld --wrap).
 */
#include "pipeline/pipeline_finish.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { KEPT_BACK = 4 };

struct kept {
    struct hb_pipeline_thread *thread;
    struct hb_item *item;
    uint64_t index;
    struct hb_encoded encoded;
};

static _Thread_local struct kept kept[KEPT_BACK];
static _Thread_local unsigned count;
static _Thread_local uint64_t state; /* 0: not asked yet */
static _Thread_local bool off;

void __real_hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item,
                             uint64_t index, const struct hb_encoded *encoded);
int __real_hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work);
void __wrap_hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item,
                             uint64_t index, const struct hb_encoded *encoded);
int __wrap_hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work);
struct hb_item *__real_hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait);
struct hb_item *__wrap_hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait);

/* Another order in each thread. */
static void find_seed(void)
{
    static atomic_uint threads;
    const char *text = getenv("HBCORE_TEST_SHUFFLE");
    uint64_t seed = text == NULL ? 0 : strtoull(text, NULL, 10);
    off = seed == 0;
    state = (seed + atomic_fetch_add(&threads, 1)) * 0x9E3779B97F4A7C15u | 1;
}

/* xorshift64: any order will do, as long as the seed gives it again. */
static unsigned draw(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % below);
}

static void release(unsigned which)
{
    struct kept unit = kept[which];
    kept[which] = kept[--count];
    __real_hb_worker_finish(unit.thread, unit.item, unit.index, &unit.encoded);
}

void __wrap_hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item,
                             uint64_t index, const struct hb_encoded *encoded)
{
    if (state == 0)
        find_seed();
    if (off) {
        __real_hb_worker_finish(thread, item, index, encoded);
        return;
    }
    kept[count++] = (struct kept){thread, item, index, *encoded};
    if (count == KEPT_BACK)
        release(draw(KEPT_BACK));
}

/* Whoever has nothing to do brings what others may wait for. */
int __wrap_hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work)
{
    int status = __real_hb_queue_take(pipeline, wait && count == 0, work);
    if (status == HB_OK || count == 0)
        return status;
    while (count > 0)
        release(count - 1);
    return status == HB_STATUS_SKIP ? __real_hb_queue_take(pipeline, wait, work) : status;
}

/* The thread that opens claimed entries finishes those that are taken over. */
struct hb_item *__wrap_hb_queue_take_claimed(struct hb_pipeline *pipeline, bool wait)
{
    while (count > 0)
        release(count - 1);
    return __real_hb_queue_take_claimed(pipeline, wait);
}

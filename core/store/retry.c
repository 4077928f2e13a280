/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retry.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "host/failure.h"
#include <time.h>

enum {
    MOST_MILLISECONDS = 30000, /* from the first call to the last */
    COMES_BACK = 10,           /* one of so many milliseconds */
    FIRST_DELAY = 100,
    LONGEST_DELAY = 5000,
    UNTOLD = 2000, /* so long nobody wonders what it does */
    SLICE = 50     /* so soon a signal is noticed */
};

static uint64_t real_now(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool real_wait(void *context, uint64_t milliseconds)
{
    (void)context;
    for (uint64_t left = milliseconds; left > 0 && hb_interrupt_signal() == 0;) {
        uint64_t part = left < SLICE ? left : SLICE;
        nanosleep(&(struct timespec){.tv_nsec = (long)part * 1000000}, NULL);
        left -= part;
    }
    return hb_interrupt_signal() == 0;
}

struct hb_retry hb_retry_begin(struct hb_run *run, const struct hb_retry_clock *clock,
                               struct hb_retry_budget *budget)
{
    static const struct hb_retry_clock real = {.now = real_now, .wait = real_wait};
    if (clock == NULL)
        clock = &real;
    return (struct hb_retry){.run = run,
                             .clock = clock,
                             .budget = budget,
                             .started = clock->now(clock->context),
                             .delay = FIRST_DELAY};
}

/* So long may it be tried; another thread may just have found that it is in vain. */
static uint64_t most_of(const struct hb_retry *retry)
{
    uint64_t used_up = retry->budget == NULL ? 0 : atomic_load(&retry->budget->used_up);
    if (used_up == 0)
        return MOST_MILLISECONDS;
    uint64_t back = retry->started > used_up ? (retry->started - used_up) / COMES_BACK : 0;
    return back < MOST_MILLISECONDS ? back : MOST_MILLISECONDS;
}

/* Many machines that were refused at once shall not come back at once. */
static uint64_t spread(uint64_t delay, uint64_t now, const void *seed)
{
    uint64_t mixed = (now ^ (uint64_t)(uintptr_t)seed) * UINT64_C(0x9e3779b97f4a7c15);
    return delay / 2 + (mixed >> 32) % (delay / 2 + 1);
}

static void tell(const struct hb_retry *retry)
{
    const struct hb_run *run = retry->run;
    if (retry->store == NULL || retry->budget == NULL || run->log == NULL ||
        run->log_level > HB_LOG_INFO || atomic_exchange(&retry->budget->told, true))
        return;
    HB_AUTO_FREE char *why = hb_printable(hb_failure_of(retry->run)->text);
    hb_progress_make_room(run->progress);
    fprintf(run->log, "hbcore: [%s]: %s; it is tried again for up to %d s\n", retry->store, why,
            MOST_MILLISECONDS / 1000);
}

bool hb_retry_again(struct hb_retry *retry)
{
    const struct hb_retry_clock *clock = retry->clock;
    uint32_t cause = retry->run == NULL ? HB_CAUSE_NONE : hb_failure_of(retry->run)->cause;
    if (cause != HB_CAUSE_NETWORK && cause != HB_CAUSE_BUSY)
        return false;
    uint64_t now = clock->now(clock->context);
    uint64_t delay = spread(retry->delay, now, retry);
    if (now + delay > retry->started + most_of(retry)) {
        if (retry->budget != NULL)
            atomic_store(&retry->budget->used_up, now);
        return false;
    }
    retry->delay = retry->delay * 2 < LONGEST_DELAY ? retry->delay * 2 : LONGEST_DELAY;
    retry->attempts++;
    if (now + delay > retry->started + UNTOLD)
        tell(retry);
    return clock->wait(clock->context, delay);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of a store that are worth another try: those that failed for the network, or because the
 * other side is busy (enum hb_cause). A store tries again by itself, as long as its options say;
 * this is for one that does not, and it counts the time from the first call on: a store that has
 * tried for minutes is not asked to do so again.
 *
 * The calls of one store in one run share that: with the network down they would add up, while the
 * home is locked. Once a call has used it up in vain, those after it are tried once; a tenth of the
 * time that passes from then on may be used again.
 *
 *     struct hb_retry retry = hb_store_retry(store);
 *     do
 *         status = …;
 *     while (status == HB_STATUS_FATAL && hb_retry_again(&retry));
 *
 * A commit is never among them: see hb_store_ops.put_commit.
 */
#ifndef HB_RETRY_H
#define HB_RETRY_H

#include "host/run.h"
#include <stdatomic.h>
#include <stdbool.h>

/* Where the time comes from: a test has one of its own. */
struct hb_retry_clock {
    void *context;
    uint64_t (*now)(void *context); /* milliseconds since anything */
    /* False: a signal asked the process to stop. */
    bool (*wait)(void *context, uint64_t milliseconds);
};

/* Of one store in one run; any thread. */
struct hb_retry_budget {
    _Atomic uint64_t used_up; /* when it was, for the last time; 0: never */
    atomic_bool told;         /* people have heard that calls are tried again */
};

struct hb_retry {
    struct hb_run *run; /* NULL: it is not tried again */
    const struct hb_retry_clock *clock;
    struct hb_retry_budget *budget;
    const char *store; /* as people are told; NULL: they are not */
    uint64_t started;  /* the first call */
    uint64_t delay;
    unsigned attempts;
};

/* In front of the first call. `clock`: NULL is the real one; `budget`: NULL is one of its own. */
struct hb_retry hb_retry_begin(struct hb_run *run, const struct hb_retry_clock *clock,
                               struct hb_retry_budget *budget);
/*
 * The call in this thread has failed: is it worth another try? Waits before it says so, a little
 * longer each time; where that is more than a moment, people are told, once. False also where a
 * signal asked the process to stop; the reason of the failure is then still the call's.
 */
bool hb_retry_again(struct hb_retry *retry);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds each call into a plugin, for calls.c and its like alone, which is why the names
 * are short.
 *
 * To look at the process takes some ten system calls. That is nothing for a callback that is called
 * once an archive, and too much for one that is called for each file: those are looked after when
 * they were called for the 1st, 2nd, 4th, 8th … time, and all of them once more at the next of
 * the others, when it is no longer known which of them it was. Nor is it while several threads are
 * in plugins, or one plugin was called by way of another: then each that may have done it is named.
 */
#ifndef HB_CALL_H
#define HB_CALL_H

#include "host/run.h"
#include "plugin/inside.h"

/* How often a callback is called, which is how often it is looked after. */
enum often { SELDOM, PER_FILE };

struct call {
    struct hb_instance *instance;
    const char *callback;
    struct hb_inside outside;
    bool looked_after;
    bool alone; /* no other thread has called plugins, and this one is not in another's call */
};

/* Before a callback that is always looked after: what have the others done? */
void hb_call_look_before(struct hb_instance *instance);
/* Is this one of the calls after which the process is looked at? `number`: of its counter. */
bool hb_call_is_looked_after(struct hb_instance *instance, size_t number);
/* Is the process as it was? Else it is put back, and that is said, not with `quiet`. */
bool hb_call_look_after(const struct call *call, bool quiet);

/*
 * What a callback may answer, by its comment in the header: a set of enum hb_status and the like.
 * Where an answer is none of them, the plugin does not keep to the header.
 */
#define MAY_BIT(status) (UINT32_C(1) << ((status)-HB_STATUS_UNCERTAIN))
#define MAY_OK          MAY_BIT(HB_OK)
#define MAY_END         MAY_BIT(HB_STATUS_END)
#define MAY_NOMATCH     MAY_BIT(HB_STATUS_NOMATCH)
#define MAY_SKIP        MAY_BIT(HB_STATUS_SKIP)
#define MAY_PROVEN      MAY_BIT(HB_STATUS_PROVEN)
#define MAY_UNCERTAIN   MAY_BIT(HB_STATUS_UNCERTAIN)
#define MAY_SINCE                                                                                  \
    (MAY_BIT(HB_SINCE_AS_NOTED) | MAY_BIT(HB_SINCE_AS_STAGED) | MAY_BIT(HB_SINCE_CHANGED))
/* HB_STATUS_CANCELLED is an answer where the run is being stopped; PASSES: or where a call of the
 * host's, in which it stops something of its own, was answered so. */
#define MAY_FAIL                                                                                   \
    (MAY_BIT(HB_STATUS_ENTRY) | MAY_BIT(HB_STATUS_FATAL) | MAY_BIT(HB_STATUS_CANCELLED) |          \
     MAY_BIT(HB_STATUS_LATER))
#define MAY_PASS (MAY_FAIL | UINT32_C(1) << 31)

bool hb_call_is_answer(const struct call *call, int64_t status, uint32_t may);
int hb_call_answer(const struct call *call, int status, uint32_t may, int otherwise);

static inline struct call enter(struct hb_instance *instance, size_t number, const char *callback,
                                enum often often)
{
    struct call call = {.instance = instance, .callback = callback, .looked_after = true};
    if (often == PER_FILE)
        call.looked_after = hb_call_is_looked_after(instance, number);
    else
        hb_call_look_before(instance);
    call.outside = hb_inside_enter(instance->wrapped.name, callback);
    call.alone = call.outside.plugin == NULL && hb_inside_threads() <= 1;
    return call;
}

/* Has it left the process as it was? Says so if it has not. */
static inline bool leave(const struct call *call)
{
    hb_inside_leave(&call->outside);
    return !call->looked_after || hb_call_look_after(call, false);
}

/*
 * The same of one that answers with a status, one of those that it `may`; `otherwise` stands for
 * one that is none. A failure is told, with its reason, by whoever called it; HB_STATUS_NOMATCH
 * would be silent, and is told of here.
 */
static inline int answer(const struct call *call, int status, uint32_t may, int otherwise)
{
    return hb_call_answer(call, status, may, otherwise);
}

#endif

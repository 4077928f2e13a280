/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds each call into a plugin, for calls.c and its like alone, which is why the names
 * are short.
 *
 * To look at the process takes some ten system calls. That is nothing for a callback that is called
 * once an archive, and too much for one that is called for each file: those are looked after when
 * they were called for the 1st, 2nd, 4th, 8th … time, and all of them once more at the next of
 * the others, when it is no longer known which of them it was.
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
};

/* Before a callback that is always looked after: what have the others done? */
void hb_call_look_before(struct hb_instance *instance);
/* Is this one of the calls after which the process is looked at? `number`: of its counter. */
bool hb_call_is_looked_after(struct hb_instance *instance, size_t number);
/* Is the process as it was? Else it is put back, and that is said, not with `quiet`. */
bool hb_call_look_after(const struct call *call, bool quiet);
int hb_call_answer(const struct call *call, int status, int otherwise);

static inline struct call enter(struct hb_instance *instance, size_t number, const char *callback,
                                enum often often)
{
    struct call call = {.instance = instance, .callback = callback, .looked_after = true};
    if (often == PER_FILE)
        call.looked_after = hb_call_is_looked_after(instance, number);
    else
        hb_call_look_before(instance);
    call.outside = hb_inside_enter(instance->wrapped.name, callback);
    return call;
}

/* Has it left the process as it was? Says so if it has not. */
static inline bool leave(const struct call *call)
{
    hb_inside_leave(&call->outside);
    return !call->looked_after || hb_call_look_after(call, false);
}

/*
 * The same of one that answers with a status; `otherwise` stands for one that is none.
 * HB_STATUS_FATAL is printed, with its reason, by whoever called it.
 */
static inline int answer(const struct call *call, int status, int otherwise)
{
    return hb_call_answer(call, status, otherwise);
}

#endif

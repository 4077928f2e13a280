/* SPDX-License-Identifier: Apache-2.0 */
#include "host/call.h"

#include "base/memory.h"
#include "host/failure.h"
#include "plugin/process_state.h"
#include <stdio.h>

/* `quiet`: who called it prints why it failed. */
static void name_callback(const struct call *call, const char *changed, bool quiet)
{
    struct hb_run *run = call->instance->run;
    HB_AUTO_FREE char *text =
        hb_text("%s: changed %s in its %s(), which no plugin may; it is as before again",
                call->instance->plugin->name, changed, call->callback);
    hb_process_disturb();
    hb_run_explain(run, "%s", text);
    if (!quiet)
        fprintf(run->log, "hbcore: %s\n", text);
}

/* Something was changed, and not by the one that is called now, or not by that one for sure. */
static void name_suspects(struct hb_run *run, const char *changed, bool quiet)
{
    HB_AUTO_FREE char *names = hb_copy_text("");
    pthread_mutex_lock(&run->suspect_lock); /* other threads may add some */
    for (size_t i = 0; i < run->suspect_count; i++) {
        char *longer = hb_text("%s%s%s", names, i == 0 ? "" : ", ", run->suspects[i]);
        free(names);
        names = longer;
    }
    pthread_mutex_unlock(&run->suspect_lock);
    hb_process_disturb();
    hb_run_explain(run, "one of the plugins %s changed %s, which none may; it is as before again",
                   names, changed);
    if (!quiet)
        fprintf(run->log,
                "hbcore: one of the plugins %s changed %s, which none may; it is as before again\n",
                names, changed);
}

static void suspect(struct hb_instance *instance)
{
    struct hb_run *run = instance->run;
    pthread_mutex_lock(&run->suspect_lock);
    bool known = run->suspect_count == HB_MOST_SUSPECTS;
    for (size_t i = 0; i < run->suspect_count && !known; i++)
        known = run->suspects[i] == instance->plugin->name;
    if (!known)
        run->suspects[run->suspect_count++] = instance->plugin->name;
    pthread_mutex_unlock(&run->suspect_lock);
}

void hb_call_look_before(struct hb_instance *instance)
{
    char changed[128];
    if (instance->run->suspect_count > 0 && hb_process_put_back(changed, sizeof changed))
        name_suspects(instance->run, changed, false);
    if (hb_inside_threads() > 1)
        suspect(instance);
}

bool hb_call_look_after(const struct call *call, bool quiet)
{
    char changed[128];
    if (!hb_process_put_back(changed, sizeof changed))
        return true;
    if (call->alone && hb_inside_threads() <= 1) {
        name_callback(call, changed, quiet);
    } else {
        suspect(call->instance);
        name_suspects(call->instance->run, changed, quiet);
    }
    return false;
}

bool hb_call_is_looked_after(struct hb_instance *instance, size_t number)
{
    unsigned calls = atomic_load_explicit(&instance->calls[number], memory_order_relaxed) + 1;
    atomic_store_explicit(&instance->calls[number], calls, memory_order_relaxed);
    if ((calls & (calls - 1)) != 0)
        return false;
    if (calls == 1)
        suspect(instance);
    return true;
}

bool hb_call_is_answer(const struct call *call, int64_t status, uint32_t may)
{
    if (status < HB_STATUS_UNCERTAIN || status > HB_SINCE_CHANGED || (may & MAY_BIT(status)) == 0)
        return false;
    return status != HB_STATUS_CANCELLED || (may & MAY_PASS) == MAY_PASS ||
           hb_run_cancelled(call->instance->run);
}

int hb_call_answer(const struct call *call, int status, uint32_t may, int otherwise)
{
    struct hb_instance *instance = call->instance;
    hb_inside_leave(&call->outside);
    if (call->looked_after && !hb_call_look_after(call, otherwise == HB_STATUS_FATAL))
        return otherwise;
    if (hb_call_is_answer(call, status, may))
        return status;
    HB_AUTO_FREE char *text =
        hb_text("its %s() returned %d, which is no answer", call->callback, status);
    hb_run_explain(instance->run, "%s: %s", instance->plugin->name, text);
    if (otherwise == HB_STATUS_NOMATCH)
        hb_report_add_once(&instance->run->report, HB_FOUND_NOTE, instance->plugin->name, text);
    return otherwise;
}

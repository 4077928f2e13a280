/* SPDX-License-Identifier: Apache-2.0 */
#include "host/hooks.h"

#include "host/failure.h"

int hb_hooks_before(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event,
                    struct hb_error *error)
{
    for (size_t i = 0; i < hooks->count; i++) {
        const struct hb_instance *instance = hooks->instances[i];
        const struct hb_hook_ops *ops = instance->plugin->ops;
        hb_run_clear_failure(run);
        if (HB_CAN(ops, before) && ops->before(instance->self, event) != HB_OK)
            return hb_error_set(error, HB_FATAL, "[%s]: %s", instance->section->name,
                                hb_instance_failure(instance));
    }
    return HB_OK;
}

void hb_hooks_after(struct hb_run *run, const struct hb_chain *hooks, struct hb_event *event)
{
    for (size_t i = 0; i < hooks->count; i++) {
        const struct hb_instance *instance = hooks->instances[i];
        const struct hb_hook_ops *ops = instance->plugin->ops;
        hb_run_clear_failure(run);
        if (HB_CAN(ops, after) && ops->after(instance->self, event) < 0)
            hb_report_add(&run->report, HB_FOUND_NOTE, "", "[%s]: %s", instance->section->name,
                          hb_instance_failure(instance));
    }
}

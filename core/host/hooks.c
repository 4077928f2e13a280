/* SPDX-License-Identifier: Apache-2.0 */
#include "host/hooks.h"

#include "host/failure.h"
#include "host/instance.h"

static const struct hb_hook_ops *ops_of(const struct hb_instance *hook)
{
    return hook->plugin->ops;
}

int hb_hooks_open(struct hb_hooks *hooks, struct hb_run *run, const char *what, bool dry_run,
                  struct hb_error *error)
{
    *hooks = (struct hb_hooks){.run = run};
    hooks->event =
        (struct hb_event){.size = sizeof hooks->event, .command = what, .dry_run = dry_run};
    return hb_chain_create(run, HB_KIND_HOOK, what, &hooks->chain, error);
}

void hb_hooks_close(struct hb_hooks *hooks)
{
    hb_chain_free(&hooks->chain);
}

static int failed(const struct hb_instance *hook, int status, struct hb_error *error)
{
    return hb_error_set(error, status, "[%s]: %s", hook->section->name, hb_instance_failure(hook));
}

int hb_hooks_before(struct hb_hooks *hooks, struct hb_error *error)
{
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        hb_run_clear_failure(hooks->run);
        if (HB_CAN(ops_of(hook), before) &&
            ops_of(hook)->before(hook->self, &hooks->event) != HB_OK)
            return failed(hook, HB_FATAL, error);
    }
    return HB_OK;
}

bool hb_hooks_can_run(const struct hb_hooks *hooks)
{
    for (size_t i = 0; i < hooks->chain.count; i++)
        if (HB_CAN(ops_of(hooks->chain.instances[i]), run))
            return true;
    return false;
}

int hb_hooks_run(struct hb_hooks *hooks, struct hb_error *error)
{
    int done = HB_NOMATCH;
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        hb_run_clear_failure(hooks->run);
        int status =
            HB_CAN(ops_of(hook), run) ? ops_of(hook)->run(hook->self, &hooks->event) : HB_NOMATCH;
        if (status < 0)
            return failed(hook, status, error);
        if (status == HB_OK)
            done = HB_OK;
    }
    return done;
}

void hb_hooks_after(struct hb_hooks *hooks, uint64_t files, uint64_t bytes)
{
    struct hb_report *report = &hooks->run->report;
    struct hb_event *event = &hooks->event;
    event->exit_status = hb_report_incomplete(report) ? HB_EVENT_INCOMPLETE : HB_EVENT_COMPLETE;
    event->files = files;
    event->bytes = bytes;
    event->skipped = report->kinds[HB_FOUND_SKIPPED] + report->kinds[HB_FOUND_DOUBTFUL];
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        hb_run_clear_failure(hooks->run);
        if (HB_CAN(ops_of(hook), after) && ops_of(hook)->after(hook->self, event) < 0)
            hb_report_add(report, HB_FOUND_NOTE, "", "[%s]: %s", hook->section->name,
                          hb_instance_failure(hook));
    }
}

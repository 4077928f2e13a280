/* SPDX-License-Identifier: Apache-2.0 */
#include "host/hooks.h"

#include "base/memory.h"
#include "base/path.h"
#include "config/home_path.h"
#include "host/failure.h"
#include "host/instance.h"
#include <string.h>
#include <sys/stat.h>

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

/* The same directory? Where one of them is missing, as in a dry run, the names decide. */
static bool is_same(const char *one, const char *other)
{
    struct stat here, there;
    if (stat(one, &here) == 0 && stat(other, &there) == 0)
        return here.st_dev == there.st_dev && here.st_ino == there.st_ino;
    HB_AUTO_FREE char *full = hb_absolute(other);
    return full != NULL && strcmp(one, full) == 0;
}

/* Is it another home than the one that the configuration names, whole or as a nested one? */
static bool is_elsewhere(const struct hb_hooks *hooks)
{
    const char *home = hooks->event.home;
    for (int outermost = 0; home != NULL && outermost < 2; outermost++) {
        struct hb_error ignored;
        HB_AUTO_FREE char *path = NULL;
        if (hb_home_find(hooks->run->config, NULL, outermost != 0, &path, &ignored) == HB_OK &&
            is_same(home, path))
            return false;
    }
    return true;
}

static int failed(const struct hb_instance *hook, int status, struct hb_error *error)
{
    return hb_error_set(error, status, "[%s]: %s", hook->section->name, hb_instance_failure(hook));
}

int hb_hooks_before(struct hb_hooks *hooks, struct hb_error *error)
{
    hooks->event.elsewhere = is_elsewhere(hooks);
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        hb_run_clear_failure(hooks->run);
        if (HB_CAN(ops_of(hook), before) &&
            ops_of(hook)->before(hook->self, &hooks->event) != HB_OK)
            return failed(hook, HB_STATUS_FATAL, error);
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
    int done = HB_STATUS_NOMATCH;
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        hb_run_clear_failure(hooks->run);
        int status = HB_CAN(ops_of(hook), run) ? ops_of(hook)->run(hook->self, &hooks->event)
                                               : HB_STATUS_NOMATCH;
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
    event->elsewhere = is_elsewhere(hooks); /* the home may have been made */
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

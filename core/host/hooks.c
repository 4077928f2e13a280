/* SPDX-License-Identifier: Apache-2.0 */
#include "host/hooks.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "host/elsewhere.h"
#include "host/failure.h"
#include "host/instance.h"
#include <string.h>

static const struct hb_hook_ops *ops_of(const struct hb_instance *hook)
{
    return hook->plugin->ops;
}

int hb_hooks_open(struct hb_hooks *hooks, struct hb_run *run, const char *what, bool dry_run,
                  struct hb_error *error)
{
    *hooks = (struct hb_hooks){.run = run};
    run->dry_run = dry_run;
    hooks->event =
        (struct hb_event){.size = sizeof hooks->event, .command = what, .dry_run = dry_run};
    clock_gettime(CLOCK_REALTIME, &hooks->event.started);
    clock_gettime(CLOCK_MONOTONIC, &hooks->opened);
    run->hooks_stage_nothing = dry_run;
    return hb_chain_create(run, HB_KIND_HOOK, what, &hooks->chain, error);
}

void hb_hooks_close(struct hb_hooks *hooks)
{
    if (hooks->run == NULL)
        return;
    hb_chain_free(&hooks->chain);
    hb_run_close_stage(hooks->run, &hooks->run->hooks_stage, HB_STATUS_FATAL); /* all is told */
    for (size_t i = 0; i < HB_HOOKS_TEXTS; i++)
        free(hooks->texts[i]);
    for (size_t i = 0; i < hooks->removed_count; i++)
        free(hooks->removed[i]);
    free(hooks->removed);
    free(hooks->held);
    *hooks = (struct hb_hooks){.run = NULL};
}

/* ---- what the event says ------------------------------------------------------------------- */

void hb_hooks_tell(struct hb_hooks *hooks, enum hb_hooks_text which, const char *text)
{
    struct hb_event *event = &hooks->event;
    const char **const members[HB_HOOKS_TEXTS] = {
        [HB_HOOKS_WITHIN] = &event->within,   [HB_HOOKS_HOME] = &event->home,
        [HB_HOOKS_ARCHIVE] = &event->archive, [HB_HOOKS_SNAPSHOT] = &event->snapshot,
        [HB_HOOKS_PRESET] = &event->preset,   [HB_HOOKS_FORMAT] = &event->format,
    };
    char *copy = text == NULL ? NULL : hb_copy_text(text); /* it may be the one that is there */
    free(hooks->texts[which]);
    hooks->texts[which] = copy;
    *members[which] = copy;
}

void hb_hooks_removed(struct hb_hooks *hooks, const char *name)
{
    hooks->removed = hb_resize(hooks->removed, hooks->removed_count + 1, sizeof *hooks->removed);
    hooks->removed[hooks->removed_count++] = hb_copy_text(name);
    hooks->event.removed = (const char *const *)hooks->removed;
    hooks->event.removed_count = hooks->removed_count;
}

static bool is_elsewhere(const struct hb_hooks *hooks)
{
    const char *home = hooks->event.home;
    return home == NULL || hb_home_is_elsewhere(hooks->run->config, home);
}

/* Why the result is incomplete; the texts are the report's. */
struct reasons {
    struct hb_reason *rows;
    const struct hb_reason **pointers;
};

static void find_reasons(struct hb_hooks *hooks, struct reasons *reasons)
{
    const struct hb_report *report = &hooks->run->report;
    struct hb_event *event = &hooks->event;
    event->skipped = report->kinds[HB_FOUND_SKIPPED] + report->kinds[HB_FOUND_DOUBTFUL];
    reasons->rows = hb_alloc((event->skipped + 1) * sizeof *reasons->rows);
    reasons->pointers = hb_alloc((event->skipped + 1) * sizeof *reasons->pointers);
    size_t count = 0;
    for (size_t i = 0; i < report->count && count < event->skipped; i++) {
        const struct hb_finding *finding = &report->findings[i];
        bool skipped = finding->kind == HB_FOUND_SKIPPED;
        if (!skipped && finding->kind != HB_FOUND_DOUBTFUL)
            continue;
        reasons->rows[count] =
            (struct hb_reason){.size = sizeof *reasons->rows,
                               .kind = skipped ? HB_REASON_SKIPPED : HB_REASON_DOUBTFUL,
                               .path = finding->path,
                               .text = finding->reason};
        reasons->pointers[count] = &reasons->rows[count];
        count++;
    }
    event->reasons = reasons->pointers;
    event->reason_count = count;
}

static void forget_reasons(struct hb_hooks *hooks, struct reasons *reasons)
{
    hooks->event.reasons = NULL;
    hooks->event.reason_count = 0;
    free(reasons->rows);
    free(reasons->pointers);
}

static void take_time(struct hb_hooks *hooks)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t passed = (now.tv_sec - hooks->opened.tv_sec) * INT64_C(1000) +
                     (now.tv_nsec - hooks->opened.tv_nsec) / 1000000;
    hooks->event.duration_ms = passed < 0 ? 0 : (uint64_t)passed;
}

static int32_t exit_by_report(const struct hb_hooks *hooks)
{
    return hb_report_incomplete(&hooks->run->report) ? HB_EVENT_INCOMPLETE : HB_EVENT_COMPLETE;
}

/* ---- the calls ----------------------------------------------------------------------------- */

/* Of a setting the sentence names the section itself. */
static int failed(const struct hb_instance *hook, int status, struct hb_error *error)
{
    const char *said = hb_instance_failure(hook);
    HB_AUTO_FREE char *section = hb_text("[%s] ", hook->section->name);
    return strncmp(said, section, strlen(section)) == 0
               ? hb_error_set(error, status, "%s", said)
               : hb_error_set(error, status, "[%s]: %s", hook->section->name, said);
}

int hb_hooks_before(struct hb_hooks *hooks, struct hb_error *error)
{
    hooks->event.elsewhere = is_elsewhere(hooks);
    while (hooks->begun < hooks->chain.count) {
        const struct hb_instance *hook = hooks->chain.instances[hooks->begun++];
        hb_run_clear_failure(hooks->run);
        if (HB_CAN(ops_of(hook), before) &&
            ops_of(hook)->before(hook->self, &hooks->event) != HB_OK)
            return failed(hook, HB_STATUS_FATAL, error);
    }
    return HB_OK;
}

int hb_hooks_run(struct hb_hooks *hooks, const struct hb_section *section,
                 struct hb_invocation *invocation, struct hb_error *error)
{
    const struct hb_instance *hook = NULL;
    for (size_t i = 0; i < hooks->chain.count; i++)
        if (hooks->chain.instances[i]->section == section)
            hook = hooks->chain.instances[i];
    invocation->event = &hooks->event;
    hb_run_clear_failure(hooks->run);
    if (hook == NULL) /* whoever declares a command takes part in it */
        return hb_error_set(error, HB_STATUS_FATAL, "[%s]: is not made", section->name);
    int status = ops_of(hook)->run(hook->self, invocation);
    return status == HB_OK ? HB_OK : failed(hook, status < 0 ? status : HB_STATUS_FATAL, error);
}

/* A failure stays a note; the first one that holds retention back says why. */
static void after_one(struct hb_hooks *hooks, const struct hb_instance *hook, bool retains)
{
    hb_run_clear_failure(hooks->run);
    int status = ops_of(hook)->after(hook->self, &hooks->event);
    if (status == HB_OK || (status > 0 && status != HB_STATUS_SKIP))
        return;
    if (hooks->held == NULL)
        hooks->held = hb_text("[%s]: %s", hook->section->name, hb_instance_failure(hook));
    if (status < 0 || retains)
        hb_report_add(&hooks->run->report, HB_FOUND_NOTE, "", "[%s]: %s%s", hook->section->name,
                      hb_instance_failure(hook), retains ? "; nothing older was removed" : "");
}

void hb_hooks_after(struct hb_hooks *hooks, uint64_t files, uint64_t bytes, bool retains)
{
    struct hb_event *event = &hooks->event;
    struct reasons reasons;
    event->exit_status = exit_by_report(hooks);
    event->elsewhere = is_elsewhere(hooks); /* the home may have been made */
    event->files = files;
    event->bytes = bytes;
    take_time(hooks);
    for (size_t i = 0; i < hooks->chain.count; i++) {
        const struct hb_instance *hook = hooks->chain.instances[i];
        if (!HB_CAN(ops_of(hook), after))
            continue;
        find_reasons(hooks, &reasons); /* each may add some */
        after_one(hooks, hook, retains && !event->dry_run);
        forget_reasons(hooks, &reasons);
    }
}

/* Of a command that has failed nobody reads the report. */
static void tell_failed_end(const struct hb_instance *hook, bool reported)
{
    const char *name = hook->section->name, *why = hb_instance_failure(hook);
    if (reported) {
        hb_report_add(&hook->run->report, HB_FOUND_NOTE, "", "[%s]: %s", name, why);
        return;
    }
    HB_AUTO_FREE char *shown = hb_printable(why);
    fprintf(hook->run->log, "hbcore: [%s]: %s\n", name, shown);
}

void hb_hooks_finally(struct hb_hooks *hooks, int status, int exit_status,
                      const struct hb_error *error)
{
    struct hb_event *event = &hooks->event;
    struct reasons reasons;
    if (status != HB_OK && hb_interrupt_signal() != 0) /* whatever it made of that */
        status = HB_STATUS_CANCELLED;
    event->status = status;
    event->error = status == HB_OK ? NULL : error->text;
    take_time(hooks);
    while (hooks->begun > 0) {
        const struct hb_instance *hook = hooks->chain.instances[--hooks->begun];
        if (!HB_CAN(ops_of(hook), finally))
            continue;
        event->exit_status = status == HB_OK ? exit_by_report(hooks) : exit_status;
        hb_run_clear_failure(hooks->run);
        find_reasons(hooks, &reasons);
        int said = ops_of(hook)->finally(hook->self, event);
        forget_reasons(hooks, &reasons);
        if (said < 0)
            tell_failed_end(hook, status == HB_OK);
    }
    event->error = NULL;
}

void hb_hooks_end(struct hb_hooks *hooks, int status, const struct hb_error *error)
{
    int signal = hb_interrupt_signal();
    int code = status == HB_STATUS_CANCELLED || signal != 0 ? 128 + (signal == 0 ? 2 : signal)
               : error->wrong_use                           ? 2
                                                            : 1;
    hb_hooks_finally(hooks, status, code, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/filter.h"

#include "host/failure.h"

int hb_ask_filter(struct hb_run *run, const struct hb_instance *filter, int direction,
                  const struct hb_entry *entry, struct hb_verdict *verdict, struct hb_error *error)
{
    const struct hb_filter_ops *ops = filter->plugin->ops;
    *verdict = (struct hb_verdict){.size = sizeof *verdict};
    hb_run_clear_failure(run);
    int status = ops->verdict(filter->self, direction, entry, verdict);
    if (status == HB_STATUS_ENTRY) {
        hb_report_add(&run->report, HB_FOUND_SKIPPED, entry->path, "[%s]: %s",
                      filter->section->name, hb_instance_failure(filter));
        return HB_STATUS_ENTRY;
    }
    if (status != HB_OK)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: [%s]: %s", entry->path,
                            filter->section->name, hb_instance_failure(filter));
    bool kind = verdict->kind <= HB_VERDICT_PRUNE;
    if (!kind || (verdict->flags & ~(uint32_t)HB_VERDICT_MODE) != 0)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: [%s]: %s: its verdict() gave the unknown %s %u", entry->path,
                            filter->section->name, filter->plugin->name, kind ? "flags" : "kind",
                            kind ? verdict->flags : verdict->kind);
    verdict->reason[sizeof verdict->reason - 1] = '\0';
    return HB_OK;
}

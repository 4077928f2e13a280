/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/pending.h"

#include "base/memory.h"
#include "config/home_path.h"
#include "files/anywhere.h"
#include "restore/recover.h"

void hb_pending_tell(struct hb_run *run)
{
    struct hb_error error = {0};
    if (hb_recover(run, NULL, HB_RECOVER_TELL, &error) == HB_STATUS_FATAL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", error.text);
}

/* With a run of its own: what reads the archive works without a home. */
void hb_pending_find(struct hb_run *run, const char *given)
{
    struct hb_error ignored;
    struct hb_run other;
    HB_AUTO_FREE char *path = NULL;
    if (hb_home_find(run->config, given, true, &path, &ignored) != HB_OK)
        return;
    hb_run_init(&other, run->config);
    if (hb_root_open(path, &other.home) == 0)
        hb_pending_tell(&other);
    for (size_t i = 0; i < other.report.count; i++)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s: %s", path,
                      other.report.findings[i].reason);
    hb_run_clear(&other);
}

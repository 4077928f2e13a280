/* SPDX-License-Identifier: Apache-2.0 */
#include "pending.h"

#include "base/memory.h"
#include "base/name.h"
#include "config/home_path.h"
#include "files/anywhere.h"
#include "restore/recover.h"
#include <string.h>

void hb_cli_tell_pending(struct hb_run *run)
{
    struct hb_error error = {0};
    if (hb_recover(run, NULL, HB_RECOVER_TELL, &error) == HB_FATAL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", error.text);
}

/* With a run of its own: what reads the archive works without a home. */
void hb_cli_find_pending(const struct hb_cli *cli, struct hb_run *run)
{
    struct hb_error ignored;
    struct hb_run other;
    HB_AUTO_FREE char *path = NULL;
    if (hb_home_find(run->config, cli->home, true, &path, &ignored) != HB_OK)
        return;
    hb_run_init(&other, run->config);
    if (hb_root_open(path, &other.home) == 0)
        hb_cli_tell_pending(&other);
    for (size_t i = 0; i < other.report.count; i++)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s: %s", path,
                      other.report.findings[i].reason);
    hb_run_clear(&other);
}

void hb_cli_show_notes(const struct hb_cli *cli, const struct hb_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->findings[i].kind != HB_FOUND_NOTE)
            continue;
        HB_AUTO_FREE char *reason = hb_printable(report->findings[i].reason);
        fprintf(cli->err, "hbcore: %s\n", reason);
    }
}

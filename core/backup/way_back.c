/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/way_back.h"

#include "backup/preset_backup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/url.h"
#include "files/anywhere.h"
#include <string.h>

static int refuse_incomplete(const struct hb_run *run, const char *archive, struct hb_error *error)
{
    const struct hb_finding *first = NULL;
    for (size_t i = 0; i < run->report.count && first == NULL; i++)
        if (run->report.findings[i].kind == HB_FOUND_SKIPPED ||
            run->report.findings[i].kind == HB_FOUND_DOUBTFUL)
            first = &run->report.findings[i];
    hb_error_set(error, HB_STATUS_FATAL, "%s: the safety backup would be incomplete: %s: %s",
                 run->home.path, first == NULL ? "" : first->path,
                 first == NULL ? "" : first->reason);
    hb_error_hint(error,
                  "nothing was imported; correct this, or import without --backup-first; the "
                  "incomplete safety backup is %s",
                  archive);
    return HB_STATUS_FATAL;
}

/* Plain copies that lay on a disk, and the like. */
static void take_over_notes(struct hb_report *report, const struct hb_report *of, size_t end)
{
    for (size_t i = 0; i < end; i++)
        if (of->findings[i].kind == HB_FOUND_NOTE && *of->findings[i].path == '\0')
            hb_report_add(report, HB_FOUND_NOTE, "", "%s", of->findings[i].reason);
}

/* What hooks had to say about the archive belongs to what is said of the import. */
static void take_over(struct hb_report *report, const struct hb_report *of, size_t first)
{
    for (size_t i = first; i < of->count; i++)
        hb_report_add(report, of->findings[i].kind, of->findings[i].path, "%s",
                      of->findings[i].reason);
    for (size_t i = 0; i < of->line_count; i++)
        hb_report_line(report, of->lines[i]);
    for (size_t i = 0; i < of->advice_count; i++)
        hb_report_advice(report, of->advice[i]);
    for (size_t i = 0; i < of->member_count; i++)
        hb_report_member(report, of->members[2 * i], of->members[2 * i + 1]);
}

static void on_planned(void *context, uint64_t files, uint64_t bytes)
{
    const struct hb_run *import = context;
    hb_progress_phase(import->progress, "saved", files, bytes);
}

/* Nothing is pruned: what would go might be the archive that is imported. */
static int archive_home(struct hb_run *import, struct hb_run *run, char **path, bool *sealed,
                        struct hb_error *error)
{
    const char *preset = hb_config_import(run->config)->backup_preset;
    struct hb_preset_backup backup = {HB_PRESET_BACKUP_NONE,
                                      .preset = *preset == '\0' ? NULL : preset, .within = "import",
                                      .planned = on_planned, .context = import};
    int status = hb_preset_backup_find(&backup, run, error);
    int result = hb_root_copy(&import->home, &run->home);
    if (status == HB_OK && result != 0)
        status = hb_error_set(error, HB_STATUS_FATAL, "%s: the home cannot be opened: %s",
                              import->home.path, strerror(-result));
    if (status == HB_OK)
        status = hb_preset_backup(&backup, error);
    *sealed = backup.sealing.section != NULL;
    if (status == HB_OK && *sealed)
        take_over_notes(&import->report, &run->report, backup.hooks_findings);
    if (status == HB_OK)
        take_over(&import->report, &run->report, backup.hooks_findings);
    if (backup.incomplete)
        status = refuse_incomplete(run, backup.destination.path, error);
    else if (status == HB_OK && !backup.result.nothing)
        *path = hb_copy_text(backup.destination.path);
    hb_preset_backup_clear(&backup);
    return status;
}

int hb_way_back(struct hb_run *run, char **path, bool *sealed, struct hb_error *error)
{
    struct hb_run own; /* that of the import is in the middle of things */
    *path = NULL;
    hb_run_init(&own, run->config);
    own.log = run->log;
    own.log_level = run->log_level;
    own.progress = run->progress;
    int status = archive_home(run, &own, path, sealed, error);
    hb_run_clear(&own);
    return status;
}

char *hb_way_back_place(const char *path)
{
    char *absolute = hb_url_scheme(path) > 0 ? NULL : hb_absolute(path);
    return absolute == NULL ? hb_copy_text(path) : absolute;
}

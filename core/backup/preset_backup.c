/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_backup.h"

#include "backup/preset_clash.h"
#include "host/own_places.h"

int hb_preset_backup_find(struct hb_preset_backup *backup, struct hb_run *run,
                          struct hb_error *error)
{
    backup->run = run;
    int status = hb_preset_find(run->config, backup->preset, &backup->settings, error);
    if (status == HB_OK)
        status = hb_format_find(run->config,
                                backup->format != NULL ? backup->format : backup->settings.format,
                                &backup->choice, error);
    if (status == HB_OK)
        status = hb_hooks_open(&backup->hooks, run, "backup", backup->dry_run, error);
    return status;
}

/* What cannot be removed is a note: the archive is made. */
static void prune(struct hb_preset_backup *backup, const struct hb_home_id *id)
{
    struct hb_error error = {0};
    const struct hb_destination *made = &backup->destination;
    int64_t keep = backup->keep >= 0 ? backup->keep : backup->settings.keep;
    if (keep < 0 || made->stream)
        return;
    struct hb_preset_query query = {
        .run = backup->run,
        .id = id,
        .prefix = backup->settings.prefix,
        .suffixes = hb_own_suffixes(backup->run),
        .directory = made->directory,
        .held = &made->place,
    };
    if (hb_preset_archives_read(&query, &backup->archives, &error) == HB_OK)
        hb_preset_prune(&query, &backup->archives, keep < 1 ? 1 : (uint64_t)keep, made->name,
                        !backup->incomplete, false);
    else
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "", "no older archive was removed: %s",
                      error.text);
}

/* Under the name and the number that it is to have. */
static int make(struct hb_preset_backup *backup, struct hb_preset_next *next,
                struct hb_error *error)
{
    struct hb_run *run = backup->run;
    struct hb_backup_request request = {
        .run = run,
        .format = &backup->choice,
        .destination = &backup->destination,
        .id = &next->id,
        .preset = backup->preset,
        .sequence = next->sequence,
        .stamp = next->stamp,
        .remember = backup->settings.reuse && !backup->destination.stream,
        .previous = next->previous,
        .dry_run = backup->dry_run,
        .choice = backup->wanted,
        .planned = backup->planned,
        .would_store = backup->would_store,
        .context = backup->context,
    };
    int status = hb_backup(&request, &backup->result, error);
    if (status != HB_OK)
        return status;
    backup->incomplete = hb_report_incomplete(&run->report);
    if (backup->result.nothing && backup->incomplete)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: nothing in the home could be read",
                            run->home.path);
    if (backup->prunes && !backup->dry_run && !backup->result.nothing && backup->output == NULL)
        prune(backup, &next->id);
    return HB_OK;
}

int hb_preset_backup(struct hb_preset_backup *backup, struct hb_error *error)
{
    struct hb_run *run = backup->run;
    const struct hb_format_ops *ops = hb_format_ops_of(&backup->choice);
    struct hb_preset_next next;
    int status =
        backup->settings.section == NULL
            ? HB_OK
            : hb_preset_clash(run->config, backup->settings.section, run->home.path, false, error);
    if (status != HB_OK)
        return status;
    status = hb_preset_destination(&backup->settings, run->home.path, backup->output, ops,
                                   &backup->destination, error);
    if (status == HB_OK)
        status = hb_destination_find_store(run, &backup->destination, error);
    if (status != HB_OK)
        return status;
    backup->hooks.event.home = run->home.path;
    backup->hooks.event.archive = backup->destination.path;
    status = hb_hooks_before(&backup->hooks, error);
    if (status != HB_OK)
        return status;
    status = hb_preset_next(run, &backup->settings, ops->suffixes, backup->dry_run,
                            &backup->destination, &next, error);
    if (status == HB_OK)
        status = make(backup, &next, error);
    hb_preset_next_clear(&next);
    if (status != HB_OK)
        return status;
    backup->hooks_findings = run->report.count;
    backup->hooks.event.archive = backup->destination.path; /* it may have got another name */
    hb_hooks_after(&backup->hooks, backup->result.files, backup->result.bytes);
    return HB_OK;
}

void hb_preset_backup_clear(struct hb_preset_backup *backup)
{
    hb_hooks_close(&backup->hooks);
    hb_preset_archives_clear(&backup->archives);
    hb_destination_clear(&backup->destination);
    hb_format_choice_clear(&backup->choice);
    hb_preset_clear(&backup->settings);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_backup.h"

#include "backup/preset_clash.h"
#include "backup/preset_prune.h"
#include "host/own_places.h"
#include <string.h>

/* By the option, the preset, or [backup]. */
static int find_seal(struct hb_preset_backup *backup, struct hb_error *error)
{
    const char *name = backup->seal != NULL ? backup->seal : backup->settings.seal;
    if (*name == '\0' || strcmp(name, "none") == 0)
        return HB_OK;
    return hb_chosen_by_name(backup->run->config, HB_KIND_TRANSFORM, name, &backup->sealing, error);
}

static const struct hb_chosen *seal_of(const struct hb_preset_backup *backup)
{
    return backup->sealing.section == NULL ? NULL : &backup->sealing;
}

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
        status = find_seal(backup, error);
    if (status == HB_OK)
        hb_suffixes_make(&backup->choice, seal_of(backup), &backup->suffixes);
    if (status == HB_OK)
        status = hb_hooks_open(&backup->hooks, run, "backup", backup->dry_run, error);
    return status;
}

/* What cannot be removed is a note: the archive is made. */
static void prune(struct hb_preset_backup *backup, const struct hb_home_id *id)
{
    struct hb_error error = {0};
    const struct hb_destination *made = &backup->destination;
    struct hb_keep keep = hb_preset_keep(&backup->settings, backup->keep);
    struct hb_preset_query query = {
        .run = backup->run,
        .id = id,
        .prefix = backup->settings.prefix,
        .suffixes = hb_own_suffixes(backup->run),
        .directory = made->directory,
        .held = &made->place,
    };
    int status = hb_preset_archives_read(&query, &backup->archives, &error);
    for (size_t i = 0; status == HB_OK && i < backup->archives.count; i++) {
        struct hb_kept *kept = &backup->archives.rows[i].kept; /* one that does not say so itself */
        kept->shrunk |=
            backup->result.shrink.shrunk != HB_SHRUNK_NO && strcmp(kept->name, made->name) == 0;
    }
    if (status == HB_OK)
        hb_preset_prune(&query, &backup->archives, &keep, made->name, !backup->incomplete, false);
    else
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "", "no older archive was removed: %s",
                      error.text);
    hb_preset_tell_removed(&backup->archives, &backup->hooks);
}

/* Under the name and the number that it is to have. */
static int make(struct hb_preset_backup *backup, struct hb_preset_next *next,
                struct hb_error *error)
{
    struct hb_run *run = backup->run;
    struct hb_backup_request request = {
        .run = run,
        .format = &backup->choice,
        .seal = seal_of(backup),
        .suffixes = &backup->suffixes,
        .destination = &backup->destination,
        .id = &next->id,
        .preset = backup->preset,
        .sequence = next->sequence,
        .stamp = next->stamp,
        .facts = backup->settings.section != NULL && backup->output == NULL,
        .remember = backup->settings.reuse && !backup->destination.stream,
        .limits = backup->output == NULL ? backup->settings.settings : NULL,
        .before = &next->before,
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
    return HB_OK;
}

/* An import that makes an archive first loses nothing in an empty home. */
static void tell_empty(struct hb_preset_backup *backup)
{
    if (backup->result.nothing && backup->within == NULL && backup->settings.settings != NULL &&
        backup->settings.settings->empty_is_error)
        hb_report_add(&backup->run->report, HB_FOUND_DOUBTFUL, "",
                      "%s: there is nothing to back up, and [preset:%s] has empty = error",
                      backup->run->home.path, backup->preset);
}

/* After the archive: it is complete, and yet exit status 3. */
static void tell_shrunk(struct hb_preset_backup *backup, const struct hb_before *before)
{
    const struct hb_shrink_result *shrink = &backup->result.shrink;
    bool is_shrunk = shrink->shrunk == HB_SHRUNK_YES;
    if (shrink->why != NULL)
        hb_report_add(&backup->run->report, is_shrunk ? HB_FOUND_DOUBTFUL : HB_FOUND_NOTE, "",
                      "%s: %s%s%s%s%s", backup->destination.path,
                      is_shrunk ? "the archive has shrunk: " : "", shrink->why,
                      before->known ? " (" : "", before->known ? before->name : "",
                      before->known ? ")" : "");
}

static bool retains(const struct hb_preset_backup *backup)
{
    return backup->prunes && !backup->dry_run && !backup->result.nothing &&
           backup->output == NULL && backup->settings.settings != NULL &&
           !backup->destination.stream;
}

/* It is made: hooks hear of it, and unless one holds that back, older ones go. */
static void conclude(struct hb_preset_backup *backup, const struct hb_preset_next *next)
{
    struct hb_hooks *hooks = &backup->hooks;
    backup->hooks_findings = backup->run->report.count;
    tell_empty(backup);
    tell_shrunk(backup, &next->before);
    hb_hooks_tell(hooks, HB_HOOKS_ARCHIVE, /* it may have got another name */
                  backup->result.nothing ? NULL : backup->destination.path);
    hooks->event.archive_bytes = backup->result.archive_bytes;
    hb_hooks_after(hooks, backup->result.files, backup->result.bytes, retains(backup));
    if (retains(backup) && backup->result.unconfirmed)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "",
                      "no older archive was removed: it is not sure that the new one is there");
    else if (retains(backup) && hooks->held == NULL)
        prune(backup, &next->id);
    else if (retains(backup))
        backup->held = hooks->held;
}

static int make_and_retain(struct hb_preset_backup *backup, struct hb_error *error)
{
    char **suffixes = hb_suffixes_known(backup->run->config, &backup->choice);
    struct hb_preset_next next;
    int status = hb_preset_next(backup->run, &backup->settings, (const char *const *)suffixes,
                                backup->dry_run, &backup->destination, &next, error);
    hb_suffixes_free(suffixes);
    if (status == HB_OK)
        status = make(backup, &next, error);
    if (status == HB_OK)
        conclude(backup, &next);
    hb_preset_next_clear(&next);
    return status;
}

static void tell_of_it(struct hb_preset_backup *backup)
{
    struct hb_hooks *hooks = &backup->hooks;
    hb_hooks_tell(hooks, HB_HOOKS_WITHIN, backup->within);
    hb_hooks_tell(hooks, HB_HOOKS_HOME, backup->run->home.path);
    hb_hooks_tell(hooks, HB_HOOKS_ARCHIVE, backup->destination.path);
    hb_hooks_tell(hooks, HB_HOOKS_PRESET, backup->preset);
    hb_hooks_tell(hooks, HB_HOOKS_FORMAT, backup->choice.section->label);
}

int hb_preset_backup(struct hb_preset_backup *backup, struct hb_error *error)
{
    struct hb_run *run = backup->run;
    int status =
        backup->settings.section == NULL
            ? HB_OK
            : hb_preset_clash(run->config, backup->settings.section, run->home.path, false, error);
    if (status != HB_OK)
        return status;
    status = hb_preset_destination(&backup->settings, run->home.path, backup->output,
                                   &backup->suffixes, &backup->destination, error);
    backup->destination.replaces = backup->replaces;
    if (status == HB_OK)
        status = hb_destination_find_store(run, &backup->destination, error);
    if (status != HB_OK)
        return status;
    tell_of_it(backup);
    status = hb_hooks_before(&backup->hooks, error);
    if (status == HB_OK)
        status = make_and_retain(backup, error);
    hb_hooks_end(&backup->hooks, status, error);
    return status;
}

void hb_preset_backup_clear(struct hb_preset_backup *backup)
{
    hb_hooks_close(&backup->hooks);
    hb_preset_archives_clear(&backup->archives);
    hb_destination_clear(&backup->destination);
    hb_suffixes_clear(&backup->suffixes);
    hb_chosen_clear(&backup->sealing);
    hb_chosen_clear(&backup->choice);
    hb_preset_clear(&backup->settings);
    free(backup->result.shrink.why);
    backup->result.shrink.why = NULL;
}

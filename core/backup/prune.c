/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/prune.h"

#include "backup/accept.h"
#include "backup/preset_clash.h"
#include "backup/preset_prune.h"
#include "base/memory.h"
#include "host/own_places.h"
#include "restore/pending.h"
#include <string.h>

struct prune {
    const struct hb_prune_request *request;
    struct hb_prune_result *result;
    struct hb_home_id id;
};

struct seen {
    const struct hb_preset_query *query;
    const struct hb_preset_archives *archives;
};

/* What cannot be read now is there all the same. Names of other presets were not looked at. */
static bool is_gone(void *context, const char *name)
{
    const struct seen *seen = context;
    struct hb_archive_name parts;
    for (size_t i = 0; i < seen->archives->count; i++)
        if (strcmp(seen->archives->rows[i].kept.name, name) == 0)
            return seen->archives->rows[i].kept.removed;
    return hb_archive_name_parse(name, seen->query->prefix, seen->query->suffixes, &parts);
}

/*
 * Nothing can be told about the archives of the preset, of which none was looked at or not all:
 * none is removed, and the other presets are not to blame.
 */
static void report_unlisted(struct prune *prune, const char *preset, struct hb_error *error)
{
    hb_report_add(&prune->request->run->report, HB_FOUND_DOUBTFUL, "",
                  "[preset:%s]: all its archives stay, because they cannot be listed: %s", preset,
                  error->text);
    *error = (struct hb_error){0};
    prune->result->doubtful = true;
}

/* In a dry run nothing says so yet. */
static void take_accepted(const struct prune *prune, struct hb_preset_archives *archives)
{
    for (size_t i = 0; prune->result->accepted != NULL && i < archives->count; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        row->accepted |= hb_accept_is_meant(archives, i, prune->result->accepted);
        row->kept.shrunk &= !row->accepted;
    }
}

static void look_for_doubt(struct prune *prune, const struct hb_preset_archives *archives)
{
    for (size_t i = 0; i < archives->count; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        prune->result->doubtful |=
            row->kept.fate == HB_STAYS_UNTOLD || (row->kept.fate == HB_GOES && !row->kept.removed);
        prune->result->doubtful |= row->kept.fate == HB_STAYS_HELD;
    }
}

static int prune_archives(struct prune *prune, const struct hb_preset *preset,
                          struct hb_error *error)
{
    const struct hb_prune_request *request = prune->request;
    struct hb_preset_archives archives;
    HB_AUTO_FREE char *directory = hb_preset_directory(preset, request->run->home.path);
    struct hb_preset_query query = {.run = request->run,
                                    .id = &prune->id,
                                    .prefix = preset->prefix,
                                    .suffixes = hb_own_suffixes(request->run),
                                    .directory = directory};
    struct hb_keep keep = hb_preset_keep(preset, -1);
    int status = hb_preset_archives_read(&query, &archives, error);
    if (status == HB_STATUS_FATAL) {
        report_unlisted(prune, preset->section->label, error);
        hb_preset_archives_clear(&archives); /* of some of them nothing more is said */
        status = HB_OK;
    }
    if (status == HB_OK && request->adopt)
        prune->result->adopted += hb_preset_adopt(&archives, &prune->id);
    take_accepted(prune, &archives);
    if (status == HB_OK) {
        hb_preset_prune(&query, &archives, &keep, NULL, false, request->dry_run);
        if (request->adopt && archives.directory != NULL)
            hb_home_id_forget(&prune->id, archives.directory, is_gone,
                              &(struct seen){&query, &archives});
        request->pruned(request->context, preset, &archives, directory, &keep);
        look_for_doubt(prune, &archives);
    }
    hb_preset_archives_clear(&archives);
    return status;
}

static int prune_preset(struct prune *prune, const char *name, struct hb_error *error)
{
    const struct hb_config *config = prune->request->run->config;
    struct hb_preset preset;
    struct hb_chosen choice = {0};
    int status = hb_preset_find(config, name, &preset, error);
    if (status == HB_OK)
        status =
            hb_preset_clash(config, preset.section, prune->request->run->home.path, false, error);
    if (status == HB_OK)
        status = hb_format_find(config, preset.format, &choice, error);
    if (status == HB_OK)
        status = prune_archives(prune, &preset, error);
    hb_chosen_clear(&choice);
    hb_preset_clear(&preset);
    return status;
}

static int prune_each(struct prune *prune, struct hb_error *error)
{
    const struct hb_prune_request *request = prune->request;
    const struct hb_section *section = NULL;
    int worst = HB_OK;
    while (worst != HB_STATUS_CANCELLED &&
           (section = hb_config_next_preset(request->run->config, section)) != NULL) {
        struct hb_error reason = {0};
        if (request->preset != NULL && strcmp(request->preset, section->label) != 0)
            continue;
        int status = prune_preset(prune, section->label, &reason);
        if (status == HB_OK)
            continue;
        if (worst == HB_OK || status == HB_STATUS_CANCELLED)
            *error = reason;
        worst = status;
    }
    return worst;
}

int hb_prune(const struct hb_prune_request *request, struct hb_prune_result *result,
             struct hb_error *error)
{
    struct hb_run *run = request->run;
    struct prune prune = {.request = request, .result = result};
    *result = (struct hb_prune_result){0};
    hb_pending_tell(run);
    hb_home_id_find(&run->home, !request->dry_run, &prune.id);
    if (prune.id.note != NULL)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", prune.id.note);
    int status = request->accept == NULL ? HB_OK
                                         : hb_accept(run, request->preset, request->accept,
                                                     request->dry_run, &result->accepted, error);
    if (status == HB_OK)
        status = prune_each(&prune, error);
    if (request->adopt && !request->dry_run) {
        int saved = hb_home_id_save(&run->home, &prune.id);
        if (saved != 0)
            hb_report_add(&run->report, HB_FOUND_NOTE, "",
                          "%s: the adopted archives cannot be recorded there and are adopted for "
                          "this run only: %s",
                          HB_HOME_ID_NAME, hb_rights_explain(-saved));
    }
    hb_home_id_clear(&prune.id);
    return status;
}

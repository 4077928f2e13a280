/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup up to its plan, and what has to be open and settled before anything is written:
 * an interrupted import is completed first, then the home is walked, and only a plan with content
 * leads to a home id, a destination and a stage. backup_write.c goes on from there.
 */
#include "backup/backup.h"

#include "backup/backup_write.h"
#include "backup/incomplete.h"
#include "backup/walk.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "host/content.h"
#include "host/instance.h"
#include "host/roots.h"
#include "restore/recover.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int make_plan(struct hb_backing_up *backup)
{
    const struct hb_config *config = backup->run->config;
    const struct hb_destination *destination = backup->request->destination;
    const struct hb_format_ops *ops = hb_format_ops_of(backup->request->format);
    struct hb_identity excluded[3];
    size_t excluded_count = 0;
    struct stat status;
    /* One of a name that is ours stays: it is a file like others. */
    if (destination->exists && !destination->stream && !destination->unique)
        excluded[excluded_count++] =
            (struct hb_identity){destination->status.st_dev, destination->status.st_ino};
    if (hb_incomplete_beside(backup->run, (const char *const *)backup->request->suffixes->all,
                             destination, &status))
        excluded[excluded_count++] = (struct hb_identity){status.st_dev, status.st_ino};
    if (backup->key.exists)
        excluded[excluded_count++] = (struct hb_identity){backup->key.device, backup->key.inode};
    bool store_links = hb_config_backup(config)->store_links;
    bool cannot_link = store_links && !(ops->flags & HB_FORMAT_SYMLINKS);
    size_t links = backup->run->report.kinds[HB_FOUND_LINK];
    struct hb_keeps keeps = hb_format_keeps(backup->request->format);
    struct hb_plan_request request = {
        .run = backup->run,
        .filters = &backup->filters,
        .contents = &backup->contents,
        .choice = backup->request->choice,
        .keeps = &keeps,
        .store_links = store_links && !cannot_link,
        .one_file_system = hb_config_backup(config)->one_file_system,
        .excluded = excluded,
        .excluded_count = excluded_count,
        .id = backup->request->id,
        .latest = backup->latest,
        .swept = backup->request->dry_run ? NULL : &backup->result->swept,
    };
    int made = hb_plan_make(&request, &backup->plan, backup->error);
    if (cannot_link && backup->run->report.kinds[HB_FOUND_LINK] > links)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "",
                      "this format cannot store symbolic links; they are left out");
    backup->run->walked = made == HB_OK;
    return made;
}

/* Beside the archive, with the rights that the archive is made with. */
static int stage_beside(struct hb_backing_up *backup, struct hb_stage *stage)
{
    const struct hb_destination *destination = backup->request->destination;
    struct hb_rights rights;
    int result = hb_run_making(backup->run, &destination->place, &rights);
    if (result != 0)
        return hb_error_set(
            backup->error, HB_STATUS_FATAL,
            "%s: the link to this directory belongs to a user who cannot write to it",
            destination->directory);
    return hb_stage_open_in(destination->place.fd, &rights, destination->directory, stage,
                            &backup->result->swept, backup->error);
}

/* In the home, for the copies that plugins make. */
static int stage_in_home(struct hb_backing_up *backup)
{
    const struct hb_root *home = &backup->run->home;
    struct hb_rights reading = hb_root_reading(home);
    int status = hb_stage_open_in(home->fd, &reading, home->path, &backup->run->stage,
                                  &backup->result->swept, backup->error);
    if (status != HB_OK)
        hb_error_hint(backup->error, "set backup.stage-dir to a directory that you can write to");
    return status;
}

static int stage_in_chosen(struct hb_backing_up *backup, const char *path)
{
    struct hb_directory chosen;
    struct hb_rights rights;
    int result = hb_directory_open(path, false, &chosen);
    if (result == 0)
        result = hb_run_making(backup->run, &chosen, &rights);
    int status = result == 0 ? hb_stage_open_in(chosen.fd, &rights, path, &backup->run->stage,
                                                &backup->result->swept, backup->error)
                             : hb_error_set(backup->error, HB_STATUS_FATAL,
                                            "%s: cannot open the directory: %s", path,
                                            hb_rights_explain(-result));
    hb_directory_close(&chosen);
    return status;
}

/*
 * Staged copies of a run that seals are not sealed: they stay out of the archive's directory, which
 * may be a share. Without claimed entries there will be none.
 */
static int stages_of_sealed(struct hb_backing_up *backup)
{
    int status = stage_in_home(backup);
    if (status != HB_OK && backup->plan.first_claimed == backup->plan.count)
        status = HB_OK;
    return status == HB_OK ? stage_beside(backup, &backup->destination_stage) : status;
}

/*
 * Staged copies lie in stage-dir, else beside the archive, else (a stream, a store, a sealed
 * archive) in the home. A stream without claimed entries needs no stage, so that a read-only home
 * will do.
 */
static int open_stages(struct hb_backing_up *backup)
{
    const struct hb_destination *destination = backup->request->destination;
    const char *chosen = hb_config_backup(backup->run->config)->stage_dir;
    if (*chosen != '\0') {
        HB_AUTO_FREE char *path = hb_expand_path(chosen);
        int status = stage_in_chosen(backup, path);
        if (status != HB_OK || destination->stream || destination->store != NULL)
            return status;
        return stage_beside(backup, &backup->destination_stage);
    }
    if (!destination->stream && destination->store == NULL)
        return backup->request->seal != NULL ? stages_of_sealed(backup)
                                             : stage_beside(backup, &backup->run->stage);
    if (destination->stream && backup->plan.first_claimed == backup->plan.count)
        return HB_OK;
    return stage_in_home(backup);
}

static void list_plan(const struct hb_backing_up *backup)
{
    const struct hb_backup_request *request = backup->request;
    for (size_t i = 0; request->would_store != NULL && i < backup->plan.count; i++) {
        struct hb_planned planned = hb_plan_entry(&backup->plan, i);
        HB_AUTO_FREE char *path = hb_plan_path(&backup->plan, &planned);
        request->would_store(request->context, path, &backup->plan, &planned);
        backup->result->directories += planned.type == HB_TYPE_DIRECTORY;
    }
    backup->result->files = backup->plan.files;
    backup->result->bytes = backup->plan.bytes;
}

/* Nobody needs an archive of directories alone. */
static bool has_content(const struct hb_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (hb_plan_entry(plan, i).type != HB_TYPE_DIRECTORY)
            return true;
    return false;
}

/* Which home this is: said once there is an archive to say it. */
static void settle_id(struct hb_backing_up *backup)
{
    struct hb_home_id *id = backup->request->id;
    hb_home_id_clear(id);
    hb_home_id_find(&backup->run->home, true, id);
    backup->result->swept += id->swept;
    if (id->note != NULL)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "", "%s", id->note);
}

/* A link that leads to a file of the home that no archive would be called like: a live one. */
static int spare_file_of_home(const struct hb_backing_up *backup)
{
    const struct hb_destination *destination = backup->request->destination;
    const char *home = backup->run->home.path;
    size_t bytes = strlen(home);
    if (destination->stream || destination->unique || !destination->exists ||
        strncmp(destination->path, home, bytes) != 0 || destination->path[bytes] != '/' ||
        hb_format_stem((const char *const *)backup->request->suffixes->all, destination->name) > 0)
        return HB_OK;
    hb_error_set(backup->error, HB_STATUS_FATAL,
                 "%s: a link leads to this file of the home; it is not replaced",
                 destination->path);
    hb_error_hint(backup->error, "choose another name with -o");
    return HB_STATUS_FATAL;
}

/* What was chosen is not there, or all of it is left out: a slip, and no empty home. */
static int check_choice(const struct hb_backing_up *backup)
{
    const struct hb_choice *choice = backup->request->choice;
    if (choice == NULL)
        return HB_OK;
    hb_choice_note(choice, "the home", true, &backup->run->report);
    if (has_content(&backup->plan) ||
        choice->not_included + choice->excluded + choice->too_large + choice->pruned == 0)
        return HB_OK;
    return hb_error_set(backup->error, HB_STATUS_FATAL,
                        "%s: --include and --exclude leave nothing to back up",
                        backup->run->home.path);
}

static int run_backup(struct hb_backing_up *backup)
{
    const struct hb_backup_request *request = backup->request;
    struct hb_run *run = backup->run;
    int status = hb_chain_create(run, HB_KIND_FILTER, "backup", &backup->filters, backup->error);
    if (status == HB_OK)
        status = hb_contents_create(run, &backup->contents, backup->error);
    if (status == HB_OK)
        status = hb_recover(run, &backup->contents, request->dry_run ? HB_RECOVER_TELL : HB_RECOVER,
                            backup->error);
    if (status == HB_OK)
        hb_roots_report(run);
    if (status == HB_OK)
        status = make_plan(backup);
    if (status == HB_OK)
        status = check_choice(backup);
    if (status != HB_OK)
        return status;
    if (!has_content(&backup->plan)) {
        backup->result->nothing = true;
        return HB_OK;
    }
    if (request->planned != NULL)
        request->planned(request->context, backup->plan.files, backup->plan.bytes);
    if (request->dry_run) {
        list_plan(backup);
        return HB_OK;
    }
    settle_id(backup);
    memcpy(request->destination->home, request->id->id, sizeof request->id->id);
    request->destination->log = request->run->log;
    status = hb_destination_prepare(request->destination, backup->error);
    if (status == HB_OK)
        status = spare_file_of_home(backup);
    if (status == HB_OK)
        status = open_stages(backup);
    return status == HB_OK ? hb_backup_write(backup) : status;
}

int hb_backup(const struct hb_backup_request *request, struct hb_backup_result *result,
              struct hb_error *error)
{
    struct hb_backing_up backup = {
        .request = request, .run = request->run, .result = result, .error = error};
    backup.destination_stage = (struct hb_stage)HB_STAGE_NONE;
    *result = (struct hb_backup_result){0};
    backup.latest = INT64_MAX;
    backup.started = hb_backup_now();
    const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* reproducible-builds.org/specs */
    if (epoch != NULL && *epoch != '\0') {
        char *end;
        errno = 0;
        backup.latest = strtoll(epoch, &end, 10);
        if (*end != '\0' || errno != 0) {
            hb_error_set(error, HB_STATUS_FATAL, "SOURCE_DATE_EPOCH is not a number: %s", epoch);
            error->wrong_use = true;
            return HB_STATUS_FATAL;
        }
    }
    hb_state_key_find(request->remember && !request->dry_run && !hb_is_reproducible(&backup),
                      &backup.key);
    if (request->remember && !hb_is_reproducible(&backup) && backup.key.why != NULL)
        hb_report_add(&request->run->report, HB_FOUND_NOTE, "",
                      "nothing is reused, now or from this archive later: %s", backup.key.why);
    request->run->seals = request->seal != NULL;
    int status = run_backup(&backup);
    request->run->seals = false;
    hb_state_key_clear(&backup.key);
    hb_plan_clear(&backup.plan);
    hb_chain_free(&backup.filters);
    request->run->walked = false;
    hb_chain_free(&backup.contents);
    hb_run_close_stage(request->run, &backup.destination_stage, status);
    hb_run_close_stage(request->run, &request->run->stage, status);
    if (status != HB_OK)
        hb_destination_undo(request->destination);
    hb_report_sort(&request->run->report);
    return status;
}

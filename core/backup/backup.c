/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/backup.h"

#include "archive/trailer.h"
#include "backup/incomplete.h"
#include "backup/read_back.h"
#include "backup/walk.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "files/anywhere.h"
#include "files/state_key.h"
#include "host/failure.h"
#include "host/instance.h"
#include "host/lost.h"
#include "pipeline/pipeline.h"
#include "pipeline/plan.h"
#include "restore/recover.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct backup {
    const struct hb_backup_request *request;
    struct hb_run *run;
    struct hb_backup_result *result;
    struct hb_error *error;
    struct hb_chain filters, contents;
    struct hb_plan plan;
    struct hb_stage destination_stage; /* when the run's own lies elsewhere (stage-dir) */
    struct hb_instance *format;
    struct hb_publication publication;
    struct hb_trailer trailer;
    unsigned char *block; /* the trailer, as the format got it */
    size_t block_bytes;
    struct hb_reuse_index reuse;  /* for a later backup */
    uint64_t entry_units;         /* units so far of the entries whose steps come now */
    struct hb_previous *previous; /* or NULL */
    struct hb_pipeline
        *pipeline;           /* stays until the archive is published: staged copies go beside */
    bool leaving_out;        /* the entry whose steps come now */
    int64_t latest;          /* SOURCE_DATE_EPOCH, else INT64_MAX */
    struct hb_state_key key; /* of this installation */
    int64_t started;
};

/* Nanoseconds since 1970. */
static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Is the archive to be one that anybody gets again from the same tree? */
static bool is_reproducible(const struct backup *backup)
{
    return backup->latest != INT64_MAX;
}

static int make_plan(struct backup *backup)
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
    if (hb_incomplete_beside(backup->run, ops->suffixes, destination, &status))
        excluded[excluded_count++] = (struct hb_identity){status.st_dev, status.st_ino};
    if (backup->key.exists)
        excluded[excluded_count++] = (struct hb_identity){backup->key.device, backup->key.inode};
    bool store_links = hb_config_value(config, "backup", "links")->number == 1;
    if (store_links && !(ops->flags & HB_FORMAT_SYMLINKS)) {
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "",
                      "the format cannot store symbolic links; they are passed over");
        store_links = false;
    }
    struct hb_plan_request request = {
        .run = backup->run,
        .filters = &backup->filters,
        .contents = &backup->contents,
        .store_links = store_links,
        .one_file_system = hb_config_number(config, "backup", "one-file-system") != 0,
        .excluded = excluded,
        .excluded_count = excluded_count,
        .id = backup->request->id,
        .latest = backup->latest,
        .swept = backup->request->dry_run ? NULL : &backup->result->swept,
    };
    return hb_plan_make(&request, &backup->plan, backup->error);
}

/* Beside the archive: whose rights it is made with, its stage is made with. */
static int stage_beside(struct backup *backup, struct hb_stage *stage)
{
    const struct hb_destination *destination = backup->request->destination;
    struct hb_rights rights;
    int result = hb_run_making(backup->run, &destination->place, &rights);
    if (result != 0)
        return hb_error_set(backup->error, HB_FATAL,
                            "%s: a link of another user's leads there, who could not write to it",
                            destination->directory);
    return hb_stage_open_in(destination->place.fd, &rights, destination->directory, stage,
                            &backup->result->swept, backup->error);
}

/* In the home, for what a plugin copies of it. */
static int stage_in_home(struct backup *backup)
{
    const struct hb_root *home = &backup->run->home;
    struct hb_rights reading = hb_root_reading(home);
    int status = hb_stage_open_in(home->fd, &reading, home->path, &backup->run->stage,
                                  &backup->result->swept, backup->error);
    if (status != HB_OK)
        hb_error_hint(backup->error, "set backup.stage-dir to a directory that you can write to");
    return status;
}

static int stage_in_chosen(struct backup *backup, const char *path)
{
    struct hb_directory chosen;
    struct hb_rights rights;
    int result = hb_directory_open(path, false, &chosen);
    if (result == 0)
        result = hb_run_making(backup->run, &chosen, &rights);
    int status = result == 0
                     ? hb_stage_open_in(chosen.fd, &rights, path, &backup->run->stage,
                                        &backup->result->swept, backup->error)
                     : hb_error_set(backup->error, HB_FATAL, "%s: cannot open the directory: %s",
                                    path, hb_rights_explain(-result));
    hb_directory_close(&chosen);
    return status;
}

/*
 * Staged copies lie in stage-dir, else beside the archive, else (a stream) in the home. A stream
 * without claimed entries needs no stage, so that a read-only home will do.
 */
static int open_stages(struct backup *backup)
{
    const struct hb_destination *destination = backup->request->destination;
    const char *chosen = hb_config_text(backup->run->config, "backup", "stage-dir");
    if (*chosen != '\0') {
        HB_AUTO_FREE char *path = hb_expand_tilde(chosen);
        int status = stage_in_chosen(backup, path);
        if (status != HB_OK || destination->stream)
            return status;
        return stage_beside(backup, &backup->destination_stage);
    }
    if (!destination->stream)
        return stage_beside(backup, &backup->run->stage);
    if (backup->plan.first_claimed == backup->plan.count)
        return HB_OK;
    return stage_in_home(backup);
}

/* A format's failure is the sink's, when the sink had one. */
static int format_failed(struct backup *backup, int status, const char *path)
{
    if (backup->publication.error.text[0] != '\0') {
        *backup->error = backup->publication.error;
        return HB_FATAL;
    }
    if (status == HB_CANCELLED)
        return hb_error_set(backup->error, HB_CANCELLED, "interrupted");
    return hb_error_set(backup->error, HB_FATAL, "%s%s%s", path == NULL ? "" : path,
                        path == NULL ? "" : ": ", hb_instance_failure(backup->format));
}

/*
 * HB_ENTRY: the format cannot store this one (a name that is too long, say). An entry that was
 * encoded alone, or not at all, can be left out; inside a shared unit it is too late.
 */
static int begin_entries(struct backup *backup, const struct hb_step *step)
{
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    for (size_t i = 0; i < step->entry_count; i++) {
        hb_run_clear_failure(backup->run);
        int status =
            ops->begin_entry(backup->format->self, &backup->publication.sink, step->entries[i]);
        if (status == HB_ENTRY && step->entry_count == 1 &&
            backup->publication.error.text[0] == '\0') {
            hb_report_add(&backup->run->report, HB_FOUND_SKIPPED, step->entries[i]->path, "%s",
                          hb_instance_failure(backup->format));
            return HB_ENTRY;
        }
        if (status != HB_OK)
            return format_failed(backup, status, step->entries[i]->path);
    }
    return HB_OK;
}

static int end_entries(struct backup *backup, const struct hb_step *step)
{
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    for (size_t i = 0; i < step->entry_count; i++) {
        const struct hb_entry *entry = step->entries[i];
        hb_run_clear_failure(backup->run);
        int status = ops->end_entry(backup->format->self, &backup->publication.sink, entry);
        if (status != HB_OK)
            return format_failed(backup, status, entry->path);
        struct hb_entry row = hb_read_back_row(ops, entry);
        hb_trailer_add(&backup->trailer, &row);
        if (backup->plan.remember)
            hb_reuse_add_entry(&backup->reuse, entry, &hb_reader_of(step->entries[i])->fingerprint,
                               backup->entry_units);
        if (entry->type == HB_FILE) {
            backup->result->files++;
            backup->result->bytes += entry->bytes;
        } else {
            backup->result->directories += entry->type == HB_DIRECTORY;
        }
    }
    return HB_OK;
}

static void note_unit(struct backup *backup, const struct hb_step *step)
{
    backup->entry_units = step->first ? 1 : backup->entry_units + 1;
    if (step->reused)
        backup->result->reused_bytes += step->unit.raw_bytes;
    if (backup->plan.remember)
        hb_reuse_add_unit(&backup->reuse, &step->unit, &step->mark, step->first && step->last);
}

static int append_step(struct backup *backup, const struct hb_step *step)
{
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    int status = HB_OK;
    if (step->first) {
        status = begin_entries(backup, step);
        backup->leaving_out = status == HB_ENTRY;
    }
    if (backup->leaving_out) /* all steps of it */
        return HB_OK;
    if (status == HB_OK && (HB_CAN(ops, encode) || step->unit.bytes > 0)) {
        hb_run_clear_failure(backup->run);
        status = ops->append(backup->format->self, &backup->publication.sink, &step->unit);
        if (status != HB_OK)
            return format_failed(backup, status, step->entries[0]->path);
    }
    if (status == HB_OK)
        note_unit(backup, step);
    if (status == HB_OK && step->last)
        status = end_entries(backup, step);
    if (status == HB_OK)
        hb_progress_add(backup->run->progress, step->last ? step->entry_count : 0,
                        step->unit.raw_bytes);
    return status;
}

/* Where this archive comes from; pointers are into the request and `host`. */
static struct hb_origin origin_of(const struct backup *backup, char *host, size_t host_bytes)
{
    const struct hb_backup_request *request = backup->request;
    struct hb_origin origin = {
        .host = host,
        .path = backup->run->home.path,
        .preset = (char *)(uintptr_t)request->preset,
        .started = backup->started,
        .ended = now(),
        .files = backup->result->files,
        .directories = backup->result->directories,
        .bytes = backup->result->bytes,
        .sequence = request->sequence,
    };
    if (gethostname(host, host_bytes) != 0)
        host[0] = '\0';
    snprintf(origin.home, sizeof origin.home, "%s", request->id->id);
    snprintf(origin.stamp, sizeof origin.stamp, "%s", request->stamp);
    return origin;
}

static int finish_archive(struct backup *backup)
{
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    char host[HOST_NAME_MAX + 1] = "";
    struct hb_origin origin = origin_of(backup, host, sizeof host - 1);
    /* Sources that are still being closed may have something to say. */
    pthread_mutex_lock(&backup->run->report.lock);
    hb_report_sort(&backup->run->report);
    if (ops->flags & HB_FORMAT_TRAILER)
        hb_trailer_build(
            &backup->trailer, &backup->run->report, backup->plan.remember ? &backup->reuse : NULL,
            is_reproducible(backup) ? NULL : &origin, backup->key.known ? backup->key.key : NULL,
            &backup->block, &backup->block_bytes);
    pthread_mutex_unlock(&backup->run->report.lock);
    hb_run_clear_failure(backup->run);
    int status = ops->finish(backup->format->self, &backup->publication.sink, backup->block,
                             backup->block_bytes);
    if (status != HB_OK)
        return format_failed(backup, status, NULL);
    backup->result->archive_bytes = backup->publication.sink.tell(&backup->publication.sink);
    return hb_publication_flush(&backup->publication, backup->error);
}

/* See read_back.c. */
static int read_back(struct backup *backup)
{
    const struct hb_destination *destination = backup->request->destination;
    struct hb_read_back_request request = {
        .run = backup->run,
        .format = backup->request->format,
        .fd = backup->publication.fd,
        .stored = &backup->trailer,
        .block = backup->block,
        .block_bytes = backup->block_bytes,
    };
    struct hb_error why = {0};
    if (destination->stream)
        return HB_OK;
    int status = hb_read_back(&request, &why);
    if (status == HB_CANCELLED)
        return hb_error_set(backup->error, HB_CANCELLED, "interrupted");
    if (status == HB_OK)
        return HB_OK;
    hb_error_set(backup->error, HB_FATAL,
                 "%s: the archive was written, but cannot be read back: %s; it was not published",
                 destination->path, why.text);
    hb_error_hint(backup->error, "choose another format with --format, and report this");
    return HB_FATAL;
}

static int write_entries(struct backup *backup)
{
    struct hb_pipeline_request request = {
        .run = backup->run,
        .plan = &backup->plan,
        .contents = &backup->contents,
        .format = backup->format,
        .workers = hb_run_workers(backup->run),
        .window = (uint64_t)hb_config_number(backup->run->config, "backup", "window"),
        .previous = backup->previous,
    };
    struct hb_step step;
    hb_trailer_reserve(&backup->trailer, backup->plan.count);
    int status = hb_pipeline_start(&request, &backup->pipeline, backup->error);
    if (status != HB_OK)
        return status;
    while ((status = hb_pipeline_next(backup->pipeline, &step, backup->error)) == HB_OK) {
        status = append_step(backup, &step);
        if (status != HB_OK)
            break;
    }
    return status == HB_END ? HB_OK : status;
}

/* What units of two archives must have in common for one to take them over from the other. */
static void make_key(const struct hb_instance *format, const char *codec,
                     const struct hb_unit_policy *policy, unsigned char key[32])
{
    HB_AUTO_FREE char *text =
        hb_text("%s %s\n%s\n%u %llu %llu", format->plugin->name, format->plugin->version, codec,
                policy->spans, (unsigned long long)policy->unit_bytes,
                (unsigned long long)policy->overhead);
    hb_key_hash(text, key);
}

/*
 * Prepares for units to be taken over, now from the previous archive and later from this one. What
 * is wrong with the previous one is worth a note, no more: everything can be read anew.
 */
static int prepare_reuse(struct backup *backup)
{
    const struct hb_backup_request *request = backup->request;
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    struct hb_unit_policy policy;
    struct hb_error why;
    if (!request->remember || !(ops->flags & HB_FORMAT_TRAILER) || !HB_CAN(ops, encode) ||
        !HB_CAN(ops, codec) || !HB_CAN(ops, locate))
        return HB_OK;
    const char *codec = ops->codec(backup->format->self);
    int status = hb_format_policy(backup->format, &policy, backup->error);
    if (codec == NULL || status != HB_OK)
        return status;
    backup->plan.remember = true;
    hb_reuse_reserve(
        &backup->reuse, backup->plan.count,
        policy.spans ? 0 : backup->plan.count + (size_t)(backup->plan.bytes / policy.unit_bytes));
    make_key(backup->format, codec, &policy, backup->reuse.key);
    if (request->previous == NULL)
        return HB_OK;
    struct hb_previous_request previous = {
        .run = backup->run,
        .path = request->previous,
        .label = request->format->section->label,
        .id = request->id,
        .seal_key = &backup->key,
        .key = backup->reuse.key,
        .unit_bytes = policy.unit_bytes,
    };
    status = hb_previous_open(&previous, &backup->previous, &why);
    if (status == HB_FATAL)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "",
                      "%s: nothing is taken over from it: %s", request->previous, why.text);
    return HB_OK;
}

/* No worker may be in the format any more when it is told. */
static void give_up(struct backup *backup)
{
    hb_pipeline_free(backup->pipeline);
    backup->pipeline = NULL;
    if (backup->format == NULL)
        return;
    const struct hb_format_ops *ops = backup->format->plugin->ops;
    if (HB_CAN(ops, abort))
        ops->abort(backup->format->self);
}

/*
 * The archive goes where the directory is that was opened, whatever it is called by now; what is
 * told of it must lead there.
 */
static int locate(struct backup *backup)
{
    struct hb_destination *destination = backup->request->destination;
    HB_AUTO_FREE char *before =
        hb_copy_text(destination->directory == NULL ? "" : destination->directory);
    int result = hb_destination_locate(destination);
    if (result < 0) {
        hb_error_set(backup->error, HB_FATAL,
                     "%s: the directory was moved or removed while the archive was made", before);
        hb_error_hint(backup->error, "make it again, or choose another place with -o");
        return HB_FATAL;
    }
    if (result > 0)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "",
                      "%s: was renamed while the archive was made, and is %s now", before,
                      destination->directory);
    return HB_OK;
}

/* The archive is made for its owner alone, where the file system has modes. */
static void look_who_may_read(const struct backup *backup)
{
    struct stat status;
    const struct hb_destination *destination = backup->request->destination;
    if (!destination->stream && fstat(backup->publication.fd, &status) == 0 &&
        (status.st_mode & 077) != 0)
        hb_tell_lost(backup->run, destination->path, HB_LOST_MODE);
}

/* Writes the archive into the stage and publishes it. */
static int write_archive(struct backup *backup)
{
    struct hb_stage *stage =
        backup->destination_stage.fd >= 0 ? &backup->destination_stage : &backup->run->stage;
    int status = hb_publication_begin(backup->request->destination, stage, &backup->publication,
                                      backup->error);
    if (status == HB_OK)
        look_who_may_read(backup);
    if (status == HB_OK)
        status = hb_instance_create(backup->run, backup->request->format->section, &backup->format,
                                    backup->error);
    if (status == HB_OK)
        status = prepare_reuse(backup);
    if (status == HB_OK)
        status = write_entries(backup);
    if (status == HB_OK && backup->trailer.count == 0) {
        hb_error_set(backup->error, HB_FATAL, "%s: nothing of it could be stored",
                     backup->run->home.path);
        status = HB_FATAL;
    }
    if (status == HB_OK)
        status = finish_archive(backup);
    else
        give_up(backup);
    if (status == HB_OK)
        status = read_back(backup);
    if (status == HB_OK && hb_interrupt_signal() != 0)
        status = hb_error_set(backup->error, HB_CANCELLED, "interrupted");
    if (status == HB_OK && hb_report_incomplete(&backup->run->report))
        status = hb_incomplete_find(backup->run, stage,
                                    hb_format_ops_of(backup->request->format)->suffixes,
                                    backup->request->destination, backup->error);
    if (status == HB_OK) /* as long as nothing has been published */
        status = locate(backup);
    if (status == HB_OK)
        status = hb_publication_commit(&backup->publication, backup->error);
    if (status == HB_OK)
        status = locate(backup);
    hb_pipeline_free(backup->pipeline);
    hb_instance_free(backup->format);
    hb_publication_end(&backup->publication);
    return status;
}

static void list_plan(const struct backup *backup)
{
    const struct hb_backup_request *request = backup->request;
    for (size_t i = 0; request->would_store != NULL && i < backup->plan.count; i++) {
        const struct hb_planned *planned = &backup->plan.entries[i];
        HB_AUTO_FREE char *path = hb_plan_path(&backup->plan, planned);
        request->would_store(request->context, path, planned->type, planned->bytes);
        backup->result->directories += planned->type == HB_DIRECTORY;
    }
    backup->result->files = backup->plan.files;
    backup->result->bytes = backup->plan.bytes;
}

/* Directories alone are nothing that anybody needs an archive of. */
static bool has_content(const struct hb_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->entries[i].type != HB_DIRECTORY)
            return true;
    return false;
}

/* Which home this is: said once there is an archive to say it. */
static void settle_id(struct backup *backup)
{
    struct hb_home_id *id = backup->request->id;
    hb_home_id_clear(id);
    hb_home_id_find(&backup->run->home, true, id);
    backup->result->swept += id->swept;
    if (id->note != NULL)
        hb_report_add(&backup->run->report, HB_FOUND_NOTE, "", "%s", id->note);
}

/* A link that leads to a file of the home that no archive would be called like: a live one. */
static int spare_file_of_home(const struct backup *backup)
{
    const struct hb_destination *destination = backup->request->destination;
    const char *home = backup->run->home.path;
    size_t bytes = strlen(home);
    if (destination->stream || destination->unique || !destination->exists ||
        strncmp(destination->path, home, bytes) != 0 || destination->path[bytes] != '/' ||
        hb_format_stem(hb_format_ops_of(backup->request->format)->suffixes, destination->name) > 0)
        return HB_OK;
    hb_error_set(backup->error, HB_FATAL,
                 "%s: is a file of the home, to which a link leads, and is not replaced",
                 destination->path);
    hb_error_hint(backup->error, "choose another name with -o");
    return HB_FATAL;
}

static int run_backup(struct backup *backup)
{
    const struct hb_backup_request *request = backup->request;
    struct hb_run *run = backup->run;
    int status = hb_chain_create(run, HB_KIND_FILTER, "backup", &backup->filters, backup->error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &backup->contents, backup->error);
    if (status == HB_OK)
        status = hb_recover(run, &backup->contents, request->dry_run ? HB_RECOVER_TELL : HB_RECOVER,
                            backup->error);
    if (status == HB_OK)
        status = make_plan(backup);
    if (status != HB_OK)
        return status;
    if (!has_content(&backup->plan)) {
        backup->result->nothing = true;
        return HB_OK;
    }
    if (request->planned != NULL)
        request->planned(request->context, backup->plan.count, backup->plan.bytes);
    if (request->dry_run) {
        list_plan(backup);
        return HB_OK;
    }
    settle_id(backup);
    request->destination->log = request->run->log;
    status = hb_destination_prepare(request->destination, backup->error);
    if (status == HB_OK)
        status = spare_file_of_home(backup);
    if (status == HB_OK)
        status = open_stages(backup);
    return status == HB_OK ? write_archive(backup) : status;
}

int hb_backup(const struct hb_backup_request *request, struct hb_backup_result *result,
              struct hb_error *error)
{
    struct backup backup = {
        .request = request, .run = request->run, .result = result, .error = error};
    backup.destination_stage = (struct hb_stage)HB_STAGE_NONE;
    *result = (struct hb_backup_result){0};
    backup.latest = INT64_MAX;
    backup.started = now();
    const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* reproducible-builds.org/specs */
    if (epoch != NULL && *epoch != '\0') {
        char *end;
        errno = 0;
        backup.latest = strtoll(epoch, &end, 10);
        if (*end != '\0' || errno != 0)
            return hb_error_set(error, HB_FATAL, "SOURCE_DATE_EPOCH is not a number: %s", epoch);
    }
    hb_state_key_find(request->remember && !request->dry_run && !is_reproducible(&backup),
                      &backup.key);
    if (request->remember && !is_reproducible(&backup) && backup.key.why != NULL)
        hb_report_add(&request->run->report, HB_FOUND_NOTE, "",
                      "nothing is taken over, now or from this archive later: %s", backup.key.why);
    int status = run_backup(&backup);
    hb_state_key_clear(&backup.key);
    hb_trailer_clear(&backup.trailer);
    free(backup.block);
    hb_reuse_clear(&backup.reuse);
    hb_previous_close(backup.previous);
    hb_plan_clear(&backup.plan);
    hb_chain_free(&backup.filters);
    hb_chain_free(&backup.contents);
    hb_run_close_stage(request->run, &backup.destination_stage, status);
    hb_run_close_stage(request->run, &request->run->stage, status);
    hb_report_sort(&request->run->report);
    return status;
}

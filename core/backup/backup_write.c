/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands the pipeline's units to the format, which writes through the publication's sink; then the
 * trailer; then the archive is listed back, and only what reads back as it was stored gets a name.
 * Until hb_publication_commit() all of it is a file in the stage, which goes with the stage.
 */
#include "backup/backup_write.h"

#include "archive/trailer.h"
#include "backup/annotate.h"
#include "backup/backup_facts.h"
#include "backup/incomplete.h"
#include "backup/read_back.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "host/failure.h"
#include "host/instance.h"
#include "host/lost.h"
#include "pipeline/pipeline.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct writing {
    const struct hb_backing_up *backup;
    const struct hb_backup_request *request;
    struct hb_backup_result *result;
    struct hb_plan *plan;
    struct hb_run *run;
    struct hb_error *error;
    struct hb_instance *format;
    const struct hb_format_ops *ops;
    struct hb_publication publication;
    struct hb_key key; /* that it is sealed with; or none */
    struct hb_trailer trailer;
    struct hb_annotating annotating;
    struct hb_block_sum block_sum; /* of the trailer, as the format got it; or none */
    struct hb_reuse_index reuse;   /* for a later backup */
    uint64_t entry_units;          /* units so far of the entries whose steps come now */
    bool leaving_out;              /* the entry whose steps come now */
    size_t given_back;             /* entries of the plan */
    struct hb_previous *previous;  /* or NULL */
    struct hb_pipeline *pipeline;  /* until the archive is published: staged copies go beside */
};

/* A format's failure is the sink's, when the sink had one. */
static int format_failed(struct writing *writing, int status, const char *path)
{
    if (writing->publication.error.text[0] != '\0') {
        *writing->error = writing->publication.error;
        return HB_STATUS_FATAL;
    }
    if (status == HB_STATUS_CANCELLED)
        return hb_error_set(writing->error, HB_STATUS_CANCELLED, "interrupted");
    return hb_instance_error(writing->format, HB_STATUS_FATAL, path, writing->error);
}

/*
 * HB_STATUS_ENTRY: the format cannot store this entry (a name that is too long, say). An entry that
 * was encoded alone, or not at all, can be left out; inside a shared unit it is too late.
 */
static int begin_entries(struct writing *writing, const struct hb_step *step)
{
    for (size_t i = 0; i < step->entry_count; i++) {
        hb_run_clear_failure(writing->run);
        int status = writing->ops->begin_entry(writing->format->self, &writing->publication.sink,
                                               step->entries[i]);
        if (status == HB_STATUS_ENTRY && step->entry_count == 1 &&
            writing->publication.error.text[0] == '\0') {
            hb_report_add(&writing->run->report, HB_FOUND_SKIPPED, step->entries[i]->path, "%s",
                          hb_instance_failure(writing->format));
            return HB_STATUS_ENTRY;
        }
        if (status != HB_OK)
            return format_failed(writing, status, step->entries[i]->path);
    }
    return HB_OK;
}

/* It is in the archive: what trailer, index and summary say of it. */
static void note_entry(struct writing *writing, const struct hb_entry *entry)
{
    struct hb_reader *reader = hb_reader_of((struct hb_entry *)(uintptr_t)entry);
    struct hb_entry row = hb_read_back_row(writing->ops, entry);
    hb_annotate_entry(&writing->annotating, writing->trailer.count, reader);
    hb_trailer_add(&writing->trailer, &row, entry->type == HB_TYPE_FILE ? reader->content_hash : 0);
    if (writing->plan->remember)
        hb_reuse_add_entry(&writing->reuse, entry, &reader->fingerprint, writing->entry_units);
    if (entry->type == HB_TYPE_FILE) {
        writing->result->files++;
        writing->result->bytes += entry->bytes;
    } else {
        writing->result->directories += entry->type == HB_TYPE_DIRECTORY;
    }
}

static int end_entries(struct writing *writing, const struct hb_step *step)
{
    for (size_t i = 0; i < step->entry_count; i++) {
        const struct hb_entry *entry = step->entries[i];
        hb_run_clear_failure(writing->run);
        int status =
            writing->ops->end_entry(writing->format->self, &writing->publication.sink, entry);
        if (status != HB_OK)
            return format_failed(writing, status, entry->path);
        note_entry(writing, entry);
    }
    return HB_OK;
}

static void note_unit(struct writing *writing, const struct hb_step *step)
{
    writing->entry_units = step->first ? 1 : writing->entry_units + 1;
    if (step->reused)
        writing->result->reused_bytes += step->unit.raw_bytes;
    if (writing->plan->remember)
        hb_reuse_add_unit(&writing->reuse, &step->unit, &step->mark, step->first && step->last);
}

/* A link that shares its unit with no other entry: where it leads may be known from there alone. */
static bool is_link_alone(const struct hb_step *step)
{
    return step->entry_count == 1 && step->entries[0]->type == HB_TYPE_SYMLINK;
}

static int append_step(struct writing *writing, const struct hb_step *step)
{
    uint64_t files_before = writing->result->files;
    int status = HB_OK;
    writing->publication.keeping = is_link_alone(step);
    if (step->first) {
        status = begin_entries(writing, step);
        writing->leaving_out = status == HB_STATUS_ENTRY;
    }
    if (writing->leaving_out) /* all steps of it */
        return HB_OK;
    if (status == HB_OK && (HB_CAN(writing->ops, encode) || step->unit.bytes > 0)) {
        hb_run_clear_failure(writing->run);
        status =
            writing->ops->append(writing->format->self, &writing->publication.sink, &step->unit);
        if (status != HB_OK)
            return format_failed(writing, status, step->entries[0]->path);
    }
    if (status == HB_OK)
        note_unit(writing, step);
    if (status == HB_OK && step->last)
        status = end_entries(writing, step);
    if (status == HB_OK)
        hb_progress_add(writing->run->progress, step->entries[0]->path,
                        writing->result->files - files_before, step->unit.raw_bytes);
    return status;
}

/* All units of a run, and the entries that end with them. */
static void note_run(struct writing *writing, const struct hb_step *step)
{
    const struct hb_adoption *run = step->adoption;
    uint64_t files = writing->result->files, bytes = 0;
    size_t entry = 0;
    for (size_t i = 0; i < run->unit_count; i++) {
        const struct hb_unit *unit = &run->units[i];
        bool first = (unit->flags & HB_UNIT_FIRST) != 0, last = (unit->flags & HB_UNIT_LAST) != 0;
        writing->entry_units = first ? 1 : writing->entry_units + 1;
        hb_reuse_add_unit(&writing->reuse, unit, &step->marks[i], first && last);
        for (uint32_t j = 0; last && j < unit->entries; j++)
            note_entry(writing, run->entries[entry++]);
        bytes += unit->raw_bytes;
    }
    writing->result->reused_bytes += bytes;
    hb_progress_add(writing->run->progress, run->entries[run->entry_count - 1]->path,
                    writing->result->files - files, bytes);
}

/*
 * The links of a run, as is_link_alone() has it. The store may have copied the run by itself; and
 * if it was read here, it was much more than these.
 */
static int keep_links(struct writing *writing, const struct hb_step *step)
{
    const struct hb_adoption *run = step->adoption;
    struct hb_range part;
    if (!writing->publication.only_ends)
        return HB_OK;
    for (size_t i = 0; i < run->entry_count; i++) {
        size_t there = step->previous + i, count = 0;
        while (i + count < run->entry_count && run->entries[i + count]->type == HB_TYPE_SYMLINK &&
               hb_previous_is_group(writing->previous, there + count, 1))
            count++;
        if (count == 0)
            continue;
        i += count - 1;
        int status =
            !hb_previous_span(writing->previous, there, count, &part)
                ? hb_error_set(writing->error, HB_STATUS_FATAL,
                               "plugin %s does not tell where entries lie that it took "
                               "over",
                               writing->format->plugin->name)
                : hb_publication_keep(&writing->publication, run->range, &part, writing->error);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

/* Entries that are taken over from the previous archive as they lie there. */
static int adopt_run(struct writing *writing, const struct hb_step *step)
{
    struct hb_publication *publication = &writing->publication;
    int status = publication->seal != NULL ? keep_links(writing, step) : HB_OK;
    if (status != HB_OK)
        return status;
    publication->offered = step->adoption->range;
    hb_run_clear_failure(writing->run);
    status = writing->ops->adopt(writing->format->self, &publication->sink, step->adoption);
    if (status == HB_OK && publication->offered != NULL)
        return hb_error_set(writing->error, HB_STATUS_FATAL,
                            "plugin %s took entries over without copying them",
                            writing->format->plugin->name);
    if (status != HB_OK)
        return format_failed(writing, status, step->adoption->entries[0]->path);
    if (publication->seal == NULL)
        status = keep_links(writing, step);
    if (status == HB_OK)
        note_run(writing, step);
    return status;
}

/* Where this archive comes from; pointers are into the request and `host`. */
static struct hb_origin origin_of(const struct writing *writing, char *host, size_t host_bytes)
{
    const struct hb_backup_request *request = writing->request;
    struct hb_origin origin = {
        .host = host,
        .path = writing->run->home.path,
        .preset = (char *)(uintptr_t)request->preset,
        .started = writing->backup->started,
        .ended = hb_backup_now(),
        .files = writing->result->files,
        .directories = writing->result->directories,
        .bytes = writing->result->bytes,
        .sequence = request->sequence,
        .shrunk = writing->result->shrink.shrunk,
    };
    if (gethostname(host, host_bytes) != 0)
        host[0] = '\0';
    snprintf(origin.home, sizeof origin.home, "%s", request->id->id);
    snprintf(origin.stamp, sizeof origin.stamp, "%s", request->stamp);
    return origin;
}

/*
 * When all entries are written: of large homes this is much, and what comes, the trailer and the
 * reading back, needs memory, too. A store may still be taking over from the previous archive.
 */
static void forget_entries(struct writing *writing)
{
    hb_plan_forget_entries(writing->plan);
    if (writing->request->destination->store != NULL)
        return;
    hb_previous_close(writing->previous);
    writing->previous = NULL;
}

static void find_shrunk(struct writing *writing)
{
    struct hb_figures figures = {writing->result->files, writing->result->bytes,
                                 writing->trailer.annotations};
    hb_shrink_find(writing->request->limits, writing->request->before, &figures,
                   &writing->result->shrink);
}

static int finish_archive(struct writing *writing)
{
    char host[HOST_NAME_MAX + 1] = "";
    HB_AUTO_FREE unsigned char *block = NULL;
    size_t block_bytes = 0;
    forget_entries(writing);
    /* Sources that are still being closed may have something to say. */
    pthread_mutex_lock(&writing->run->report.lock);
    hb_report_sort(&writing->run->report);
    writing->trailer.annotations = hb_annotate_rows(&writing->annotating, &writing->run->report);
    find_shrunk(writing);
    struct hb_origin origin = origin_of(writing, host, sizeof host - 1);
    if (writing->ops->flags & HB_FORMAT_TRAILER)
        hb_trailer_build(&writing->trailer, &writing->run->report,
                         writing->plan->remember ? &writing->reuse : NULL,
                         hb_is_reproducible(writing->backup) ? NULL : &origin,
                         writing->backup->key.known ? writing->backup->key.key : NULL, &block,
                         &block_bytes);
    pthread_mutex_unlock(&writing->run->report.lock);
    hb_reuse_clear(&writing->reuse);
    if (block != NULL)
        writing->block_sum = hb_block_sum_of(block, block_bytes);
    writing->publication.keeping = false;
    int status = hb_publication_finish(&writing->publication, writing->error);
    if (status != HB_OK)
        return status;
    hb_run_clear_failure(writing->run);
    status =
        writing->ops->finish(writing->format->self, &writing->publication.sink, block, block_bytes);
    if (status != HB_OK)
        return format_failed(writing, status, NULL);
    status = hb_publication_flush(&writing->publication, writing->error);
    writing->result->archive_bytes = writing->publication.flushed;
    return status;
}

/* See read_back.c. */
static int read_back(struct writing *writing)
{
    const struct hb_destination *destination = writing->request->destination;
    struct hb_read_back_request request = {
        .run = writing->run,
        .format = writing->request->format,
        .fd = writing->publication.fd,
        .key = writing->key.transform == NULL ? NULL : &writing->key,
        .kept = hb_publication_kept(&writing->publication),
        .stored = &writing->trailer,
        .block = writing->block_sum.bytes == 0 ? NULL : &writing->block_sum,
    };
    struct hb_error why = {0};
    if (destination->stream)
        return HB_OK;
    int status = hb_read_back(&request, &why);
    if (status == HB_STATUS_CANCELLED)
        return hb_error_set(writing->error, HB_STATUS_CANCELLED, "interrupted");
    if (status == HB_OK)
        return HB_OK;
    hb_error_set(writing->error, HB_STATUS_FATAL,
                 "%s: the archive was written, but cannot be read back: %s; it was not published",
                 destination->path, why.text);
    hb_error_hint(writing->error, "choose another format with --format, and report this defect");
    return HB_STATUS_FATAL;
}

/* What stands before this step is in the archive: large homes need its memory for the trailer. */
static void give_back_entries(struct writing *writing, const struct hb_step *step)
{
    enum { AT_ONCE = 1 << 14 };
    const struct hb_entry *first =
        step->adoption != NULL ? step->adoption->entries[0] : step->entries[0];
    if (first->index < writing->given_back + AT_ONCE)
        return;
    writing->given_back = (size_t)first->index;
    hb_plan_give_back(writing->plan, writing->given_back);
    if (step->adoption != NULL && writing->given_back < writing->plan->first_claimed)
        hb_previous_give_back(writing->previous, step->previous);
}

static int write_entries(struct writing *writing)
{
    struct hb_pipeline_request request = {
        .run = writing->run,
        .plan = writing->plan,
        .contents = &writing->backup->contents,
        .format = writing->format,
        .workers = hb_run_workers(writing->run),
        .window = hb_publication_window(&writing->publication,
                                        (uint64_t)hb_config_backup(writing->run->config)->window),
        .previous = writing->previous,
        .seals = writing->key.transform,
    };
    struct hb_step step;
    hb_trailer_reserve(&writing->trailer, writing->plan->count);
    int status = hb_pipeline_start(&request, &writing->pipeline, writing->error);
    if (status != HB_OK)
        return status;
    while ((status = hb_pipeline_next(writing->pipeline, &step, writing->error)) == HB_OK) {
        give_back_entries(writing, &step);
        status = step.adoption != NULL ? adopt_run(writing, &step) : append_step(writing, &step);
        if (status != HB_OK)
            break;
    }
    if (status == HB_STATUS_END && writing->previous != NULL && writing->result->reused_bytes > 0 &&
        hb_previous_has_changed(writing->previous))
        return hb_error_set(writing->error, HB_STATUS_FATAL, "%s: %s", writing->request->previous,
                            HB_PREVIOUS_CHANGED);
    return status == HB_STATUS_END ? HB_OK : status;
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
 * Prepares for reuse: now of units of the previous archive, and later of this one's. A problem of
 * the previous one is worth a note, no more: everything can be read anew.
 */
static int prepare_reuse(struct writing *writing)
{
    const struct hb_backup_request *request = writing->request;
    struct hb_unit_policy policy;
    struct hb_error why;
    if (!request->remember || !(writing->ops->flags & HB_FORMAT_TRAILER) ||
        !HB_CAN(writing->ops, encode) || !HB_CAN(writing->ops, codec) ||
        !HB_CAN(writing->ops, span) || !HB_CAN(writing->ops, locate) ||
        !HB_CAN(writing->ops, adopt))
        return HB_OK;
    const char *codec = writing->ops->codec(writing->format->self, &writing->publication.sink);
    int status = hb_format_policy(writing->format, &policy, writing->error);
    if (codec == NULL || status != HB_OK)
        return status;
    writing->plan->remember = true;
    hb_reuse_reserve(&writing->reuse, writing->plan->count,
                     policy.spans ? 0
                                  : writing->plan->count +
                                        (size_t)(writing->plan->bytes / policy.unit_bytes));
    make_key(writing->format, codec, &policy, writing->reuse.key);
    if (request->previous == NULL)
        return HB_OK;
    struct hb_previous_request previous = {
        .run = writing->run,
        .path = request->previous,
        .label = request->format->section->label,
        .id = request->id,
        .seal_key = &writing->backup->key,
        .key = writing->reuse.key,
        .unit_bytes = policy.unit_bytes,
    };
    status = hb_previous_open(&previous, &writing->previous, &why);
    if (status == HB_STATUS_FATAL)
        hb_report_add(&writing->run->report, HB_FOUND_NOTE, "", "%s: nothing is reused from it: %s",
                      request->previous, why.text);
    return HB_OK;
}

/* No worker may be in the format any more when it is told. */
static void give_up(struct writing *writing)
{
    hb_pipeline_free(writing->pipeline);
    writing->pipeline = NULL;
    if (writing->format != NULL && HB_CAN(writing->ops, abort))
        writing->ops->abort(writing->format->self);
}

/*
 * The archive goes into the directory that was opened, whatever its name is by now; the path that
 * we report must lead there.
 */
static int locate(struct writing *writing)
{
    struct hb_destination *destination = writing->request->destination;
    HB_AUTO_FREE char *before =
        hb_copy_text(destination->directory == NULL ? "" : destination->directory);
    int result = hb_destination_locate(destination);
    if (result < 0) {
        hb_error_set(writing->error, HB_STATUS_FATAL,
                     "%s: the directory was moved or removed while the archive was made", before);
        hb_error_hint(writing->error, "make the directory again, or choose another place with -o");
        return HB_STATUS_FATAL;
    }
    if (result > 0)
        hb_report_add(&writing->run->report, HB_FOUND_NOTE, "",
                      "%s: was renamed to %s while the archive was made", before,
                      destination->directory);
    return HB_OK;
}

/* The archive is made for its owner alone, where the file system has modes. */
static void look_who_may_read(const struct writing *writing)
{
    struct stat status;
    const struct hb_destination *destination = writing->request->destination;
    if (!destination->stream && destination->store == NULL &&
        fstat(writing->publication.fd, &status) == 0 && (status.st_mode & 077) != 0)
        hb_tell_lost(writing->run, destination->path, HB_LOST_MODE);
}

/* Entries and trailer into the stage. */
static int write_archive(struct writing *writing)
{
    int status = hb_instance_create(writing->run, writing->request->format->section,
                                    &writing->format, writing->error);
    if (status == HB_OK) {
        writing->ops = writing->format->plugin->ops;
        writing->publication.only_ends =
            writing->publication.spooled && (writing->ops->flags & HB_FORMAT_INDEX_AT_END) != 0;
        status = prepare_reuse(writing);
    }
    if (status == HB_OK)
        status = write_entries(writing);
    if (status == HB_OK && writing->trailer.count == 0)
        status = hb_error_set(writing->error, HB_STATUS_FATAL,
                              "%s: nothing in the home could be stored", writing->run->home.path);
    if (status == HB_OK)
        return finish_archive(writing);
    give_up(writing);
    return status;
}

/* Where it may go is asked when nothing that takes its time is left to be done. */
static int find_place_for_incomplete(struct writing *writing, const struct hb_stage *stage)
{
    int status = hb_publication_sync(&writing->publication, writing->error);
    return status != HB_OK
               ? status
               : hb_incomplete_find(writing->run, stage,
                                    (const char *const *)writing->request->suffixes->all,
                                    writing->request->destination, writing->error);
}

static int commit(struct writing *writing)
{
    HB_AUTO_FREE char *facts = NULL;
    int status = hb_backup_facts(writing->backup, writing->publication.fd, &facts);
    if (status != HB_OK)
        return status;
    writing->publication.facts = facts;
    status = hb_publication_commit(&writing->publication, writing->error);
    if (status == HB_OK)
        status = hb_publication_confirm(&writing->publication, &writing->result->unconfirmed,
                                        writing->error);
    writing->publication.facts = NULL;
    return status;
}

/* What may still be wrong is asked before the commit: after it, the archive is there. */
static int publish(struct writing *writing, const struct hb_stage *stage)
{
    int status = read_back(writing);
    if (status == HB_OK && hb_interrupt_signal() != 0)
        status = hb_error_set(writing->error, HB_STATUS_CANCELLED, "interrupted");
    if (status == HB_OK && hb_report_incomplete(&writing->run->report))
        status = find_place_for_incomplete(writing, stage);
    if (status == HB_OK)
        status = locate(writing);
    if (status == HB_OK)
        status = commit(writing);
    return status == HB_OK ? locate(writing) : status;
}

/* Content that grows while it is read, or that no format makes smaller, and what each entry adds.
 */
static uint64_t bytes_most(const struct hb_plan *plan)
{
    return plan->bytes + plan->bytes / 16 + (uint64_t)plan->count * 8192 + ((uint64_t)64 << 20);
}

static int begin_publication(struct writing *writing, struct hb_stage *stage)
{
    struct hb_publication *publication = &writing->publication;
    const struct hb_key *key = &writing->key;
    uint64_t most = bytes_most(writing->plan);
    bool seals = key->transform != NULL;
    int status =
        hb_publication_begin(writing->run, writing->request->destination, stage,
                             seals ? hb_key_sealed(key, most) : most, publication, writing->error);
    return status == HB_OK && seals
               ? hb_publication_seal(publication, key, hb_run_workers(writing->run), writing->error)
               : status;
}

int hb_backup_write(struct hb_backing_up *backup)
{
    struct hb_stage *stage =
        backup->destination_stage.fd >= 0 ? &backup->destination_stage : &backup->run->stage;
    struct writing writing = {.backup = backup,
                              .request = backup->request,
                              .result = backup->result,
                              .plan = &backup->plan,
                              .run = backup->run,
                              .error = backup->error};
    writing.publication.fd = -1;
    const struct hb_chosen *seal = backup->request->seal;
    int status = /* before anything is begun: without a key nothing is written */
        seal == NULL ? HB_OK : hb_key_of_run(backup->run, seal, &writing.key, backup->error);
    if (status == HB_OK)
        status = begin_publication(&writing, stage);
    if (status == HB_OK) {
        look_who_may_read(&writing);
        status = write_archive(&writing);
    }
    if (status == HB_OK)
        status = publish(&writing, stage);
    hb_pipeline_free(writing.pipeline);
    hb_instance_free(writing.format);
    hb_publication_end(&writing.publication);
    hb_key_end(&writing.key);
    hb_trailer_clear(&writing.trailer);
    hb_annotate_clear(&writing.annotating);
    hb_reuse_clear(&writing.reuse);
    hb_previous_close(writing.previous);
    return status;
}

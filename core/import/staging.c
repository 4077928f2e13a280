/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "files/mounts.h"
#include "import/staging_journal.h"
#include "import/staging_names.h"
#include "import/staging_notes.h"
#include "import/undo_rows.h"
#include "restore/seal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { SENT_AT_ONCE = 256 << 10 /* bytes of a file that is sent to the disk when it is there */ };

/* ---- filling it ---------------------------------------------------------------------------- */

/* What would be looked at before it is published is looked at now, while others are decoded. */
static void check_row(struct hb_staging *staging, size_t index)
{
    struct hb_entry entry;
    char name[24];
    hb_staged_name(index, name);
    const struct hb_instance *content;
    int told =
        hb_claims_settle_at(&staging->plan->claims, index, staging->run->stage.fd, name, &content);
    if (told != 0 || content == NULL || /* what is unknown is refused when it is published */
        !hb_staging_is_missing(staging, index))
        return;
    hb_planned_entry(staging->plan, index, &entry);
    hb_check_staged(staging->run, content, &entry, &staging->run->stage, name);
    staging->checked[index] = true;
}

int hb_staging_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                    struct hb_error *error)
{
    struct hb_staging *staging = context;
    (void)worker;
    if (fd < 0) /* it could not be written, and is not restored */
        return HB_OK;
    int result = hb_staging_set_time(staging, index, fd);
    bool held = hb_trees_hold(&staging->trees, index);
    if (result == 0 && held)
        result = hb_trees_finish_file(&staging->trees, index, fd);
    if (result != 0)
        return hb_staging_failed(staging, index, -result, error);
    /*
     * What is on its way to the disk by now is not waited for later; small files go faster
     * together. The flush tells of failures.
     */
    if (bytes >= SENT_AT_ONCE)
        sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (!held && staging->checked != NULL)
        check_row(staging, index);
    return HB_OK;
}

int hb_staging_check_space(const struct hb_staging *staging, uint64_t bytes, const char *how,
                           struct hb_error *error)
{
    struct statvfs space;
    char needed[24], available[24];
    if (fstatvfs(staging->run->stage.fd, &space) != 0)
        return HB_OK; /* staging will tell */
    uint64_t room = (uint64_t)space.f_bavail * space.f_frsize;
    if (bytes <= room)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: not enough space: %s%s are needed, %s are free",
                 staging->run->home.path, how, hb_human_bytes(bytes, needed),
                 hb_human_bytes(room, available));
    hb_error_space(error, ENOSPC, " and try again; nothing was changed");
    return HB_STATUS_FATAL;
}

/*
 * All is staged. A database is copied into the existing one, whose log grows by as much. That
 * happens while files are being replaced, when it is too late to find out that there is no space.
 */
static int check_logs(const struct hb_staging *staging, struct hb_error *error)
{
    struct hb_restore_plan *plan = staging->plan;
    uint64_t bytes = 0; /* select has bounded the sum */
    for (size_t i = 0; i < plan->count; i++)
        if (hb_planned_is_selected(plan, i) && plan->catalog->members[i].type == HB_TYPE_FILE &&
            hb_claims_by_name(&plan->claims, i) && !hb_staging_is_missing(staging, i))
            bytes += plan->catalog->members[i].bytes;
    return bytes == 0 ? HB_OK : hb_staging_check_space(staging, bytes, "for the databases ", error);
}

void hb_staging_init(struct hb_staging *staging)
{
    staging->stages[0] = &staging->run->stage;
    staging->stage_count = 1;
}

/* Works in the stage with the rights that it was made with. Threads that start now inherit them. */
static int act(const struct hb_staging *staging, struct hb_as *as, struct hb_error *error)
{
    const struct hb_stage *stage = &staging->run->stage;
    int result = hb_as_begin(as, &stage->rights);
    return result == 0 ? HB_OK
                       : hb_error_set(error, HB_STATUS_FATAL, "%s: %s", stage->path,
                                      hb_rights_explain(-result));
}

static void plan_trees(struct hb_staging *staging)
{
    staging->trees.plan = staging->plan;
    staging->trees.own = staging->run->own;
    staging->trees.stage = &staging->run->stage;
    staging->trees.umask = staging->umask;
    staging->trees.workers = hb_run_workers(staging->run);
    hb_trees_plan(&staging->trees, &staging->run->home, !hb_mounts_below(staging->run->home.path));
}

int hb_staging_fill(struct hb_staging *staging, hb_staging_copy_rows copy_rows, void *context,
                    struct hb_error *error)
{
    bool planned = staging->plan->rows != NULL;
    unsigned workers = hb_run_workers(staging->run);
    HB_AUTO_AS as = {.changed = false};
    int status = act(staging, &as, error);
    if (status != HB_OK)
        return status;
    if (planned && staging->in_trees)
        plan_trees(staging);
    if (planned) {
        hb_staging_note_targets(staging);
        staging->checked = hb_alloc(staging->plan->count * sizeof *staging->checked);
    }
    staging->places = hb_alloc(workers * sizeof *staging->places);
    for (unsigned i = 0; i < workers; i++)
        staging->places[i].fd = -1;
    status = copy_rows(context, staging, error);
    hb_trees_filled(&staging->trees, status == HB_OK);
    for (unsigned i = 0; i < workers; i++)
        hb_tree_place_clear(&staging->places[i]);
    return status == HB_OK && planned ? check_logs(staging, error) : status;
}

/* ---- the journal --------------------------------------------------------------------------- */

/* From here on the journal decides: a killed run is completed from it. */
static int publish_by(struct hb_staging *staging, struct hb_journal *journal,
                      struct hb_restored *result, bool *begun, struct hb_error *error)
{
    struct stat written; /* when targets were noted, or just after */
    bool known = fstatat(staging->run->stage.fd, HB_STAGE_JOURNAL, &written, 0) == 0;
    struct hb_restore_request request = {
        .run = staging->run,
        .journal = journal,
        .stages = staging->stages,
        .stage_count = staging->stage_count,
        .contents = staging->contents,
        .claims = &staging->plan->claims,
        .workers = hb_run_workers(staging->run),
        .checked = staging->checked,
        .since = known ? written.st_mtim : (struct timespec){.tv_sec = 0},
        .leaves_changed = staging->undoing != NULL && !staging->undoing->force,
        .undo = staging->undo.stage == NULL ? NULL : &staging->undo,
    };
    *begun = true;
    int status = hb_restore(&request, result, error);
    if (status != HB_OK)
        hb_error_hint(error, "the next import or backup of this home completes it");
    return status;
}

/*
 * A stage that is open to others whatever we do is completed only with a seal; where that cannot be
 * made, the user knows before anything is replaced.
 */
static void seal(const struct hb_staging *staging, const struct hb_journal_writer *writer)
{
    static const char text[] =
        "this file system has no modes, and %s: if this import is killed while files are being "
        "replaced, it cannot be completed and must be repeated";
    const struct hb_stage *stage = &staging->run->stage;
    const char *why;
    if (!hb_stage_lacks_modes(stage->fd) ||
        hb_seal_make(stage, hb_journal_descriptor(writer), &why) == 0)
        return;
    HB_AUTO_FREE char *said = hb_text(text, why);
    hb_report_add(&staging->run->report, HB_FOUND_NOTE, "", "%s", said);
    if (staging->run->log == NULL)
        return;
    HB_AUTO_FREE char *home = hb_printable(staging->run->home.path);
    fprintf(staging->run->log, "hbcore: %s: %s\n", home, said);
    fflush(staging->run->log);
}

/* The caller does that with its own rights. */
static int ask_before(int (*before)(void *context, struct hb_error *error), void *context,
                      struct hb_error *error)
{
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    return before(context, error);
}

int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error)
{
    struct hb_journal_writer *writer = NULL;
    struct hb_journal *journal;
    HB_AUTO_AS as = {.changed = false};
    *begun = false;
    int status = act(staging, &as, error);
    if (status == HB_OK)
        status = hb_staging_write_journal(staging, &writer, error);
    if (status == HB_OK && before != NULL)
        status = ask_before(before, context, error);
    if (status == HB_OK && staging->way_back != NULL && staging->way_back->place != NULL)
        status = hb_undo_rows_write(staging, error);
    if (status == HB_OK && hb_run_cancelled(staging->run))
        status = hb_error_set(error, HB_STATUS_CANCELLED, "interrupted; nothing was changed");
    if (status == HB_OK) {
        hb_restore_last_words(staging->run);
        seal(staging, writer);
        status = hb_journal_commit(writer, error);
    }
    hb_journal_writer_free(writer);
    if (status == HB_OK)
        status = hb_journal_open(staging->run->stage.fd, &journal, error);
    if (status != HB_OK)
        return status;
    hb_progress_phase(staging->run->progress, "restored", staging->plan->files, 0);
    status = publish_by(staging, journal, result, begun, error);
    hb_journal_close(journal);
    return status;
}

void hb_staging_clear(struct hb_staging *staging, bool leave)
{
    for (unsigned i = 1; i < staging->stage_count; i++) {
        if (leave)
            hb_stage_leave(staging->stages[i]);
        else
            hb_run_close_stage(staging->run, staging->stages[i], HB_OK);
        free(staging->stages[i]);
        free(staging->places_of[i]);
    }
    staging->stage_count = 0;
    hb_trees_clear(&staging->trees);
    hb_staging_clear_names(staging);
    hb_led_clear(&staging->led);
    free(staging->places);
    free(staging->checked);
    hb_numbers_clear(&staging->notes);
    if (!leave && staging->undo.stage != NULL) /* it is done with, or did not happen */
        hb_undo_forget(staging->undo.home, HB_UNDO_NEXT);
    hb_undo_receipt_clear(&staging->undo);
    free(staging->hashes);
    staging->hashes = NULL;
    staging->places = NULL;
    staging->checked = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "files/mounts.h"
#include "files/owner.h"
#include "restore/made.h"
#include "restore/restore_directories.h"
#include "restore/restore_entry.h"
#include "restore/restore_findings.h"
#include "restore/restore_tree.h"
#include "restore/target.h"
#include <errno.h>
#include <string.h>

enum {
    BATCH = 64,   /* rows that a worker takes at once */
    ATTEMPTS = 16 /* of a call that a signal interrupts */
};

/* ---- rows ---------------------------------------------------------------------------------- */

static void row_clear(struct hb_restoring_row *row)
{
    free(row->path);
    free(row->link);
    *row = (struct hb_restoring_row){.path = NULL};
}

/* Reads the next row into `next`; under the lock where workers run. */
static void read_next(struct hb_restoring *restore)
{
    do
        restore->status =
            hb_journal_next(restore->request->journal, &restore->next.row, restore->error);
    while (restore->status == HB_STATUS_SKIP); /* other stages: the caller has opened them */
    if (restore->status != HB_OK)
        return;
    restore->next.path = hb_copy_text(restore->next.row.path);
    restore->next.link = hb_copy_text(restore->next.row.link);
    restore->next.row.path = restore->next.path;
    restore->next.row.link = restore->next.link;
}

static struct hb_restoring_row take_next(struct hb_restoring *restore)
{
    struct hb_restoring_row row = restore->next;
    restore->next = (struct hb_restoring_row){.path = NULL};
    read_next(restore);
    return row;
}

static bool may_go_on(struct hb_restoring *restore)
{
    return restore->status == HB_OK && !hb_run_cancelled(restore->run);
}

/* ---- all ----------------------------------------------------------------------------------- */

static bool is_plain_file(const struct hb_restoring_row *row)
{
    return row->row.type == HB_TYPE_FILE && !(row->row.flags & HB_ROW_CLAIMED);
}

static void note_interruption(struct hb_restoring *restore)
{
    pthread_mutex_lock(&restore->lock);
    restore->interrupted = true;
    pthread_mutex_unlock(&restore->lock);
}

/* Takes rows of plain files from the journal and publishes them. A thread's function. */
static void *publish_files(void *argument)
{
    struct hb_restoring *restore = argument;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    struct hb_restoring_row batch[BATCH];
    size_t count;
    do {
        pthread_mutex_lock(&restore->lock);
        for (count = 0; count < BATCH && may_go_on(restore) && is_plain_file(&restore->next);)
            batch[count++] = take_next(restore);
        pthread_mutex_unlock(&restore->lock);
        for (size_t i = 0; i < count; i++) {
            if (hb_run_cancelled(restore->run))
                note_interruption(restore);
            else
                hb_restore_entry(restore, &batch[i].row, &last);
            row_clear(&batch[i]);
        }
    } while (count > 0);
    hb_last_target_clear(&last);
    return NULL;
}

static void publish_files_on_all_workers(struct hb_restoring *restore)
{
    unsigned more = restore->request->workers > 1 ? restore->request->workers - 1 : 0, started = 0;
    pthread_t *threads = hb_alloc((more + 1) * sizeof *threads);
    while (started < more && pthread_create(&threads[started], NULL, publish_files, restore) == 0)
        started++;
    publish_files(restore); /* this thread is one of them */
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

/* In the order of the journal (staging_journal.c). Plain files go to all workers. */
static int publish_all(struct hb_restoring *restore)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    read_next(restore);
    while (may_go_on(restore)) {
        if (is_plain_file(&restore->next)) {
            hb_made_all(&restore->notes);
            publish_files_on_all_workers(restore);
            continue;
        }
        struct hb_restoring_row row = take_next(restore);
        if (row.row.type != HB_TYPE_DIRECTORY || (row.row.flags & HB_ROW_TREE))
            hb_made_flush(&restore->notes); /* before anything is put into them */
        if (row.row.flags & HB_ROW_TREE)
            restore->interrupted |=
                hb_restore_is_due(restore, &row.row) && hb_restore_tree(restore, &row.row) != HB_OK;
        else if (row.row.type == HB_TYPE_DIRECTORY)
            hb_restore_make_directory(restore, &row, &last);
        else
            hb_restore_entry(restore, &row.row, &last);
        row_clear(&row);
    }
    row_clear(&restore->next);
    hb_last_target_clear(&last);
    bool done = restore->status == HB_STATUS_END && !restore->interrupted;
    if (done)
        hb_made_all(&restore->notes);
    for (size_t i = restore->made_count; i-- > 0 && done;)
        hb_restore_finish_directory(restore, &restore->made[i]);
    for (size_t i = 0; i < restore->made_count; i++)
        row_clear(&restore->made[i]);
    free(restore->made);
    if (restore->status == HB_OK || restore->interrupted)
        return hb_error_set(restore->error, HB_STATUS_CANCELLED,
                            "interrupted while files were being replaced: each file is the old or "
                            "the new one; %llu were replaced",
                            (unsigned long long)restore->result->files);
    return restore->status == HB_STATUS_END ? HB_OK : restore->status;
}

static int flush_system(int fd)
{
    int result, attempts = 0;
    do
        result = syncfs(fd);
    while (result != 0 && errno == EINTR && ++attempts < ATTEMPTS);
    return result;
}

static void flush(struct hb_restoring *restore)
{
    bool failed = flush_system(restore->run->home.fd) != 0;
    for (unsigned i = 1; i < restore->request->stage_count; i++)
        if (restore->request->stages[i] != NULL &&
            flush_system(restore->request->stages[i]->fd) != 0)
            failed = true;
    if (failed)
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, "",
                      "the restored files could not be flushed to disk: %s", strerror(errno));
}

void hb_restore_last_words(const struct hb_run *run)
{
    HB_AUTO_FREE char *home = hb_printable(run->home.path);
    HB_AUTO_FREE char *text =
        hb_text("%s: the import is not complete; the next run on this home completes it", home);
    hb_interrupt_last_words(text);
}

int hb_restore(const struct hb_restore_request *request, struct hb_restored *result,
               struct hb_error *error)
{
    struct hb_restoring restore = {
        .request = request, .run = request->run, .result = result, .error = error};
    *result = (struct hb_restored){0};
    pthread_mutex_init(&restore.lock, NULL);
    restore.mounts = hb_mounts_below(request->run->home.path) || request->run->grafts.count > 0;
    restore.home_mount = hb_mount_of(request->run->home.fd);
    restore.gives = hb_owner_may_give(request->run->home.fd);
    /* Most is the owner's of the home; threads that start now begin with the same. */
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &request->run->home.rights);
    hb_made_open(request->stage_count > 0 ? request->stages[0] : NULL, &restore.notes);
    int status = begun == 0 ? publish_all(&restore)
                            : hb_error_set(error, HB_STATUS_FATAL, "%s: %s",
                                           request->run->home.path, hb_rights_explain(-begun));
    hb_made_close(&restore.notes);
    pthread_mutex_destroy(&restore.lock);
    flush(&restore);
    return status;
}

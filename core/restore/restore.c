/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "files/io.h"
#include "files/mounts.h"
#include "files/regular.h"
#include "host/failure.h"
#include "host/lost.h"
#include "restore/changed_since.h"
#include "restore/left_alone.h"
#include "restore/made.h"
#include "restore/restore_tree.h"
#include "restore/seal.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BATCH = 64,   /* rows that a worker takes at once */
    ATTEMPTS = 16 /* of a call that a signal interrupts */
};

/* A row with its texts. */
struct row {
    struct hb_journal_row row;
    char *path, *link;
    bool finished; /* a directory that has its mode */
};

struct restore {
    const struct hb_restore_request *request;
    struct hb_run *run;
    struct hb_restored *result;
    struct row *made; /* directories that get mode and time at the end */
    size_t made_count;
    struct hb_made notes; /* about those */

    pthread_mutex_t lock; /* of all below, and of *result */
    struct row next;      /* read from the journal, not yet worked on */
    int status;           /* of `next`: HB_OK, HB_END or a failure */
    bool interrupted;     /* rows were taken and not worked on */
    struct hb_error *error;
    bool mounts; /* something is mounted below the home */
    uint64_t home_mount;
};

/* ---- rows ---------------------------------------------------------------------------------- */

static void row_clear(struct row *row)
{
    free(row->path);
    free(row->link);
    *row = (struct row){.path = NULL};
}

/* Reads the next row into `next`; under the lock where workers run. */
static void read_next(struct restore *restore)
{
    do
        restore->status =
            hb_journal_next(restore->request->journal, &restore->next.row, restore->error);
    while (restore->status == HB_SKIP); /* other stages: the caller has opened them */
    if (restore->status != HB_OK)
        return;
    restore->next.path = hb_copy_text(restore->next.row.path);
    restore->next.link = hb_copy_text(restore->next.row.link);
    restore->next.row.path = restore->next.path;
    restore->next.row.link = restore->next.link;
}

static struct row take_next(struct restore *restore)
{
    struct row row = restore->next;
    restore->next = (struct row){.path = NULL};
    read_next(restore);
    return row;
}

static bool may_go_on(struct restore *restore)
{
    return restore->status == HB_OK && !hb_run_cancelled(restore->run);
}

/* ---- what is said -------------------------------------------------------------------------- */

static void count_failure(struct restore *restore, bool later)
{
    pthread_mutex_lock(&restore->lock);
    restore->result->failed++;
    restore->result->postponed += later;
    pthread_mutex_unlock(&restore->lock);
}

static void skipped_at(struct restore *restore, const char *path, const char *why)
{
    count_failure(restore, false);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, path, "%s", why);
}

static void skipped(struct restore *restore, const struct hb_journal_row *row, const char *why)
{
    skipped_at(restore, row->path, why);
}

static void published(struct restore *restore, uint64_t files, uint64_t bytes)
{
    pthread_mutex_lock(&restore->lock);
    restore->result->files += files;
    restore->result->bytes += bytes;
    pthread_mutex_unlock(&restore->lock);
}

/*
 * Where an import is completed, what is refused may be allowed at the next run, and what is mounted
 * in the way, or was, may have been taken away: what is staged is all that there is of it.
 */
static bool may_pass(int error)
{
    static const int passing[] = {ENOSPC,   EDQUOT,    EIO,       EROFS,    EMFILE,  ENFILE,
                                  ENOMEM,   EINTR,     EPERM,     EACCES,   ENOTSUP, EBUSY,
                                  ESTALE,   ETXTBSY,   ENODEV,    ENXIO,    ENOSYS,  EAGAIN,
                                  ENOTCONN, ETIMEDOUT, EHOSTDOWN, EREMOTEIO};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (error == passing[i])
            return true;
    return false;
}

/* A system call failed; some reasons pass. */
static void failed_at(struct restore *restore, const char *path, int error)
{
    bool later = may_pass(error), is_lost = restore->request->again && !later;
    count_failure(restore, later);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, path, "%s%s", hb_target_explain(error),
                  is_lost ? "; what the import has for it is dropped: import the archive again"
                          : "");
}

static void failed(struct restore *restore, const struct hb_journal_row *row, int error)
{
    failed_at(restore, row->path, error);
}

/*
 * Somebody has changed it since an import was killed, and it stays; `kept`: what the import had for
 * it is beside it under that name; or it could not be kept there, for `error`.
 */
static void left_alone(struct restore *restore, const char *path, const char *why, const char *kept,
                       int error)
{
    const struct hb_restore_request *request = restore->request;
    if (error != 0 && may_pass(error)) { /* it is still staged */
        failed_at(restore, path, error);
        return;
    }
    pthread_mutex_lock(&restore->lock);
    restore->result->left++;
    pthread_mutex_unlock(&restore->lock);
    hb_report_add(request->left_alone == NULL ? &restore->run->report : request->left_alone,
                  HB_FOUND_DOUBTFUL, path,
                  error == 0 ? "%s; what the import has for it is beside it: %s"
                             : "%s; what the import has for it could not be put beside it: %s",
                  why, error == 0 ? kept : hb_target_explain(error));
}

/* The user has agreed to that, but to another file. */
static void replaced(struct restore *restore, const char *path)
{
    hb_report_add(&restore->run->report, HB_FOUND_NOTE, path,
                  "was written to while the import ran, and is replaced all the same");
}

static const char *why_left(bool exists)
{
    return exists ? "was written to after the import was interrupted, and is left alone"
                  : "was removed after the import was interrupted, and is not put back";
}

/* ---- content plugins ----------------------------------------------------------------------- */

static const struct hb_stage *stage_of(const struct restore *restore,
                                       const struct hb_journal_row *row)
{
    return row->stage < restore->request->stage_count ? restore->request->stages[row->stage] : NULL;
}

static struct hb_entry entry_of(const struct hb_journal_row *row)
{
    return (struct hb_entry){
        .size = sizeof(struct hb_entry),
        .type = row->type,
        .path = row->path,
        .path_bytes = strlen(row->path),
        .bytes = row->bytes,
        .mode = row->mode,
        .mtime = {.tv_sec = row->mtime_seconds, .tv_nsec = row->mtime_nanoseconds},
        .flags = HB_ENTRY_HAS_MODE | (row->flags & HB_ROW_HAS_MTIME ? HB_ENTRY_HAS_MTIME : 0u),
    };
}

/*
 * As ourselves: its own paths lead through directories that the owner need not be able to enter. In
 * the target's directory it takes on his rights itself.
 */
static int ask_plugin(const struct hb_instance *content, const struct hb_entry *entry,
                      struct hb_file *file, const struct hb_target *target)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    return ops->restore(content->self, entry, file, target);
}

static void leave_alone(struct restore *restore, const struct hb_journal_row *row,
                        const struct hb_place *place, uint32_t mode, const char *why);

/* It cannot be put there, now or later. Who completes an import keeps it beside. */
static void refuse(struct restore *restore, const struct hb_journal_row *row,
                   const struct hb_place *place, uint32_t mode, const char *why)
{
    if (restore->request->again)
        leave_alone(restore, row, place, mode, why);
    else
        skipped(restore, row, why);
}

static void plugin_failed(struct restore *restore, const struct hb_instance *content,
                          const struct hb_journal_row *row, const struct hb_place *place,
                          uint32_t mode, int status)
{
    HB_AUTO_FREE char *why = hb_copy_text(hb_instance_failure(content));
    if (status != HB_LATER && status != HB_CANCELLED) {
        refuse(restore, row, place, mode, why);
        return;
    }
    count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path, "%s", why);
}

/* HB_RESTORED, HB_RESTORE_RENAME, or a failure (reported). */
static int restore_claimed(struct restore *restore, const struct hb_instance *content,
                           const struct hb_journal_row *row, const struct hb_place *place,
                           uint32_t mode)
{
    const struct hb_stage *stage = stage_of(restore, row);
    struct hb_entry entry = entry_of(row);
    char name[24];
    hb_staged_name(row->index, name);
    HB_AUTO_CLOSE int fd = hb_open_regular(stage->fd, name, O_RDWR);
    if (fd < 0) {
        failed(restore, row, -fd);
        return HB_ENTRY;
    }
    HB_AUTO_FREE char *staged = hb_text("%s/%s", stage->path, name);
    HB_AUTO_FREE char *path = hb_text("%s/%s", restore->run->home.path, place->path);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    struct hb_target target = {
        .size = sizeof target,
        .directory_fd = place->directory_fd,
        .name = place->name,
        .path = path,
        .mode = mode,
        .exists = place->exists,
    };
    hb_run_clear_failure(restore->run);
    int status = ask_plugin(content, &entry, &file, &target);
    if (status > 0 && status != HB_RESTORE_RENAME) { /* a mistake of the plugin */
        HB_AUTO_FREE char *why =
            hb_text("the plugin %s answered restore() with %d, which says nothing",
                    content->plugin->name, status);
        refuse(restore, row, place, mode, why);
        return HB_ENTRY;
    }
    if (status < 0) {
        plugin_failed(restore, content, row, place, mode, status);
    } else if (status == HB_RESTORED) /* done: a later run must not do it again */
        unlinkat(stage->fd, name, 0);
    return status;
}

/* Whose it is; *content NULL: nobody's. False: that cannot be told, and is reported. */
static bool find_content(struct restore *restore, const struct hb_journal_row *row,
                         const struct hb_instance **content)
{
    char name[24];
    struct hb_entry entry = entry_of(row);
    hb_staged_name(row->index, name);
    int stage_fd = stage_of(restore, row)->fd;
    int told =
        restore->request->claims != NULL
            ? hb_claims_settle_at(restore->request->claims, row->index, stage_fd, name, content)
            : hb_claimant_at(restore->request->contents, &entry, stage_fd, name, content);
    if (told == 0)
        return true;
    count_failure(restore, may_pass(-told));
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "its staged copy cannot be read, so that it is not known whether it can be "
                  "put back safely: %s",
                  hb_rights_explain(-told));
    return false;
}

/* From a stage that others could write to a plugin could write anywhere: see seal.h. */
static bool is_elsewhere(const struct restore *restore, const struct hb_journal_row *row,
                         const struct hb_place *place)
{
    struct stat stage, there;
    int fd = stage_of(restore, row)->fd;
    return restore->request->again && hb_stage_lacks_modes(fd) &&
           (fstat(fd, &stage) != 0 || fstat(place->directory_fd, &there) != 0 ||
            stage.st_dev != there.st_dev);
}

static const char no_plugin[] = "no content plugin of the configuration can put it back safely";

/* The plugin's own way, if it has one. HB_RESTORED, HB_RESTORE_RENAME, or a failure (reported). */
static int publish_claimed(struct restore *restore, const struct hb_instance *content,
                           const struct hb_journal_row *row, const struct hb_place *place,
                           uint32_t mode)
{
    char name[24];
    struct hb_entry entry = entry_of(row);
    hb_staged_name(row->index, name);
    if (is_elsewhere(restore, row, place)) {
        failed(restore, row, ENOTSUP);
        return HB_ENTRY;
    }
    if (content == NULL && place->exists) {
        refuse(restore, row, place, mode, no_plugin);
        return HB_ENTRY;
    }
    int status = HB_RESTORE_RENAME;
    if (content != NULL && HB_CAN((const struct hb_content_ops *)content->plugin->ops, restore)) {
        int marked = place->exists
                         ? hb_begun_mark(restore->request->stages[0], HB_MARK_BEGUN, row->index)
                         : 0;
        if (marked != 0) {
            failed(restore, row, -marked);
            return HB_ENTRY;
        }
        status = restore_claimed(restore, content, row, place, mode);
    }
    if (status == HB_RESTORED && (row->flags & HB_ROW_KEEP_MODE) == 0 && place->exists &&
        hb_access_drop_list(place))
        hb_tell_lost(restore->run, row->path, HB_DROPPED_LIST);
    const bool *checked = restore->request->checked;
    if (status == HB_RESTORE_RENAME && content != NULL && (checked == NULL || !checked[row->index]))
        hb_check_staged(restore->run, content, &entry, stage_of(restore, row), name);
    return status;
}

/* ---- one file or link ---------------------------------------------------------------------- */

static int rename_into_place(struct restore *restore, const struct hb_journal_row *row,
                             const struct hb_place *place, uint32_t mode)
{
    int stage_fd = stage_of(restore, row)->fd;
    char name[24];
    hb_staged_name(row->index, name);
    enum hb_access_rule rule = row->flags & HB_ROW_KEEP_MODE ? HB_ACCESS_KEEP : HB_ACCESS_FIX;
    int result = row->type == HB_FILE
                     ? hb_target_give(restore->run, stage_fd, name, place, mode, rule)
                     : hb_target_own(stage_fd, name, place, restore->run->home.read_as_root);
    return result == 0 ? hb_target_rename(stage_fd, name, place) : result;
}

/* 0: it is; ENOENT: it is not, so that it was published before; or why that cannot be told. */
static int look_for_staged(const struct restore *restore, const struct hb_journal_row *row)
{
    const struct hb_stage *stage = stage_of(restore, row);
    struct stat status;
    char name[24];
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    if (row->flags & HB_ROW_TREE)
        hb_tree_name(row->index, name);
    else
        hb_staged_name(row->index, name);
    if (result != 0)
        return -result;
    return fstatat(stage->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/* What is there bears another name, which the file system takes for this one: it stays. */
static bool is_folded(struct restore *restore, const struct hb_journal_row *row,
                      struct hb_last_target *last, const struct hb_place *place)
{
    HB_AUTO_FREE char *other =
        place->exists ? hb_target_other_name(restore->run, last, place) : NULL;
    if (other == NULL)
        return false;
    HB_AUTO_FREE char *why = hb_text(HB_NAME_IS_FOLDED, other);
    if (row->type == HB_DIRECTORY)
        skipped(restore, row, why);
    else
        refuse(restore, row, place, row->mode, why);
    return true;
}

/* Its name; all of its path where that is in another directory than the archive has it in. */
static char *where_kept(const char *path, const struct hb_place *place, const char *kept)
{
    const char *slash = place->path == NULL ? NULL : strrchr(place->path, '/');
    size_t bytes = slash == NULL ? 0 : (size_t)(slash - place->path) + 1;
    if (kept == NULL || slash == NULL ||
        (strncmp(path, place->path, bytes) == 0 && strchr(path + bytes, '/') == NULL))
        return kept == NULL ? NULL : hb_copy_text(kept);
    return hb_text("%.*s%s", (int)bytes, place->path, kept);
}

/* Beside the name in the archive, also where a link has it by now. */
static void leave_alone(struct restore *restore, const struct hb_journal_row *row,
                        const struct hb_place *place, uint32_t mode, const char *why)
{
    HB_AUTO_FREE char *kept = NULL;
    char name[24];
    struct hb_place link = {.directory_fd = -1};
    int result = 0;
    HB_AUTO_AS as = {.changed = false};
    hb_staged_name(row->index, name);
    mode = hb_beside_mode(place, &row->note, mode);
    if (place->through_link &&
        (result = hb_target_resolve(restore->run, row->path, HB_KEEP_LAST, &link)) == 0) {
        link.exists = place->exists; /* it is to have no more rights than what it leads to */
        link.status = place->status;
        result = hb_as_begin(&as, &link.rights);
    }
    if (result == 0)
        result = hb_begun_mark(restore->request->stages[0], HB_MARK_LEFT, row->index);
    if (result == 0)
        result = hb_keep_beside(restore->run, stage_of(restore, row)->fd, name,
                                place->through_link ? &link : place, mode, &kept);
    HB_AUTO_FREE char *where = where_kept(row->path, place->through_link ? &link : place, kept);
    left_alone(restore, row->path, why, where, -result);
    hb_place_clear(&link);
}

/* Is it to be published? Else what is to be done has been done. */
static bool may_publish(struct restore *restore, const struct hb_journal_row *row,
                        const struct hb_place *place, const struct hb_instance *content,
                        uint32_t mode)
{
    const struct hb_restore_request *request = restore->request;
    struct hb_since_question question = {
        .row = row,
        .place = place,
        .again = request->again,
        .since = request->since,
        .begun = hb_begun_has(request->begun, row->index),
        .copied = hb_journal_is_copy(request->journal),
        .content = content,
        .stage = stage_of(restore, row),
    };
    int status;
    char name[24];
    hb_staged_name(row->index, name);
    switch (hb_changed_since(&question, &status)) {
    case HB_FATE_PUBLISH:
        return true;
    case HB_FATE_DONE:
        unlinkat(stage_of(restore, row)->fd, name, 0);
        published(restore, 1, row->bytes);
        return false;
    case HB_FATE_LEAVE:
        if (!request->again) {
            if (place->exists && hb_target_obstacle(place) == NULL)
                replaced(restore, row->path);
            return true;
        }
        leave_alone(restore, row, place, mode,
                    (row->flags & HB_ROW_CLAIMED) != 0 && content == NULL && place->exists
                        ? no_plugin
                        : why_left(place->exists));
        return false;
    default:
        plugin_failed(restore, content, row, place, mode, status);
        return false;
    }
}

static void publish_at(struct restore *restore, const struct hb_journal_row *row,
                       struct hb_last_target *last, const struct hb_place *place)
{
    bool keep = (row->flags & HB_ROW_KEEP_MODE) != 0 && place->exists;
    uint32_t mode = keep ? place->status.st_mode & 0777 : row->mode;
    const struct hb_instance *content = NULL;
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &place->rights);
    if (begun != 0) {
        failed(restore, row, -begun);
        return;
    }
    if (keep && (row->flags & HB_ROW_NARROW) != 0 && S_ISREG(place->status.st_mode))
        mode = hb_access_narrower_mode(place, row->mode);
    const char *obstacle = hb_target_obstacle(place);
    bool claimed = (row->flags & HB_ROW_CLAIMED) != 0 && obstacle == NULL;
    if (claimed && !find_content(restore, row, &content))
        return;
    if (obstacle == NULL && is_folded(restore, row, last, place))
        return;
    if (!may_publish(restore, row, place, content, mode))
        return;
    if (obstacle != NULL) {
        refuse(restore, row, place, mode, obstacle);
        return;
    }
    int status = HB_RESTORE_RENAME;
    if (claimed)
        status = publish_claimed(restore, content, row, place, mode);
    if (status == HB_RESTORE_RENAME) {
        int result = rename_into_place(restore, row, place, mode);
        if (result != 0 && may_pass(-result))
            failed(restore, row, -result);
        else if (result != 0)
            refuse(restore, row, place, mode, hb_target_explain(-result));
        if (result != 0)
            status = HB_ENTRY;
    }
    if (status >= 0)
        published(restore, row->type == HB_FILE, row->type == HB_FILE ? row->bytes : 0);
}

/* Something else has the name of its directory by now. */
static void leave_below(struct restore *restore, const struct hb_journal_row *row)
{
    struct hb_place place = {.directory_fd = -1};
    HB_AUTO_AS as = {.changed = false};
    int result = hb_resolve_beside(restore->run, row->path, &place);
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    if (result == 0)
        leave_alone(restore, row, &place, row->mode,
                    "its directory was replaced after the import was interrupted");
    else
        failed(restore, row, -result);
    hb_place_clear(&place);
}

/*
 * It is not known what has become of it: its file system may not be mounted now, and nobody but
 * ourselves takes a stage away, which is once the journal is gone.
 */
static void stage_is_missing(struct restore *restore, const struct hb_journal_row *row)
{
    count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "the directory that it is staged in is not there; is its file system mounted?");
}

/*
 * Was it staged for another file system than the one that is mounted there now, or that lies bare?
 * What is there then is not what was noted, whatever it is.
 */
static bool is_covered(const struct restore *restore, const struct hb_journal_row *row)
{
    struct hb_mount_place place;
    if (!restore->request->again || !restore->mounts ||
        hb_mount_find(&restore->run->home, row->path, &place) != 0)
        return false;
    free(place.directory);
    return place.mount != hb_mount_of(stage_of(restore, row)->fd);
}

static void skip_covered(struct restore *restore, const struct hb_journal_row *row)
{
    count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "another file system is mounted there than the one that it was staged for");
}

static void publish(struct restore *restore, const struct hb_journal_row *row,
                    struct hb_last_target *last)
{
    struct hb_place place = {.directory_fd = -1};
    int result = 0;
    if (stage_of(restore, row) != NULL)
        hb_stage_refresh(restore->request->stages[row->stage]);
    if (stage_of(restore, row) == NULL) {
        stage_is_missing(restore, row);
    } else if (restore->request->again && (result = -look_for_staged(restore, row)) != 0) {
        if (result == -ENOENT && hb_begun_has(restore->request->left, row->index))
            left_alone(restore, row->path, "was changed, and left alone by a run that was stopped",
                       "a file of its name with .from-import", 0);
        result = result == -ENOENT ? 1 : result; /* that was done before */
    } else if (is_covered(restore, row)) {
        skip_covered(restore, row);
    } else if (row->type == HB_SYMLINK ||
               !hb_target_beside(restore->run, last, row->path, &place)) {
        hb_place_clear(&place);
        result = hb_target_resolve(restore->run, row->path,
                                   row->type == HB_SYMLINK ? HB_KEEP_LAST : 0u, &place);
        if (result == 0)
            hb_target_remember(last, row->path, &place);
    }
    if (result == -ENOTDIR && restore->request->again)
        leave_below(restore, row);
    else if (result < 0)
        failed(restore, row, -result);
    else if (result == 0 && place.directory_fd >= 0)
        publish_at(restore, row, last, &place);
    hb_place_clear(&place);
    hb_progress_add(restore->run->progress, 1, 0);
}

/* ---- trees --------------------------------------------------------------------------------- */

static void tree_published(void *context, uint64_t files, uint64_t bytes)
{
    struct restore *restore = context;
    published(restore, files, bytes);
    hb_progress_add(restore->run->progress, files, 0);
}

static void tree_failed(void *context, const char *path, int error)
{
    struct restore *restore = context;
    failed_at(restore, path, error);
    hb_progress_add(restore->run->progress, 1, 0);
}

static void tree_left_alone(void *context, const char *path, const char *kept, int error)
{
    struct restore *restore = context;
    left_alone(restore, path, why_left(true), kept, error);
    hb_progress_add(restore->run->progress, 1, 0);
}

static void tree_made(void *context, int directory_fd, const char *name)
{
    struct restore *restore = context;
    hb_made_note_piece(&restore->notes, directory_fd, name);
}

static void tree_replaced(void *context, const char *path)
{
    replaced(context, path);
}

static void tree_skipped(void *context, const char *path, const char *why)
{
    struct restore *restore = context;
    skipped_at(restore, path, why);
    hb_progress_add(restore->run->progress, 1, 0);
}

static void publish_tree(struct restore *restore, const struct hb_journal_row *row)
{
    struct hb_tree_publication publication = {
        .run = restore->run,
        .stage = stage_of(restore, row),
        .row = row,
        .context = restore,
        .published = tree_published,
        .failed = tree_failed,
        .skipped = tree_skipped,
        .replaced = tree_replaced,
        .left_alone = tree_left_alone,
        .made = tree_made,
        .again = restore->request->again,
    };
    int result;
    if (publication.stage == NULL)
        stage_is_missing(restore, row);
    else if (restore->request->again && (result = look_for_staged(restore, row)) != 0) {
        if (result != ENOENT) /* else that was done before */
            failed(restore, row, result);
    } else if (is_covered(restore, row)) {
        skip_covered(restore, row);
    } else if (hb_restore_tree(&publication) != HB_OK)
        restore->interrupted = true; /* no worker runs yet */
}

/* ---- directories --------------------------------------------------------------------------- */

/* Was there before an import that was killed is completed: is it that one's? Else it stays so. */
static bool is_unfinished(struct restore *restore, struct row *row, const struct hb_place *place)
{
    const struct hb_restore_request *request = restore->request;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &place->rights);
    switch (hb_made_look(&restore->notes, row->row.index, place->directory_fd, place->name,
                         row->row.mode, hb_journal_is_copy(request->journal))) {
    case HB_MADE_UNFINISHED:
        return true;
    case HB_MADE_FINISHED:
        row->finished = true;
        return true;
    default:
        if (!hb_system_lacks_modes(place->directory_fd)) {
            restore->result->left++;
            hb_report_add(request->left_alone == NULL ? &restore->run->report : request->left_alone,
                          HB_FOUND_DOUBTFUL, row->path,
                          "the directory was made or closed after the import was interrupted, and "
                          "keeps its mode; the import has %03o for it",
                          (unsigned)row->row.mode & 0777);
        }
        return false;
    }
}

static void make_directory(struct restore *restore, struct row *row, struct hb_last_target *last)
{
    struct hb_place place;
    bool notes = false;
    int result = hb_target_resolve(restore->run, row->path, 0, &place);
    if (result == -EISDIR) {
        result = 0; /* a link to the home itself: it is there */
    } else if (result == 0 && !place.exists) {
        /* Open to us alone until it has its mode, at the end. */
        result = hb_target_make_directory_for(&place, row->row.mode);
        notes = result == 0;
    } else if (result == 0 && !S_ISDIR(place.status.st_mode)) {
        result = -ENOTDIR;
    } else if (result == 0 && (is_folded(restore, &row->row, last, &place) ||
                               (restore->request->again && (row->row.flags & HB_ROW_NEW) &&
                                !is_unfinished(restore, row, &place)))) {
        row->row.flags &= ~(uint32_t)HB_ROW_NEW;
    } else if (result == 0) {
        notes = !row->finished; /* it came with its tree */
    }
    if (notes && (row->row.flags & HB_ROW_NEW))
        hb_made_note(&restore->notes, row->row.index, place.directory_fd, place.name);
    if (result != 0) { /* nothing of it is staged */
        count_failure(restore, may_pass(-result));
        hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path, "%s",
                      hb_target_explain(-result));
    }
    hb_place_clear(&place);
    if (result == 0 && (row->row.flags & HB_ROW_NEW)) {
        restore->made = hb_resize(restore->made, restore->made_count + 1, sizeof *restore->made);
        restore->made[restore->made_count++] = *row;
        *row = (struct row){.path = NULL};
    }
}

/* Those that were made get mode and time last: publishing needs to write into them. */
static void finish_directory(struct restore *restore, const struct row *made)
{
    const struct hb_journal_row *row = &made->row;
    struct hb_place place;
    HB_AUTO_CLOSE int fd = -1;
    HB_AUTO_AS as = {.changed = false};
    unsigned lost = 0;
    int result = hb_beneath_resolve(&restore->run->home, row->path, 0, &place, NULL);
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    if (result == 0) {
        fd =
            openat(place.directory_fd, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        result = fd < 0 ? -errno : 0;
    }
    hb_place_clear(&place);
    if (result == 0 && (row->flags & HB_ROW_HAS_MTIME))
        result = hb_set_mtime(fd, row->mtime_seconds, row->mtime_nanoseconds);
    if (result == 0 && !made->finished) {
        hb_made_finishing(&restore->notes, row->index, fd);
        result = hb_access_finish_directory(fd, row->mode, &lost);
        if (result == 0)
            hb_made_finished(&restore->notes, row->index, fd);
    }
    /* Another file system, of which there may be no stage: nobody else flushes it. */
    if (result == 0 && restore->mounts && hb_mount_of(fd) != restore->home_mount && syncfs(fd) != 0)
        result = -errno;
    hb_tell_lost(restore->run, row->path, lost);
    if (result != 0)
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, row->path,
                      "its mode and time cannot be set: %s", hb_target_explain(-result));
}

/* ---- all ----------------------------------------------------------------------------------- */

static bool is_plain_file(const struct row *row)
{
    return row->row.type == HB_FILE && !(row->row.flags & HB_ROW_CLAIMED);
}

static void note_interruption(struct restore *restore)
{
    pthread_mutex_lock(&restore->lock);
    restore->interrupted = true;
    pthread_mutex_unlock(&restore->lock);
}

/* Takes rows of plain files from the journal and publishes them. A thread's function. */
static void *publish_files(void *argument)
{
    struct restore *restore = argument;
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    struct row batch[BATCH];
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
                publish(restore, &batch[i].row, &last);
            row_clear(&batch[i]);
        }
    } while (count > 0);
    hb_last_target_clear(&last);
    return NULL;
}

static void publish_files_on_all_workers(struct restore *restore)
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

/* The order of the journal: claimed files first, for they fail most; links last, so that nothing is
 * written through them. */
static int publish_all(struct restore *restore)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    read_next(restore);
    while (may_go_on(restore)) {
        if (is_plain_file(&restore->next)) {
            hb_made_all(&restore->notes);
            publish_files_on_all_workers(restore);
            continue;
        }
        struct row row = take_next(restore);
        if (row.row.type != HB_DIRECTORY || (row.row.flags & HB_ROW_TREE))
            hb_made_flush(&restore->notes); /* before anything is put into them */
        if (row.row.flags & HB_ROW_TREE)
            publish_tree(restore, &row.row);
        else if (row.row.type == HB_DIRECTORY)
            make_directory(restore, &row, &last);
        else
            publish(restore, &row.row, &last);
        row_clear(&row);
    }
    row_clear(&restore->next);
    hb_last_target_clear(&last);
    bool done = restore->status == HB_END && !restore->interrupted;
    if (done)
        hb_made_all(&restore->notes);
    for (size_t i = restore->made_count; i-- > 0 && done;)
        finish_directory(restore, &restore->made[i]);
    for (size_t i = 0; i < restore->made_count; i++)
        row_clear(&restore->made[i]);
    free(restore->made);
    if (restore->status == HB_OK || restore->interrupted)
        return hb_error_set(restore->error, HB_CANCELLED,
                            "interrupted while files were being replaced: each is the old or the "
                            "new one, %llu were replaced",
                            (unsigned long long)restore->result->files);
    return restore->status == HB_END ? HB_OK : restore->status;
}

static int flush_system(int fd)
{
    int result, attempts = 0;
    do
        result = syncfs(fd);
    while (result != 0 && errno == EINTR && ++attempts < ATTEMPTS);
    return result;
}

static void flush(struct restore *restore)
{
    bool failed = flush_system(restore->run->home.fd) != 0;
    for (unsigned i = 1; i < restore->request->stage_count; i++)
        if (restore->request->stages[i] != NULL &&
            flush_system(restore->request->stages[i]->fd) != 0)
            failed = true;
    if (failed)
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, "",
                      "what was restored could not be flushed to disk: %s", strerror(errno));
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
    struct restore restore = {
        .request = request, .run = request->run, .result = result, .error = error};
    *result = (struct hb_restored){0};
    pthread_mutex_init(&restore.lock, NULL);
    restore.mounts = hb_mounts_below(request->run->home.path);
    restore.home_mount = hb_mount_of(request->run->home.fd);
    /* Most is the owner's of the home; threads that start now begin with the same. */
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &request->run->home.rights);
    hb_made_open(request->stage_count > 0 ? request->stages[0] : NULL, &restore.notes);
    int status = begun == 0 ? publish_all(&restore)
                            : hb_error_set(error, HB_FATAL, "%s: %s", request->run->home.path,
                                           hb_rights_explain(-begun));
    hb_made_close(&restore.notes);
    pthread_mutex_destroy(&restore.lock);
    flush(&restore);
    return status;
}

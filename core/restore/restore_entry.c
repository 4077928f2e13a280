/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_entry.h"

#include "base/memory.h"
#include "base/progress.h"
#include "files/regular.h"
#include "host/failure.h"
#include "host/lost.h"
#include "host/roots.h"
#include "restore/changed_since.h"
#include "restore/left_alone.h"
#include "restore/restore_findings.h"
#include "restore/restore_mounts.h"
#include "restore/seal.h"
#include "restore/target.h"
#include "restore/undo_finish.h"
#include "restore/undo_look.h"
#include "restore/undo_missed.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A row on its way to its place. */
struct task {
    struct hb_restoring *restore;
    const struct hb_journal_row *row;
    int from_fd;      /* where it is staged: in the row's stage, or in a directory of a tree */
    const char *name; /* there */
    const struct hb_place *place;
    uint32_t mode;                     /* that the file gets there */
    const struct hb_instance *content; /* that it belongs to; NULL: to none, or not asked yet */
    bool swaps;                        /* what is not as it was noted stays, to the last moment */
};

/* ---- what is not put there ----------------------------------------------------------------- */

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
static void leave_alone(const struct task *task, const char *why)
{
    struct hb_restoring *restore = task->restore;
    const struct hb_place *place = task->place, *beside = place;
    HB_AUTO_FREE char *kept = NULL;
    struct hb_place link = {.directory_fd = -1};
    int result = 0;
    HB_AUTO_AS as = {.changed = false};
    const struct hb_target_note *note = &task->row->note;
    uint32_t mode = note->what == HB_NOTED_ABSENT ? task->row->mode : task->mode;
    if (place->through_link) {
        beside = &link;
        result = hb_target_resolve(restore->run, task->row->path, HB_KEEP_LAST, &link);
        link.exists = place->exists; /* it is to have no more rights than what it leads to */
        link.status = place->status;
        if (result == 0)
            result = hb_as_begin(&as, &link.rights);
    }
    if (result == 0 && task->row->index != HB_NO_INDEX)
        result = hb_begun_mark(restore->request->stages[0], HB_MARK_LEFT, task->row->index);
    if (result == 0)
        result = hb_keep_beside(restore->run, task->from_fd, task->name, beside,
                                hb_beside_mode(place, note, mode), &kept);
    HB_AUTO_FREE char *where = where_kept(task->row->path, beside, kept);
    hb_restore_left_alone(restore, task->row->path, why, where, -result);
    hb_place_clear(&link);
}

static bool keeps_beside(const struct hb_restoring *restore)
{
    return restore->request->again && !restore->request->leaves_changed;
}

/* It cannot be put there, now or later. Who completes an import keeps it beside. */
static void refuse(const struct task *task, const char *why)
{
    if (keeps_beside(task->restore))
        leave_alone(task, why);
    else
        hb_restore_skipped(task->restore, task->row->path, why, false);
}

static void plugin_failed(const struct task *task, int status)
{
    HB_AUTO_FREE char *why = hb_copy_text(hb_instance_failure(task->content));
    if (status == HB_STATUS_LATER || status == HB_STATUS_CANCELLED)
        hb_restore_skipped(task->restore, task->row->path, why, true);
    else
        refuse(task, why);
}

/* ---- content plugins ----------------------------------------------------------------------- */

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
static int ask_plugin(const struct task *task, struct hb_file *file, const struct hb_target *target)
{
    const struct hb_content_ops *ops = task->content->plugin->ops;
    struct hb_entry entry = entry_of(task->row);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    return ops->restore(task->content->self, &entry, file, target);
}

/* It holds what is staged: that is what an undo may take back. */
static void note_for_undo(const struct task *task)
{
    struct hb_undo_receipt *undo = task->restore->request->undo;
    if (undo != NULL && task->content != NULL)
        hb_undo_note_claimed(undo, task->content, task->place);
}

/* HB_RESTORE_DONE, HB_RESTORE_RENAME, or a failure (reported). */
static int restore_claimed(const struct task *task)
{
    struct hb_restoring *restore = task->restore;
    const struct hb_place *place = task->place;
    HB_AUTO_CLOSE int fd = hb_open_regular(task->from_fd, task->name, O_RDWR);
    if (fd < 0) {
        hb_restore_failed(restore, task->row->path, -fd);
        return HB_STATUS_ENTRY;
    }
    HB_AUTO_FREE char *staged =
        hb_text("%s/%s", hb_restore_stage_of(restore, task->row)->path, task->name);
    HB_AUTO_FREE char *path = hb_full_path(&restore->run->home, place->path);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    struct hb_target target = {
        .size = sizeof target,
        .directory_fd = place->directory_fd,
        .name = place->name,
        .path = path,
        .mode = task->mode,
        .exists = place->exists,
    };
    hb_run_clear_failure(restore->run);
    int status = ask_plugin(task, &file, &target);
    if (status > 0 && status != HB_RESTORE_RENAME) { /* a mistake of the plugin */
        HB_AUTO_FREE char *why = hb_text("plugin %s: restore() returned the unknown code %d",
                                         task->content->plugin->name, status);
        refuse(task, why);
        return HB_STATUS_ENTRY;
    }
    if (status < 0)
        plugin_failed(task, status);
    else if (status == HB_RESTORE_DONE) { /* done: a later run must not do it again */
        note_for_undo(task);
        unlinkat(task->from_fd, task->name, 0);
    }
    return status;
}

/* Finds the plugin that it belongs to. False: that is unknown, and is reported. */
static bool find_content(struct task *task)
{
    const struct hb_restore_request *request = task->restore->request;
    struct hb_entry entry = entry_of(task->row);
    int told =
        request->claims != NULL
            ? hb_claims_settle_at(request->claims, task->row->index, task->from_fd, task->name,
                                  &task->content)
            : hb_claimant_at(request->contents, &entry, task->from_fd, task->name, &task->content);
    if (told == 0)
        return true;
    HB_AUTO_FREE char *why = hb_text(
        "its staged copy cannot be read, so it is unknown whether it can be put back safely: %s",
        hb_rights_explain(-told));
    hb_restore_skipped(task->restore, task->row->path, why, hb_restore_may_pass(-told));
    return false;
}

/* From a stage that others could write to a plugin could write anywhere: see seal.h. */
static bool is_elsewhere(const struct task *task)
{
    struct stat stage, there;
    return task->restore->request->again && hb_stage_lacks_modes(task->from_fd) &&
           (fstat(task->from_fd, &stage) != 0 || fstat(task->place->directory_fd, &there) != 0 ||
            stage.st_dev != there.st_dev);
}

static const char no_plugin[] = "no content plugin of the configuration can put it back safely";

/* The plugin's own way, if it has one. HB_RESTORE_DONE, HB_RESTORE_RENAME, or a failure (reported).
 */
static int publish_claimed(const struct task *task)
{
    struct hb_restoring *restore = task->restore;
    const struct hb_journal_row *row = task->row;
    const struct hb_place *place = task->place;
    const struct hb_instance *content = task->content;
    if (is_elsewhere(task)) {
        hb_restore_failed(restore, row->path, ENOTSUP);
        return HB_STATUS_ENTRY;
    }
    if (content == NULL && place->exists) {
        refuse(task, no_plugin);
        return HB_STATUS_ENTRY;
    }
    int status = HB_RESTORE_RENAME;
    if (content != NULL && HB_CAN((const struct hb_content_ops *)content->plugin->ops, restore)) {
        int marked = place->exists
                         ? hb_begun_mark(restore->request->stages[0], HB_MARK_BEGUN, row->index)
                         : 0;
        if (marked != 0) {
            hb_restore_failed(restore, row->path, -marked);
            return HB_STATUS_ENTRY;
        }
        status = restore_claimed(task);
    }
    if (status == HB_RESTORE_DONE && (row->flags & HB_ROW_KEEP_MODE) == 0 && place->exists &&
        hb_access_drop_list(place))
        hb_tell_lost(restore->run, row->path, HB_DROPPED_LIST);
    const bool *checked = restore->request->checked;
    if (status == HB_RESTORE_RENAME && content != NULL &&
        (checked == NULL || !checked[row->index])) {
        struct hb_entry entry = entry_of(row);
        hb_check_staged(restore->run, content, &entry, hb_restore_stage_of(restore, row),
                        task->name);
    }
    return status;
}

/* ---- one file or link ---------------------------------------------------------------------- */

/* It is not as it was noted: it stays. */
static void leave_changed(const struct task *task, bool exists)
{
    const char *why = !task->restore->request->leaves_changed ? "it has come while the import ran"
                      : exists                                ? "it has been changed since"
                                                              : "it has been removed since";
    hb_restore_stays(task->restore, task->row->path, why);
}

static int swap(const struct task *task)
{
    struct hb_target_note note = task->row->note;
    if (hb_journal_is_copy(task->restore->request->journal))
        note.inode = 0;
    return hb_target_swap(task->from_fd, task->name, task->place, &note,
                          note.has_content ? task->row->content : NULL);
}

/* HB_OK, or HB_STATUS_ENTRY (reported). */
static int rename_into_place(const struct task *task)
{
    struct hb_restoring *restore = task->restore;
    bool swaps = task->swaps && (task->row->flags & HB_ROW_CLAIMED) == 0;
    enum hb_access_rule rule = task->row->flags & HB_ROW_KEEP_MODE ? HB_ACCESS_KEEP : HB_ACCESS_FIX;
    struct hb_owner owner;
    const struct hb_owner *kept =
        restore->gives && hb_journal_owner(task->row, &owner) ? &owner : NULL;
    int result = task->row->type == HB_TYPE_FILE
                     ? hb_target_give(restore->run, task->from_fd, task->name, task->place,
                                      task->mode, rule, kept)
                     : hb_target_own(task->from_fd, task->name, task->place,
                                     restore->run->home.read_as_root, kept);
    if (result == 0)
        result = swaps ? swap(task) : hb_target_rename(task->from_fd, task->name, task->place);
    if (result == 0)
        return HB_OK;
    if (swaps && result == -ESTALE)
        leave_changed(task, true);
    else if (hb_restore_may_pass(-result))
        hb_restore_failed(restore, task->row->path, -result);
    else
        refuse(task, hb_target_explain(-result));
    return HB_STATUS_ENTRY;
}

/*
 * Killed between the two halves of a swap: what was there is staged, and what was staged is there.
 * True: all is done that is to be done with it.
 */
static bool was_swapped(const struct task *task)
{
    const struct hb_restore_request *request = task->restore->request;
    const struct hb_journal_row *row = task->row;
    struct stat staged;
    const struct hb_undo_row *wanted =
        request->again && task->swaps && task->place->exists && (row->flags & HB_ROW_CLAIMED) == 0
            ? hb_undo_row_of(request->undo, task->place->path)
            : NULL;
    if (wanted == NULL || !hb_undo_holds(wanted, task->place->directory_fd, task->place->name) ||
        hb_undo_holds(wanted, task->from_fd, task->name) ||
        fstatat(task->from_fd, task->name, &staged, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    struct hb_target_note note = row->note;
    if (hb_journal_is_copy(request->journal))
        note.inode = 0;
    if (hb_target_is_as_noted(&note, &staged) &&
        (!note.has_content || hb_file_is_as_noted(task->from_fd, task->name, row->content))) {
        unlinkat(task->from_fd, task->name, 0);
        hb_restore_published(task->restore, row->type == HB_TYPE_FILE, row->bytes);
        return true;
    }
    /* It was changed just then: it is put back, with the other one where it was staged. */
    note = hb_target_note_of(&task->place->status, false);
    int result = hb_target_swap(task->from_fd, task->name, task->place, &note, NULL);
    if (result == 0)
        leave_changed(task, true);
    else
        hb_restore_failed(task->restore, row->path, -result);
    return true;
}

/*
 * May it be published? If not, all is done that is to be done with it. *written: somebody wrote to
 * what it replaces while the import ran.
 */
static bool may_publish(const struct task *task, bool *written)
{
    struct hb_restoring *restore = task->restore;
    const struct hb_restore_request *request = restore->request;
    const struct hb_journal_row *row = task->row;
    const struct hb_place *place = task->place;
    struct hb_since_question question = {
        .row = row,
        .place = place,
        .again = request->again || task->swaps,
        .since = request->since,
        .begun = hb_begun_has(request->begun, row->index),
        .copied = hb_journal_is_copy(request->journal),
        .content = task->content,
        .stage = hb_restore_stage_of(restore, row),
    };
    int status;
    switch (hb_changed_since(&question, &status)) {
    case HB_FATE_PUBLISH:
        return true;
    case HB_FATE_DONE:
        note_for_undo(task);
        unlinkat(task->from_fd, task->name, 0);
        hb_restore_published(restore, 1, row->bytes);
        return false;
    case HB_FATE_LEAVE:
        if (!keeps_beside(restore) && !task->swaps) {
            *written = place->exists;
            return true;
        }
        if (!keeps_beside(restore)) {
            leave_changed(task, place->exists);
            return false;
        }
        leave_alone(task,
                    (row->flags & HB_ROW_CLAIMED) != 0 && task->content == NULL && place->exists
                        ? no_plugin
                        : hb_restore_why_left(place->exists));
        return false;
    default:
        plugin_failed(task, status);
        return false;
    }
}

/* Of an undo; and where an import has no more than the right to what is missing. */
static bool leaves_changed(const struct hb_restoring *restore, const struct hb_journal_row *row)
{
    const struct hb_restore_request *request = restore->request;
    return request->leaves_changed ||
           (!request->again && restore->run->elsewhere && hb_roots_have(restore->run, row->path));
}

/* With the rights of the place. */
static void publish_task(struct task *task, struct hb_last_target *last)
{
    const struct hb_journal_row *row = task->row;
    const struct hb_place *place = task->place;
    const char *obstacle = hb_target_obstacle(place);
    bool keep = (row->flags & HB_ROW_KEEP_MODE) != 0 && place->exists;
    bool claimed = (row->flags & HB_ROW_CLAIMED) != 0 && obstacle == NULL;
    if (keep)
        task->mode = (row->flags & HB_ROW_NARROW) != 0 && S_ISREG(place->status.st_mode)
                         ? hb_access_narrower_mode(place, row->mode)
                         : place->status.st_mode & 0777;
    task->swaps = leaves_changed(task->restore, row);
    if (claimed && !find_content(task))
        return;
    if (was_swapped(task))
        return;
    HB_AUTO_FREE char *folded =
        obstacle == NULL ? hb_target_is_folded(task->restore->run, last, place) : NULL;
    if (folded != NULL) {
        task->mode = row->mode;
        refuse(task, folded);
        return;
    }
    bool written = false;
    if (!may_publish(task, &written))
        return;
    if (obstacle != NULL) {
        refuse(task, obstacle);
        return;
    }
    int status = claimed ? publish_claimed(task) : HB_RESTORE_RENAME;
    if (status == HB_RESTORE_RENAME) {
        status = rename_into_place(task);
        if (status == HB_OK)
            note_for_undo(task);
    }
    if (status < 0)
        return;
    hb_restore_published(task->restore, row->type == HB_TYPE_FILE,
                         row->type == HB_TYPE_FILE ? row->bytes : 0);
    if (written)
        hb_restore_replaced(task->restore, row->path);
}

/* Something else has the name of its directory by now. */
static void leave_below(const struct task *task)
{
    struct hb_place place = {.directory_fd = -1};
    struct task below = *task;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_resolve_beside(task->restore->run, task->row->path, &place);
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    below.place = &place;
    if (result == 0)
        leave_alone(&below, "its directory was replaced after the import was interrupted");
    else
        hb_restore_failed(task->restore, task->row->path, -result);
    hb_place_clear(&place);
}

void hb_restore_file(struct hb_restoring *restore, const struct hb_journal_row *row, int from_fd,
                     const char *name, struct hb_last_target *last)
{
    struct hb_place place = {.directory_fd = -1};
    struct task task = {restore, row, from_fd, name, &place, row->mode, NULL, false};
    bool is_link = row->type == HB_TYPE_SYMLINK || (row->flags & HB_ROW_EXACT) != 0;
    int result = 0;
    if (is_link || !hb_target_beside(restore->run, last, row->path, &place)) {
        hb_place_clear(&place);
        result = hb_target_resolve(restore->run, row->path, is_link ? HB_KEEP_LAST : 0u, &place);
        if (result == 0)
            hb_target_remember(last, row->path, &place);
    }
    HB_AUTO_AS as = {.changed = false};
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    if (result == 0)
        publish_task(&task, last);
    else if (result == -ENOTDIR && keeps_beside(restore))
        leave_below(&task);
    else
        hb_restore_failed(restore, row->path, -result);
    hb_place_clear(&place);
}

/* ---- is it there? -------------------------------------------------------------------------- */

/* 0: it is staged; ENOENT: no, it was published before; or why that is unknown. */
static int look_for_staged(const struct hb_restoring *restore, const struct hb_journal_row *row)
{
    const struct hb_stage *stage = hb_restore_stage_of(restore, row);
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

bool hb_restore_is_due(struct hb_restoring *restore, const struct hb_journal_row *row)
{
    if (hb_restore_stage_of(restore, row) == NULL) { /* we take it away when the journal is gone */
        hb_restore_skipped(restore, row->path, hb_restore_why_no_stage, true);
        return false;
    }
    hb_stage_refresh(restore->request->stages[row->stage]);
    int error = restore->request->again ? look_for_staged(restore, row) : 0;
    if (error == ENOENT && (row->flags & HB_ROW_TREE) == 0 &&
        hb_begun_has(restore->request->left, row->index))
        hb_restore_left_alone(restore, row->path,
                              "was changed, and was left alone by a run that was stopped",
                              "a file of its name with .from-import", 0);
    else if (error != 0 && error != ENOENT) /* else that was done before */
        hb_restore_failed(restore, row->path, error);
    if (error != 0)
        return false;
    if (hb_restore_is_covered(restore, row)) { /* and what is there is not what was noted */
        hb_restore_skipped(restore, row->path, hb_restore_why_covered, true);
        return false;
    }
    return true;
}

void hb_restore_entry(struct hb_restoring *restore, const struct hb_journal_row *row,
                      struct hb_last_target *last)
{
    char name[24];
    hb_staged_name(row->index, name);
    if (hb_restore_is_due(restore, row))
        hb_restore_file(restore, row, hb_restore_stage_of(restore, row)->fd, name, last);
    hb_progress_add(restore->run->progress, row->path, 1, 0);
}

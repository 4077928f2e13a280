/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_entry.h"

#include "base/memory.h"
#include "base/progress.h"
#include "files/mounts.h"
#include "files/regular.h"
#include "host/failure.h"
#include "host/lost.h"
#include "restore/changed_since.h"
#include "restore/left_alone.h"
#include "restore/restore_findings.h"
#include "restore/seal.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- content plugins ----------------------------------------------------------------------- */

const struct hb_stage *hb_restore_stage_of(const struct hb_restoring *restore,
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

static void leave_alone(struct hb_restoring *restore, const struct hb_journal_row *row,
                        const struct hb_place *place, uint32_t mode, const char *why);

/* It cannot be put there, now or later. Who completes an import keeps it beside. */
static void refuse(struct hb_restoring *restore, const struct hb_journal_row *row,
                   const struct hb_place *place, uint32_t mode, const char *why)
{
    if (restore->request->again)
        leave_alone(restore, row, place, mode, why);
    else
        hb_restore_skipped(restore, row, why);
}

static void plugin_failed(struct hb_restoring *restore, const struct hb_instance *content,
                          const struct hb_journal_row *row, const struct hb_place *place,
                          uint32_t mode, int status)
{
    HB_AUTO_FREE char *why = hb_copy_text(hb_instance_failure(content));
    if (status != HB_LATER && status != HB_CANCELLED) {
        refuse(restore, row, place, mode, why);
        return;
    }
    hb_restore_count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path, "%s", why);
}

/* HB_RESTORED, HB_RESTORE_RENAME, or a failure (reported). */
static int restore_claimed(struct hb_restoring *restore, const struct hb_instance *content,
                           const struct hb_journal_row *row, const struct hb_place *place,
                           uint32_t mode)
{
    const struct hb_stage *stage = hb_restore_stage_of(restore, row);
    struct hb_entry entry = entry_of(row);
    char name[24];
    hb_staged_name(row->index, name);
    HB_AUTO_CLOSE int fd = hb_open_regular(stage->fd, name, O_RDWR);
    if (fd < 0) {
        hb_restore_failed(restore, row, -fd);
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
static bool find_content(struct hb_restoring *restore, const struct hb_journal_row *row,
                         const struct hb_instance **content)
{
    char name[24];
    struct hb_entry entry = entry_of(row);
    hb_staged_name(row->index, name);
    int stage_fd = hb_restore_stage_of(restore, row)->fd;
    int told =
        restore->request->claims != NULL
            ? hb_claims_settle_at(restore->request->claims, row->index, stage_fd, name, content)
            : hb_claimant_at(restore->request->contents, &entry, stage_fd, name, content);
    if (told == 0)
        return true;
    hb_restore_count_failure(restore, hb_restore_may_pass(-told));
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "its staged copy cannot be read, so that it is not known whether it can be "
                  "put back safely: %s",
                  hb_rights_explain(-told));
    return false;
}

/* From a stage that others could write to a plugin could write anywhere: see seal.h. */
static bool is_elsewhere(const struct hb_restoring *restore, const struct hb_journal_row *row,
                         const struct hb_place *place)
{
    struct stat stage, there;
    int fd = hb_restore_stage_of(restore, row)->fd;
    return restore->request->again && hb_stage_lacks_modes(fd) &&
           (fstat(fd, &stage) != 0 || fstat(place->directory_fd, &there) != 0 ||
            stage.st_dev != there.st_dev);
}

static const char no_plugin[] = "no content plugin of the configuration can put it back safely";

/* The plugin's own way, if it has one. HB_RESTORED, HB_RESTORE_RENAME, or a failure (reported). */
static int publish_claimed(struct hb_restoring *restore, const struct hb_instance *content,
                           const struct hb_journal_row *row, const struct hb_place *place,
                           uint32_t mode)
{
    char name[24];
    struct hb_entry entry = entry_of(row);
    hb_staged_name(row->index, name);
    if (is_elsewhere(restore, row, place)) {
        hb_restore_failed(restore, row, ENOTSUP);
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
            hb_restore_failed(restore, row, -marked);
            return HB_ENTRY;
        }
        status = restore_claimed(restore, content, row, place, mode);
    }
    if (status == HB_RESTORED && (row->flags & HB_ROW_KEEP_MODE) == 0 && place->exists &&
        hb_access_drop_list(place))
        hb_tell_lost(restore->run, row->path, HB_DROPPED_LIST);
    const bool *checked = restore->request->checked;
    if (status == HB_RESTORE_RENAME && content != NULL && (checked == NULL || !checked[row->index]))
        hb_check_staged(restore->run, content, &entry, hb_restore_stage_of(restore, row), name);
    return status;
}

/* ---- one file or link ---------------------------------------------------------------------- */

static int rename_into_place(struct hb_restoring *restore, const struct hb_journal_row *row,
                             const struct hb_place *place, uint32_t mode)
{
    int stage_fd = hb_restore_stage_of(restore, row)->fd;
    char name[24];
    hb_staged_name(row->index, name);
    enum hb_access_rule rule = row->flags & HB_ROW_KEEP_MODE ? HB_ACCESS_KEEP : HB_ACCESS_FIX;
    int result = row->type == HB_FILE
                     ? hb_target_give(restore->run, stage_fd, name, place, mode, rule)
                     : hb_target_own(stage_fd, name, place, restore->run->home.read_as_root);
    return result == 0 ? hb_target_rename(stage_fd, name, place) : result;
}

/* 0: it is; ENOENT: it is not, so that it was published before; or why that cannot be told. */
int hb_restore_look_for_staged(const struct hb_restoring *restore, const struct hb_journal_row *row)
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

/* What is there bears another name, which the file system takes for this one: it stays. */
bool hb_restore_is_folded(struct hb_restoring *restore, const struct hb_journal_row *row,
                          struct hb_last_target *last, const struct hb_place *place)
{
    HB_AUTO_FREE char *other =
        place->exists ? hb_target_other_name(restore->run, last, place) : NULL;
    if (other == NULL)
        return false;
    HB_AUTO_FREE char *why = hb_text(HB_NAME_IS_FOLDED, other);
    if (row->type == HB_DIRECTORY)
        hb_restore_skipped(restore, row, why);
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
static void leave_alone(struct hb_restoring *restore, const struct hb_journal_row *row,
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
        result = hb_keep_beside(restore->run, hb_restore_stage_of(restore, row)->fd, name,
                                place->through_link ? &link : place, mode, &kept);
    HB_AUTO_FREE char *where = where_kept(row->path, place->through_link ? &link : place, kept);
    hb_restore_left_alone(restore, row->path, why, where, -result);
    hb_place_clear(&link);
}

/*
 * Is it to be published? Else what is to be done has been done. *written: over what somebody wrote
 * meanwhile.
 */
static bool may_publish(struct hb_restoring *restore, const struct hb_journal_row *row,
                        const struct hb_place *place, const struct hb_instance *content,
                        uint32_t mode, bool *written)
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
        .stage = hb_restore_stage_of(restore, row),
    };
    int status;
    char name[24];
    hb_staged_name(row->index, name);
    switch (hb_changed_since(&question, &status)) {
    case HB_FATE_PUBLISH:
        return true;
    case HB_FATE_DONE:
        unlinkat(hb_restore_stage_of(restore, row)->fd, name, 0);
        hb_restore_published(restore, 1, row->bytes);
        return false;
    case HB_FATE_LEAVE:
        if (!request->again) {
            *written = place->exists;
            return true;
        }
        leave_alone(restore, row, place, mode,
                    (row->flags & HB_ROW_CLAIMED) != 0 && content == NULL && place->exists
                        ? no_plugin
                        : hb_restore_why_left(place->exists));
        return false;
    default:
        plugin_failed(restore, content, row, place, mode, status);
        return false;
    }
}

static void publish_at(struct hb_restoring *restore, const struct hb_journal_row *row,
                       struct hb_last_target *last, const struct hb_place *place)
{
    bool keep = (row->flags & HB_ROW_KEEP_MODE) != 0 && place->exists;
    uint32_t mode = keep ? place->status.st_mode & 0777 : row->mode;
    const struct hb_instance *content = NULL;
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &place->rights);
    if (begun != 0) {
        hb_restore_failed(restore, row, -begun);
        return;
    }
    if (keep && (row->flags & HB_ROW_NARROW) != 0 && S_ISREG(place->status.st_mode))
        mode = hb_access_narrower_mode(place, row->mode);
    const char *obstacle = hb_target_obstacle(place);
    bool claimed = (row->flags & HB_ROW_CLAIMED) != 0 && obstacle == NULL;
    if (claimed && !find_content(restore, row, &content))
        return;
    if (obstacle == NULL && hb_restore_is_folded(restore, row, last, place))
        return;
    bool written = false;
    if (!may_publish(restore, row, place, content, mode, &written))
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
        if (result != 0 && hb_restore_may_pass(-result))
            hb_restore_failed(restore, row, -result);
        else if (result != 0)
            refuse(restore, row, place, mode, hb_target_explain(-result));
        if (result != 0)
            status = HB_ENTRY;
    }
    if (status < 0)
        return;
    hb_restore_published(restore, row->type == HB_FILE, row->type == HB_FILE ? row->bytes : 0);
    if (written)
        hb_restore_replaced(restore, row->path);
}

/* Something else has the name of its directory by now. */
static void leave_below(struct hb_restoring *restore, const struct hb_journal_row *row)
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
        hb_restore_failed(restore, row, -result);
    hb_place_clear(&place);
}

/*
 * It is not known what has become of it: its file system may not be mounted now, and nobody but
 * ourselves takes a stage away, which is once the journal is gone.
 */
void hb_restore_stage_is_missing(struct hb_restoring *restore, const struct hb_journal_row *row)
{
    hb_restore_count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "the directory that it is staged in is not there; is its file system mounted?");
}

/*
 * Was it staged for another file system than the one that is mounted there now, or that lies bare?
 * What is there then is not what was noted, whatever it is.
 */
bool hb_restore_is_covered(const struct hb_restoring *restore, const struct hb_journal_row *row)
{
    struct hb_mount_place place;
    if (!restore->request->again || !restore->mounts ||
        hb_mount_find(&restore->run->home, row->path, &place) != 0)
        return false;
    free(place.directory);
    return place.mount != hb_mount_of(hb_restore_stage_of(restore, row)->fd);
}

void hb_restore_skip_covered(struct hb_restoring *restore, const struct hb_journal_row *row)
{
    hb_restore_count_failure(restore, true);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, row->path,
                  "another file system is mounted there than the one that it was staged for");
}

void hb_restore_entry(struct hb_restoring *restore, const struct hb_journal_row *row,
                      struct hb_last_target *last)
{
    struct hb_place place = {.directory_fd = -1};
    int result = 0;
    if (hb_restore_stage_of(restore, row) != NULL)
        hb_stage_refresh(restore->request->stages[row->stage]);
    if (hb_restore_stage_of(restore, row) == NULL) {
        hb_restore_stage_is_missing(restore, row);
    } else if (restore->request->again &&
               (result = -hb_restore_look_for_staged(restore, row)) != 0) {
        if (result == -ENOENT && hb_begun_has(restore->request->left, row->index))
            hb_restore_left_alone(restore, row->path,
                                  "was changed, and left alone by a run that was stopped",
                                  "a file of its name with .from-import", 0);
        result = result == -ENOENT ? 1 : result; /* that was done before */
    } else if (hb_restore_is_covered(restore, row)) {
        hb_restore_skip_covered(restore, row);
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
        hb_restore_failed(restore, row, -result);
    else if (result == 0 && place.directory_fd >= 0)
        publish_at(restore, row, last, &place);
    hb_place_clear(&place);
    hb_progress_add(restore->run->progress, 1, 0);
}

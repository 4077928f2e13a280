/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_directories.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/mounts.h"
#include "files/system_kind.h"
#include "host/lost.h"
#include "restore/made.h"
#include "restore/restore_findings.h"
#include "restore/restore_mounts.h"
#include "restore/seal.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/*
 * A killed import is being completed, and the directory is there. Did that import make it? Else it
 * is the user's, and stays as it is.
 */
static bool is_unfinished(struct hb_restoring *restore, struct hb_restoring_row *row,
                          const struct hb_place *place)
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
                          "the directory was made or closed after the import was interrupted and "
                          "keeps its mode; the import would have set %03o",
                          (unsigned)row->row.mode);
        }
        return false;
    }
}

static bool is_folded(struct hb_restoring *restore, const char *path, struct hb_last_target *last,
                      const struct hb_place *place)
{
    HB_AUTO_FREE char *why = hb_target_is_folded(restore->run, last, place);
    if (why != NULL)
        hb_restore_skipped(restore, path, why, false);
    return why != NULL;
}

void hb_restore_make_directory(struct hb_restoring *restore, struct hb_restoring_row *row,
                               struct hb_last_target *last)
{
    struct hb_place place;
    bool notes = false;
    if (hb_restore_directory_is_away(restore, &row->row))
        return;
    int result = hb_target_resolve(restore->run, row->path, 0, &place);
    if (result == -EISDIR) {
        result = 0; /* a link to the home itself: it is there */
    } else if (result == 0 && !place.exists) {
        /* Open to us alone until it has its mode, at the end. */
        result = hb_target_make_directory_for(&place, row->row.mode);
        notes = result == 0;
    } else if (result == 0 && !S_ISDIR(place.status.st_mode)) {
        result = -ENOTDIR;
    } else if (result == 0 && (is_folded(restore, row->path, last, &place) ||
                               (restore->request->again && (row->row.flags & HB_ROW_NEW) &&
                                !is_unfinished(restore, row, &place)))) {
        row->row.flags &= ~(uint32_t)HB_ROW_NEW;
    } else if (result == 0) {
        notes = !row->finished; /* it came with its tree */
    }
    if (notes && (row->row.flags & HB_ROW_NEW))
        hb_made_note(&restore->notes, row->row.index, place.directory_fd, place.name);
    if (result != 0) /* nothing of it is staged, which could be lost */
        hb_restore_skipped(restore, row->path, hb_target_explain(-result),
                           hb_restore_may_pass(-result));
    hb_place_clear(&place);
    if (result == 0 && (row->row.flags & HB_ROW_NEW)) {
        restore->made = hb_resize(restore->made, restore->made_count + 1, sizeof *restore->made);
        restore->made[restore->made_count++] = *row;
        *row = (struct hb_restoring_row){.path = NULL};
    }
}

void hb_restore_finish_directory(struct hb_restoring *restore, const struct hb_restoring_row *made)
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
    struct hb_owner owner; /* last: then we may have no rights there any more */
    if (result == 0 && restore->gives && hb_journal_owner(row, &owner))
        result = hb_owner_give(&owner, fd);
    /* Another file system, of which there may be no stage: nobody else flushes it. */
    if (result == 0 && restore->mounts && hb_mount_of(fd) != restore->home_mount && syncfs(fd) != 0)
        result = -errno;
    hb_tell_lost(restore->run, row->path, lost);
    if (result != 0)
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, row->path,
                      "its owner, mode and time cannot be set: %s", hb_target_explain(-result));
}

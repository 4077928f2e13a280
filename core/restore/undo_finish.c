/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_finish.h"

#include "base/memory.h"
#include "files/io.h"
#include "restore/changed_since.h"
#include "restore/target.h"
#include "restore/undo_look.h"
#include "restore/undo_missed.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int hb_undo_of_stage(struct hb_run *run, const char *stage, struct hb_undo_receipt *receipt)
{
    struct hb_home_id id;
    hb_home_id_find(&run->home, false, &id);
    int result = hb_undo_read(id.id, HB_UNDO_NEXT, receipt);
    hb_home_id_clear(&id);
    if (result == 0 && strcmp(receipt->stage, stage) == 0)
        return 0;
    hb_undo_receipt_clear(receipt);
    return result == 0 || result == -EPERM || result == -EBADMSG ? -ENOENT : result;
}

void hb_undo_note_claimed(struct hb_undo_receipt *receipt, const struct hb_instance *content,
                          const struct hb_place *place)
{
    struct stat now;
    for (size_t i = 0; i < receipt->count; i++) {
        struct hb_undo_row *row = &receipt->rows[i];
        if ((row->flags & (HB_UNDO_CLAIMED | HB_UNDO_WAITS | HB_UNDO_SPARE)) != HB_UNDO_CLAIMED ||
            strcmp(row->path, place->path) != 0)
            continue;
        if (fstatat(place->directory_fd, place->name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
            !hb_note_content(content, place->path, &now, row->note))
            return;
        row->flags |= HB_UNDO_HAS_NOTE;
        hb_undo_append(receipt, i);
        return;
    }
}

/* ---- what was new -------------------------------------------------------------------------- */

static bool is_still(const struct hb_place *place)
{
    const struct stat *then = &place->status;
    struct stat now;
    return fstatat(place->directory_fd, place->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_ino == then->st_ino && now.st_size == then->st_size &&
           now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
           now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

/* 0, or -errno; ESTALE: it was changed just now. */
static int remove_at(const struct hb_undo_row *row, const struct hb_place *place)
{
    bool directory = row->type == HB_TYPE_DIRECTORY;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &place->rights);
    if (result != 0)
        return result;
    if (!directory && !is_still(place))
        return -ESTALE;
    return unlinkat(place->directory_fd, place->name, directory ? AT_REMOVEDIR : 0) == 0 ? 0
                                                                                         : -errno;
}

/* On another file system than the home, which is flushed as a whole. */
static bool is_elsewhere(const struct hb_run *run, const struct hb_place *place)
{
    struct stat home, there;
    return fstat(run->home.fd, &home) != 0 || fstat(place->directory_fd, &there) != 0 ||
           home.st_dev != there.st_dev;
}

/* It stays, and waits: it is what it was in the receipt that was taken back. */
static void keep_row(struct hb_undo_row *row, bool changed)
{
    row->was = HB_UNDO_NEW;
    row->flags |= HB_UNDO_WAITS | (changed ? 0u : HB_UNDO_FAILED);
}

/* True: it was removed. */
static bool remove_row(struct hb_run *run, const struct hb_chain *contents, struct hb_undo_row *row)
{
    struct hb_place place;
    const char *why;
    enum hb_undo_state state = hb_undo_look(run, contents, row, &place, &why);
    int result = state == HB_UNDO_AS_LEFT ? remove_at(row, &place) : 0;
    bool full = result == -ENOTEMPTY || result == -EEXIST; /* what is in it is somebody's */
    if (result != 0 && !full)
        hb_report_add(&run->report, HB_FOUND_SKIPPED, row->path, "could not be removed: %s",
                      result == -ESTALE ? "it has been changed since" : hb_rights_explain(-result));
    if (result != 0 && !full)
        keep_row(row, result == -ESTALE);
    else if ((state == HB_UNDO_CHANGED || state == HB_UNDO_AWAY || state == HB_UNDO_UNTOLD) &&
             row->type != HB_TYPE_DIRECTORY) {
        hb_report_add(&run->report, HB_FOUND_SKIPPED, row->path, "was not removed: %s", why);
        keep_row(row, state == HB_UNDO_CHANGED);
    }
    if (state == HB_UNDO_AS_LEFT && result == 0 && is_elsewhere(run, &place))
        (void)hb_flush_directory(place.directory_fd);
    hb_place_clear(&place);
    return state == HB_UNDO_AS_LEFT && result == 0;
}

static bool goes(const struct hb_undo_row *row)
{
    return row->was == HB_UNDO_GONE && (row->flags & (HB_UNDO_WAITS | HB_UNDO_SPARE)) == 0;
}

/* What lies in a directory stands behind it. */
static int deepest_first(const void *one, const void *other)
{
    return strcmp((*(struct hb_undo_row *const *)other)->path,
                  (*(struct hb_undo_row *const *)one)->path);
}

static uint64_t remove_all(struct hb_run *run, const struct hb_chain *contents,
                           struct hb_undo_receipt *receipt)
{
    uint64_t removed = 0;
    size_t count = 0;
    HB_AUTO_FREE struct hb_undo_row **rows = hb_alloc((receipt->count + 1) * sizeof *rows);
    for (size_t i = 0; i < receipt->count; i++)
        if (goes(&receipt->rows[i]))
            rows[count++] = &receipt->rows[i];
    if (count > 0)
        qsort(rows, count, sizeof *rows, deepest_first);
    for (size_t i = 0; i < count; i++)
        removed += remove_row(run, contents, rows[i]) && rows[i]->type != HB_TYPE_DIRECTORY;
    if (count > 0 && syncfs(run->home.fd) != 0)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, "",
                      "what was removed could not be flushed to disk: %s", strerror(errno));
    return removed;
}

/* ---- the receipt --------------------------------------------------------------------------- */

static void note_modes(struct hb_run *run, struct hb_undo_receipt *receipt)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    for (size_t i = 0; i < receipt->count; i++) {
        struct hb_undo_row *row = &receipt->rows[i];
        struct hb_place place;
        if (row->type != HB_TYPE_FILE || row->was == HB_UNDO_GONE ||
            (row->flags & HB_UNDO_WAITS) != 0)
            continue;
        if (hb_target_look(run, &last, row->path, false, &place) == 0 && place.exists) {
            row->mode = place.status.st_mode & 07777;
            row->flags |= HB_UNDO_HAS_MODE;
        }
        hb_place_clear(&place);
    }
    hb_last_target_clear(&last);
}

/* Nothing is left if nothing waits. */
static void settle_left(struct hb_undo_receipt *receipt)
{
    bool waits = false;
    for (size_t i = 0; i < receipt->count && receipt->left.place != NULL; i++)
        waits |= (receipt->rows[i].flags & HB_UNDO_WAITS) != 0;
    if (waits)
        return;
    free(receipt->left.place);
    receipt->left.place = NULL;
}

/* By a run that was killed before it could drop the journal. */
static bool is_finished(const char *home, const char *stage)
{
    struct hb_undo_receipt last;
    bool so = hb_undo_read(home, HB_UNDO_LAST, &last) == 0 && strcmp(last.stage, stage) == 0;
    hb_undo_receipt_clear(&last);
    return so;
}

void hb_undo_finish(struct hb_run *run, const struct hb_chain *contents, const char *stage,
                    struct hb_undo_receipt *receipt, uint64_t *removed)
{
    struct hb_home_id id;
    HB_AUTO_FREE char *why = NULL;
    hb_home_id_find(&run->home, false, &id);
    if (receipt != NULL) {
        uint64_t gone = remove_all(run, contents, receipt);
        if (removed != NULL)
            *removed = gone;
        hb_undo_settle_missed(receipt);
        settle_left(receipt);
        note_modes(run, receipt);
        if (hb_undo_write(receipt, HB_UNDO_LAST, &why) == 0) {
            hb_undo_forget(receipt->home, HB_UNDO_NEXT);
        } else { /* nor is what was done before it the last any more */
            hb_undo_forget(receipt->home, HB_UNDO_LAST);
            hb_report_add(&run->report, HB_FOUND_NOTE, "",
                          "this cannot be taken back with `hbcore undo`: %s", why);
        }
    } else if (*id.id != '\0' && !is_finished(id.id, stage)) {
        hb_undo_forget(id.id, HB_UNDO_LAST);
    }
    hb_home_id_clear(&id);
}

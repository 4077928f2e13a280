/* SPDX-License-Identifier: Apache-2.0 */
#include "import/undo_rows.h"

#include "base/memory.h"
#include "base/path_table.h"
#include "import/staging_journal.h"
#include "import/staging_names.h"
#include "import/undo_plan.h"
#include "import/undo_unsaved.h"
#include "restore/target.h"
#include "restore/undo_roots.h"
#include "restore/undo_way.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct rows {
    struct hb_staging *staging;
    struct hb_undo_receipt *receipt;
    struct hb_last_target last;
    struct hb_path_table made; /* the directories in it */
    char *known; /* the directory that was looked at last, with all above it; or NULL */
};

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const char *path = (*(struct hb_undo_row *const *)rows)[row].path;
    *bytes = strlen(path);
    return path;
}

/* Of one whose directory is missing, too, and has its row by now. */
static const struct hb_undo_root *root_above(const struct rows *rows, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t above = slash == NULL ? SIZE_MAX
                                 : hb_path_table_find(&rows->made, path, (size_t)(slash - path),
                                                      path_of, &rows->receipt->rows);
    return above != SIZE_MAX ? rows->receipt->rows[above].root
                             : hb_undo_root_of(rows->receipt, rows->staging->run, path, -1);
}

static void add_directory(struct rows *rows, const char *way, size_t bytes)
{
    struct hb_place place;
    HB_AUTO_FREE char *path = hb_copy_bytes(way, bytes);
    if (hb_path_table_find(&rows->made, path, bytes, path_of, &rows->receipt->rows) != SIZE_MAX)
        return;
    int result = hb_beneath_resolve(&rows->staging->run->home, path, HB_KEEP_LAST, &place, NULL);
    bool missing = result == -ENOENT || (result == 0 && !place.exists);
    const struct hb_undo_root *root =
        !missing      ? NULL
        : result == 0 ? hb_undo_root_of(rows->receipt, rows->staging->run, path, place.directory_fd)
                      : root_above(rows, path);
    hb_place_clear(&place);
    if (!missing)
        return;
    struct hb_undo_row *row = hb_undo_add(rows->receipt, path);
    row->type = HB_TYPE_DIRECTORY;
    row->was = HB_UNDO_NEW;
    row->root = root;
    hb_path_table_put(&rows->made, rows->receipt->count - 1, path_of, &rows->receipt->rows);
}

static bool is_known(const struct rows *rows, const char *path, size_t bytes)
{
    return rows->known != NULL && strncmp(rows->known, path, bytes) == 0 &&
           (rows->known[bytes] == '/' || rows->known[bytes] == '\0');
}

/* Those on the way that are not there: the import makes them. */
static void add_directories(struct rows *rows, const char *path, size_t bytes)
{
    if (bytes == 0 || is_known(rows, path, bytes))
        return;
    for (size_t end = 1; end <= bytes; end++)
        if ((end == bytes || path[end] == '/') && !is_known(rows, path, end))
            add_directory(rows, path, end);
    free(rows->known);
    rows->known = hb_copy_bytes(path, bytes);
}

/* Where a member goes. False: nowhere, and publishing says why. */
static bool find_place(struct rows *rows, const char *path, bool is_link, struct hb_place *place)
{
    const struct hb_run *run = rows->staging->run;
    int result = hb_target_look(run, &rows->last, path, is_link, place);
    if (result == -ENOENT) {
        hb_place_clear(place);
        result = hb_beneath_resolve(
            &run->home, path, HB_SUPPOSE_PARENTS | (is_link ? HB_KEEP_LAST : 0u), place, NULL);
        place->exists = false;
    }
    return result == 0 && hb_target_refusal(run, place, is_link ? HB_KEEP_LAST : 0) == 0 &&
           hb_target_obstacle(place) == NULL;
}

static void note_staged(const struct hb_staging *staging, size_t index, struct hb_undo_row *row)
{
    char name[24];
    const struct hb_stage *stage = staging->stages[staging->plan->rows[index].stage];
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &stage->rights);
    hb_staged_name(index, name);
    if (hb_trees_hold(&staging->trees, index)) {
        HB_AUTO_CLOSE int fd = hb_trees_open(&staging->trees, index);
        hb_note_open_file(fd, row->note);
    } else {
        hb_note_file(stage->fd, name, row->note);
    }
    row->flags |= HB_UNDO_HAS_NOTE;
}

static void add_member(struct rows *rows, size_t index)
{
    struct hb_staging *staging = rows->staging;
    uint8_t type = hb_planned_type(staging->plan, index);
    struct hb_place place;
    bool stays = type == HB_TYPE_SYMLINK || staging->exact;
    if (find_place(rows, hb_staging_path(staging, index), stays, &place)) {
        const char *slash = strrchr(place.path, '/');
        add_directories(rows, place.path, slash == NULL ? 0 : (size_t)(slash - place.path));
        struct hb_undo_row *row = hb_undo_add(rows->receipt, place.path);
        row->type = type;
        row->was = place.exists ? HB_UNDO_REPLACED : HB_UNDO_NEW;
        row->root =
            hb_undo_root_of(rows->receipt, rows->staging->run, place.path, place.directory_fd);
        row->old_mode = place.exists ? place.status.st_mode & 07777 : 0;
        if (type == HB_TYPE_SYMLINK) {
            free(row->link);
            row->link = hb_copy_text(hb_planned_link(staging->plan, index));
        } else if (!hb_trees_hold(&staging->trees, index) &&
                   hb_staging_is_claimed(staging, index)) {
            row->flags |= HB_UNDO_CLAIMED;
        } else {
            note_staged(staging, index, row);
        }
    }
    hb_place_clear(&place);
}

static void add_all(struct rows *rows)
{
    const struct hb_staging *staging = rows->staging;
    for (size_t i = 0; i < staging->plan->count; i++) {
        if (!hb_planned_is_selected(staging->plan, i))
            continue;
        const char *path = hb_staging_path(staging, i);
        uint8_t type = hb_planned_type(staging->plan, i);
        if (type == HB_TYPE_FILE || type == HB_TYPE_SYMLINK)
            add_member(rows, i);
        else if (type == HB_TYPE_DIRECTORY)
            add_directories(rows, path, strlen(path));
    }
}

int hb_undo_rows_write(struct hb_staging *staging, struct hb_error *error)
{
    struct hb_run *run = staging->run;
    struct hb_undo_receipt *receipt = &staging->undo;
    struct rows rows = {.staging = staging, .receipt = receipt, .last = HB_LAST_TARGET_NONE};
    struct hb_home_id id;
    HB_AUTO_FREE char *why = NULL;
    hb_home_id_find(&run->home, true, &id);
    memcpy(receipt->home, id.id, sizeof receipt->home);
    hb_home_id_clear(&id);
    receipt->stage = hb_copy_text(run->stage.name);
    receipt->what = hb_copy_text(staging->what);
    receipt->way.place = hb_undo_place(&run->home, staging->way_back->place);
    receipt->way.is_snapshot = staging->way_back->is_snapshot;
    receipt->way.mark =
        receipt->way.is_snapshot ? hb_copy_text("") : hb_undo_way_mark(staging->way_back->place);
    add_all(&rows);
    if (staging->undoing != NULL)
        hb_undoing_add_rows(staging->undoing, staging->plan, receipt);
    hb_undo_report_unsaved(run, staging->way_back, receipt);
    free(rows.known);
    hb_path_table_clear(&rows.made);
    hb_last_target_clear(&rows.last);
    if (*receipt->home != '\0' && hb_undo_write(receipt, HB_UNDO_NEXT, &why) == 0)
        return HB_OK;
    hb_undo_receipt_clear(receipt);
    if (staging->undoing != NULL)
        return hb_error_set(
            error, HB_STATUS_FATAL, "%s: nothing was changed, since no receipt can be written: %s",
            run->home.path, why != NULL ? why : "nobody can tell which home this is");
    hb_report_add(&run->report, HB_FOUND_NOTE, "",
                  "this cannot be taken back with `hbcore undo`, since no receipt can be written: "
                  "%s",
                  why != NULL ? why : "nobody can tell which home this is");
    return HB_OK;
}

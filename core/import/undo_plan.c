/* SPDX-License-Identifier: Apache-2.0 */
#include "import/undo_plan.h"

#include "archive/hard_links.h"
#include "base/content_hash.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "files/regular.h"
#include "import/settle_links.h"
#include "restore/target.h"
#include "restore/undo_look.h"
#include "restore/undo_roots.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

/* ---- what is to be done -------------------------------------------------------------------- */

static bool waits(const struct hb_undo_row *row)
{
    return (row->flags & HB_UNDO_WAITS) != 0;
}

/* An undo has tried it, and could not. */
static bool is_due(const struct hb_undo_row *row)
{
    return waits(row) && (row->flags & HB_UNDO_FAILED) != 0;
}

static bool waits_not(const struct hb_undo_row *row)
{
    return !waits(row);
}

static void choose(struct hb_undoing *undoing)
{
    struct hb_undo_receipt *receipt = &undoing->receipt;
    bool left = false, due = false;
    for (size_t i = 0; i < receipt->count && receipt->left.place != NULL; i++) {
        left |= waits(&receipt->rows[i]);
        due |= is_due(&receipt->rows[i]);
    }
    if (!due && (!undoing->force || !left)) {
        hb_undo_keep(receipt, waits_not);
        return;
    }
    hb_undo_keep(receipt, waits);
    for (size_t i = 0; i < receipt->count; i++)
        receipt->rows[i].flags &= (uint8_t) ~(HB_UNDO_WAITS | HB_UNDO_FAILED);
    undoing->again = true;
    free(receipt->way.place);
    free(receipt->way.mark);
    receipt->way = receipt->left;
    receipt->left = (struct hb_undo_way){.place = NULL};
}

static const char in_use[] =
    "it was not there before, but a program may be using it; remove it when none does";

static struct hb_undo_part part_of(enum hb_undo_fate fate, const char *why)
{
    return (struct hb_undo_part){(uint8_t)fate, why, SIZE_MAX};
}

/* What was new goes. */
static struct hb_undo_part fate_of_new(struct hb_undoing *undoing, struct hb_run *run,
                                       struct hb_undo_row *row, enum hb_undo_state state,
                                       const char *why)
{
    if (state == HB_UNDO_ABSENT)
        return part_of(HB_UNDO_DONE, NULL);
    if ((row->flags & HB_UNDO_CLAIMED) != 0)
        return part_of(HB_UNDO_CANNOT, in_use);
    if (state == HB_UNDO_AS_LEFT)
        return part_of(HB_UNDO_REMOVE, NULL);
    if (undoing->force && row->type != HB_TYPE_DIRECTORY && hb_undo_take_present(run, row))
        return part_of(HB_UNDO_REMOVE, NULL);
    return part_of(
        undoing->force || row->type == HB_TYPE_DIRECTORY ? HB_UNDO_CANNOT : HB_UNDO_LEAVE, why);
}

static struct hb_undo_part fate_of(struct hb_undoing *undoing, struct hb_run *run,
                                   const struct hb_chain *contents, struct hb_undo_row *row)
{
    static const char removed[] = "it has been removed since", made[] = "it has been made since";
    struct hb_place place;
    const char *why = NULL;
    struct hb_undo_part part = part_of(HB_UNDO_PUT_BACK, NULL);
    enum hb_undo_state state = hb_undo_look(run, contents, row, &place, &why);
    bool is_directory = place.exists && S_ISDIR(place.status.st_mode);
    if (state == HB_UNDO_AWAY)
        part = part_of(HB_UNDO_NOT_NOW, why);
    else if (row->was == HB_UNDO_NEW)
        part = fate_of_new(undoing, run, row, state, why);
    else if (row->was == HB_UNDO_GONE && row->type == HB_TYPE_DIRECTORY && is_directory)
        part.fate = HB_UNDO_DONE;
    else if (row->was == HB_UNDO_GONE ? state != HB_UNDO_ABSENT : state != HB_UNDO_AS_LEFT)
        part = part_of(undoing->force ? HB_UNDO_PUT_BACK : HB_UNDO_LEAVE,
                       row->was == HB_UNDO_GONE  ? made
                       : state == HB_UNDO_ABSENT ? removed
                                                 : why);
    hb_place_clear(&place);
    return part;
}

void hb_undoing_begin(struct hb_run *run, const struct hb_chain *contents,
                      struct hb_undoing *undoing)
{
    choose(undoing);
    undoing->parts = hb_alloc((undoing->receipt.count + 1) * sizeof *undoing->parts);
    for (size_t i = 0; i < undoing->receipt.count; i++)
        undoing->parts[i] = fate_of(undoing, run, contents, &undoing->receipt.rows[i]);
}

void hb_undoing_clear(struct hb_undoing *undoing)
{
    hb_undo_receipt_clear(&undoing->receipt);
    free(undoing->parts);
    *undoing = (struct hb_undoing){.parts = NULL};
}

uint64_t hb_undoing_count(const struct hb_undoing *undoing, enum hb_undo_fate fate)
{
    uint64_t count = 0;
    for (size_t i = 0; i < undoing->receipt.count; i++)
        count +=
            undoing->parts[i].fate == fate && undoing->receipt.rows[i].type != HB_TYPE_DIRECTORY;
    return count;
}

char *hb_undoing_look_again(struct hb_undoing *undoing, struct hb_run *run,
                            struct hb_restore_plan *plan)
{
    char *first = NULL;
    for (size_t i = 0; i < undoing->receipt.count && !undoing->force; i++) {
        struct hb_undo_row *row = &undoing->receipt.rows[i];
        struct hb_undo_part *part = &undoing->parts[i];
        if (part->fate != HB_UNDO_PUT_BACK && part->fate != HB_UNDO_REMOVE)
            continue;
        struct hb_undo_part now = fate_of(undoing, run, undoing->contents, row);
        if (now.fate == part->fate)
            continue;
        if (first == NULL)
            first = hb_copy_text(row->path);
        if (plan == NULL)
            break;
        if (part->member != SIZE_MAX)
            plan->rows[part->member].action = HB_UNWANTED;
        *part = now;
    }
    return first;
}

/* ---- the way back -------------------------------------------------------------------------- */

/* The content of a file, as the trailer of an archive has it. False: it cannot be read. */
static bool content_of(struct hb_run *run, const char *path, uint64_t *bytes, uint64_t *content)
{
    struct hb_place place;
    struct hb_content_hash hash = {.state = NULL};
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(CHUNK);
    int64_t got = -1;
    *bytes = 0;
    int result = hb_beneath_resolve(&run->home, path, HB_KEEP_LAST, &place, NULL);
    HB_AUTO_AS as = {.changed = false};
    if (result == 0 && hb_as_begin(&as, &place.rights) == 0) {
        HB_AUTO_CLOSE int fd = hb_open_regular(place.directory_fd, place.name, O_RDONLY);
        hb_content_begin(&hash, fd >= 0 ? (uint64_t)place.status.st_size : 0);
        while (fd >= 0 && (got = hb_read_some(fd, buffer, CHUNK)) > 0) {
            hb_content_put(&hash, buffer, (size_t)got);
            *bytes += (uint64_t)got;
        }
        *content = hb_content_end(&hash);
        hb_content_clear(&hash);
    }
    hb_place_clear(&place);
    return got == 0;
}

/* Is what was changed since what was there before? Then somebody has put it back. */
static bool is_back(struct hb_run *run, const struct hb_archive *archive, size_t index,
                    const struct hb_undo_row *row)
{
    uint64_t wanted, bytes, content;
    return archive != NULL && archive->has_trailer && row->type == HB_TYPE_FILE &&
           (row->flags & HB_UNDO_CLAIMED) == 0 &&
           archive->catalog.members[index].type == HB_TYPE_FILE &&
           hb_trailer_content(&archive->trailer, index, &wanted) &&
           content_of(run, row->path, &bytes, &content) &&
           bytes == archive->catalog.members[index].bytes && content == wanted;
}

/* Does it look as it did before, times and all? The import may have put the same there. */
static bool is_untouched(const struct hb_run *run, const struct hb_catalog *catalog, size_t index,
                         const struct hb_undo_row *row)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    struct hb_place place;
    bool same = hb_beneath_resolve(&run->home, row->path, HB_KEEP_LAST, &place, NULL) == 0 &&
                place.exists && (uint64_t)place.status.st_size == member->bytes &&
                place.status.st_mtim.tv_sec == hb_catalog_mtime_seconds(catalog, index) &&
                place.status.st_mtim.tv_nsec == (long)member->mtime_nanoseconds &&
                (place.status.st_mode & 07777) == row->old_mode;
    hb_place_clear(&place);
    return same;
}

static const char not_there[] = "it is not in what was saved before";

/* The member of that path is one that the row can have been before. */
static void take_member(struct hb_undoing *undoing, struct hb_run *run,
                        const struct hb_archive *archive, struct hb_restore_plan *plan,
                        size_t index, size_t number)
{
    const struct hb_undo_row *row = &undoing->receipt.rows[number];
    struct hb_undo_part *part = &undoing->parts[number];
    struct hb_restore_row *planned = &plan->rows[index];
    const char *why = hb_catalog_unreadable(plan->catalog, index);
    if (row->was == HB_UNDO_REPLACED &&
        (part->fate == HB_UNDO_LEAVE ||
         (part->fate == HB_UNDO_PUT_BACK && is_untouched(run, plan->catalog, index, row))) &&
        is_back(run, archive, index, row))
        part->fate = HB_UNDO_DONE;
    if (part->fate != HB_UNDO_PUT_BACK)
        return;
    if (why != NULL || plan->catalog->members[index].type == HB_TYPE_SPECIAL) {
        *part = part_of(HB_UNDO_CANNOT, not_there);
        return;
    }
    const struct hb_catalog_common *common = hb_catalog_common(plan->catalog, index);
    planned->action = HB_SELECTED;
    part->member = index;
    if (row->type != HB_TYPE_FILE && plan->catalog->members[index].type == HB_TYPE_FILE)
        planned->mode = /* what is there now has none that could be kept */
            (common->entry_flags & HB_ENTRY_HAS_MODE) != 0 ? common->mode & 0777 : 0600;
    if (row->was == HB_UNDO_REPLACED && (row->flags & HB_UNDO_HAS_MODE) != 0 &&
        row->type == HB_TYPE_FILE && row->mode != row->old_mode)
        planned->mode = row->old_mode & 0777; /* what the import has changed comes back, too */
}

static void count(struct hb_restore_plan *plan, const uint32_t *from)
{
    for (size_t i = 0; i < plan->count; i++) {
        uint64_t bytes;
        if (plan->catalog->members[i].type == HB_TYPE_FILE && hb_planned_is_needed(plan, i))
            plan->unpacked += plan->catalog->members[i].bytes;
        if (!hb_planned_is_selected(plan, i) ||
            !hb_hard_links_is_file(plan->catalog, from, i, &bytes))
            continue;
        plan->members++;
        plan->files++;
        plan->bytes += bytes;
    }
}

void hb_undoing_plan(struct hb_undoing *undoing, struct hb_run *run,
                     const struct hb_archive *archive, const struct hb_chain *contents,
                     struct hb_restore_plan *plan)
{
    const struct hb_undo_receipt *receipt = &undoing->receipt;
    undoing->contents = contents;
    hb_restore_plan_begin(plan, contents);
    HB_AUTO_FREE uint32_t *from = hb_hard_links_find(plan->catalog);
    for (size_t i = 0; i < plan->count; i++) {
        size_t skip;
        plan->rows[i].action = HB_UNWANTED;
        if (hb_path_problem(hb_planned_path(plan, i), SIZE_MAX, &skip) != NULL || skip != 0)
            continue;
        size_t before = hb_planned_enter(plan, i);
        if (before != SIZE_MAX)
            hb_planned_replace(plan, i, before);
    }
    for (size_t i = 0; i < receipt->count; i++) {
        size_t index = hb_planned_find(plan, receipt->rows[i].path);
        if (index != SIZE_MAX)
            take_member(undoing, run, archive, plan, index, i);
        else if (undoing->parts[i].fate == HB_UNDO_PUT_BACK &&
                 receipt->rows[i].type != HB_TYPE_DIRECTORY)
            undoing->parts[i] = part_of(HB_UNDO_CANNOT, not_there);
    }
    hb_settle_links(run, plan, from);
    count(plan, from);
    hb_planned_forget_paths(plan);
}

/* ---- afterwards ---------------------------------------------------------------------------- */

static void copy_row(struct hb_undo_receipt *receipt, const struct hb_undo_row *from, uint8_t was,
                     uint8_t flags)
{
    struct hb_undo_row *row = hb_undo_add(receipt, from->path);
    char *path = row->path;
    free(row->link);
    *row = *from;
    row->path = path;
    row->link = hb_copy_text(from->link);
    row->was = was;
    row->flags |= flags;
    row->root = hb_undo_root_in(receipt, from->root);
}

/* Refused when names were tried out: it does not come to publishing. */
static bool is_dropped(const struct hb_undo_part *part, const struct hb_restore_plan *plan)
{
    return plan->rows[part->member].action == HB_DROPPED;
}

void hb_undoing_add_rows(const struct hb_undoing *undoing, const struct hb_restore_plan *plan,
                         struct hb_undo_receipt *receipt)
{
    receipt->left = undoing->receipt.way;
    receipt->left.place = hb_copy_text(undoing->receipt.way.place);
    receipt->left.mark =
        hb_copy_text(undoing->receipt.way.mark == NULL ? "" : undoing->receipt.way.mark);
    for (size_t i = 0; i < undoing->receipt.count; i++) {
        const struct hb_undo_row *row = &undoing->receipt.rows[i];
        if (undoing->parts[i].fate == HB_UNDO_REMOVE)
            copy_row(receipt, row, HB_UNDO_GONE, 0);
        if (undoing->parts[i].fate == HB_UNDO_PUT_BACK && undoing->parts[i].member != SIZE_MAX)
            copy_row(receipt, row, row->was,
                     is_dropped(&undoing->parts[i], plan) ? HB_UNDO_WAITS | HB_UNDO_FAILED
                                                          : HB_UNDO_SPARE);
        if (undoing->parts[i].fate == HB_UNDO_NOT_NOW)
            copy_row(receipt, row, row->was, HB_UNDO_WAITS | HB_UNDO_FAILED);
        if (undoing->parts[i].fate != HB_UNDO_LEAVE)
            continue;
        copy_row(receipt, row, row->was, HB_UNDO_WAITS);
    }
}

void hb_undoing_report(const struct hb_undoing *undoing, struct hb_report *report)
{
    for (size_t i = 0; i < undoing->receipt.count; i++)
        if (undoing->parts[i].why != NULL &&
            (undoing->parts[i].fate == HB_UNDO_LEAVE || undoing->parts[i].fate == HB_UNDO_NOT_NOW ||
             undoing->parts[i].fate == HB_UNDO_CANNOT))
            hb_report_add(report, HB_FOUND_SKIPPED, undoing->receipt.rows[i].path,
                          "is left as it is: %s", undoing->parts[i].why);
}

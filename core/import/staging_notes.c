/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_notes.h"

#include "base/memory.h"
#include "files/system_kind.h"
#include "restore/changed_since.h"
#include "restore/target.h"
#include <errno.h>
#include <string.h>

/* The directory that was looked at last is kept open: neighbours in it cost one call each. */
struct noting {
    struct hb_staging *staging;
    bool inodes_last;
    struct timespec began; /* by the file system's clock, or ours, if that is earlier */
    struct hb_last_target last;
    char *missing; /* a directory that the home does not have, as the archive calls it; or NULL */
    char *led_to;  /* where links lead it; NULL: nobody knows */
};

/*
 * What is kept of a note: of neighbours much is the same. FIRST is the row that it begins with; it
 * holds up to the next one, so that a home in which nothing is takes one.
 */
/*
 * KIND: what it is, its mode, and the seconds that TIME has no room for; TIME: nanoseconds behind
 * seconds. There may be millions, and a column takes a byte of each at the least.
 */
enum column { FIRST, KIND, TIME, INODE, BYTES, COLUMNS };
enum { HAS_CONTENT = 0x100, MODE_SHIFT = 16, SECONDS_SHIFT = 32, TIME_SHIFT = 30 };
enum { SECONDS_BITS = 64 - TIME_SHIFT }; /* that TIME has room for */

static void keep(struct hb_numbers *notes, size_t index, const struct hb_target_note *note)
{
    uint64_t row[COLUMNS] = {
        [KIND] = note->what | (note->has_content ? HAS_CONTENT : 0u) |
                 (uint64_t)note->mode << MODE_SHIFT |
                 (uint64_t)note->seconds >> SECONDS_BITS << SECONDS_SHIFT,
        [TIME] = (uint64_t)note->seconds << TIME_SHIFT | note->nanoseconds,
        [INODE] = note->inode,
        [BYTES] = note->bytes,
    };
    notes->columns = COLUMNS;
    if (notes->count > 0) {
        uint64_t before[COLUMNS];
        hb_numbers_get(notes, notes->count - 1, before);
        row[FIRST] = before[FIRST];
        if (memcmp(row, before, sizeof row) == 0)
            return;
    }
    row[FIRST] = index;
    hb_numbers_add(notes, row);
}

static struct hb_target_note kept(const struct hb_staging *staging, size_t index)
{
    uint64_t row[COLUMNS];
    size_t count = staging->notes.count, left_out = staging->plan->count - count;
    size_t low = index > left_out ? index - left_out : 0; /* it is one from here on ... */
    size_t high = index < count ? index + 1 : count;      /* ... before this one */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        hb_numbers_get(&staging->notes, middle, row);
        if (row[FIRST] <= index)
            low = middle;
        else
            high = middle;
    }
    hb_numbers_get(&staging->notes, low, row);
    return (struct hb_target_note){
        .what = (uint8_t)row[KIND],
        .has_content = (row[KIND] & HAS_CONTENT) != 0,
        .mode = (uint16_t)(row[KIND] >> MODE_SHIFT),
        .seconds = (int64_t)(row[KIND] >> SECONDS_SHIFT << SECONDS_BITS | row[TIME] >> TIME_SHIFT),
        .nanoseconds = (uint32_t)(row[TIME] & ((1u << TIME_SHIFT) - 1)),
        .inode = row[INODE],
        .bytes = row[BYTES],
    };
}

/* A change that comes in the same moment would leave it the same time. */
static void note_content(const struct noting *noting, size_t index, int directory_fd,
                         const char *name, struct hb_target_note *note)
{
    struct hb_staging *staging = noting->staging;
    if (!hb_target_note_is_racy(note, noting->inodes_last, &noting->began))
        return;
    if (staging->hashes == NULL)
        staging->hashes = hb_alloc(staging->plan->count * sizeof *staging->hashes);
    hb_note_file(directory_fd, name, staging->hashes[index]);
    note->has_content = true;
}

/* The first directory on the way that the home does not have, or the one that it is in: bytes. */
static size_t missing_bytes(const struct hb_trees *trees, const char *path, size_t index)
{
    const struct hb_tree_directory *at = hb_trees_parent(trees, index);
    if (at == NULL) {
        const char *slash = strrchr(path, '/');
        return slash == NULL ? 0 : (size_t)(slash - path);
    }
    while (at->parent != HB_NO_TREE && trees->directories[at->parent].missing)
        at = &trees->directories[at->parent];
    return at->path_bytes;
}

/* Where a member goes whose directory is missing: neighbours are led the same way. */
static void note_way(struct noting *noting, const char *path, size_t index)
{
    const struct hb_staging *staging = noting->staging;
    size_t bytes = missing_bytes(&staging->trees, path, index);
    if (bytes == 0)
        return;
    if (noting->missing == NULL || strlen(noting->missing) != bytes ||
        memcmp(noting->missing, path, bytes) != 0) {
        struct hb_place place;
        free(noting->missing);
        free(noting->led_to);
        noting->missing = hb_copy_bytes(path, bytes);
        int result = hb_beneath_resolve(&staging->run->home, noting->missing,
                                        HB_SUPPOSE_PARENTS | HB_KEEP_LAST, &place, NULL);
        noting->led_to = result == 0 ? hb_copy_text(place.path) : NULL;
        hb_place_clear(&place);
    }
    if (noting->led_to == NULL || strcmp(noting->led_to, noting->missing) == 0)
        return;
    HB_AUTO_FREE char *real = hb_text("%s%s", noting->led_to, path + bytes);
    hb_led_note(&noting->staging->led, staging->plan, index, real);
}

static struct hb_target_note note_at(struct noting *noting, const char *path, bool is_link,
                                     size_t index)
{
    const struct hb_run *run = noting->staging->run;
    struct hb_target_note note;
    struct hb_place place;
    int result = hb_target_look(run, &noting->last, path, is_link, &place);
    if (result == 0)
        note = hb_target_note_of(place.exists ? &place.status : NULL, noting->inodes_last);
    else if (result == -ENOENT) /* its directory is missing */
        note = hb_target_note_of(NULL, noting->inodes_last);
    else
        note = (struct hb_target_note){.what = HB_NOTED_NOTHING};
    if (result == 0)
        hb_led_note(&noting->staging->led, noting->staging->plan, index, place.path);
    else if (result == -ENOENT)
        note_way(noting, path, index);
    HB_AUTO_AS as = {.changed = false};
    if (result == 0 && hb_as_begin(&as, &place.rights) == 0)
        note_content(noting, index, place.directory_fd, place.name, &note);
    hb_place_clear(&place);
    return note;
}

static bool is_noted(const struct hb_restore_plan *plan, size_t index)
{
    return hb_planned_is_selected(plan, index) && hb_planned_type(plan, index) != HB_TYPE_DIRECTORY;
}

static struct hb_target_note note_row(struct noting *noting, const char *path, size_t index)
{
    const struct hb_restore_plan *plan = noting->staging->plan;
    return is_noted(plan, index)
               ? note_at(noting, path,
                         noting->staging->exact || hb_planned_type(plan, index) == HB_TYPE_SYMLINK,
                         index)
               : (struct hb_target_note){.what = HB_NOTED_ABSENT};
}

/* The clock of a server may go slow; the stage was made just before. */
static struct noting begin(struct hb_staging *staging)
{
    struct noting noting = {.staging = staging, .last = HB_LAST_TARGET_NONE};
    struct stat stage;
    noting.inodes_last = hb_inodes_last(staging->run->home.fd);
    clock_gettime(CLOCK_REALTIME, &noting.began);
    if (fstat(staging->run->stage.fd, &stage) == 0 && stage.st_mtim.tv_sec < noting.began.tv_sec)
        noting.began = stage.st_mtim;
    return noting;
}

void hb_staging_note_targets(struct hb_staging *staging)
{
    const struct hb_restore_plan *plan = staging->plan;
    struct noting noting = begin(staging);
    staging->noted = true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_tree_directory *parent = hb_trees_parent(&staging->trees, i);
        const char *path = hb_planned_path(plan, i);
        struct hb_target_note note = {.what = HB_NOTED_ABSENT};
        if (parent == NULL || !parent->missing)
            note = note_row(&noting, path, i);
        else if (is_noted(plan, i)) /* there is nothing */
            note_way(&noting, path, i);
        keep(&staging->notes, i, &note);
    }
    free(noting.missing);
    free(noting.led_to);
    hb_last_target_clear(&noting.last);
}

void hb_staging_note_renamed(struct hb_staging *staging)
{
    struct hb_numbers notes = {.count = 0};
    if (staging->renamed == NULL)
        return;
    struct noting noting = begin(staging);
    for (size_t i = 0; i < staging->plan->count; i++) {
        struct hb_target_note note = staging->renamed[i] != NULL
                                         ? note_row(&noting, staging->renamed[i], i)
                                         : kept(staging, i);
        keep(&notes, i, &note);
    }
    hb_numbers_clear(&staging->notes);
    staging->notes = notes;
    hb_last_target_clear(&noting.last);
}

static void note_claimed(struct hb_staging *staging, size_t index, struct hb_journal_row *row)
{
    struct hb_place place;
    char name[24];
    const struct hb_instance *content = NULL;
    int result = hb_beneath_resolve(&staging->run->home, row->path,
                                    staging->exact ? HB_KEEP_LAST : 0, &place, NULL);
    row->note = (struct hb_target_note){.what = HB_NOTED_NOTHING};
    if (result == 0 || result == -ENOENT)
        row->note = hb_target_note_of(result == 0 && place.exists ? &place.status : NULL,
                                      hb_inodes_last(staging->run->home.fd));
    hb_staged_name(index, name);
    if (row->note.what == HB_NOTED_FILE &&
        hb_claims_settle_at(&staging->plan->claims, index, staging->stages[row->stage]->fd, name,
                            &content) == 0 &&
        content != NULL)
        row->note.has_content = hb_note_content(content, place.path, &place.status, row->content);
    hb_place_clear(&place);
}

void hb_staging_note_row(struct hb_staging *staging, size_t index, struct hb_journal_row *row)
{
    if (row->flags & HB_ROW_CLAIMED)
        note_claimed(staging, index, row);
    else if (row->type == HB_TYPE_DIRECTORY)
        row->note.what = row->flags & HB_ROW_NEW ? HB_NOTED_ABSENT : HB_NOTED_DIRECTORY;
    else
        row->note = kept(staging, index);
    if (row->note.has_content && (row->flags & HB_ROW_CLAIMED) == 0)
        memcpy(row->content, staging->hashes[index], sizeof row->content);
}

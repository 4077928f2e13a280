/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_journal.h"

#include "base/memory.h"
#include "import/staging_led.h"
#include "import/staging_mounts.h"
#include "import/staging_names.h"
#include "import/staging_notes.h"
#include "import/staging_unchanged.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Filters decide; else an existing file keeps its mode; else the archive's; else the umask's. */
static void decide_mode(const struct hb_staging *staging, size_t index, struct hb_journal_row *row)
{
    row->mode = hb_planned_mode(staging->plan, index, staging->umask);
    if (staging->plan->rows[index].mode == HB_MODE_IS_OPEN && row->type == HB_TYPE_FILE)
        row->flags |= HB_ROW_KEEP_MODE | (staging->narrows ? HB_ROW_NARROW : 0u);
}

/* The archive may not know it, or say "none" (-1). */
static void decide_owner(struct hb_staging *staging, const struct hb_entry *entry,
                         struct hb_journal_row *row)
{
    if (!staging->keeps_owners)
        return;
    if (!(entry->flags & HB_ENTRY_HAS_OWNER) || entry->uid == UINT32_MAX ||
        entry->gid == UINT32_MAX) {
        staging->without_owner++;
        return;
    }
    row->flags |= HB_ROW_OWNER;
    row->user = entry->uid;
    row->group = entry->gid;
}

static void add_row(struct hb_staging *staging, struct hb_journal_writer *writer, size_t index,
                    uint32_t flags)
{
    struct hb_entry entry;
    hb_planned_entry(staging->plan, index, &entry);
    struct hb_journal_row row = {
        .type = entry.type,
        .flags = flags | (entry.flags & HB_ENTRY_HAS_MTIME ? HB_ROW_HAS_MTIME : 0u),
        .stage = staging->plan->rows[index].stage,
        .index = index,
        .mtime_seconds = entry.mtime.tv_sec,
        .mtime_nanoseconds = (uint32_t)entry.mtime.tv_nsec,
        .bytes = entry.bytes,
        .path = hb_staging_path(staging, index),
        .link = entry.type == HB_TYPE_SYMLINK ? entry.link : "",
    };
    if (row.type == HB_TYPE_DIRECTORY && row.stage == HB_NO_STAGE)
        row.stage = 0;
    else if (row.type == HB_TYPE_DIRECTORY)
        row.flags |= HB_ROW_PLACED;
    if (staging->exact && row.type == HB_TYPE_FILE)
        row.flags |= HB_ROW_EXACT;
    decide_mode(staging, index, &row);
    decide_owner(staging, &entry, &row);
    hb_staging_note_row(staging, index, &row);
    hb_journal_add(writer, &row);
}

/* Also if that is unknown: it must not be renamed over a live database. */
bool hb_staging_is_claimed(const struct hb_staging *staging, size_t index)
{
    char name[24];
    hb_staged_name(index, name);
    const struct hb_stage *stage = staging->stages[staging->plan->rows[index].stage];
    const struct hb_instance *content;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &stage->rights); /* it was made with those */
    return hb_claims_settle_at(&staging->plan->claims, index, stage->fd, name, &content) != 0 ||
           content != NULL;
}

/*
 * When a row's turn is. One thread works through all but FILES, so that whatever a row needs (the
 * directory that it lies in) is finished before it.
 */
enum turn {
    DIRECTORIES,
    CLAIMED,             /* they fail most: most of the old home is still there then */
    TREES,               /* what follows may lie in them */
    TREES_DIRECTORIES,   /* that are not finished */
    CLAIMED_BELOW_TREES, /* or where a tree is to be */
    FILES,
    LINKS, /* nothing is written through them */
    TURNS,
    NO_TURN = TURNS /* nothing to do, or done with a tree */
};

static enum turn turn_of(const struct hb_staging *staging, size_t index)
{
    const struct hb_trees *trees = &staging->trees;
    const struct hb_tree_directory *parent = hb_trees_parent(trees, index), *itself;
    if (!hb_planned_is_selected(staging->plan, index) || hb_trees_hold(trees, index))
        return NO_TURN;
    switch (hb_planned_type(staging->plan, index)) {
    case HB_TYPE_DIRECTORY:
        itself = hb_trees_directory(trees, index);
        if (itself == NULL || itself->tree == HB_NO_TREE)
            return DIRECTORIES;
        return itself->unfinished ? TREES_DIRECTORIES : NO_TURN;
    case HB_TYPE_FILE:
        if (!hb_staging_is_claimed(staging, index))
            return FILES;
        return parent == NULL || parent->tree == HB_NO_TREE ? CLAIMED : CLAIMED_BELOW_TREES;
    case HB_TYPE_SYMLINK:
        return LINKS;
    default:
        return NO_TURN;
    }
}

static bool is_new_directory(const struct hb_staging *staging, size_t index)
{
    const struct hb_tree_directory *directory = hb_trees_directory(&staging->trees, index);
    return directory != NULL ? directory->missing : hb_staging_is_missing(staging, index);
}

static void add_trees(struct hb_staging *staging, struct hb_journal_writer *writer)
{
    const struct hb_trees *trees = &staging->trees;
    HB_AUTO_FREE struct hb_journal_row *rows = hb_alloc(trees->tree_count * sizeof *rows);
    for (size_t i = 0; trees->tree_count > 0 && i < trees->plan->count; i++) {
        if (!hb_trees_hold(trees, i))
            continue;
        struct hb_journal_row *row = &rows[hb_trees_parent(trees, i)->tree];
        row->files++;
        row->bytes += trees->plan->catalog->members[i].bytes;
    }
    for (uint32_t i = 0; i < trees->tree_count; i++) {
        const struct hb_tree_directory *directory = &trees->directories[trees->trees[i].directory];
        HB_AUTO_FREE char *path = hb_copy_bytes(directory->path, directory->path_bytes);
        rows[i].type = HB_TYPE_DIRECTORY;
        rows[i].flags = HB_ROW_TREE;
        rows[i].index = i;
        rows[i].path = path;
        hb_journal_add(writer, &rows[i]);
    }
}

/* In the order that rows are worked on. */
static void add_rows(struct hb_staging *staging, struct hb_journal_writer *writer)
{
    const struct hb_restore_plan *plan = staging->plan;
    HB_AUTO_FREE uint8_t *turns = hb_alloc(plan->count);
    for (size_t i = 0; i < plan->count; i++)
        turns[i] = (uint8_t)turn_of(staging, i);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (turn == TREES)
            add_trees(staging, writer);
        for (size_t i = 0; i < plan->count; i++) {
            uint32_t flags = 0;
            if (turns[i] != turn)
                continue;
            if (turn == CLAIMED || turn == CLAIMED_BELOW_TREES)
                flags = HB_ROW_CLAIMED;
            else if (plan->catalog->members[i].type == HB_TYPE_DIRECTORY &&
                     is_new_directory(staging, i))
                flags = HB_ROW_NEW;
            add_row(staging, writer, i, flags);
        }
    }
}

/* The journal needs what the other stages hold: they must not be swept before it. */
static int add_stages(struct hb_staging *staging, struct hb_journal_writer *writer,
                      struct hb_error *error)
{
    for (unsigned i = 1; i < staging->stage_count; i++) {
        struct hb_stage *stage = staging->stages[i];
        int result = hb_stage_mark(stage, &staging->run->stage);
        if (result == 0 && syncfs(stage->fd) != 0)
            result = -errno;
        if (result != 0)
            return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be flushed to disk: %s",
                                stage->path, hb_rights_explain(-result));
        hb_journal_add_stage(writer, i, staging->places_of[i]);
    }
    return HB_OK;
}

int hb_staging_write_journal(struct hb_staging *staging, struct hb_journal_writer **writer,
                             struct hb_error *error)
{
    if (!staging->noted) /* of a stream, of which nothing was known until now */
        hb_staging_note_targets(staging);
    hb_staging_settle_led(staging);
    int status = hb_staging_settle_names(staging, error);
    if (status == HB_OK)
        hb_staging_note_renamed(staging);
    if (status == HB_OK && staging->undoing != NULL)
        free(hb_undoing_look_again(staging->undoing, staging->run, staging->plan));
    if (status == HB_OK && staging->only_changed)
        hb_staging_leave_unchanged(staging);
    if (status == HB_OK)
        status = hb_staging_spread(staging, error);
    if (status == HB_OK)
        status = hb_journal_create(&staging->run->stage, staging->source, writer, error);
    if (status == HB_OK)
        status = add_stages(staging, *writer, error);
    if (status != HB_OK)
        return status;
    add_rows(staging, *writer);
    if (staging->without_owner > 0)
        hb_report_add(
            &staging->run->report, HB_FOUND_NOTE, "",
            "the archive does not say to whom %zu of its entries belonged: they belong to "
            "the owner of their directory, or of the file that they replace",
            staging->without_owner);
    status = hb_journal_finish(*writer, error);
    if (status == HB_OK && syncfs(staging->run->stage.fd) != 0)
        status = hb_error_set(error, HB_STATUS_FATAL,
                              "%s: the staged files cannot be flushed to disk: %s",
                              staging->run->stage.path, strerror(errno));
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging.h"

#include "archive/extract.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "files/io.h"
#include "files/mounts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* 0 or -errno. */
static int set_times(int fd, const struct hb_catalog_member *member)
{
    return member->entry_flags & HB_ENTRY_HAS_MTIME
               ? hb_set_mtime(fd, member->mtime_seconds, member->mtime_nanoseconds)
               : 0;
}

/* A copy with the member's time. 0 or -errno. */
static int copy_member(int from, int to, const struct hb_catalog_member *member)
{
    int result = hb_copy_all(from, to);
    return result == 0 ? set_times(to, member) : result;
}

/* A failure that concerns one member, but ends it all: nothing has been changed yet. */
static int cannot_stage(const struct hb_staging *staging, size_t index, int reason,
                        struct hb_error *error)
{
    hb_error_set(error, HB_FATAL, "%s: cannot be staged: %s",
                 hb_catalog_path(&staging->archive->catalog, index), strerror(reason));
    hb_error_space(error, reason, " and try again; nothing was changed");
    return HB_FATAL;
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* Restored, or copied from. */
static bool is_needed(const struct hb_catalog_member *member)
{
    return member->state == HB_SELECTED || member->state == HB_ORIGIN;
}

static bool wanted(void *context, size_t index)
{
    const struct hb_staging *staging = context;
    const struct hb_catalog *catalog = &staging->archive->catalog;
    size_t skip;
    /* A stream is selected afterwards: all that could be is staged. */
    if (staging->archive->stream)
        return hb_path_problem(hb_catalog_path(catalog, index), SIZE_MAX, &skip) == NULL;
    return is_needed(&catalog->members[index]);
}

static int open_member(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    struct hb_staging *staging = context;
    char name[24];
    if (hb_trees_hold(&staging->trees, index)) {
        int fd = hb_trees_create(&staging->trees, &staging->places[worker], index);
        if (fd >= 0)
            return fd;
    }
    hb_staged_name(index, name);
    int fd = openat(staging->run->stage.fd, name,
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? cannot_stage(staging, index, errno, error) : fd;
}

static bool is_missing(const struct hb_staging *staging, size_t index)
{
    const struct hb_tree_directory *parent = hb_trees_parent(&staging->trees, index);
    struct hb_place place;
    if (parent != NULL && parent->missing)
        return true;
    const char *path = hb_catalog_path(&staging->archive->catalog, index);
    int result = hb_beneath_resolve(&staging->run->home, path, 0, &place, NULL);
    bool missing = result == -ENOENT || (result == 0 && !place.exists);
    hb_place_clear(&place);
    return missing;
}

/* What would be looked at before it is published is looked at now, while others are decoded. */
static void check_member(struct hb_staging *staging, size_t index)
{
    struct hb_entry entry;
    char name[24];
    hb_staged_name(index, name);
    const struct hb_instance *content =
        hb_claims_settle_at(staging->claims, index, staging->run->stage.fd, name);
    if (content == NULL || !is_missing(staging, index))
        return;
    hb_catalog_entry(&staging->archive->catalog, index, &entry);
    hb_check_staged(staging->run, content, &entry, &staging->run->stage, name);
    staging->checked[index] = true;
}

static int member_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                       struct hb_error *error)
{
    struct hb_staging *staging = context;
    (void)worker;
    (void)bytes;
    int result = set_times(fd, &staging->archive->catalog.members[index]);
    bool held = hb_trees_hold(&staging->trees, index);
    if (result == 0 && held)
        result = hb_trees_finish_file(&staging->trees, index, fd);
    if (result != 0)
        return cannot_stage(staging, index, -result, error);
    /* What is on its way to the disk by now is not waited for later. The flush tells of failures.
     */
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (!held && staging->checked != NULL)
        check_member(staging, index);
    return HB_OK;
}

/*
 * What the files need, and once more what may go through a content plugin: it copies a database
 * into the one that is there, whose log grows by as much.
 */
static uint64_t space_needed(const struct hb_staging *staging)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    uint64_t bytes = staging->selection->bytes;
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->members[i].state == HB_SELECTED && catalog->members[i].type == HB_FILE &&
            hb_claims_by_name(staging->claims, i))
            bytes +=
                catalog->members[i].bytes; /* both are below 2^63: select has bounded the sum */
    return bytes;
}

/* Copies that hard links become, and what they are copied from. */
static uint64_t link_bytes(const struct hb_staging *staging)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    uint64_t bytes = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        size_t from = SIZE_MAX;
        if (member->type == HB_HARDLINK && is_needed(member))
            from = hb_link_origin(catalog, staging->selection->wrapper, i);
        else if (member->state == HB_ORIGIN)
            from = i;
        if (from != SIZE_MAX && __builtin_add_overflow(bytes, catalog->members[from].bytes, &bytes))
            return UINT64_MAX / 2;
    }
    return bytes;
}

static int check_space(const struct hb_staging *staging, struct hb_error *error)
{
    struct statvfs space;
    char needed[24], available[24];
    if (fstatvfs(staging->run->stage.fd, &space) != 0)
        return HB_OK; /* staging will tell */
    uint64_t room = (uint64_t)space.f_bavail * space.f_frsize,
             bytes = space_needed(staging) + link_bytes(staging);
    if (bytes <= room)
        return HB_OK;
    hb_error_set(error, HB_FATAL, "%s: not enough space: %s are needed, %s are free",
                 staging->run->home.path, hb_human_bytes(bytes, needed),
                 hb_human_bytes(room, available));
    hb_error_space(error, ENOSPC, " and try again; nothing was changed");
    return HB_FATAL;
}

static struct hb_extract_request extract_request(struct hb_staging *staging)
{
    return (struct hb_extract_request){
        .archive = staging->archive,
        .workers = hb_run_workers(staging->run),
        .context = staging,
        .wanted = wanted,
        .open = open_member,
        .done = member_done,
        .whole = true,
    };
}

void hb_staging_init(struct hb_staging *staging)
{
    staging->stages[0] = &staging->run->stage;
    staging->stage_count = 1;
}

/* May it lie in a tree? See trees.h. */
static bool may_hold(void *context, size_t index)
{
    const struct hb_staging *staging = context;
    return staging->archive->catalog.members[index].type == HB_FILE &&
           staging->selection->modes[index] == UINT32_MAX &&
           !hb_claims_by_name(staging->claims, index);
}

int hb_stage_members(struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = extract_request(staging);
    int status = check_space(staging, error);
    if (status != HB_OK)
        return status;
    staging->trees.catalog = &staging->archive->catalog;
    staging->trees.selection = staging->selection;
    staging->trees.stage = &staging->run->stage;
    staging->trees.umask = staging->umask;
    hb_trees_plan(&staging->trees, &staging->run->home, !hb_mounts_below(staging->run->home.path),
                  may_hold, staging);
    staging->checked = hb_alloc(staging->archive->catalog.count * sizeof *staging->checked);
    staging->places = hb_alloc(request.workers * sizeof *staging->places);
    for (unsigned i = 0; i < request.workers; i++)
        staging->places[i].fd = -1;
    status = hb_extract(&request, error);
    for (unsigned i = 0; i < request.workers; i++)
        hb_tree_place_clear(&staging->places[i]);
    return status;
}

int hb_stage_stream(struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = extract_request(staging);
    return hb_extract_stream(&request, error);
}

/* ---- links --------------------------------------------------------------------------------- */

int hb_stage_copies(struct hb_staging *staging, const struct hb_root *from, struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    int status = check_space(staging, error);
    for (size_t i = 0; status == HB_OK && i < catalog->count; i++) {
        HB_AUTO_CLOSE int source =
            hb_beneath_open(from, hb_catalog_path(catalog, i), O_RDONLY | O_NONBLOCK, 0);
        if (source < 0)
            return cannot_stage(staging, i, -source, error);
        HB_AUTO_CLOSE int copy = open_member(staging, 0, i, error);
        if (copy < 0)
            return HB_FATAL;
        int result = copy_member(source, copy, &catalog->members[i]);
        if (result != 0)
            status = cannot_stage(staging, i, -result, error);
        if (status == HB_OK && hb_run_cancelled(staging->run))
            status = hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
    }
    return status;
}

/* For reading: a descriptor or -errno. */
static int open_staged(const struct hb_staging *staging, size_t index)
{
    char name[24];
    if (hb_trees_hold(&staging->trees, index))
        return hb_trees_open(&staging->trees, index);
    hb_staged_name(index, name);
    int fd = openat(staging->run->stage.fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/*
 * A hard link becomes a file of its own, with the data of the member that it names; never a link to
 * something that is in the home.
 */
static int stage_hard_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    struct hb_catalog *catalog = &staging->archive->catalog;
    struct hb_catalog_member *member = &catalog->members[index];
    size_t from = hb_link_origin(catalog, staging->selection->wrapper, index);
    if (from == SIZE_MAX) /* hb_select would have told */
        return cannot_stage(staging, index, ENOENT, error);
    const struct hb_catalog_member *origin = &catalog->members[from];
    HB_AUTO_CLOSE int source = open_staged(staging, from);
    if (source < 0)
        return cannot_stage(staging, index, -source, error);
    HB_AUTO_CLOSE int copy = open_member(staging, 0, index, error);
    if (copy < 0)
        return HB_FATAL;
    member->type = HB_FILE;
    member->bytes = origin->bytes;
    member->mtime_seconds = origin->mtime_seconds;
    member->mtime_nanoseconds = origin->mtime_nanoseconds;
    member->mode = origin->mode;
    member->entry_flags = origin->entry_flags;
    int result = copy_member(source, copy, member);
    return result == 0 ? HB_OK : cannot_stage(staging, index, -result, error);
}

/* A link is made in the stage, like a file, and renamed. */
static int stage_link(struct hb_staging *staging, size_t index, struct hb_error *error)
{
    struct hb_catalog_member *member = &staging->archive->catalog.members[index];
    const char *target = hb_catalog_link(&staging->archive->catalog, index);
    int stage_fd = staging->run->stage.fd;
    char name[24];
    hb_staged_name(index, name);
    if (target == NULL || *target == '\0') {
        member->state = HB_DROPPED;
        hb_report_add(&staging->run->report, HB_FOUND_SKIPPED,
                      hb_catalog_path(&staging->archive->catalog, index), "is a link to nothing");
        return HB_OK;
    }
    if (symlinkat(target, stage_fd, name) != 0)
        return cannot_stage(staging, index, errno, error);
    if (member->entry_flags & HB_ENTRY_HAS_MTIME)
        hb_set_mtime_at(stage_fd, name, member->mtime_seconds, member->mtime_nanoseconds);
    return HB_OK;
}

int hb_stage_complete(struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    int status = HB_OK;
    for (size_t i = 0; status == HB_OK && i < catalog->count; i++) {
        if (!is_needed(&catalog->members[i]))
            continue;
        if (catalog->members[i].type == HB_HARDLINK)
            status = stage_hard_link(staging, i, error);
        else if (catalog->members[i].type == HB_SYMLINK)
            status = stage_link(staging, i, error);
    }
    if (status == HB_OK)
        hb_trees_complete(&staging->trees);
    return status;
}

/* ---- other file systems below the home
 * -------------------------------------------------------------
 */

/*
 * The number of the stage on the file system of `mount`; made beside where the first file goes. 0,
 * the run's own, where none can be made: publishing tells about those files.
 */
static unsigned stage_on(struct hb_staging *staging, const struct hb_mount_place *place)
{
    struct hb_error ignored;
    for (unsigned i = 0; i < staging->stage_count; i++)
        if (staging->mounts[i] == place->mount)
            return i;
    if (staging->stage_count == HB_JOURNAL_STAGES)
        return 0;
    HB_AUTO_FREE char *parent = hb_format("%s/%s", staging->run->home.path, place->directory);
    struct hb_stage *stage = hb_alloc(sizeof *stage);
    if (hb_stage_open(parent, stage, NULL, &ignored) != HB_OK ||
        hb_mount_of(stage->fd) != place->mount) {
        hb_stage_close(stage);
        free(stage);
        return 0;
    }
    staging->stages[staging->stage_count] = stage;
    staging->mounts[staging->stage_count] = place->mount;
    return staging->stage_count++;
}

/* Copies a staged member to where it can be renamed from. */
static int move_member(struct hb_staging *staging, size_t index, unsigned number,
                       struct hb_error *error)
{
    const struct hb_catalog_member *member = &staging->archive->catalog.members[index];
    int here = staging->run->stage.fd, there = staging->stages[number]->fd, result = 0;
    char name[24];
    hb_staged_name(index, name);
    if (member->type == HB_SYMLINK) {
        if (symlinkat(hb_catalog_link(&staging->archive->catalog, index), there, name) != 0)
            return cannot_stage(staging, index, errno, error);
    } else {
        HB_AUTO_CLOSE int from = openat(here, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        HB_AUTO_CLOSE int to =
            openat(there, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        result = from < 0 || to < 0 ? -errno : copy_member(from, to, member);
    }
    if (result != 0)
        return cannot_stage(staging, index, -result, error);
    unlinkat(here, name, 0);
    return HB_OK;
}

/* Which stage each member is in, one number a member; NULL: all in the first. */
static int spread(struct hb_staging *staging, uint8_t **numbers, struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    const struct hb_root *home = &staging->run->home;
    *numbers = NULL;
    if (!hb_mounts_below(home->path))
        return HB_OK;
    *numbers = hb_alloc(catalog->count);
    staging->mounts[0] = hb_mount_of(staging->run->stage.fd);
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        struct hb_mount_place place;
        if (member->state != HB_SELECTED || member->type == HB_DIRECTORY ||
            hb_mount_find(home, hb_catalog_path(catalog, i), &place) != 0)
            continue;
        unsigned number = stage_on(staging, &place);
        free(place.directory);
        int status = number == 0 ? HB_OK : move_member(staging, i, number, error);
        if (status != HB_OK)
            return status;
        (*numbers)[i] = (uint8_t)number;
    }
    return HB_OK;
}

/* ---- the journal
 * ----------------------------------------------------------------------------------- */

/* Filters decide; else an existing file keeps its mode; else the archive's; else the umask's. */
static void decide_mode(const struct hb_staging *staging, size_t index, struct hb_journal_row *row)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    row->mode = hb_selection_mode(catalog, staging->selection, index, staging->umask);
    if (staging->selection->modes[index] == UINT32_MAX && catalog->members[index].type == HB_FILE)
        row->flags |= HB_ROW_KEEP_MODE;
}

static void add_row(struct hb_staging *staging, struct hb_journal_writer *writer, size_t index,
                    uint32_t flags, const uint8_t *numbers)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    struct hb_journal_row row = {
        .type = member->type,
        .flags = flags | (member->entry_flags & HB_ENTRY_HAS_MTIME ? HB_ROW_HAS_MTIME : 0u),
        .stage = numbers == NULL ? 0 : numbers[index],
        .index = index,
        .mtime_seconds = member->mtime_seconds,
        .mtime_nanoseconds = member->mtime_nanoseconds,
        .bytes = member->bytes,
        .path = hb_catalog_path(catalog, index),
        .link = member->type == HB_SYMLINK ? hb_catalog_link(catalog, index) : "",
    };
    decide_mode(staging, index, &row);
    hb_journal_add(writer, &row);
}

static bool is_claimed(const struct hb_staging *staging, size_t index, const uint8_t *numbers)
{
    char name[24];
    hb_staged_name(index, name);
    unsigned number = numbers == NULL ? 0 : numbers[index];
    return hb_claims_settle_at(staging->claims, index, staging->stages[number]->fd, name) != NULL;
}

/* When a row's turn is. */
enum turn {
    DIRECTORIES,
    CLAIMED,             /* they fail most */
    TREES,               /* what follows lies in them, perhaps */
    TREES_DIRECTORIES,   /* that are not finished */
    CLAIMED_BELOW_TREES, /* or where a tree is to be */
    FILES,
    LINKS, /* nothing is written through them */
    TURNS,
    NO_TURN = TURNS /* nothing to do, or done with a tree */
};

static enum turn turn_of(const struct hb_staging *staging, size_t index, const uint8_t *numbers)
{
    const struct hb_trees *trees = &staging->trees;
    const struct hb_catalog_member *member = &staging->archive->catalog.members[index];
    const struct hb_tree_directory *parent = hb_trees_parent(trees, index), *itself;
    if (member->state != HB_SELECTED || hb_trees_hold(trees, index))
        return NO_TURN;
    switch (member->type) {
    case HB_DIRECTORY:
        itself = hb_trees_directory(trees, index);
        if (itself == NULL || itself->tree == HB_NO_TREE)
            return DIRECTORIES;
        return itself->unfinished ? TREES_DIRECTORIES : NO_TURN;
    case HB_FILE:
        if (!is_claimed(staging, index, numbers))
            return FILES;
        return parent == NULL || parent->tree == HB_NO_TREE ? CLAIMED : CLAIMED_BELOW_TREES;
    default:
        return member->type == HB_SYMLINK ? LINKS : NO_TURN;
    }
}

static bool is_new_directory(const struct hb_staging *staging, size_t index)
{
    const struct hb_tree_directory *directory = hb_trees_directory(&staging->trees, index);
    return directory != NULL ? directory->missing : is_missing(staging, index);
}

static void add_trees(struct hb_staging *staging, struct hb_journal_writer *writer)
{
    const struct hb_trees *trees = &staging->trees;
    HB_AUTO_FREE struct hb_journal_row *rows = hb_alloc(trees->tree_count * sizeof *rows);
    for (size_t i = 0; trees->tree_count > 0 && i < trees->catalog->count; i++) {
        if (!hb_trees_hold(trees, i))
            continue;
        struct hb_journal_row *row = &rows[hb_trees_parent(trees, i)->tree];
        row->files++;
        row->bytes += trees->catalog->members[i].bytes;
    }
    for (uint32_t i = 0; i < trees->tree_count; i++) {
        const struct hb_tree_directory *directory = &trees->directories[trees->trees[i].directory];
        HB_AUTO_FREE char *path = hb_copy_bytes(directory->path, directory->path_bytes);
        rows[i].type = HB_DIRECTORY;
        rows[i].flags = HB_ROW_TREE;
        rows[i].index = i;
        rows[i].path = path;
        hb_journal_add(writer, &rows[i]);
    }
}

/* In the order that rows are worked on. */
static void add_rows(struct hb_staging *staging, struct hb_journal_writer *writer,
                     const uint8_t *numbers)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    HB_AUTO_FREE uint8_t *turns = hb_alloc(catalog->count);
    for (size_t i = 0; i < catalog->count; i++)
        turns[i] = (uint8_t)turn_of(staging, i, numbers);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (turn == TREES)
            add_trees(staging, writer);
        for (size_t i = 0; i < catalog->count; i++) {
            uint32_t flags = 0;
            if (turns[i] != turn)
                continue;
            if (turn == CLAIMED || turn == CLAIMED_BELOW_TREES)
                flags = HB_ROW_CLAIMED;
            else if (catalog->members[i].type == HB_DIRECTORY && is_new_directory(staging, i))
                flags = HB_ROW_NEW;
            add_row(staging, writer, i, flags, numbers);
        }
    }
}

/* The other stages hold what the journal needs, so that they are not to be swept before it. */
static int add_stages(struct hb_staging *staging, struct hb_journal_writer *writer,
                      struct hb_error *error)
{
    size_t home = strlen(staging->run->home.path) + 1;
    for (unsigned i = 1; i < staging->stage_count; i++) {
        struct hb_stage *stage = staging->stages[i];
        int result = hb_stage_mark(stage, &staging->run->stage);
        if (result == 0 && syncfs(stage->fd) != 0)
            result = -errno;
        if (result != 0)
            return hb_error_set(error, HB_FATAL, "%s: cannot be flushed to disk: %s", stage->path,
                                strerror(-result));
        hb_journal_add_stage(writer, i, stage->path + home);
    }
    return HB_OK;
}

/* Writes down what is to be published; flushes it and all that is staged. Not yet committed. */
static int write_journal(struct hb_staging *staging, struct hb_journal_writer **writer,
                         struct hb_error *error)
{
    HB_AUTO_FREE uint8_t *numbers = NULL;
    int status = spread(staging, &numbers, error);
    if (status == HB_OK)
        status = hb_journal_create(&staging->run->stage, staging->archive->shown, writer, error);
    if (status == HB_OK)
        status = add_stages(staging, *writer, error);
    if (status != HB_OK)
        return status;
    add_rows(staging, *writer, numbers);
    status = hb_journal_finish(*writer, error);
    if (status == HB_OK && syncfs(staging->run->stage.fd) != 0)
        status = hb_error_set(error, HB_FATAL, "%s: what was staged cannot be flushed to disk: %s",
                              staging->run->stage.path, strerror(errno));
    return status;
}

/* By the journal, which says from now on what will have happened in the end. */
static int publish_by(struct hb_staging *staging, struct hb_journal *journal,
                      struct hb_restored *result, bool *begun, struct hb_error *error)
{
    struct hb_restore_request request = {
        .run = staging->run,
        .journal = journal,
        .stages = staging->stages,
        .stage_count = staging->stage_count,
        .contents = staging->contents,
        .claims = staging->claims,
        .workers = hb_run_workers(staging->run),
        .checked = staging->checked,
    };
    *begun = true;
    int status = hb_restore(&request, result, error);
    if (status != HB_OK)
        hb_error_hint(error, "the next import or backup of this home completes it");
    return status;
}

int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error)
{
    struct hb_journal_writer *writer = NULL;
    struct hb_journal *journal;
    *begun = false;
    int status = write_journal(staging, &writer, error);
    if (status == HB_OK && before != NULL)
        status = before(context, error);
    if (status == HB_OK && hb_run_cancelled(staging->run))
        status = hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
    if (status == HB_OK)
        status = hb_journal_commit(writer, error);
    hb_journal_writer_free(writer);
    if (status == HB_OK)
        status = hb_journal_open(staging->run->stage.fd, &journal, error);
    if (status != HB_OK)
        return status;
    status = publish_by(staging, journal, result, begun, error);
    hb_journal_close(journal);
    return status;
}

void hb_staging_clear(struct hb_staging *staging, bool leave)
{
    for (unsigned i = 1; i < staging->stage_count; i++) {
        if (leave)
            hb_stage_leave(staging->stages[i]);
        else
            hb_stage_close(staging->stages[i]);
        free(staging->stages[i]);
    }
    staging->stage_count = 0;
    hb_trees_clear(&staging->trees);
    free(staging->places);
    free(staging->checked);
    staging->places = NULL;
    staging->checked = NULL;
}

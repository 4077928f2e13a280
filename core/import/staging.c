/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging.h"

#include "archive/extract.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "files/io.h"
#include "files/mounts.h"
#include "import/staging_journal.h"
#include "import/staging_names.h"
#include "import/staging_notes.h"
#include "restore/seal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* ---- decoding ------------------------------------------------------------------------------ */

static bool wanted(void *context, size_t index)
{
    const struct hb_staging *staging = context;
    const struct hb_catalog *catalog = &staging->archive->catalog;
    size_t skip;
    /* A stream is selected afterwards: all that could be is staged. */
    if (staging->archive->stream)
        return hb_path_problem(hb_catalog_path(catalog, index), SIZE_MAX, &skip) == NULL;
    return hb_staging_needs(&catalog->members[index]);
}

/* What would be looked at before it is published is looked at now, while others are decoded. */
static void check_member(struct hb_staging *staging, size_t index)
{
    struct hb_entry entry;
    char name[24];
    hb_staged_name(index, name);
    const struct hb_instance *content;
    int told = hb_claims_settle_at(staging->claims, index, staging->run->stage.fd, name, &content);
    if (told != 0 || content == NULL || /* what cannot be told is refused when it is published */
        !hb_staging_is_missing(staging, index))
        return;
    hb_catalog_entry(&staging->archive->catalog, index, &entry);
    hb_check_staged(staging->run, content, &entry, &staging->run->stage, name);
    staging->checked[index] = true;
}

static int open_member(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    return hb_staging_open(context, worker, index, error);
}

static int member_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                       struct hb_error *error)
{
    struct hb_staging *staging = context;
    (void)worker;
    (void)bytes;
    int result = hb_staging_set_time(fd, &staging->archive->catalog.members[index]);
    bool held = hb_trees_hold(&staging->trees, index);
    if (result == 0 && held)
        result = hb_trees_finish_file(&staging->trees, index, fd);
    if (result != 0)
        return hb_staging_failed(staging, index, -result, error);
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
        if (member->type == HB_HARDLINK && hb_staging_needs(member))
            from = hb_link_origin(catalog, staging->selection->wrapper, i);
        else if (member->state == HB_ORIGIN)
            from = i;
        if (from != SIZE_MAX && __builtin_add_overflow(bytes, catalog->members[from].bytes, &bytes))
            return UINT64_MAX / 2;
    }
    return bytes;
}

static int refuse_without(const struct hb_staging *staging, uint64_t bytes, const char *how,
                          struct hb_error *error)
{
    struct statvfs space;
    char needed[24], available[24];
    if (fstatvfs(staging->run->stage.fd, &space) != 0)
        return HB_OK; /* staging will tell */
    uint64_t room = (uint64_t)space.f_bavail * space.f_frsize;
    if (bytes <= room)
        return HB_OK;
    hb_error_set(error, HB_FATAL, "%s: not enough space: %s%s are needed, %s are free",
                 staging->run->home.path, how, hb_human_bytes(bytes, needed),
                 hb_human_bytes(room, available));
    hb_error_space(error, ENOSPC, " and try again; nothing was changed");
    return HB_FATAL;
}

/* Of copies, which have no holes. */
static int check_space(const struct hb_staging *staging, struct hb_error *error)
{
    return refuse_without(staging, space_needed(staging) + link_bytes(staging), "", error);
}

/* Of so many bytes that are packed into so many, some may be holes; these are none. */
static uint64_t surely_data(uint64_t bytes, uint64_t packed)
{
    uint64_t zeros = bytes / 512; /* what they and the packing itself take, at most */
    uint64_t least = packed > zeros ? packed - zeros : 0;
    return least < bytes ? least : bytes;
}

/*
 * Blocks of zeros become holes, so that the size of the files does not tell what they take. Packed,
 * zeros are next to nothing: it is no less than that. What is packed together counts if all of it
 * is wanted.
 */
static uint64_t space_surely_needed(const struct hb_staging *staging)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    uint64_t sum = 0, bytes = 0, packed = 0;
    bool whole = true;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        if (i > 0 && member->group != catalog->members[i - 1].group) {
            sum += whole ? surely_data(bytes, packed) : 0;
            bytes = packed = 0;
            whole = true;
        }
        if (member->type == HB_FILE) {
            whole = whole && hb_staging_needs(member) &&
                    !__builtin_add_overflow(bytes, member->bytes, &bytes);
        }
        packed += member->stored_bytes; /* of an archive that is there */
    }
    return sum + (whole ? surely_data(bytes, packed) : 0);
}

/*
 * All is staged. A database is copied into the one that is there, whose log grows by as much: that
 * comes when files are being replaced, which is too late to find that there is no space.
 */
static int check_logs(const struct hb_staging *staging, struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    uint64_t bytes = 0;
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->members[i].state == HB_SELECTED && catalog->members[i].type == HB_FILE &&
            hb_claims_by_name(staging->claims, i) && !hb_staging_is_missing(staging, i))
            bytes += catalog->members[i].bytes;
    return bytes == 0 ? HB_OK : refuse_without(staging, bytes, "for the databases ", error);
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

/* What is staged is the business of whose rights the stage was made with; threads inherit them. */
static int act(const struct hb_staging *staging, struct hb_as *as, struct hb_error *error)
{
    const struct hb_stage *stage = &staging->run->stage;
    int result = hb_as_begin(as, &stage->rights);
    return result == 0
               ? HB_OK
               : hb_error_set(error, HB_FATAL, "%s: %s", stage->path, hb_rights_explain(-result));
}

int hb_staging_members(struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = extract_request(staging);
    HB_AUTO_AS as = {.changed = false};
    int status = refuse_without(staging, space_surely_needed(staging), "at least ", error);
    if (status == HB_OK)
        status = act(staging, &as, error);
    if (status != HB_OK)
        return status;
    staging->trees.catalog = &staging->archive->catalog;
    staging->trees.selection = staging->selection;
    staging->trees.own = staging->run->own;
    staging->trees.stage = &staging->run->stage;
    staging->trees.umask = staging->umask;
    hb_trees_plan(&staging->trees, &staging->run->home, !hb_mounts_below(staging->run->home.path),
                  may_hold, staging);
    hb_staging_note_targets(staging);
    staging->checked = hb_alloc(staging->archive->catalog.count * sizeof *staging->checked);
    staging->places = hb_alloc(request.workers * sizeof *staging->places);
    for (unsigned i = 0; i < request.workers; i++)
        staging->places[i].fd = -1;
    status = hb_extract(&request, error);
    for (unsigned i = 0; i < request.workers; i++)
        hb_tree_place_clear(&staging->places[i]);
    return status == HB_OK ? check_logs(staging, error) : status;
}

int hb_staging_stream(struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = extract_request(staging);
    HB_AUTO_AS as = {.changed = false};
    int status = act(staging, &as, error);
    return status == HB_OK ? hb_extract_stream(&request, error) : status;
}

int hb_staging_copies(struct hb_staging *staging, const struct hb_root *from,
                      struct hb_error *error)
{
    const struct hb_catalog *catalog = &staging->archive->catalog;
    HB_AUTO_AS as = {.changed = false};
    int status = check_space(staging, error);
    if (status == HB_OK)
        status = act(staging, &as, error);
    hb_staging_note_targets(staging);
    for (size_t i = 0; status == HB_OK && i < catalog->count; i++) {
        HB_AUTO_CLOSE int source =
            hb_beneath_open(from, hb_catalog_path(catalog, i), O_RDONLY | O_NONBLOCK, 0);
        if (source < 0)
            return hb_staging_failed(staging, i, -source, error);
        HB_AUTO_CLOSE int copy = hb_staging_open(staging, 0, i, error);
        if (copy < 0)
            return HB_FATAL;
        int result = hb_staging_copy(source, copy, &catalog->members[i]);
        if (result != 0)
            status = hb_staging_failed(staging, i, -result, error);
        if (status == HB_OK && hb_run_cancelled(staging->run))
            status = hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
    }
    return status;
}

/* ---- the journal --------------------------------------------------------------------------- */

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

/*
 * A stage that is open to others whatever we do is completed only with a seal; where that cannot be
 * made, the user knows before anything is replaced.
 */
static void seal(const struct hb_staging *staging, const struct hb_journal_writer *writer)
{
    static const char text[] = "this file system has no modes, and %s: if this import is killed "
                               "while files are being replaced, it cannot be completed, and has to "
                               "be done again";
    const struct hb_stage *stage = &staging->run->stage;
    const char *why;
    if (!hb_stage_lacks_modes(stage->fd) ||
        hb_seal_make(stage, hb_journal_descriptor(writer), &why) == 0)
        return;
    HB_AUTO_FREE char *said = hb_text(text, why);
    hb_report_add(&staging->run->report, HB_FOUND_NOTE, "", "%s", said);
    if (staging->run->log == NULL)
        return;
    fprintf(staging->run->log, "hbcore: %s: %s\n", staging->run->home.path, said);
    fflush(staging->run->log);
}

/* What the caller does then is its own business. */
static int ask_before(int (*before)(void *context, struct hb_error *error), void *context,
                      struct hb_error *error)
{
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    return before(context, error);
}

int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error)
{
    struct hb_journal_writer *writer = NULL;
    struct hb_journal *journal;
    HB_AUTO_AS as = {.changed = false};
    *begun = false;
    int status = act(staging, &as, error);
    if (status == HB_OK)
        status = hb_staging_write_journal(staging, &writer, error);
    if (status == HB_OK && before != NULL)
        status = ask_before(before, context, error);
    if (status == HB_OK && hb_run_cancelled(staging->run))
        status = hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
    if (status == HB_OK) {
        hb_restore_last_words(staging->run);
        seal(staging, writer);
        status = hb_journal_commit(writer, error);
    }
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
            hb_run_close_stage(staging->run, staging->stages[i], HB_OK);
        free(staging->stages[i]);
    }
    staging->stage_count = 0;
    hb_trees_clear(&staging->trees);
    hb_staging_clear_names(staging);
    free(staging->places);
    free(staging->checked);
    free(staging->notes);
    free(staging->hashes);
    staging->notes = NULL;
    staging->hashes = NULL;
    staging->places = NULL;
    staging->checked = NULL;
}

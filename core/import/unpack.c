/* SPDX-License-Identifier: Apache-2.0 */
#include "import/unpack.h"

#include "archive/extract.h"
#include "base/path.h"
#include <errno.h>

/* How much of a file is certainly no hole, going by what it takes in the archive. */
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
static uint64_t space_surely_needed(const struct hb_restore_plan *plan)
{
    const struct hb_catalog *catalog = plan->catalog;
    uint64_t sum = 0, bytes = 0, packed = 0, before = 0;
    bool whole = true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        uint64_t stored, group = hb_catalog_group(catalog, i, &stored);
        if (i > 0 && group != before) {
            sum += whole ? surely_data(bytes, packed) : 0;
            bytes = packed = 0;
            whole = true;
        }
        if (member->type == HB_TYPE_FILE)
            whole = whole && hb_planned_is_needed(plan, i) &&
                    !__builtin_add_overflow(bytes, member->bytes, &bytes);
        packed += stored; /* of an archive that is there */
        before = group;
    }
    return sum + (whole ? surely_data(bytes, packed) : 0);
}

static bool is_needed(void *context, size_t index)
{
    const struct hb_staging *staging = context;
    return hb_planned_is_needed(staging->plan, index);
}

static bool may_be_needed(void *context, size_t index)
{
    const struct hb_staging *staging = context;
    size_t skip;
    return hb_path_problem(hb_planned_path(staging->plan, index), SIZE_MAX, &skip) == NULL;
}

/*
 * The format cannot decode them. What was staged of them lies aside, and is removed with the stage,
 * but a tree is published as it is.
 */
static bool on_unreadable(void *context, const size_t *indexes, size_t count, const char *why)
{
    struct hb_staging *staging = context;
    for (size_t i = 0; i < count; i++) {
        if (hb_trees_hold(&staging->trees, indexes[i]) &&
            hb_trees_remove(&staging->trees, indexes[i]) != 0)
            return false;
        hb_planned_drop_data(staging->plan, &staging->run->report, indexes[i], why);
    }
    return true;
}

/* A directory is made as the listing says. Can that be believed where it lies itself damaged? */
static bool is_left_out(const struct hb_staging *staging, size_t index)
{
    const struct hb_restore_plan *plan = staging->plan;
    return plan->rows[index].action == HB_UNWANTED ||
           (staging->archive->has_trailer &&
            plan->catalog->members[index].type == HB_TYPE_DIRECTORY);
}

/* Are there files besides these, which are stored together? */
static bool has_others(const struct hb_catalog *catalog, const size_t *indexes, size_t count)
{
    size_t files = 0, these = 0;
    for (size_t i = 0; i < catalog->count; i++)
        files += catalog->members[i].type == HB_TYPE_FILE;
    for (size_t i = 0; i < count; i++)
        these += catalog->members[indexes[i]].type == HB_TYPE_FILE;
    return files > these;
}

/*
 * Damage costs all of the archive, except where the user leaves out everything that is stored
 * together with it: what is restored is undamaged then.
 */
static bool on_damaged(void *context, const size_t *indexes, size_t count,
                       const struct hb_error *error)
{
    struct hb_staging *staging = context;
    const struct hb_restore_plan *plan = staging->plan;
    bool any = false, all = true;
    for (size_t i = 0; i < count; i++) {
        any |= plan->rows[indexes[i]].action == HB_UNWANTED;
        all = all && is_left_out(staging, indexes[i]);
    }
    if (!any || !all) {
        staging->met_damage = true;
        staging->is_damaged = has_others(plan->catalog, indexes, count);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (plan->catalog->members[indexes[i]].type != HB_TYPE_DIRECTORY)
            hb_report_add(&staging->run->report, HB_FOUND_NOTE, hb_planned_path(plan, indexes[i]),
                          "is damaged, but left out: %s", hb_error_why(error));
    return true;
}

/*
 * The disk may have room for it, but the file system has none for a file of this size (FAT): that
 * costs the file. Of a stream nothing is planned yet; select.c finds it in the catalog.
 */
static bool on_unwritable(void *context, size_t index, int error)
{
    static const char why[] = "is too large for a file of this file system";
    struct hb_staging *staging = context;
    if (error != EFBIG)
        return false;
    if (staging->plan->rows == NULL) {
        hb_catalog_set_unreadable(&staging->archive->catalog, index, why);
        return true;
    }
    if (hb_trees_hold(&staging->trees, index) && hb_trees_remove(&staging->trees, index) != 0)
        return false;
    hb_planned_drop_data(staging->plan, &staging->run->report, index, why);
    return true;
}

static struct hb_extract_request request_of(struct hb_archive *archive, struct hb_staging *staging)
{
    staging->archive = archive;
    return (struct hb_extract_request){
        .archive = archive,
        .workers = hb_run_workers(staging->run),
        .context = staging,
        .wanted = is_needed,
        .open = hb_staging_open,
        .done = hb_staging_done,
        .unwritable = on_unwritable,
        .whole = true,
    };
}

int hb_unpack(void *archive, struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = request_of(archive, staging);
    request.unreadable = on_unreadable;
    request.damaged = on_damaged;
    int status =
        hb_staging_check_space(staging, space_surely_needed(staging->plan), "at least ", error);
    if (status == HB_OK)
        status = hb_extract(&request, error);
    if (status == HB_OK)
        hb_planned_drop_links(staging->plan, &staging->run->report);
    else if (staging->is_damaged && error->hint[0] == '\0')
        hb_error_hint(
            error, "`hbcore verify ARCHIVE` lists what is damaged; to import the rest, leave that "
                   "out with --exclude");
    return status;
}

int hb_unpack_stream(void *archive, struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = request_of(archive, staging);
    request.wanted = may_be_needed; /* what is wanted is decided afterwards */
    return hb_extract_stream(&request, error);
}

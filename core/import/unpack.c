/* SPDX-License-Identifier: Apache-2.0 */
#include "import/unpack.h"

#include "archive/extract.h"
#include "base/path.h"

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
    uint64_t sum = 0, bytes = 0, packed = 0;
    bool whole = true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        if (i > 0 && member->group != catalog->members[i - 1].group) {
            sum += whole ? surely_data(bytes, packed) : 0;
            bytes = packed = 0;
            whole = true;
        }
        if (member->type == HB_FILE)
            whole = whole && hb_planned_is_needed(plan, i) &&
                    !__builtin_add_overflow(bytes, member->bytes, &bytes);
        packed += member->stored_bytes; /* of an archive that is there */
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

static struct hb_extract_request request_of(struct hb_archive *archive, struct hb_staging *staging)
{
    return (struct hb_extract_request){
        .archive = archive,
        .workers = hb_run_workers(staging->run),
        .context = staging,
        .wanted = is_needed,
        .open = hb_staging_open,
        .done = hb_staging_done,
        .whole = true,
    };
}

int hb_unpack(void *archive, struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = request_of(archive, staging);
    int status =
        hb_staging_check_space(staging, space_surely_needed(staging->plan), "at least ", error);
    return status == HB_OK ? hb_extract(&request, error) : status;
}

int hb_unpack_stream(void *archive, struct hb_staging *staging, struct hb_error *error)
{
    struct hb_extract_request request = request_of(archive, staging);
    request.wanted = may_be_needed; /* what is wanted is decided afterwards */
    return hb_extract_stream(&request, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/extract_walk.h"

#include "archive/archive_walk.h"
#include "archive/extract_output.h"
#include "base/memory.h"
#include "base/progress.h"

/* The checksum of a content of a stream, whose trailer comes at its end. */
struct seen {
    size_t index;
    uint64_t content;
};

struct walking {
    const struct hb_extract_request *request;
    struct hb_error *error;
    struct hb_output_member current;
    size_t next;  /* index of the next member */
    bool filling; /* a stream: the catalog is filled on the way */
    struct seen *seen;
    size_t seen_count, seen_capacity;
};

static void keep_seen(struct walking *walking)
{
    if (!walking->current.hashes)
        return;
    if (walking->seen_count == walking->seen_capacity) {
        walking->seen_capacity = walking->seen_capacity == 0 ? 256 : walking->seen_capacity * 2;
        walking->seen = hb_resize(walking->seen, walking->seen_capacity, sizeof *walking->seen);
    }
    walking->seen[walking->seen_count++] =
        (struct seen){walking->current.index, walking->current.hash.sum};
}

/* The stream is over: what has been said of it holds if this is HB_OK. */
static int compare_seen(struct walking *walking)
{
    const struct hb_archive *archive = walking->request->archive;
    int status = hb_archive_check_trailer(archive, walking->error);
    for (size_t i = 0; status == HB_OK && i < walking->seen_count; i++) {
        const struct seen *seen = &walking->seen[i];
        uint64_t stored;
        walking->current.index = seen->index;
        if (hb_trailer_content(&archive->trailer, seen->index, &stored) && stored != seen->content)
            status = hb_output_differs(&walking->current);
    }
    return status;
}

static bool same_member(const struct hb_catalog *catalog, size_t index,
                        const struct hb_entry *entry)
{
    return index < catalog->count && catalog->members[index].type == entry->type;
}

static int walk_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct walking *walking = visitor->self;
    struct hb_archive *archive = walking->request->archive;
    if (hb_run_cancelled(archive->run))
        return hb_error_set(walking->error, HB_STATUS_CANCELLED, "interrupted");
    if (walking->filling && hb_archive_admit(archive, entry, walking->error) != HB_OK)
        return HB_STATUS_FATAL;
    if (walking->filling)
        hb_catalog_add(&archive->catalog, entry, NULL);
    else if (!same_member(&archive->catalog, walking->next, entry))
        return hb_error_set(walking->error, HB_STATUS_FATAL,
                            "%s: the archive changed between listing and reading", archive->shown);
    size_t index = walking->next++;
    if (entry->type != HB_TYPE_FILE || hb_catalog_unreadable(&archive->catalog, index) != NULL ||
        !walking->request->wanted(walking->request->context, index))
        return HB_STATUS_SKIP;
    uint64_t limit = walking->filling ? entry->bytes : archive->catalog.members[index].bytes;
    int status = hb_output_begin(&walking->current, index, limit);
    return status == HB_OK ? HB_OK : status;
}

static int walk_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                     uint64_t offset)
{
    struct walking *walking = visitor->self;
    if (walking->current.index == SIZE_MAX)
        return HB_OK;
    if (hb_run_cancelled(walking->request->archive->run))
        return hb_error_set(walking->error, HB_STATUS_CANCELLED, "interrupted");
    return hb_output_put(&walking->current, data, bytes, offset);
}

static int walk_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct walking *walking = visitor->self;
    struct hb_catalog *catalog = &walking->request->archive->catalog;
    if (walking->filling && bytes != HB_SIZE_UNKNOWN && catalog->count > 0)
        catalog->members[catalog->count - 1].bytes = bytes;
    if (walking->current.index == SIZE_MAX)
        return HB_OK;
    if (bytes == HB_SIZE_UNKNOWN)
        bytes = walking->current.bytes;
    uint64_t announced = walking->current.limit;
    if (bytes < walking->current.bytes || (announced != HB_SIZE_UNKNOWN && bytes != announced))
        return hb_output_damaged(&walking->current, "it should have %llu bytes, but has %llu",
                                 (unsigned long long)announced, (unsigned long long)bytes);
    if (hb_output_compare(&walking->current, bytes) != HB_OK)
        return HB_STATUS_FATAL;
    if (walking->filling)
        keep_seen(walking);
    return hb_output_end(&walking->current, bytes);
}

static int walk_unreadable(const struct hb_visitor *visitor, const char *why)
{
    struct walking *walking = visitor->self;
    const struct hb_extract_request *request = walking->request;
    struct hb_catalog *catalog = &request->archive->catalog;
    size_t index = walking->next - 1;
    bool wanted = walking->current.index != SIZE_MAX;
    hb_output_drop(&walking->current);
    if (walking->filling)
        hb_catalog_set_unreadable(catalog, index, why);
    if (walking->filling || !wanted)
        return HB_OK;
    if (why == NULL)
        why = "cannot be decoded";
    hb_progress_add(request->archive->run->progress, hb_catalog_path(catalog, index), 1,
                    catalog->members[index].bytes);
    if (request->unreadable != NULL && request->unreadable(request->context, &index, 1, why))
        return HB_OK;
    return hb_error_set(walking->error, HB_STATUS_FATAL, "%s: %s %s", request->archive->shown,
                        hb_catalog_path(catalog, index), why);
}

static int walk_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct walking *walking = visitor->self;
    return hb_archive_take_trailer(walking->request->archive, data, bytes, walking->error);
}

static bool may_have_contents(const struct hb_archive *archive)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    return (ops->flags & HB_FORMAT_TRAILER) != 0;
}

int hb_extract_by_walk(const struct hb_extract_request *request, bool filling,
                       struct hb_error *error)
{
    struct hb_archive *archive = request->archive;
    struct walking walking = {
        .request = request,
        .error = error,
        .current = {.request = request, .error = error, .index = SIZE_MAX, .fd = -1},
        .filling = filling,
    };
    struct hb_visitor visitor = {
        .size = sizeof visitor,
        .self = &walking,
        .entry = walk_entry,
        .data = walk_data,
        .end = walk_end,
        .trailer = walk_trailer,
        .unreadable = walk_unreadable,
    };
    walking.current.hashes =
        filling ? may_have_contents(archive) : archive->trailer.contents != NULL;
    int status = hb_archive_walk(archive, &visitor, error);
    if (status == HB_OK && walking.next != archive->catalog.count)
        status =
            hb_error_set(error, HB_STATUS_FATAL,
                         "%s: the archive changed between listing and reading", archive->shown);
    if (status == HB_OK && filling)
        status = compare_seen(&walking);
    hb_output_clear(&walking.current);
    free(walking.seen);
    return status;
}

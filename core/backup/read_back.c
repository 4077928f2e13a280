/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we publish, we can read.
 *
 * A format plugin says that it has written an archive. Whether that is one is seen only when it is
 * read, and by then the archive before it may be gone: replaced by this one, or pruned because this
 * one is newer. So each archive is listed while it still lies in the stage, with a new instance of
 * the plugin that knows nothing of how it was written, and it must list what was stored: as many
 * entries, in the same order, each with its name, type, size, mode and time, and then the same
 * trailer, by its length and a hash of 128 bits. If it does not, the run fails, and nothing has
 * been replaced or removed.
 *
 * What it is compared with is in memory anyway: the trailer's row of each entry, eight bytes that
 * hash all these. So the listing is compared as it comes; a catalog is not made of it. A format
 * that stores no trailer need not keep modes and times to the nanosecond, so that there the rows
 * are made of name, type, size and link alone (hb_read_back_row).
 *
 * Not read are the contents: that would double the work of a backup, and `verify` does it, by the
 * checksums of what the pipeline has read (base/content_hash.h).
 *
 * A format that cannot list is not asked, nor is a stream read back: there nothing is published by
 * us. A format that can list, but says that it cannot list this one, is walked through instead, and
 * the contents are compared, too. That takes long; none of ours does it.
 */
#include "backup/read_back.h"

#include "archive/archive.h"
#include "archive/archive_walk.h"
#include "archive/entry_problem.h"
#include "base/content_hash.h"
#include "base/memory.h"
#include "base/xxh3.h"
#include "host/failure.h"
#include <fcntl.h>
#include <string.h>

struct reading {
    const struct hb_read_back_request *request;
    struct hb_error *error;
    size_t count;    /* entries so far */
    bool in_trailer; /* a trailer came, and it was right */
    /* Walking: the entry that has begun. Its size is known at its end. */
    struct hb_entry entry;
    char *path, *link;
    struct hb_content_hash content;
};

struct hb_entry hb_read_back_row(const struct hb_format_ops *ops, const struct hb_entry *entry)
{
    struct hb_entry row = *entry;
    if (!(ops->flags & HB_FORMAT_TRAILER)) {
        row.flags &= ~(uint32_t)HB_ENTRY_HAS_MODE;
        row.mtime = (struct timespec){0};
    }
    return row;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* `problem`: why it is no entry at all, or NULL. */
static int compare(struct reading *reading, const struct hb_entry *listed, const char *problem)
{
    const struct hb_read_back_request *request = reading->request;
    if (hb_run_cancelled(request->run))
        return hb_error_set(reading->error, HB_STATUS_CANCELLED, "interrupted");
    if (problem != NULL)
        return hb_error_set(reading->error, HB_STATUS_FATAL, "entry %zu %s", reading->count + 1,
                            problem);
    if (reading->count >= request->stored->count)
        return hb_error_set(reading->error, HB_STATUS_FATAL,
                            "the archive has more than the %zu entries that were stored",
                            request->stored->count);
    struct hb_entry row = hb_read_back_row(hb_format_ops_of(request->format), listed);
    row.index = reading->count++;
    if (hb_trailer_matches(request->stored, &row))
        return HB_OK;
    return hb_error_set(reading->error, HB_STATUS_FATAL,
                        "entry %zu is %s: name, size, mode or time differ from what was stored",
                        reading->count, row.path);
}

static int on_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct reading *reading = lister->self;
    const char *problem = hb_member_problem(member);
    if (problem == NULL && HB_HAS(member, why) && (member->flags & HB_MEMBER_UNREADABLE))
        return hb_error_set(reading->error, HB_STATUS_FATAL, "%s: it %s", member->entry->path,
                            member->why == NULL ? "cannot be decoded" : member->why);
    return compare(reading, member == NULL ? NULL : member->entry, problem);
}

static int list(struct reading *reading, struct hb_archive *archive)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct hb_lister lister = {.size = sizeof lister, .self = reading, .member = on_member};
    reading->error->text[0] = '\0';
    hb_run_clear_failure(archive->run);
    int status = ops->list(archive->format->self, &archive->input, &lister);
    if (reading->error->text[0] != '\0') /* the lister's own, whatever the plugin made of it */
        return status == HB_STATUS_CANCELLED ? HB_STATUS_CANCELLED : HB_STATUS_FATAL;
    if (status == HB_STATUS_CANCELLED)
        return hb_error_set(reading->error, HB_STATUS_CANCELLED, "interrupted");
    if (status < 0)
        return hb_instance_error(archive->format, HB_STATUS_FATAL, NULL, reading->error);
    return status == HB_STATUS_NOMATCH && reading->count == 0 ? HB_STATUS_NOMATCH : HB_OK;
}

/* ---- the trailer --------------------------------------------------------------------------- */

struct hb_block_sum hb_block_sum_of(const void *block, size_t bytes)
{
    XXH128_hash_t hash = XXH3_128bits(block, bytes);
    return (struct hb_block_sum){.bytes = bytes, .hash = {hash.low64, hash.high64}};
}

static int compare_trailer(struct reading *reading, const void *data, size_t bytes)
{
    const struct hb_read_back_request *request = reading->request;
    struct hb_block_sum sum = hb_block_sum_of(data, data == NULL ? 0 : bytes);
    reading->in_trailer =
        request->block != NULL && data != NULL && memcmp(&sum, request->block, sizeof sum) == 0;
    return reading->in_trailer ? HB_OK
                               : hb_error_set(reading->error, HB_STATUS_FATAL,
                                              "its trailer differs from what was stored");
}

static int read_trailer(struct reading *reading, struct hb_archive *archive)
{
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    void *data = NULL;
    size_t bytes = 0;
    if (reading->request->block == NULL || !HB_CAN(ops, read_trailer))
        return HB_OK;
    hb_run_clear_failure(archive->run);
    int status = ops->read_trailer(archive->format->self, &archive->input, &data, &bytes);
    if (status == HB_STATUS_NOMATCH)
        return hb_error_set(reading->error, HB_STATUS_FATAL, "its trailer is missing");
    if (status != HB_OK)
        return hb_instance_error(archive->format, HB_STATUS_FATAL, NULL, reading->error);
    status = compare_trailer(reading, data, bytes);
    free(data);
    return status;
}

/* ---- a walk through all of it -------------------------------------------------------------- */

static int on_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct reading *reading = visitor->self;
    free(reading->path);
    free(reading->link);
    reading->entry = *entry;
    reading->path = hb_copy_bytes(entry->path, entry->path_bytes);
    reading->link = entry->link == NULL ? NULL : hb_copy_text(entry->link);
    reading->entry.path = reading->path;
    reading->entry.link = reading->link;
    hb_content_begin(&reading->content, entry->bytes);
    return HB_OK;
}

static int on_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                   uint64_t offset)
{
    struct reading *reading = visitor->self;
    if (hb_run_cancelled(reading->request->run))
        return hb_error_set(reading->error, HB_STATUS_CANCELLED, "interrupted");
    if (offset < reading->content.at)
        return hb_error_set(reading->error, HB_STATUS_FATAL, "%s: its data does not come in order",
                            reading->path);
    hb_content_put_zeros(&reading->content, offset - reading->content.at);
    hb_content_put(&reading->content, data, bytes);
    return HB_OK;
}

static int compare_content(struct reading *reading, size_t index)
{
    const struct hb_entry *entry = &reading->entry;
    uint64_t stored;
    if (entry->type != HB_TYPE_FILE ||
        !hb_trailer_content(reading->request->stored, index, &stored))
        return HB_OK;
    if (entry->bytes > reading->content.at)
        hb_content_put_zeros(&reading->content, entry->bytes - reading->content.at);
    return reading->content.at == entry->bytes && hb_content_end(&reading->content) == stored
               ? HB_OK
               : hb_error_set(reading->error, HB_STATUS_FATAL,
                              "%s: its content is not what was stored", entry->path);
}

static int on_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct reading *reading = visitor->self;
    if (bytes != HB_SIZE_UNKNOWN)
        reading->entry.bytes = bytes;
    int status = compare(reading, &reading->entry, hb_entry_problem(&reading->entry));
    return status == HB_OK ? compare_content(reading, reading->count - 1) : status;
}

static int on_unreadable(const struct hb_visitor *visitor, const char *why)
{
    const struct reading *reading = visitor->self;
    return hb_error_set(reading->error, HB_STATUS_FATAL, "%s: it %s", reading->path,
                        why == NULL ? "cannot be decoded" : why);
}

static int on_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    return compare_trailer(visitor->self, data, bytes);
}

static int walk(struct reading *reading, struct hb_archive *archive)
{
    struct hb_visitor visitor = {
        .size = sizeof visitor,
        .self = reading,
        .entry = on_entry,
        .data = on_data,
        .end = on_end,
        .trailer = on_trailer,
        .unreadable = on_unreadable,
    };
    int status = hb_archive_again(archive, reading->error);
    if (status == HB_OK)
        status = hb_archive_walk(archive, &visitor, reading->error);
    free(reading->path);
    free(reading->link);
    hb_content_clear(&reading->content);
    if (status == HB_OK && reading->request->block != NULL && !reading->in_trailer)
        status = hb_error_set(reading->error, HB_STATUS_FATAL, "its trailer is missing");
    return status;
}

/* ---- all ----------------------------------------------------------------------------------- */

int hb_read_back(const struct hb_read_back_request *request, struct hb_error *error)
{
    struct reading reading = {.request = request, .error = error};
    struct hb_archive archive;
    if (!HB_CAN(hb_format_ops_of(request->format), list))
        return HB_OK;
    int status =
        hb_archive_open_own(request->run, fcntl(request->fd, F_DUPFD_CLOEXEC, 3), "the staged file",
                            request->format, request->key, request->kept, &archive, error);
    if (status == HB_OK)
        status = list(&reading, &archive);
    if (status == HB_OK)
        status = read_trailer(&reading, &archive);
    else if (status == HB_STATUS_NOMATCH)
        status = walk(&reading, &archive);
    if (status == HB_OK && reading.count != request->stored->count)
        status =
            hb_error_set(error, HB_STATUS_FATAL, "the archive has %zu entries, but %zu were stored",
                         reading.count, request->stored->count);
    hb_archive_close(&archive);
    return status;
}

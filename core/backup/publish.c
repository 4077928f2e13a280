/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/publish.h"

#include "backup/publish_out.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/standard_output.h"
#include "base/url.h"
#include "files/io.h"
#include "host/archive_name.h"
#include "host/failure.h"
#include "host/run.h"
#include "pipeline/previous.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    BUFFER_BYTES = 1 << 20,
    ATTEMPTS = 10000,       /* to find a name that is free */
    KEPT_OF_MEMORY = 16,    /* this part of it may be filled with the archive */
    WINDOW_LEAST = 6 << 20, /* so that all workers have something to do */
};

/* ---- the sink ------------------------------------------------------------------------------ */

static int flush_buffer(struct hb_publication *publication)
{
    int status = hb_publication_put(publication, publication->buffer, publication->used);
    publication->used = 0;
    return status;
}

/* What was just written, or overwritten, if it is to be kept wherever it lies. */
static int keep(struct hb_publication *publication, const void *data, size_t bytes, uint64_t offset)
{
    return publication->only_ends && publication->keeping
               ? hb_publication_spool(publication, data, bytes, offset)
               : HB_OK;
}

static int sink_write(const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct hb_publication *publication = sink->self;
    if (keep(publication, data, bytes, publication->flushed + publication->used) != HB_OK)
        return HB_STATUS_FATAL;
    if (bytes > BUFFER_BYTES - publication->used) {
        int status = flush_buffer(publication);
        if (status != HB_OK)
            return status;
        if (bytes >= BUFFER_BYTES)
            return hb_publication_put(publication, data, bytes);
    }
    memcpy(publication->buffer + publication->used, data, bytes);
    publication->used += bytes;
    return HB_OK;
}

/* Both are files of this machine. */
static int copy_files(struct hb_publication *publication, const struct hb_range *range)
{
    struct hb_range_copy *copy = &publication->copy;
    copy->from = hb_previous_fd(range->source);
    copy->to = publication->fd;
    copy->offset = range->offset;
    copy->at = publication->flushed;
    copy->end = hb_previous_length(range->source);
    copy->buffer = publication->buffer; /* it was flushed */
    copy->buffer_bytes = BUFFER_BYTES;
    for (uint64_t left = range->bytes; left > 0;) {
        int64_t done =
            hb_interrupt_signal() != 0
                ? -EINTR
                : hb_copy_range(copy, left < HB_WRITEBACK_BYTES * 2 ? left : HB_WRITEBACK_BYTES);
        if (done <= 0 && hb_interrupt_signal() != 0)
            return HB_STATUS_CANCELLED;
        if (done <= 0 && (copy->reading || done == 0))
            return hb_publication_cannot_read(publication, done == 0 ? "it ends too early"
                                                                     : strerror((int)-done));
        if (done < 0)
            return hb_publication_cannot_write(publication, (int)-done);
        left -= (uint64_t)done;
        hb_upload_wrote(&publication->upload, (uint64_t)done);
        hb_publication_went_out(publication, (uint64_t)done);
    }
    return HB_OK;
}

/* The store copies by itself what it can, as far as nobody has to read it back from here. */
static int copy_there(struct hb_publication *publication, const struct hb_range *range,
                      uint64_t done, uint64_t *copied)
{
    const struct hb_opened *from = hb_previous_object(range->source);
    *copied = 0;
    if (from == NULL || !publication->only_ends || publication->flushed < HB_PUBLICATION_START)
        return HB_OK;
    int status = hb_upload_copy(&publication->upload, from, range->offset + done,
                                range->bytes - done, copied);
    if (status != HB_OK)
        return hb_publication_store_failed(publication);
    hb_publication_went_out(publication, *copied);
    return HB_OK;
}

/* One of them is elsewhere, or a stream. */
static int copy_bytes(struct hb_publication *publication, const struct hb_range *range)
{
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(BUFFER_BYTES);
    uint64_t done = 0, copied;
    while (done < range->bytes) {
        if (copy_there(publication, range, done, &copied) != HB_OK)
            return HB_STATUS_FATAL;
        done += copied;
        uint64_t left = range->bytes - done, room = hb_upload_room(&publication->upload);
        size_t most = room < BUFFER_BYTES ? (size_t)room : BUFFER_BYTES;
        size_t want = left < most ? (size_t)left : most;
        if (copied > 0)
            continue;
        int64_t got = hb_previous_bytes_at(range->source, buffer, want, range->offset + done);
        if (hb_interrupt_signal() != 0)
            return HB_STATUS_CANCELLED;
        if (got <= 0)
            return hb_publication_cannot_read(publication, got == 0 ? "it ends too early"
                                                                    : "it was there a moment ago");
        int status = hb_publication_put(publication, buffer, (size_t)got);
        if (status != HB_OK)
            return status;
        done += (uint64_t)got;
    }
    return HB_OK;
}

static int sink_copy(const struct hb_sink *sink, const struct hb_range *range)
{
    struct hb_publication *publication = sink->self;
    int status = hb_publication_take_offer(publication, range);
    if (status == HB_OK)
        status = flush_buffer(publication);
    publication->copied_to = publication->flushed;
    bool files = !publication->destination->stream && !publication->spooled &&
                 hb_previous_fd(range->source) >= 0;
    if (status != HB_OK)
        return status;
    return files ? copy_files(publication, range) : copy_bytes(publication, range);
}

static uint64_t sink_tell(const struct hb_sink *sink)
{
    const struct hb_publication *publication = sink->self;
    return publication->flushed + publication->used;
}

static int sink_patch(const struct hb_sink *sink, uint64_t offset, const void *data, size_t bytes)
{
    struct hb_publication *publication = sink->self;
    if (offset + bytes > sink_tell(sink))
        return hb_error_set(&publication->error, HB_STATUS_FATAL,
                            "a patch lies beyond the end of the written data");
    if (offset >= publication->flushed) {
        memcpy(publication->buffer + (offset - publication->flushed), data, bytes);
        return keep(publication, data, bytes, offset);
    }
    int status = flush_buffer(publication);
    if (status != HB_OK)
        return status;
    if (hb_upload_patch(&publication->upload, offset, data, bytes) != HB_OK)
        return hb_publication_store_failed(publication);
    int result = publication->spooled ? hb_write_all_at(publication->fd, data, bytes, offset) : 0;
    return result == 0 ? HB_OK : hb_publication_cannot_write(publication, -result);
}

/* ---- begin, commit, end -------------------------------------------------------------------- */

/* What the store is asked for; its name and conditions as they are now. */
static struct hb_put put_of(const struct hb_publication *publication,
                            char version[HB_VERSION_BYTES])
{
    const struct hb_destination *destination = publication->destination;
    struct hb_put put = {
        .size = sizeof put,
        .name = publication->spooled ? hb_url_name(destination->path) : destination->name,
        .bytes_most = publication->bytes_most,
        .run = destination->run,
        .home = destination->home,
    };
    bool exclusive = (publication->upload.limits.flags & HB_STORE_EXCLUSIVE) != 0;
    if (exclusive && (destination->unique || destination->is_new || publication->renamed)) {
        put.flags = HB_PUT_NEW;
    } else if (exclusive && destination->version != NULL) {
        put.replaces = destination->version;
    } else if (exclusive && destination->only_this) {
        hb_local_version(&destination->replaced, version);
        put.replaces = version;
    }
    return put;
}

static int cannot_begin(const struct hb_store *store, const char *path, struct hb_error *error)
{
    HB_AUTO_FREE char *what = hb_text("%s: cannot be written", path);
    return hb_store_error(store, HB_STATUS_FATAL, what, error);
}

static int begin_upload(struct hb_run *run, struct hb_publication *publication,
                        struct hb_error *error)
{
    char version[HB_VERSION_BYTES];
    struct hb_stage *stage = publication->stage;
    const struct hb_store *store = publication->destination->store;
    publication->spooled = store != NULL;
    if (store == NULL) {
        hb_local_make(run, stage->parent_fd, &stage->rights, stage, &publication->local);
        store = &publication->local.store;
    }
    struct hb_put put = put_of(publication, version);
    if (hb_upload_begin(store, &put, &publication->upload) != HB_OK)
        return publication->spooled
                   ? cannot_begin(store, publication->destination->path, error)
                   : hb_error_set(error, HB_STATUS_FATAL, "%s", hb_store_failure(store));
    if (!publication->spooled) {
        publication->fd = hb_local_file(publication->upload.upload);
        return HB_OK;
    }
    char *name = NULL;
    publication->fd = hb_stage_file(stage, "archive", &name, error);
    if (publication->fd >= 0)
        hb_stage_unlink(stage, name);
    free(name);
    return publication->fd < 0 ? HB_STATUS_FATAL : HB_OK;
}

int hb_publication_begin(struct hb_run *run, struct hb_destination *destination,
                         struct hb_stage *stage, uint64_t bytes_most,
                         struct hb_publication *publication, struct hb_error *error)
{
    *publication = (struct hb_publication){
        .destination = destination, .bytes_most = bytes_most, .fd = -1, .end_at = UINT64_MAX};
    publication->sink = (struct hb_sink){
        .size = sizeof publication->sink,
        .self = publication,
        .write = sink_write,
        .copy = sink_copy,
        .tell = sink_tell,
    };
    publication->buffer = hb_alloc(BUFFER_BYTES);
    if (destination->stream) {
        publication->fd = destination->fd >= 0 ? destination->fd : hb_standard_output();
        return HB_OK;
    }
    publication->stage = stage;
    publication->cached =
        (uint64_t)sysconf(_SC_PHYS_PAGES) / KEPT_OF_MEMORY * (uint64_t)sysconf(_SC_PAGESIZE);
    int status = begin_upload(run, publication, error);
    if (publication->upload.limits.flags & HB_STORE_PATCH)
        publication->sink.patch = sink_patch;
    return status;
}

uint64_t hb_publication_window(const struct hb_publication *publication, uint64_t window)
{
    uint64_t parts = hb_upload_memory(&publication->upload);
    if (publication->seal != NULL)
        parts += hb_sealed_memory(publication);
    uint64_t left = window > parts ? window - parts : 0;
    return left < WINDOW_LEAST && window > WINDOW_LEAST ? WINDOW_LEAST : left > 0 ? left : window;
}

/*
 * PREFIX-TIME.suffix becomes PREFIX-TIME-2.suffix, and that PREFIX-TIME-3.suffix: never a second
 * number, because a name with two is no longer an archive of a preset.
 */
static void number_name(struct hb_destination *destination)
{
    HB_AUTO_FREE char *name = hb_copy_text(destination->name);
    const char *dash = strrchr(name, '-');
    size_t start = dash == NULL ? 0 : (size_t)(dash - name),
           stem = start + strcspn(name + start, ".");
    if (destination->number == 0)
        start = stem;
    destination->number = destination->number < 2 ? 2 : destination->number + 1;
    free(destination->name);
    free(destination->path);
    destination->name =
        hb_text("%.*s-%" PRIu64 "%s", (int)start, name, destination->number, name + stem);
    destination->path =
        hb_text("%s/%s", strcmp(destination->directory, "/") == 0 ? "" : destination->directory,
                destination->name);
}

static int cannot_name(struct hb_publication *publication, int status, struct hb_error *error)
{
    const char *path = publication->destination->path;
    const char *why = hb_store_failure(publication->upload.store);
    if (status == HB_STATUS_UNCERTAIN && publication->spooled) {
        hb_error_set(error, HB_STATUS_FATAL, "%s: it is unknown whether the archive is there: %s",
                     path, why);
        hb_error_hint(error, "look with `hbcore list`; if it is listed, it is complete");
    } else if (status == HB_STATUS_NOMATCH) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "%s: the name was taken meanwhile; nothing was written", path);
    } else {
        hb_publication_store_failed(publication);
        *error = publication->error;
    }
    return HB_STATUS_FATAL;
}

/*
 * Beside the name that the archive is about to get. Facts that are there already are another run's
 * archive's, as far as anybody can tell: then the name is as good as taken.
 */
static int put_facts(struct hb_publication *publication, const struct hb_put *archive)
{
    HB_AUTO_FREE char *name = hb_text("%s%s", archive->name, HB_FACTS_SUFFIX);
    HB_AUTO_FREE char *run = hb_text("%sfac", archive->run); /* both are on their way at once */
    struct hb_put put = *archive;
    if (publication->facts == NULL || strlen(name) > publication->upload.limits.name_most)
        return HB_OK; /* without them, the archive itself says it */
    put.name = name;
    put.run = run;
    put.bytes_most = strlen(publication->facts);
    int status = hb_upload_all(publication->upload.store, &put, publication->facts,
                               strlen(publication->facts));
    if (status != HB_STATUS_UNCERTAIN)
        return status;
    hb_publication_take_facts_back(publication, archive);
    return HB_STATUS_FATAL;
}

/*
 * What is "unique", or may replace a certain file alone that is not there any more, gets another
 * name where its own is taken, if the store can do that so late.
 */
static int give_name(struct hb_publication *publication, struct hb_error *error)
{
    int status = HB_STATUS_NOMATCH;
    bool late = (publication->upload.limits.flags & HB_STORE_LATE_NAME) != 0;
    for (unsigned attempt = 0; attempt < ATTEMPTS && status == HB_STATUS_NOMATCH; attempt++) {
        char version[HB_VERSION_BYTES];
        if (attempt > 0 && (!late || publication->spooled))
            break;
        if (attempt > 0)
            number_name(publication->destination);
        publication->renamed = attempt > 0;
        struct hb_put put = put_of(publication, version);
        status = put_facts(publication, &put);
        if (status != HB_OK)
            continue;
        status = hb_upload_commit(&publication->upload, &put);
        if (status != HB_OK && status != HB_STATUS_UNCERTAIN)
            hb_publication_take_facts_back(publication, &put);
    }
    return status == HB_OK ? HB_OK : cannot_name(publication, status, error);
}

int hb_publication_keep(struct hb_publication *publication, const struct hb_range *range,
                        const struct hb_range *part, struct hb_error *error)
{
    if (publication->seal != NULL) {
        hb_sealed_keep_part(publication, range, part);
        return HB_OK;
    }
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(HB_PUBLICATION_START);
    uint64_t at = publication->copied_to + (part->offset - range->offset);
    int status = HB_OK;
    for (uint64_t done = 0; status == HB_OK && done < part->bytes;) {
        uint64_t left = part->bytes - done;
        size_t want = left < HB_PUBLICATION_START ? (size_t)left : HB_PUBLICATION_START;
        int64_t got = hb_previous_bytes_at(range->source, buffer, want, part->offset + done);
        if (got <= 0)
            status = hb_publication_cannot_read(
                publication, got == 0 ? "it ends too early" : "it was there a moment ago");
        else
            status = hb_publication_spool(publication, buffer, (size_t)got, at + done);
        done += got > 0 ? (uint64_t)got : 0;
    }
    if (status != HB_OK)
        *error = publication->error;
    return status;
}

int hb_publication_finish(struct hb_publication *publication, struct hb_error *error)
{
    int status = flush_buffer(publication);
    publication->end_at = publication->flushed;
    if (publication->seal != NULL)
        hb_sealed_keep_rest(publication);
    if (status != HB_OK)
        *error = publication->error;
    else if (!publication->destination->stream && !publication->spooled)
        hb_publication_write_back(publication);
    return status;
}

int hb_publication_flush(struct hb_publication *publication, struct hb_error *error)
{
    struct stat status;
    if ((publication->seal != NULL && hb_sealed_finish(publication) != HB_OK) ||
        flush_buffer(publication) != HB_OK) {
        *error = publication->error;
        return HB_STATUS_FATAL;
    }
    if (publication->destination->stream)
        return HB_OK;
    hb_copy_range_end(&publication->copy, publication->flushed);
    if (fstat(publication->fd, &status) != 0 || (uint64_t)status.st_size != publication->flushed)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: the staged archive does not have the expected size",
                            publication->destination->path);
    return HB_OK;
}

int hb_publication_sync(struct hb_publication *publication, struct hb_error *error)
{
    int flushed = hb_publication_flush(publication, error);
    if (flushed != HB_OK || publication->destination->stream || publication->spooled ||
        fsync(publication->fd) == 0)
        return flushed;
    hb_publication_cannot_write(publication, errno);
    *error = publication->error;
    return HB_STATUS_FATAL;
}

int hb_publication_commit(struct hb_publication *publication, struct hb_error *error)
{
    int flushed = hb_publication_flush(publication, error);
    if (flushed != HB_OK || publication->destination->stream)
        return flushed;
    return give_name(publication, error);
}

void hb_publication_end(struct hb_publication *publication)
{
    hb_sealed_end(publication);
    if (publication->fd >= 0 && publication->spooled)
        close(publication->fd);
    hb_upload_end(&publication->upload);
    free(publication->buffer);
    *publication = (struct hb_publication){.fd = -1};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/publish.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/standard_output.h"
#include "files/io.h"
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
    WRITEBACK_BYTES = 16 << 20, /* so much is handed to the disk at a time, so that the flush at the
                                   end is short */
    LAG_BYTES = 64 << 20,       /* so much later it is there, as a rule */
    ATTEMPTS = 10000,           /* to find a name that is free */
    KEPT_OF_MEMORY = 16,        /* this part of it may be filled with the archive */
};

/* ---- the sink ------------------------------------------------------------------------------ */

static int cannot_write(struct hb_publication *publication, int error_number)
{
    struct hb_error *error = &publication->error;
    const char *path = publication->destination->path;
    if (strcmp(path, "-") == 0)
        path = "standard output";
    hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be written: %s", path, strerror(error_number));
    hb_error_space(error, error_number, ", or choose another place with -o");
    return HB_STATUS_FATAL;
}

/*
 * A large archive must not push out of the page cache what is still to be read, and what others
 * work with. Pages that are not on the disk yet stay: they are not worth waiting for.
 */
static void uncache(struct hb_publication *publication)
{
    if (publication->started < publication->cached + LAG_BYTES)
        return;
    uint64_t end = publication->started - LAG_BYTES;
    posix_fadvise(publication->fd, (off_t)publication->cached, (off_t)(end - publication->cached),
                  POSIX_FADV_DONTNEED);
    publication->cached = end;
}

/* So many more bytes have left the process. */
static void went_out(struct hb_publication *publication, uint64_t bytes)
{
    publication->flushed += bytes;
    if (publication->stage != NULL)
        hb_stage_refresh(publication->stage);
    if (!publication->destination->stream &&
        publication->flushed - publication->started >= WRITEBACK_BYTES) {
        sync_file_range(publication->fd, (off_t)publication->started,
                        (off_t)(publication->flushed - publication->started),
                        SYNC_FILE_RANGE_WRITE);
        publication->started = publication->flushed;
        uncache(publication);
    }
}

static int write_out(struct hb_publication *publication, const unsigned char *data, size_t bytes)
{
    int result = hb_write_all(publication->fd, data, bytes);
    if (result != 0)
        return cannot_write(publication, -result);
    went_out(publication, bytes);
    return HB_OK;
}

static int flush_buffer(struct hb_publication *publication)
{
    int status = write_out(publication, publication->buffer, publication->used);
    publication->used = 0;
    return status;
}

static int sink_write(const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct hb_publication *publication = sink->self;
    if (bytes > BUFFER_BYTES - publication->used) {
        int status = flush_buffer(publication);
        if (status != HB_OK)
            return status;
        if (bytes >= BUFFER_BYTES)
            return write_out(publication, data, bytes);
    }
    memcpy(publication->buffer + publication->used, data, bytes);
    publication->used += bytes;
    return HB_OK;
}

static int cannot_copy(struct hb_publication *publication, int64_t result)
{
    if (hb_interrupt_signal() != 0)
        return HB_STATUS_CANCELLED;
    if (publication->copy.reading || result == 0)
        return hb_error_set(&publication->error, HB_STATUS_FATAL,
                            "the previous archive cannot be read: %s",
                            result == 0 ? "it ends too early" : strerror((int)-result));
    return cannot_write(publication, (int)-result);
}

static int sink_copy(const struct hb_sink *sink, const struct hb_range *range)
{
    struct hb_publication *publication = sink->self;
    struct hb_range_copy *copy = &publication->copy;
    if (range != publication->offered)
        return hb_error_set(&publication->error, HB_STATUS_FATAL,
                            "the format plugin copies what it was not given to copy");
    publication->offered = NULL;
    int status = flush_buffer(publication);
    if (status != HB_OK)
        return status;
    copy->from = hb_previous_fd(range->source);
    copy->to = publication->fd;
    copy->offset = range->offset;
    copy->at = publication->flushed;
    copy->refused |= publication->destination->stream;
    for (uint64_t left = range->bytes; left > 0;) {
        int64_t done = -EINTR;
        if (hb_interrupt_signal() == 0)
            done = hb_copy_range(copy, left < WRITEBACK_BYTES ? left : WRITEBACK_BYTES);
        if (done <= 0)
            return cannot_copy(publication, done);
        left -= (uint64_t)done;
        went_out(publication, (uint64_t)done);
    }
    return HB_OK;
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
        return HB_OK;
    }
    int status = flush_buffer(publication);
    if (status != HB_OK)
        return status;
    int result = hb_write_all_at(publication->fd, data, bytes, offset);
    return result == 0 ? HB_OK : cannot_write(publication, -result);
}

/* ---- begin, commit, end -------------------------------------------------------------------- */

int hb_publication_begin(struct hb_destination *destination, struct hb_stage *stage,
                         struct hb_publication *publication, struct hb_error *error)
{
    *publication = (struct hb_publication){.destination = destination, .fd = -1};
    publication->sink = (struct hb_sink){
        .size = sizeof publication->sink,
        .self = publication,
        .write = sink_write,
        .copy = sink_copy,
        .tell = sink_tell,
        .patch = destination->stream ? NULL : sink_patch,
    };
    publication->buffer = hb_alloc(BUFFER_BYTES);
    if (destination->stream) {
        publication->fd = destination->fd >= 0 ? destination->fd : hb_standard_output();
        return HB_OK;
    }
    publication->stage = stage;
    publication->cached =
        (uint64_t)sysconf(_SC_PHYS_PAGES) / KEPT_OF_MEMORY * (uint64_t)sysconf(_SC_PAGESIZE);
    publication->fd = hb_stage_file(stage, "archive", &publication->staged, error);
    return publication->fd < 0 ? HB_STATUS_FATAL : HB_OK;
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

/* For a file system that does not know RENAME_NOREPLACE: looks first. Returns the flags to go on
 * with. */
static unsigned find_free_name(struct hb_publication *publication)
{
    struct hb_destination *destination = publication->destination;
    while (faccessat(publication->stage->parent_fd, destination->name, F_OK, AT_SYMLINK_NOFOLLOW) ==
           0)
        number_name(destination);
    return errno == ENOENT ? 0 : RENAME_NOREPLACE; /* it is unknown: nothing is replaced */
}

/* Is what may be replaced not there any more, or another file by now? */
static bool has_changed(const struct hb_publication *publication)
{
    const struct hb_destination *destination = publication->destination;
    const struct stat *before = &destination->replaced;
    struct stat now;
    return destination->only_this &&
           (fstatat(publication->stage->parent_fd, destination->name, &now, AT_SYMLINK_NOFOLLOW) !=
                0 ||
            now.st_dev != before->st_dev || now.st_ino != before->st_ino ||
            now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

/* In the directory of the destination, with the rights that the stage was made with. */
static int give_name(struct hb_publication *publication)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &publication->stage->rights);
    if (result != 0) {
        errno = -result;
        return -1;
    }
    struct hb_destination *destination = publication->destination;
    unsigned flags = destination->unique || has_changed(publication) ? RENAME_NOREPLACE : 0;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (renameat2(publication->stage->fd, publication->staged, publication->stage->parent_fd,
                      destination->name, flags) == 0)
            return 0;
        if (errno == EEXIST)
            number_name(destination);
        else if (errno == EINVAL && flags != 0)
            flags = find_free_name(publication);
        else
            return -1;
    }
    return -1;
}

int hb_publication_flush(struct hb_publication *publication, struct hb_error *error)
{
    struct stat status;
    if (flush_buffer(publication) != HB_OK) {
        *error = publication->error;
        return HB_STATUS_FATAL;
    }
    if (publication->destination->stream)
        return HB_OK;
    if (fstat(publication->fd, &status) != 0 || (uint64_t)status.st_size != publication->flushed)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: the staged archive does not have the expected size",
                            publication->destination->path);
    return HB_OK;
}

int hb_publication_sync(struct hb_publication *publication, struct hb_error *error)
{
    int flushed = hb_publication_flush(publication, error);
    if (flushed != HB_OK || publication->destination->stream || fsync(publication->fd) == 0)
        return flushed;
    cannot_write(publication, errno);
    *error = publication->error;
    return HB_STATUS_FATAL;
}

int hb_publication_commit(struct hb_publication *publication, struct hb_error *error)
{
    struct hb_destination *destination = publication->destination;
    int flushed = hb_publication_sync(publication, error);
    if (flushed != HB_OK || destination->stream)
        return flushed;
    if (give_name(publication) != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be given its name: %s",
                            destination->path, strerror(errno));
    free(publication->staged);
    publication->staged = NULL;
    int result = hb_flush_directory(publication->stage->parent_fd);
    if (result != 0)
        return hb_error_set(
            error, HB_STATUS_FATAL,
            "%s: the archive is in place, but its directory cannot be flushed to disk: %s",
            destination->path, strerror(-result));
    return HB_OK;
}

void hb_publication_end(struct hb_publication *publication)
{
    if (publication->fd >= 0 && !publication->destination->stream)
        close(publication->fd);
    free(publication->staged);
    free(publication->buffer);
    *publication = (struct hb_publication){.fd = -1};
}

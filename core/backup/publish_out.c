/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/publish_out.h"

#include "base/memory.h"
#include "files/io.h"
#include <fcntl.h>
#include <string.h>

enum { LAG_BYTES = 64 << 20 }; /* so much later it is on the disk, as a rule */

int hb_publication_cannot_write(struct hb_publication *publication, int error_number)
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

int hb_publication_store_failed(struct hb_publication *publication)
{
    struct hb_error *error = &publication->error;
    HB_AUTO_FREE char *what = hb_text("%s%s", publication->destination->path,
                                      publication->spooled ? ": cannot be written" : "");
    hb_store_error(publication->upload.store, HB_STATUS_FATAL, what, error);
    if (!publication->spooled)
        hb_error_space(error, publication->local.error, ", or choose another place with -o");
    return HB_STATUS_FATAL;
}

/* How many of the next bytes the copy gets. */
static size_t bytes_to_spool(const struct hb_publication *publication, size_t bytes)
{
    uint64_t at = publication->flushed;
    if (publication->only_ends && publication->seal != NULL)
        return 0; /* whole blocks go there: publish_sealed.c */
    if (!publication->only_ends || at >= publication->end_at)
        return bytes;
    if (at >= HB_PUBLICATION_START)
        return 0;
    return bytes < HB_PUBLICATION_START - at ? bytes : (size_t)(HB_PUBLICATION_START - at);
}

int hb_publication_spool(struct hb_publication *publication, const void *data, size_t bytes,
                         uint64_t offset)
{
    int result = hb_write_all_at(publication->fd, data, bytes, offset);
    if (result == 0)
        return HB_OK;
    hb_error_set(&publication->error, HB_STATUS_FATAL, "%s: cannot be written: %s",
                 publication->stage->path, strerror(-result));
    hb_error_hint(
        &publication->error,
        "set backup.stage-dir to a directory with room for the archive, or for its index");
    return HB_STATUS_FATAL;
}

static int put_out(struct hb_publication *publication, const unsigned char *data, size_t bytes)
{
    if (publication->destination->stream) {
        int result = hb_write_all(publication->fd, data, bytes);
        return result == 0 ? HB_OK : hb_publication_cannot_write(publication, -result);
    }
    if (hb_upload_write(&publication->upload, data, bytes) != HB_OK)
        return hb_publication_store_failed(publication);
    return publication->spooled
               ? hb_publication_spool(publication, data, bytes_to_spool(publication, bytes),
                                      publication->flushed)
               : HB_OK;
}

void hb_publication_write_back(struct hb_publication *publication)
{
    sync_file_range(publication->fd, (off_t)publication->started,
                    (off_t)(publication->flushed - publication->started), SYNC_FILE_RANGE_WRITE);
    publication->started = publication->flushed;
}

void hb_publication_went_out(struct hb_publication *publication, uint64_t bytes)
{
    publication->flushed += bytes;
    if (publication->stage != NULL)
        hb_stage_refresh(publication->stage);
    if (!publication->destination->stream && !publication->spooled &&
        publication->flushed - publication->started >= HB_WRITEBACK_BYTES) {
        hb_publication_write_back(publication);
        uncache(publication);
    }
}

int hb_publication_put(struct hb_publication *publication, const void *data, size_t bytes)
{
    int status = put_out(publication, data, bytes);
    if (status == HB_OK)
        hb_publication_went_out(publication, bytes);
    return status;
}

int hb_publication_cannot_read(struct hb_publication *publication, const char *why)
{
    return hb_error_set(&publication->error, HB_STATUS_FATAL,
                        "the previous archive cannot be read: %s", why);
}

int hb_publication_take_offer(struct hb_publication *publication, const struct hb_range *range)
{
    if (range != publication->offered)
        return hb_error_set(&publication->error, HB_STATUS_FATAL,
                            "the format plugin copies what it was not given to copy");
    publication->offered = NULL;
    return HB_OK;
}

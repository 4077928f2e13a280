/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/extract_output.h"

#include "base/memory.h"
#include "base/progress.h"
#include "files/io.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ZERO_BYTES = 1 << 16 };

static int fill_gap(int fd, uint64_t bytes)
{
    static const char zeros[ZERO_BYTES];
    int result = 0;
    for (; bytes > 0 && result == 0; bytes -= bytes < ZERO_BYTES ? bytes : ZERO_BYTES)
        result = hb_write_all(fd, zeros, bytes < ZERO_BYTES ? (size_t)bytes : ZERO_BYTES);
    return result;
}

static bool is_zero(const unsigned char *data, size_t bytes)
{
    return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

/*
 * The file is new, so that what is not written in it reads as zero bytes: blocks of them become
 * holes. Data may come in pieces that cut a block; each part of it is judged alone.
 */
static int write_sparse(struct hb_output_member *current, const unsigned char *data, size_t bytes,
                        uint64_t offset)
{
    size_t at = 0, from = 0; /* [from, at) is to be written */
    int result = 0;
    while (at < bytes && result == 0) {
        size_t left = ZERO_BYTES - (size_t)((offset + at) % ZERO_BYTES);
        size_t part = left < bytes - at ? left : bytes - at;
        bool whole = current->limit - (offset + at) >= left; /* else the file's last bytes */
        if (whole && is_zero(data + at, part)) {
            result = hb_write_all_at(current->fd, data + from, at - from, offset + from);
            if (at > from)
                current->written = offset + at;
            from = at + part;
        }
        at += part;
    }
    if (result == 0 && at > from) {
        result = hb_write_all_at(current->fd, data + from, at - from, offset + from);
        current->written = offset + at;
    }
    return result;
}

/* To a pipe, where gaps must be filled. */
static int write_onwards(const struct hb_output_member *current, const void *data, size_t bytes,
                         uint64_t offset)
{
    int result = offset > current->bytes ? fill_gap(current->fd, offset - current->bytes) : 0;
    return result == 0 ? hb_write_all(current->fd, data, bytes) : result;
}

static int cannot_write(struct hb_output_member *current, int error)
{
    const struct hb_archive *archive = current->request->archive;
    const struct hb_extract_request *request = current->request;
    if (request->unwritable != NULL &&
        request->unwritable(request->context, current->index, error)) {
        close(current->fd);
        current->fd = -1;
        return HB_OK;
    }
    current->cannot_go_on = true;
    hb_error_set(current->error, HB_STATUS_FATAL, "%s: cannot be written: %s",
                 hb_catalog_path(&archive->catalog, current->index), strerror(error));
    hb_error_space(current->error, error, " and try again; nothing was changed");
    return HB_STATUS_FATAL;
}

int hb_output_begin(struct hb_output_member *current, size_t index, uint64_t limit)
{
    const struct hb_extract_request *request = current->request;
    current->index = index;
    current->bytes = current->written = 0;
    current->limit = limit;
    current->cannot_go_on = false;
    if (current->hashes)
        hb_content_begin(&current->hash, limit);
    current->fd = -1;
    if (current->only_checked)
        return HB_OK;
    current->fd = request->open(request->context, current->worker, index, current->error);
    current->cannot_go_on = current->fd < -1;
    return current->fd < -1 ? HB_STATUS_FATAL : HB_OK;
}

int hb_output_damaged(const struct hb_output_member *current, const char *format, ...)
{
    char why[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    hb_error_set(current->error, HB_STATUS_FATAL, "%s: damaged: %s",
                 hb_catalog_path(&current->request->archive->catalog, current->index), why);
    hb_error_set_why(current->error, why);
    return HB_STATUS_FATAL;
}

int hb_output_put(struct hb_output_member *current, const void *data, size_t bytes, uint64_t offset)
{
    const char *path = hb_catalog_path(&current->request->archive->catalog, current->index);
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || offset < current->bytes ||
        end > current->limit)
        return hb_output_damaged(current, "it has more data than the archive says");
    if (data == NULL && bytes > 0)
        return hb_output_damaged(current, "the format plugin gives no data");
    if (current->hashes) {
        hb_content_put_zeros(&current->hash, offset - current->bytes);
        hb_content_put(&current->hash, data, bytes);
    }
    int result = 0;
    if (current->fd >= 0)
        result = current->request->sequential ? write_onwards(current, data, bytes, offset)
                                              : write_sparse(current, data, bytes, offset);
    if (result == 0 && !current->only_checked)
        hb_progress_add(current->request->archive->run->progress, path, 0, end - current->bytes);
    current->bytes = end;
    return result == 0 ? HB_OK : cannot_write(current, -result);
}

void hb_output_drop(struct hb_output_member *current)
{
    if (current->fd >= 0)
        close(current->fd);
    current->fd = -1;
    current->index = SIZE_MAX;
}

void hb_output_clear(struct hb_output_member *current)
{
    hb_output_drop(current);
    hb_content_clear(&current->hash);
}

int hb_output_differs(const struct hb_output_member *current)
{
    return hb_output_damaged(current, "its content is not what was stored");
}

int hb_output_compare(struct hb_output_member *current, uint64_t bytes)
{
    uint64_t stored;
    if (!current->hashes)
        return HB_OK;
    hb_content_put_zeros(&current->hash, bytes - current->bytes);
    uint64_t found = hb_content_end(&current->hash);
    return !hb_trailer_content(&current->request->archive->trailer, current->index, &stored) ||
                   found == stored
               ? HB_OK
               : hb_output_differs(current);
}

int hb_output_end(struct hb_output_member *current, uint64_t bytes)
{
    const struct hb_extract_request *request = current->request;
    int result = 0;
    if (current->only_checked) {
        hb_output_drop(current);
        return HB_OK;
    }
    if (current->fd >= 0 && request->sequential && bytes > current->bytes)
        result = fill_gap(current->fd, bytes - current->bytes);
    else if (current->fd >= 0 && !request->sequential && bytes > current->written &&
             ftruncate(current->fd, (off_t)bytes) != 0)
        result = -errno;
    int status = result == 0 ? HB_OK : cannot_write(current, -result);
    if (status == HB_OK)
        status = request->done(request->context, current->worker, current->index, current->fd,
                               bytes, current->error);
    current->cannot_go_on = status < 0;
    hb_progress_add(request->archive->run->progress,
                    hb_catalog_path(&request->archive->catalog, current->index), 1,
                    bytes > current->bytes ? bytes - current->bytes : 0);
    hb_output_drop(current);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/extract_output.h"

#include "base/memory.h"
#include "base/progress.h"
#include "files/io.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ZERO_BYTES = 1 << 16,
    BEHIND_BYTES = 8 << 20 /* the data of larger members is taken by a thread of its own */
};

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
                         uint64_t offset, uint64_t before)
{
    int result = offset > before ? fill_gap(current->fd, offset - before) : 0;
    return result == 0 ? hb_write_all(current->fd, data, bytes) : result;
}

/* What is done with each piece. Any thread, one at a time. */
static int take_piece(void *context, const void *data, size_t bytes, uint64_t offset,
                      uint64_t before, bool failed)
{
    struct hb_output_member *current = context;
    if (current->hashes) {
        hb_content_put_zeros(&current->hash, offset - before);
        hb_content_put(&current->hash, data, bytes);
    }
    if (failed || current->fd < 0)
        return 0;
    return current->request->sequential ? write_onwards(current, data, bytes, offset, before)
                                        : write_sparse(current, data, bytes, offset);
}

static void begin_behind(struct hb_output_member *current)
{
    bool large = current->limit >= BEHIND_BYTES && current->limit != HB_SIZE_UNKNOWN;
    bool works = current->fd >= 0 || current->hashes;
    current->failure = 0;
    if (large && works && current->request->workers > 1)
        current->behind = hb_write_behind_begin(take_piece, current);
}

/* All that came has been taken. */
static void settle(struct hb_output_member *current)
{
    int failure = hb_write_behind_end(current->behind);
    if (current->failure == 0)
        current->failure = failure;
    current->behind = NULL;
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
    current->fd = current->only_checked
                      ? -1
                      : request->open(request->context, current->worker, index, current->error);
    current->cannot_go_on = current->fd < -1;
    if (current->fd < -1)
        return HB_STATUS_FATAL;
    begin_behind(current);
    return HB_OK;
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
    int result = current->behind == NULL
                     ? take_piece(current, data, bytes, offset, current->bytes, false)
                     : hb_write_behind_put(current->behind, data, bytes, offset, current->bytes);
    if (result != 0) {
        settle(current);
        current->failure = 0; /* told below */
    }
    if (result == 0 && !current->only_checked)
        hb_progress_add(current->request->archive->run->progress, path, 0, end - current->bytes);
    current->bytes = end;
    return result == 0 ? HB_OK : cannot_write(current, -result);
}

void hb_output_drop(struct hb_output_member *current)
{
    settle(current);
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
    settle(current);
    if (!current->hashes)
        return HB_OK;
    hb_content_put_zeros(&current->hash, bytes - current->bytes);
    uint64_t found = hb_content_end(&current->hash);
    return !hb_trailer_content(&current->request->archive->trailer, current->index, &stored) ||
                   found == stored
               ? HB_OK
               : hb_output_differs(current);
}

/* What is left of it is a gap. 0 or -errno. */
static int end_file(struct hb_output_member *current, uint64_t bytes)
{
    settle(current);
    if (current->failure != 0 || current->fd < 0)
        return current->failure;
    if (current->request->sequential)
        return bytes > current->bytes ? fill_gap(current->fd, bytes - current->bytes) : 0;
    return bytes > current->written && ftruncate(current->fd, (off_t)bytes) != 0 ? -errno : 0;
}

int hb_output_end(struct hb_output_member *current, uint64_t bytes)
{
    const struct hb_extract_request *request = current->request;
    if (current->only_checked) {
        hb_output_drop(current);
        return HB_OK;
    }
    int result = end_file(current, bytes);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive_input.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/url.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/stream.h"
#include "files/system_kind.h"
#include "host/failure.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { HEAD_BYTES = 4096, SPOOL_BYTES = 1 << 20, TAIL_BYTES = 128 << 10 };

/* What a read gave, or the reason for the plugin, and HB_STATUS_FATAL. */
static int64_t explained(struct hb_archive *archive, int64_t got)
{
    if (got >= 0)
        return got;
    archive->untold = true;
    hb_run_explain(archive->run, "cannot be read: %s", strerror((int)-got));
    return HB_STATUS_FATAL;
}

/* Keeps the last bytes of a stream. */
static void keep_tail(struct hb_archive *archive, const unsigned char *data, uint64_t bytes)
{
    if (archive->tail == NULL)
        archive->tail = hb_alloc(TAIL_BYTES);
    if (bytes > TAIL_BYTES) {
        data += bytes - TAIL_BYTES;
        archive->position += bytes - TAIL_BYTES;
        bytes = TAIL_BYTES;
    }
    size_t at = (size_t)(archive->position % TAIL_BYTES), first = TAIL_BYTES - at;
    if (first > bytes)
        first = (size_t)bytes;
    memcpy(archive->tail + at, data, first);
    memcpy(archive->tail, data + first, (size_t)bytes - first);
    archive->position += bytes;
}

static int64_t read_stream(struct hb_archive *archive, void *buffer, size_t bytes)
{
    if (archive->head_used < archive->head_bytes) {
        size_t left = archive->head_bytes - archive->head_used;
        size_t take = bytes < left ? bytes : left;
        memcpy(buffer, archive->head + archive->head_used, take);
        archive->head_used += take;
        return (int64_t)take;
    }
    return explained(archive, hb_read_some(archive->fd, buffer, bytes));
}

static int64_t input_read(const struct hb_input *input, void *buffer, size_t bytes)
{
    struct hb_archive *archive = input->self;
    int64_t got = archive->stream ? read_stream(archive, buffer, bytes)
                                  : input->read_at(input, buffer, bytes, archive->position);
    if (got > 0 && archive->stream)
        keep_tail(archive, buffer, (uint64_t)got);
    else if (got > 0)
        archive->position += (uint64_t)got;
    return got;
}

/* Where a read takes a round trip, start and end were read before anybody asked. */
static bool is_kept(const struct hb_archive *archive, void *buffer, size_t bytes, uint64_t offset)
{
    const unsigned char *head = archive->opener == NULL ? archive->head : archive->sealed_head;
    size_t there = archive->opener == NULL ? archive->head_bytes : archive->sealed_head_bytes;
    if (archive->end.data == NULL)
        return false;
    if (offset >= there || bytes > there - offset)
        return hb_input_end_give(&archive->end, buffer, bytes, offset);
    memcpy(buffer, head + offset, bytes);
    return true;
}

static int64_t input_read_at(const struct hb_input *input, void *buffer, size_t bytes,
                             uint64_t offset)
{
    struct hb_archive *archive = input->self;
    if (offset > INT64_MAX - bytes)
        return 0;
    if (is_kept(archive, buffer, bytes, offset))
        return (int64_t)bytes;
    if (archive->opened.store != NULL) {
        int64_t got = archive->blocks != NULL
                          ? hb_blocks_read_at(archive->blocks, buffer, bytes, offset)
                          : hb_opened_read_at(&archive->opened, buffer, bytes, offset);
        if (got < 0)
            archive->untold = true;
        return got;
    }
    return explained(archive, hb_read_all_at(archive->fd, buffer, bytes, offset));
}

static int64_t passed_read_at(const struct hb_input *input, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct hb_archive *archive = input->self;
    if (offset >= input->bytes)
        return 0;
    if (bytes > input->bytes - offset)
        bytes = (size_t)(input->bytes - offset);
    if (offset < archive->head_bytes && bytes <= archive->head_bytes - offset) {
        memcpy(buffer, archive->head + offset, bytes);
        return (int64_t)bytes;
    }
    if (input->bytes - offset > TAIL_BYTES)
        return HB_STATUS_FATAL;
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)buffer)[i] = archive->tail[(offset + i) % TAIL_BYTES];
    return (int64_t)bytes;
}

struct hb_input hb_archive_input_passed(struct hb_archive *archive)
{
    return (struct hb_input){
        .size = sizeof(struct hb_input),
        .self = archive,
        .bytes = archive->position,
        .read = input_read,
        .read_at = passed_read_at,
    };
}

static void make_input(struct hb_archive *archive, uint64_t bytes)
{
    archive->input = (struct hb_input){
        .size = sizeof archive->input,
        .self = archive,
        .bytes = archive->stream ? HB_SIZE_UNKNOWN : bytes,
        .read = input_read,
        .read_at = archive->stream ? NULL : input_read_at,
    };
}

/* If it cannot be read now, whoever asks for these bytes says so. */
static void read_end(struct hb_archive *archive)
{
    bool untold = archive->untold;
    hb_input_end_read(&archive->end, &archive->input);
    archive->untold = untold;
}

/* The start of an object. Its length is known, so that one read is enough. */
static int read_head_of_object(struct hb_archive *archive, struct hb_error *error)
{
    int64_t got = hb_opened_read_at(&archive->opened, archive->head, HEAD_BYTES, 0);
    archive->untold |= got < 0;
    if (hb_interrupt_signal() != 0)
        return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    if (got < 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be read: %s", archive->shown,
                            hb_store_failure(archive->opened.store));
    archive->head_bytes = (size_t)got;
    return HB_OK;
}

static int take_head(struct hb_archive *archive, struct hb_error *error)
{
    archive->no_archive = archive->head_bytes == 0;
    if (archive->no_archive)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: not an archive: the file is empty",
                            archive->shown);
    return HB_OK;
}

static int read_head(struct hb_archive *archive, struct hb_error *error)
{
    archive->head = hb_alloc(HEAD_BYTES);
    int64_t got = archive->stream ? hb_read_all(archive->fd, archive->head, HEAD_BYTES)
                                  : hb_read_all_at(archive->fd, archive->head, HEAD_BYTES, 0);
    archive->untold |= got < 0;
    if (got < 0)
        return hb_interrupt_signal() != 0
                   ? hb_error_set(error, HB_STATUS_CANCELLED, "interrupted")
                   : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be read: %s", archive->shown,
                                  strerror((int)-got));
    archive->head_bytes = (size_t)got;
    return take_head(archive, error);
}

/* What a URL names. */
static int open_object(struct hb_archive *archive, struct hb_error *error)
{
    int status = hb_store_open(archive->run, archive->path, NULL, &archive->opened, error);
    archive->untold = status != HB_OK;
    if (status != HB_OK)
        return status == HB_STATUS_NOMATCH ? HB_STATUS_FATAL : status;
    make_input(archive, archive->opened.object.bytes);
    archive->head = hb_alloc(HEAD_BYTES);
    status = read_head_of_object(archive, error);
    if (status == HB_OK)
        status = take_head(archive, error);
    if (status == HB_OK) {
        read_end(archive);
        archive->blocks = hb_blocks_make(&archive->opened);
    }
    return status;
}

int hb_archive_input_open(struct hb_archive *archive, struct hb_error *error)
{
    int fd;
    if (hb_url_scheme(archive->path) > 0)
        return open_object(archive, error);
    if (strcmp(archive->path, "-") == 0) {
        archive->shown = "standard input";
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        fd = fd < 0 ? -errno : fd;
    } else if (!archive->only_file && hb_stream_is_of_another(archive->path)) {
        fd = -HB_STREAM_OF_ANOTHER;
    } else {
        fd = hb_open_followed(archive->path, archive->only_file ? O_NONBLOCK : 0);
    }
    if (fd < 0)
        errno = -fd;
    archive->fd = fd < 0 ? -1 : fd;
    return hb_archive_input_take(archive, error);
}

int hb_archive_input_take(struct hb_archive *archive, struct hb_error *error)
{
    struct stat status = {0};
    archive->untold = archive->fd < 0 || fstat(archive->fd, &status) != 0;
    if (archive->untold)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be opened: %s", archive->shown,
                            hb_stream_explain(errno));
    archive->untold = archive->only_file && !S_ISREG(status.st_mode);
    if (archive->untold)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: no longer a regular file", archive->shown);
    if (S_ISDIR(status.st_mode))
        return hb_error_set(error, HB_STATUS_FATAL, "%s: not an archive: this is a directory",
                            archive->shown);
    archive->stream = !S_ISREG(status.st_mode) ||
                      (strcmp(archive->path, "-") == 0 && lseek(archive->fd, 0, SEEK_CUR) != 0);
    make_input(archive, (uint64_t)status.st_size);
    int result = read_head(archive, error);
    if (result == HB_OK && !archive->stream && hb_is_shared(archive->fd))
        read_end(archive);
    return result;
}

/* Copies a stream into the stage, so that it can be read anywhere. */
int hb_archive_input_spool(struct hb_archive *archive, struct hb_error *error)
{
    char *name = NULL;
    int fd = hb_stage_file(&archive->run->stage, "spool", &name, error);
    if (fd < 0)
        return HB_STATUS_FATAL;
    hb_stage_unlink(&archive->run->stage, name);
    free(name);
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(SPOOL_BYTES);
    uint64_t total = 0;
    for (;;) {
        int64_t got = input_read(&archive->input, buffer, SPOOL_BYTES);
        if (got < 0 || hb_run_cancelled(archive->run)) {
            close(fd);
            return hb_run_cancelled(archive->run)
                       ? hb_error_set(error, HB_STATUS_CANCELLED, "interrupted")
                       : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be read: %s",
                                      archive->shown, strerror(errno));
        }
        if (got == 0)
            break;
        int result = hb_write_all(fd, buffer, (size_t)got);
        if (result != 0) {
            close(fd);
            return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be copied to %s: %s",
                                archive->shown, archive->run->stage.path, strerror(-result));
        }
        total += (uint64_t)got;
    }
    close(archive->fd);
    archive->fd = fd;
    archive->stream = false;
    archive->position = 0;
    make_input(archive, total);
    return HB_OK;
}

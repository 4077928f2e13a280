/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/publish.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "host/run.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    BUFFER_BYTES = 1 << 20,
    COPY_BYTES = 1 << 16,
    WRITEBACK_BYTES = 16 << 20, /* so much is handed to the disk at a time, so that the flush at the
                                   end is short */
    LAG_BYTES = 64 << 20,       /* so much later it is there, as a rule */
    KEPT_OF_MEMORY = 16,        /* this part of it may be filled with the archive */
    MAXIMUM_LINKS = 40
};

/* ---- where to ------------------------------------------------------------------------------ */

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), suffix_length = strlen(suffix);
    return length > suffix_length && strcasecmp(name + length - suffix_length, suffix) == 0;
}

static char *with_suffix(char *path, const char *const *suffixes)
{
    const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    for (const char *const *suffix = suffixes; *suffix != NULL; suffix++)
        if (ends_with(name, *suffix))
            return path;
    char *longer = hb_format("%s%s", path, suffixes[0] == NULL ? "" : suffixes[0]);
    free(path);
    return longer;
}

/* Follows links of the last component, also of one that points nowhere yet. */
static char *follow_links(char *path, struct hb_error *error)
{
    for (int links = 0; links < MAXIMUM_LINKS; links++) {
        char target[PATH_MAX];
        ssize_t bytes = readlink(path, target, sizeof target - 1);
        if (bytes < 0)
            return path;
        target[bytes] = '\0';
        char *slash = strrchr(path, '/');
        char *next = *target == '/' || slash == NULL
                         ? hb_copy_text(target)
                         : hb_format("%.*s/%s", (int)(slash - path), path, target);
        free(path);
        path = next;
    }
    hb_error_set(error, HB_FATAL, "%s: too many symbolic links", path);
    free(path);
    return NULL;
}

/* A stream: what is there takes bytes and has no content to be replaced. */
static bool is_stream(const struct stat *status)
{
    return S_ISFIFO(status->st_mode) || S_ISCHR(status->st_mode);
}

static int look_at_destination(struct hb_destination *destination, struct hb_error *error)
{
    const char *path = destination->path;
    destination->exists = stat(path, &destination->status) == 0;
    if (!destination->exists)
        return HB_OK;
    if (is_stream(&destination->status)) {
        destination->stream = true;
        return HB_OK;
    }
    if (!S_ISREG(destination->status.st_mode)) {
        hb_error_set(error, HB_FATAL, "%s: is no regular file", path);
        hb_error_hint(error, "choose another name with -o");
        return HB_FATAL;
    }
    return HB_OK;
}

int hb_destination_find(const char *path, const char *default_name, const char *const *suffixes,
                        struct hb_destination *destination, struct hb_error *error)
{
    struct stat status;
    *destination = (struct hb_destination){.fd = -1};
    if (strcmp(path, "-") == 0) {
        destination->stream = true;
        destination->path = hb_copy_text(path);
        return HB_OK;
    }
    char *full = hb_expand_tilde(path);
    bool there = stat(full, &status) == 0;
    size_t length = strlen(full);
    if ((there && S_ISDIR(status.st_mode)) || (length > 0 && full[length - 1] == '/')) {
        char *inside = hb_format("%s%s%s", full, length > 0 && full[length - 1] == '/' ? "" : "/",
                                 default_name);
        free(full);
        full = inside;
        destination->unique = true;
    } else if (!there || !is_stream(&status)) {
        full = with_suffix(full, suffixes);
    } else {
        destination->path = full; /* as it was given: its links may be of a kind that only opens */
        destination->stream = true;
        return HB_OK;
    }
    full = follow_links(full, error);
    if (full == NULL)
        return HB_FATAL;
    destination->path = full;
    return look_at_destination(destination, error);
}

int hb_destination_prepare(struct hb_destination *destination, struct hb_error *error)
{
    if (destination->stream) {
        if (strcmp(destination->path, "-") == 0)
            return HB_OK;
        destination->fd = open(destination->path, O_WRONLY | O_CLOEXEC);
        if (destination->fd < 0)
            return hb_error_set(error, HB_FATAL, "%s: cannot be opened: %s", destination->path,
                                strerror(errno));
        return HB_OK;
    }
    char *slash = strrchr(destination->path, '/');
    HB_AUTO_FREE char *parent =
        slash == NULL
            ? hb_copy_text(".")
            : hb_copy_bytes(destination->path,
                            slash == destination->path ? 1 : (size_t)(slash - destination->path));
    int result = hb_make_directories(parent);
    char *real = result == 0 ? realpath(parent, NULL) : NULL;
    if (real == NULL)
        return hb_error_set(error, HB_FATAL, "%s: the directory cannot be made: %s", parent,
                            strerror(result != 0 ? -result : errno));
    destination->directory = real;
    destination->name = hb_copy_text(slash == NULL ? destination->path : slash + 1);
    char *path = hb_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, destination->name);
    free(destination->path);
    destination->path = path;
    return look_at_destination(destination, error);
}

void hb_destination_clear(struct hb_destination *destination)
{
    if (destination->fd >= 0)
        close(destination->fd);
    free(destination->path);
    free(destination->directory);
    free(destination->name);
    *destination = (struct hb_destination){.fd = -1};
}

/* ---- the sink ------------------------------------------------------------------------------ */

static int cannot_write(struct hb_publication *publication, int error_number)
{
    struct hb_error *error = &publication->error;
    const char *path = publication->destination->path;
    if (strcmp(path, "-") == 0)
        path = "standard output";
    hb_error_set(error, HB_FATAL, "%s: cannot be written: %s", path, strerror(error_number));
    hb_error_space(error, error_number, ", or choose another place with -o");
    return HB_FATAL;
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

static int write_out(struct hb_publication *publication, const unsigned char *data, size_t bytes)
{
    int result = hb_write_all(publication->fd, data, bytes);
    if (result != 0)
        return cannot_write(publication, -result);
    publication->flushed += bytes;
    if (!publication->destination->stream &&
        publication->flushed - publication->started >= WRITEBACK_BYTES) {
        sync_file_range(publication->fd, (off_t)publication->started,
                        (off_t)(publication->flushed - publication->started),
                        SYNC_FILE_RANGE_WRITE);
        publication->started = publication->flushed;
        uncache(publication);
    }
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

static int sink_write_range(const struct hb_sink *sink, int fd, uint64_t offset, uint64_t bytes)
{
    struct hb_publication *publication = sink->self;
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(COPY_BYTES);
    while (bytes > 0) {
        size_t want = bytes < COPY_BYTES ? (size_t)bytes : COPY_BYTES;
        int64_t got = hb_read_all_at(fd, buffer, want, offset);
        if (got <= 0)
            return hb_error_set(&publication->error, HB_FATAL,
                                "a range of another file cannot be read: %s",
                                got == 0 ? "it ends too early" : strerror((int)-got));
        int status = sink_write(sink, buffer, (size_t)got);
        if (status != HB_OK)
            return status;
        offset += (uint64_t)got;
        bytes -= (uint64_t)got;
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
        return hb_error_set(&publication->error, HB_FATAL, "a patch lies beyond what was written");
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

/* ---- begin, commit, end
 * --------------------------------------------------------------------------- */

int hb_publication_begin(struct hb_destination *destination, struct hb_stage *stage,
                         struct hb_publication *publication, struct hb_error *error)
{
    *publication = (struct hb_publication){.destination = destination, .fd = -1};
    publication->sink = (struct hb_sink){
        .size = sizeof publication->sink,
        .self = publication,
        .write = sink_write,
        .write_range = sink_write_range,
        .tell = sink_tell,
        .patch = destination->stream ? NULL : sink_patch,
    };
    publication->buffer = hb_alloc(BUFFER_BYTES);
    if (destination->stream) {
        publication->fd = destination->fd >= 0 ? destination->fd : STDOUT_FILENO;
        return HB_OK;
    }
    publication->stage = stage;
    publication->cached =
        (uint64_t)sysconf(_SC_PHYS_PAGES) / KEPT_OF_MEMORY * (uint64_t)sysconf(_SC_PAGESIZE);
    publication->fd = hb_stage_file(stage, "archive", &publication->staged, error);
    return publication->fd < 0 ? HB_FATAL : HB_OK;
}

/* PREFIX-TIME.suffix becomes PREFIX-TIME-2.suffix, and so on. */
static void number_name(struct hb_destination *destination, const char *name, unsigned number)
{
    const char *dash = strrchr(name, '-');
    size_t stem =
        strcspn(dash == NULL ? name : dash, ".") + (dash == NULL ? 0 : (size_t)(dash - name));
    free(destination->name);
    free(destination->path);
    destination->name = hb_format("%.*s-%u%s", (int)stem, name, number, name + stem);
    destination->path =
        hb_format("%s/%s", strcmp(destination->directory, "/") == 0 ? "" : destination->directory,
                  destination->name);
}

/* For a file system that does not know RENAME_NOREPLACE: looks first. Returns the flags to go on
 * with. */
static unsigned find_free_name(struct hb_publication *publication, const char *name)
{
    struct hb_destination *destination = publication->destination;
    for (unsigned number = 2; faccessat(publication->stage->parent_fd, destination->name, F_OK,
                                        AT_SYMLINK_NOFOLLOW) == 0;
         number++)
        number_name(destination, name, number);
    return 0;
}

static int give_name(struct hb_publication *publication)
{
    struct hb_destination *destination = publication->destination;
    HB_AUTO_FREE char *name = hb_copy_text(destination->name);
    unsigned flags = destination->unique ? RENAME_NOREPLACE : 0;
    for (unsigned number = 2; number < 10000; number++) {
        if (renameat2(publication->stage->fd, publication->staged, publication->stage->parent_fd,
                      destination->name, flags) == 0)
            return 0;
        if (errno == EEXIST)
            number_name(destination, name, number);
        else if (errno == EINVAL && flags != 0)
            flags = find_free_name(publication, name);
        else
            return -1;
    }
    return -1;
}

int hb_publication_commit(struct hb_publication *publication, struct hb_error *error)
{
    struct hb_destination *destination = publication->destination;
    if (flush_buffer(publication) != HB_OK) {
        *error = publication->error;
        return HB_FATAL;
    }
    if (destination->stream)
        return HB_OK;
    struct stat status;
    if (fstat(publication->fd, &status) != 0 || (uint64_t)status.st_size != publication->flushed)
        return hb_error_set(error, HB_FATAL,
                            "%s: the staged archive is not as long as it should be",
                            destination->path);
    if (fsync(publication->fd) != 0) {
        cannot_write(publication, errno);
        *error = publication->error;
        return HB_FATAL;
    }
    if (give_name(publication) != 0)
        return hb_error_set(error, HB_FATAL, "%s: cannot be given its name: %s", destination->path,
                            strerror(errno));
    free(publication->staged);
    publication->staged = NULL;
    /* EINVAL: a file system that flushes no directories. */
    if (fsync(publication->stage->parent_fd) != 0 && errno != EINVAL)
        return hb_error_set(
            error, HB_FATAL,
            "%s: the archive is there, but its directory cannot be flushed to disk: %s",
            destination->path, strerror(errno));
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

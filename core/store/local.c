/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/listing.h"
#include "host/failure.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void hb_local_version(const struct stat *status, char version[HB_VERSION_BYTES])
{
    snprintf(version, HB_VERSION_BYTES, "%llx-%llx-%llx-%llx.%lx-%llx.%lx",
             (unsigned long long)status->st_dev, (unsigned long long)status->st_ino,
             (unsigned long long)status->st_size, (unsigned long long)status->st_mtim.tv_sec,
             (unsigned long)status->st_mtim.tv_nsec, (unsigned long long)status->st_ctim.tv_sec,
             (unsigned long)status->st_ctim.tv_nsec);
}

/* Why a call has failed. */
static int failed(struct hb_local *local, int error)
{
    local->error = error;
    hb_run_explain(local->store.run, "%s", hb_rights_explain(error));
    hb_failure_of(local->store.run)->cause = hb_cause_of(error);
    return HB_STATUS_FATAL;
}

/* The same where it is not clear what has failed. */
static int failed_to(struct hb_local *local, int error, const char *what)
{
    local->error = error;
    hb_run_explain(local->store.run, "%s: %s", what, strerror(error));
    hb_failure_of(local->store.run)->cause = hb_cause_of(error);
    return HB_STATUS_FATAL;
}

static int limits(void *self, const char *name, struct hb_store_limits *limits)
{
    const struct hb_local *local = self;
    long longest = fpathconf(local->fd, _PC_NAME_MAX);
    (void)name;
    limits->name_most = longest > 0 && longest < NAME_MAX ? (uint32_t)longest : NAME_MAX;
    limits->flags = HB_STORE_EXCLUSIVE | HB_STORE_LATE_NAME | HB_STORE_PATCH;
    return HB_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct upload {
    int fd;
    char *staged; /* name in the stage */
};

int hb_local_file(const void *upload)
{
    return ((const struct upload *)upload)->fd;
}

static int put_begin(void *self, const struct hb_put *put, void **upload)
{
    struct hb_local *local = self;
    struct hb_error error;
    struct upload begun;
    (void)put;
    begun.fd = hb_stage_file(local->stage, "archive", &begun.staged, &error);
    if (begun.fd < 0) {
        local->error = 0;
        hb_run_explain(local->store.run, "%s", error.text);
        return HB_STATUS_FATAL;
    }
    *upload = hb_alloc(sizeof begun);
    memcpy(*upload, &begun, sizeof begun);
    return HB_OK;
}

/* They come in order, so that the file's own position is the offset. */
static int put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    (void)number;
    (void)offset;
    int result = hb_write_all(hb_local_file(upload), data, bytes);
    return result == 0 ? HB_OK : failed_to(self, -result, "cannot be written");
}

static int put_patch(void *self, void *upload, uint64_t offset, const void *data, size_t bytes)
{
    int result = hb_write_all_at(hb_local_file(upload), data, bytes, offset);
    return result == 0 ? HB_OK : failed_to(self, -result, "cannot be written");
}

/* Is something of that name there? For a file system that does not know RENAME_NOREPLACE. */
static int look_first(const struct hb_local *local, const char *name)
{
    if (faccessat(local->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return errno == ENOENT ? 0 : EINVAL; /* it is unknown: nothing is replaced */
}

/* May whatever has the name go? Asked when nothing that takes its time is left to be done. */
static bool may_replace(const struct hb_local *local, const struct hb_put *put)
{
    return (put->flags & HB_PUT_NEW) == 0 &&
           (put->replaces == NULL || hb_local_still(local, put->name, put->replaces) == 0);
}

/* With the rights of the directory. 0 or an errno; EEXIST: the name is taken. */
static int give_name(const struct hb_local *local, const struct upload *upload,
                     const struct hb_put *put)
{
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &local->rights);
    if (begun != 0)
        return -begun;
    unsigned flags = may_replace(local, put) ? 0 : RENAME_NOREPLACE;
    if (renameat2(local->stage->fd, upload->staged, local->fd, put->name, flags) == 0)
        return 0;
    if (errno != EINVAL || flags == 0)
        return errno;
    int taken = look_first(local, put->name);
    if (taken != 0)
        return taken;
    return renameat2(local->stage->fd, upload->staged, local->fd, put->name, 0) == 0 ? 0 : errno;
}

static int put_commit(void *self, void *upload, const struct hb_put *put, uint64_t bytes)
{
    struct hb_local *local = self;
    struct upload *ready = upload;
    (void)bytes;
    if (fsync(ready->fd) != 0)
        return failed_to(local, errno, "cannot be written");
    int error = give_name(local, ready, put);
    if (error == EEXIST)
        return HB_STATUS_NOMATCH;
    if (error != 0)
        return failed_to(local, error, "cannot be given its name");
    free(ready->staged);
    ready->staged = NULL;
    int result = hb_flush_directory(local->fd);
    if (result == 0)
        return HB_OK;
    failed_to(local, -result,
              "the archive is in place, but its directory cannot be flushed to disk");
    return HB_STATUS_UNCERTAIN;
}

/* What was not committed goes with the stage. */
static void put_end(void *self, void *upload)
{
    struct upload *ended = upload;
    (void)self;
    close(ended->fd);
    free(ended->staged);
    free(ended);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    int fd;
    char version[HB_VERSION_BYTES];
    char *name;
};

static void close_reader(void *self, void *reader)
{
    struct reader *closed = reader;
    (void)self;
    if (closed->fd >= 0)
        close(closed->fd);
    free(closed->name);
    free(closed);
}

/* A FIFO of that name is not waited for. -errno; ENOENT: no regular file has the name. */
static int open_file(const struct hb_local *local, const char *name, struct stat *status)
{
    HB_AUTO_AS as = {.changed = false};
    int begun = hb_as_begin(&as, &local->rights);
    if (begun != 0)
        return begun;
    int fd = openat(local->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -ENOENT : -errno;
    int error = fstat(fd, status) != 0 ? errno : S_ISREG(status->st_mode) ? 0 : ENOENT;
    if (error == 0)
        return fd;
    close(fd);
    return -error;
}

static int open_object(void *self, const char *name, const char *version, void **reader,
                       struct hb_object *object)
{
    struct stat status = {0};
    int fd = open_file(self, name, &status);
    if (fd < 0 && fd != -ENOENT)
        return failed(self, -fd);
    struct reader *opened = hb_alloc(sizeof *opened);
    *opened = (struct reader){.fd = fd, .name = hb_copy_text(name)};
    hb_local_version(&status, opened->version);
    if (fd < 0 || (version != NULL && strcmp(version, opened->version) != 0)) {
        close_reader(self, opened);
        return HB_STATUS_NOMATCH;
    }
    *reader = opened;
    object->name = opened->name;
    object->version = opened->version;
    object->bytes = (uint64_t)status.st_size;
    object->written = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return HB_OK;
}

static int64_t read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset)
{
    const struct hb_local *local = self;
    int64_t got = hb_read_all_at(((const struct reader *)reader)->fd, buffer, bytes, offset);
    if (got < 0) /* not failed(): several threads may be here */
        hb_run_explain(local->store.run, "cannot be read: %s", strerror((int)-got));
    return got < 0 ? HB_STATUS_FATAL : got;
}

/* ---- listing and removing -------------------------------------------------------------------- */

struct listing {
    struct hb_local *local;
    const char *prefix;
    const struct hb_object_lister *lister;
    int ended; /* what the lister said */
};

/* What is there and cannot be examined is listed, too: nobody may take it for absent. */
static int on_name(void *context, const char *name)
{
    struct listing *listing = context;
    struct hb_local *local = listing->local;
    struct stat status;
    char version[HB_VERSION_BYTES] = "unknown";
    struct hb_object object = {.size = sizeof object, .name = name, .version = version};
    if (strncmp(name, listing->prefix, strlen(listing->prefix)) != 0)
        return 0;
    bool known = fstatat(local->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    local->error = errno;
    if (known ? !S_ISREG(status.st_mode) : local->error == ENOENT)
        return 0;
    if (known) {
        hb_local_version(&status, version);
        object.bytes = (uint64_t)status.st_size;
        object.written = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    }
    local->seen = known ? &status : NULL;
    listing->ended = listing->lister->object(listing->lister, &object);
    local->seen = NULL;
    return listing->ended;
}

static int list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    struct listing listing = {self, prefix, lister, 0};
    int result = hb_listing_each(listing.local->fd, on_name, &listing);
    if (result == 0 || listing.ended != 0)
        return result;
    return failed(self, -result);
}

int hb_local_still(const struct hb_local *local, const char *name, const char *version)
{
    struct stat status;
    char now[HB_VERSION_BYTES];
    if (fstatat(local->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    hb_local_version(&status, now);
    return strcmp(now, version) == 0 ? 0 : -ESTALE;
}

/* What goes is what the directory's owner could remove, and only what is still that version. */
static int remove_object(void *self, const char *name, const char *version)
{
    struct hb_local *local = self;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &local->rights);
    if (result == 0)
        result = hb_local_still(local, name, version);
    if (result == 0 && unlinkat(local->fd, name, 0) != 0)
        result = -errno;
    if (result == -ESTALE)
        return HB_STATUS_NOMATCH;
    return result == 0 ? HB_OK : failed(local, -result);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct hb_store_ops local_ops = {
    .size = sizeof local_ops,
    .limits = limits,
    .put_begin = put_begin,
    .put_part = put_part,
    .put_commit = put_commit,
    .put_end = put_end,
    .open = open_object,
    .read_at = read_at,
    .close = close_reader,
    .list = list,
    .remove = remove_object,
    .put_patch = put_patch,
};

void hb_local_make(struct hb_run *run, int fd, const struct hb_rights *rights,
                   struct hb_stage *stage, struct hb_local *local)
{
    *local = (struct hb_local){
        .store = {.ops = &local_ops, .self = local, .run = run},
        .fd = fd,
        .rights = *rights,
        .stage = stage,
    };
}

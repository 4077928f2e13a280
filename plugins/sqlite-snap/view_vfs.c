/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database that SQLite sees here cannot be written to, has no files beside it, and nobody else
 * to share it with. It says of itself that it is not in WAL mode (bytes 18 and 19 of a database in
 * WAL mode are 2): the log is in it already. SQLite is let to open it for writing all the same, as
 * it looks at some things only then; journals are to be in memory.
 */
#include "view_vfs.h"
#include "bulk_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "/hbcore-view/";

struct view_file {
    sqlite3_file base;
    const struct view_source *source;
    struct bulk_watch *watch;
};

static struct view_file *view_of(sqlite3_file *file)
{
    return (struct view_file *)(void *)file;
}

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static void hide_log(unsigned char *buffer, int bytes, sqlite3_int64 offset)
{
    for (sqlite3_int64 at = 18; at <= 19; at++)
        if (at >= offset && at < offset + bytes && buffer[at - offset] == 2)
            buffer[at - offset] = 1;
}

static int file_read(sqlite3_file *file, void *buffer, int bytes, sqlite3_int64 offset)
{
    const struct view_file *view = view_of(file);
    int result = SQLITE_OK;
    int64_t got = view->source->read(view->source, buffer, (size_t)bytes, (uint64_t)offset);
    if (got < 0)
        result = SQLITE_IOERR_READ;
    else if (got < bytes) {
        memset((char *)buffer + got, 0, (size_t)(bytes - got));
        result = SQLITE_IOERR_SHORT_READ;
    }
    hide_log(buffer, got < 0 ? 0 : (int)got, offset);
    if (view->watch != NULL) {
        if (result == SQLITE_IOERR_READ)
            view->watch->failure = result;
        view->watch->has_read(view->watch, bytes);
    }
    return result;
}

static int file_write(sqlite3_file *file, const void *buffer, int bytes, sqlite3_int64 offset)
{
    (void)file;
    (void)buffer;
    (void)bytes;
    (void)offset;
    return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    (void)file;
    (void)bytes;
    return SQLITE_READONLY;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    *bytes = (sqlite3_int64)view_of(file)->source->bytes;
    return SQLITE_OK;
}

/* Syncing, locking, unlocking: done. */
static int file_done(sqlite3_file *file, int what)
{
    (void)file;
    (void)what;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *held)
{
    (void)file;
    *held = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    if (what != BULK_CONTROL_WATCH)
        return SQLITE_NOTFOUND;
    view_of(file)->watch = argument;
    return SQLITE_OK;
}

static int file_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int file_traits(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_done,
    .xFileSize = file_size,
    .xLock = file_done,
    .xUnlock = file_done,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

/* The name is ours alone, and is the address of the source. */
static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    struct view_file *view = view_of(file);
    void *source = NULL;
    (void)self;
    *view = (struct view_file){.source = NULL};
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0 || name == NULL ||
        strncmp(name, prefix, sizeof prefix - 1) != 0 ||
        sscanf(name + sizeof prefix - 1, "%p", &source) != 1 || source == NULL)
        return SQLITE_CANTOPEN;
    view->source = source;
    view->base.pMethods = &methods;
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int flush)
{
    (void)self;
    (void)path;
    (void)flush;
    return SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *self, const char *path, int what, int *answer)
{
    (void)self;
    (void)path;
    (void)what;
    *answer = 0;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *self, const char *name, int bytes, char *out)
{
    (void)self;
    if (strlen(name) >= (size_t)bytes)
        return SQLITE_CANTOPEN;
    memcpy(out, name, strlen(name) + 1);
    return SQLITE_OK;
}

static sqlite3_vfs view_vfs;
static bool registered;

static void make_vfs(void)
{
    const sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    if (real == NULL)
        return;
    view_vfs = *real;
    view_vfs.pNext = NULL;
    view_vfs.zName = VIEW_VFS;
    view_vfs.szOsFile = (int)sizeof(struct view_file);
    view_vfs.xOpen = vfs_open;
    view_vfs.xDelete = vfs_delete;
    view_vfs.xAccess = vfs_access;
    view_vfs.xFullPathname = vfs_full_pathname;
    registered = sqlite3_vfs_register(&view_vfs, 0) == SQLITE_OK;
}

bool view_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return registered;
}

void view_vfs_name(const struct view_source *source, struct held *held)
{
    *held = (struct held){.directory_fd = -1, .pin = -1};
    held->status.st_size = (off_t)source->bytes;
    snprintf(held->path, sizeof held->path, "%s%p", prefix, (const void *)source);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFS for copies of whole databases: it gathers small writes, reads ahead, and notices failed
 * reads.
 */
#include "bulk_vfs.h"
#include "held_vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    BULK_BYTES = 64 << 10, /* SQLite's own VFS takes less than 128 KiB in one call */
    /* Of SQLITE_FCNTL_: those above 100 are free for a VFS. */
    CONTROL_READ_AHEAD = 0x68620001,
    CONTROL_FLUSH = 0x68620002
};

/* What SQLite gets for each file that it opens. */
struct bulk_file {
    sqlite3_file base;
    sqlite3_io_methods methods;
    sqlite3_file *real;
    bool database; /* no journal: pages are gathered and read ahead */

    unsigned char *gathered; /* not written yet: so many bytes from there on */
    int gathered_bytes;
    sqlite3_int64 gathered_at;
    int failure; /* of writing them: it lasts */

    struct bulk_watch *watch;

    unsigned char *ahead; /* where reading ahead is on */
    int ahead_bytes;
    sqlite3_int64 ahead_at, size, expected;
};

static struct bulk_file *bulk_of(sqlite3_file *file)
{
    return (struct bulk_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return bulk_of(file)->real;
}

/* ---- writing ------------------------------------------------------------------- */

static int flush(struct bulk_file *bulk)
{
    int bytes = bulk->gathered_bytes;
    bulk->gathered_bytes = 0;
    if (bulk->failure == SQLITE_OK && bytes > 0)
        bulk->failure =
            bulk->real->pMethods->xWrite(bulk->real, bulk->gathered, bytes, bulk->gathered_at);
    return bulk->failure;
}

static int file_write(sqlite3_file *file, const void *buffer, int bytes, sqlite3_int64 offset)
{
    struct bulk_file *bulk = bulk_of(file);
    if (bulk->watch != NULL)
        return SQLITE_READONLY;
    bulk->ahead_bytes = 0;
    if (bulk->database && bulk->gathered == NULL)
        bulk->gathered = malloc(BULK_BYTES);
    bool follows = offset == bulk->gathered_at + bulk->gathered_bytes &&
                   bytes <= BULK_BYTES - bulk->gathered_bytes;
    if (!follows) {
        int result = flush(bulk);
        if (result != SQLITE_OK)
            return result;
    }
    if (bulk->gathered == NULL || bytes > BULK_BYTES)
        return bulk->real->pMethods->xWrite(bulk->real, buffer, bytes, offset);
    if (bulk->gathered_bytes == 0)
        bulk->gathered_at = offset;
    memcpy(bulk->gathered + bulk->gathered_bytes, buffer, (size_t)bytes);
    bulk->gathered_bytes += bytes;
    return bulk->failure;
}

/* ---- reading ------------------------------------------------------------------- */

static void start_reading_ahead(struct bulk_file *bulk)
{
    if (bulk->ahead == NULL)
        bulk->ahead = malloc(BULK_BYTES);
    bulk->ahead_bytes = 0;
    if (bulk->ahead != NULL &&
        bulk->real->pMethods->xFileSize(bulk->real, &bulk->size) != SQLITE_OK) {
        free(bulk->ahead);
        bulk->ahead = NULL;
    }
}

/*
 * Are these bytes in the read-ahead buffer, or can it be filled with them now? Reading ahead pays
 * only for what is read in order.
 */
static bool is_kept(struct bulk_file *bulk, int bytes, sqlite3_int64 offset)
{
    if (offset >= bulk->ahead_at && offset + bytes <= bulk->ahead_at + bulk->ahead_bytes)
        return true;
    sqlite3_int64 there = bulk->size - offset;
    int want = there < BULK_BYTES ? (int)there : BULK_BYTES;
    if (offset != bulk->expected || there <= bytes)
        return false;
    bulk->ahead_at = offset;
    bulk->ahead_bytes = 0;
    if (bulk->real->pMethods->xRead(bulk->real, bulk->ahead, want, offset) != SQLITE_OK)
        return false;
    bulk->ahead_bytes = want;
    return want >= bytes;
}

static int file_read(sqlite3_file *file, void *buffer, int bytes, sqlite3_int64 offset)
{
    struct bulk_file *bulk = bulk_of(file);
    int result = flush(bulk);
    if (result != SQLITE_OK)
        return result;
    if (bulk->ahead != NULL && is_kept(bulk, bytes, offset))
        memcpy(buffer, bulk->ahead + (offset - bulk->ahead_at), (size_t)bytes);
    else
        result = bulk->real->pMethods->xRead(bulk->real, buffer, bytes, offset);
    bulk->expected = offset + bytes;
    if (bulk->watch != NULL) {
        if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ)
            bulk->watch->failure = result;
        bulk->watch->has_read(bulk->watch, bytes);
    }
    return result;
}

/* ---- what else there is to a file: as the default VFS does it, after what was gathered ---- */

static int file_close(sqlite3_file *file)
{
    struct bulk_file *bulk = bulk_of(file);
    int result = flush(bulk), closed = bulk->real->pMethods->xClose(bulk->real);
    free(bulk->gathered);
    free(bulk->ahead);
    free(bulk->real);
    return result == SQLITE_OK ? closed : result;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    if (bulk_of(file)->watch != NULL)
        return SQLITE_READONLY;
    int result = flush(bulk_of(file));
    bulk_of(file)->ahead_bytes = 0;
    return result == SQLITE_OK ? real_of(file)->pMethods->xTruncate(real_of(file), bytes) : result;
}

static int file_sync(sqlite3_file *file, int flags)
{
    int result = flush(bulk_of(file));
    return result == SQLITE_OK ? real_of(file)->pMethods->xSync(real_of(file), flags) : result;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    int result = flush(bulk_of(file));
    return result == SQLITE_OK ? real_of(file)->pMethods->xFileSize(real_of(file), bytes) : result;
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    int result = flush(bulk_of(file)), unlocked;
    unlocked = real_of(file)->pMethods->xUnlock(real_of(file), level);
    return result == SQLITE_OK ? unlocked : result;
}

static int file_check_reserved(sqlite3_file *file, int *held)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

/* SQLite announces its commits, too, by such a call. */
static int file_control(sqlite3_file *file, int what, void *argument)
{
    struct bulk_file *bulk = bulk_of(file);
    int result = flush(bulk);
    if (what == CONTROL_READ_AHEAD)
        start_reading_ahead(bulk);
    if (what == BULK_CONTROL_WATCH)
        bulk->watch = argument;
    if (result != SQLITE_OK || what == CONTROL_READ_AHEAD || what == CONTROL_FLUSH ||
        what == BULK_CONTROL_WATCH)
        return result;
    return bulk->real->pMethods->xFileControl(bulk->real, what, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend,
                        void volatile **address)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, bytes, extend, address);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete_it)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no memory maps */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the VFS ------------------------------------------------------------------- */

static sqlite3_vfs bulk_vfs;
static bool registered;

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    sqlite3_vfs *real = sqlite3_vfs_find(HELD_VFS);
    struct bulk_file *bulk = bulk_of(file);
    (void)self;
    *bulk = (struct bulk_file){.database = (flags & SQLITE_OPEN_MAIN_DB) != 0};
    bulk->real = real == NULL ? NULL : calloc(1, (size_t)real->szOsFile);
    if (bulk->real == NULL)
        return SQLITE_NOMEM;
    int result = real->xOpen(real, name, bulk->real, flags, out);
    if (bulk->real->pMethods == NULL) { /* then SQLite does not close it */
        free(bulk->real);
        return result;
    }
    bulk->methods = methods;
    if (bulk->real->pMethods->iVersion < bulk->methods.iVersion)
        bulk->methods.iVersion = bulk->real->pMethods->iVersion;
    bulk->base.pMethods = &bulk->methods;
    return result;
}

static void make_vfs(void)
{
    const sqlite3_vfs *real = held_vfs_register() ? sqlite3_vfs_find(HELD_VFS) : NULL;
    if (real == NULL)
        return;
    bulk_vfs = *real;
    bulk_vfs.pNext = NULL;
    bulk_vfs.zName = BULK_VFS;
    bulk_vfs.szOsFile = (int)sizeof(struct bulk_file);
    bulk_vfs.xOpen = vfs_open;
    registered = sqlite3_vfs_register(&bulk_vfs, 0) == SQLITE_OK;
}

bool bulk_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return registered;
}

int bulk_read_ahead(sqlite3 *db)
{
    return sqlite3_file_control(db, "main", CONTROL_READ_AHEAD, NULL);
}

int bulk_set_watch(sqlite3 *db, struct bulk_watch *watch)
{
    return sqlite3_file_control(db, "main", BULK_CONTROL_WATCH, watch);
}

int bulk_flush(sqlite3 *db)
{
    return sqlite3_file_control(db, "main", CONTROL_FLUSH, NULL);
}

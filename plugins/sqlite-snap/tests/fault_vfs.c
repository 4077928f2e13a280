/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sqlite3_vfs vfs;
static sqlite3_vfs *real;
static enum fault armed;
static long armed_at, points;

/* What SQLite gets; the real file follows it in memory. */
struct fault_file {
    sqlite3_file base;
    sqlite3_io_methods methods;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct fault_file *)(void *)file + 1);
}

/* At each point: true if the call is to fail. */
static bool fails(void)
{
    points++;
    if (points == armed_at && armed == FAULT_KILL)
        kill(getpid(), SIGKILL);
    return (armed == FAULT_ERROR && points == armed_at) ||
           (armed == FAULT_LASTING && points >= armed_at);
}

/* ---- files ----------------------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *buffer, int bytes, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), buffer, bytes, offset);
}

static int file_write(sqlite3_file *file, const void *buffer, int bytes, sqlite3_int64 offset)
{
    sqlite3_file *its = real_of(file);
    if (fails())
        return points % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (points == armed_at && armed == FAULT_TORN) {
        its->pMethods->xWrite(its, buffer, bytes / 2, offset);
        kill(getpid(), SIGKILL);
    }
    return its->pMethods->xWrite(its, buffer, bytes, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    return fails() ? SQLITE_IOERR_TRUNCATE
                   : real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return fails() || armed == FAULT_FLUSH ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), bytes);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_reserved(sqlite3_file *file, int *held)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
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
    if (extend != 0 && fails())
        return SQLITE_IOERR_SHMSIZE;
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
    .iVersion = 2,
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

/* ---- names ----------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    struct fault_file *its = (struct fault_file *)(void *)file;
    (void)self;
    its->base.pMethods = NULL;
    if ((flags & SQLITE_OPEN_CREATE) != 0 && fails())
        return SQLITE_CANTOPEN;
    int result = real->xOpen(real, name, real_of(file), flags, out);
    /* A file without shared memory (a journal) must not seem to have some. */
    its->methods = methods;
    if (result == SQLITE_OK && real_of(file)->pMethods->iVersion < 2)
        its->methods.iVersion = 1;
    if (real_of(file)->pMethods != NULL)
        its->base.pMethods = &its->methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *self, const char *name, int flush)
{
    (void)self;
    (void)flush;
    bool is_log = strcmp(name + strlen(name) - strlen("-wal"), "-wal") == 0;
    if (fails() || (armed == FAULT_LOG_STAYS && is_log))
        return SQLITE_IOERR_DELETE;
    return real->xDelete(real, name, 0);
}

void fault_vfs_install(void)
{
    real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.zName = "fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct fault_file) + real->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

void fault_vfs_arm(enum fault fault, long at)
{
    armed = fault;
    armed_at = at;
    points = 0;
}

long fault_vfs_points(void)
{
    return points;
}

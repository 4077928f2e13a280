/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of held_vfs.h with four calls of their own. SQLite's object is left as it is; only the
 * table of its calls is replaced by a copy that begins a structure of ours, which is how the
 * four find it again.
 *
 *   xShmMap   its result tells whether the index is shared memory at all
 *   xShmLock  a shared lock on a mark is the moment at which the view begins
 *
 * SQLite takes the header of the index, locks a mark, and compares the header again: if it has
 * changed, it lets go and starts over. So a header that is copied right after the lock is the one
 * that SQLite goes by, if the lock is still held when its first statement is done. The mark itself
 * is no use: with all marks taken SQLite locks an older one, and reads to the end of the log.
 *
 * Mark 0 ("the file alone") is refused as long as another one can be had: while it is held, each
 * commit of a program that checkpoints sorts the whole log in vain, and writers become slower by
 * half.
 */
#include "pin_vfs.h"
#include "held_vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CONTROL_PIN = 0x68620004, READ_LOCK = 3 /* of mark 0, as SQLite counts its locks */ };

struct pinned_file {
    sqlite3_io_methods methods; /* first: what SQLite's file points to */
    const sqlite3_io_methods *real;
    struct pin *pin;
};

static sqlite3_vfs pin_vfs, *real;
static bool registered;

static struct pinned_file *pinned_of(sqlite3_file *file)
{
    return (struct pinned_file *)(uintptr_t)file->pMethods;
}

static int file_close(sqlite3_file *file)
{
    struct pinned_file *pinned = pinned_of(file);
    file->pMethods = pinned->real;
    int result = pinned->real->xClose(file);
    free(pinned);
    return result;
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    struct pinned_file *pinned = pinned_of(file);
    if (what != CONTROL_PIN)
        return pinned->real->xFileControl(file, what, argument);
    pinned->pin = argument;
    return SQLITE_OK;
}

static int file_shm_map(sqlite3_file *file, int region, int bytes, int extend,
                        void volatile **address)
{
    struct pinned_file *pinned = pinned_of(file);
    int result = pinned->real->xShmMap(file, region, bytes, extend, address);
    if (pinned->pin != NULL && region == 0)
        pinned->pin->mapped = result;
    return result;
}

/* False: it cannot be read, then it will be found wrong. */
static bool copy_index(sqlite3_file *file, unsigned char out[INDEX_BYTES])
{
    enum { REGION = 32 * 1024 };
    void volatile *address = NULL;
    int result = pinned_of(file)->real->xShmMap(file, 0, REGION, 0, &address);
    if ((result != SQLITE_OK && result != SQLITE_READONLY) || address == NULL)
        return false;
    memcpy(out, (const void *)(uintptr_t)address, INDEX_BYTES);
    return true;
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    struct pinned_file *pinned = pinned_of(file);
    struct pin *pin = pinned->pin;
    bool of_a_mark = pin != NULL && offset >= READ_LOCK && (flags & SQLITE_SHM_SHARED) != 0;
    bool taken = of_a_mark && (flags & SQLITE_SHM_LOCK) != 0;
    if (taken && offset == READ_LOCK && pin->mapped == SQLITE_OK)
        return SQLITE_BUSY;
    int result = pinned->real->xShmLock(file, offset, count, flags);
    if (taken && result == SQLITE_OK) {
        pin->mark = offset - READ_LOCK;
        if (!copy_index(file, pin->index))
            memset(pin->index, 0, sizeof pin->index);
    } else if (of_a_mark && !taken && offset - READ_LOCK == pin->mark) {
        pin->mark = -1;
    }
    return result;
}

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    (void)self;
    held_vfs_alone((flags & SQLITE_OPEN_MAIN_DB) != 0); /* inode_guard.h */
    int result = real->xOpen(real, name, file, flags, out);
    held_vfs_alone(false);
    if (result != SQLITE_OK || file->pMethods == NULL || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return result;
    struct pinned_file *pinned = calloc(1, sizeof *pinned);
    if (pinned == NULL) {
        file->pMethods->xClose(file);
        file->pMethods = NULL;
        return SQLITE_NOMEM;
    }
    pinned->real = file->pMethods;
    pinned->methods = *file->pMethods;
    if (pinned->methods.iVersion > 2)
        pinned->methods.iVersion = 2; /* no memory maps */
    pinned->methods.xClose = file_close;
    pinned->methods.xFileControl = file_control;
    pinned->methods.xShmMap = file_shm_map;
    pinned->methods.xShmLock = file_shm_lock;
    file->pMethods = &pinned->methods;
    return SQLITE_OK;
}

static void make_vfs(void)
{
    real = held_vfs_register() ? sqlite3_vfs_find(HELD_VFS) : NULL;
    if (real == NULL)
        return;
    pin_vfs = *real;
    pin_vfs.pNext = NULL;
    pin_vfs.zName = PIN_VFS;
    pin_vfs.xOpen = vfs_open;
    registered = sqlite3_vfs_register(&pin_vfs, 0) == SQLITE_OK;
}

bool pin_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return registered;
}

int pin_watch(sqlite3 *db, struct pin *pin)
{
    *pin = (struct pin){.mark = -1};
    return sqlite3_file_control(db, "main", CONTROL_PIN, pin);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between SQLite and its Unix VFS. What has to be different, and where:
 *
 *   xFullPathname  the name of a held database is taken as it is; it would be resolved, and its
 *                  /proc/self/fd/N refused as a symbolic link
 *   xAccess        three answers: there, not there, and an error if it cannot tell; a journal
 *                  taken for absent because of EACCES would leave a transaction half undone
 *   xOpen          a super-journal lies elsewhere, by a name that the journal holds: it is never
 *                  opened, so nothing that it names is deleted. (Whether it is there is asked, and
 *                  decides whether the transaction stands.)
 *   open()         the database, its journal, log and index are opened by held.c
 *   stat()         the name of the database is the pinned inode, or nothing: SQLite takes mode and
 *                  owner of what it makes from there, and looks whether the database was moved
 *   fchown(), fchmod(), xDelete
 *                  nothing is done to what is read with root's rights (held_read_as_root): SQLite
 *                  gives the side files that it opens the owner and mode of the database; nor where
 *                  the file has that owner already
 *
 * All but the x… are system calls that the Unix VFS makes itself: the index (-shm) never passes
 * through xOpen. sqlite3_vfs.xSetSystemCall exists for that, and holds for the whole process, so
 * the replacements do what the system's do for every name except ours. Ours is known by the number
 * in it, from `list` below: the one mutable global of the plugin, because these calls bring no
 * context along.
 */
#include "held_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*open_call)(const char *path, int flags, int mode);
typedef int (*stat_call)(const char *path, struct stat *found);
typedef int (*fchown_call)(int fd, uid_t user, gid_t group);
typedef int (*fchmod_call)(int fd, mode_t mode);
typedef int (*fstat_call)(int fd, struct stat *found);

static const char prefix[] = "/proc/self/fd/";

static sqlite3_vfs held_vfs, *real;
static open_call real_open;
static stat_call real_stat;
static fchown_call real_fchown;
static fchmod_call real_fchmod;
static fstat_call real_fstat;
static bool registered;

/* What this thread opened last is only read. These calls come right after open(). */
static _Thread_local bool only_read;

static _Thread_local bool opens_alone;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct held *list;

void held_vfs_enter(struct held *held)
{
    pthread_mutex_lock(&mutex);
    held->next = list;
    list = held;
    pthread_mutex_unlock(&mutex);
}

void held_vfs_leave(struct held *held)
{
    pthread_mutex_lock(&mutex);
    struct held **link = &list;
    while (*link != held)
        link = &(*link)->next;
    *link = held->next;
    pthread_mutex_unlock(&mutex);
}

void held_vfs_alone(bool alone)
{
    opens_alone = alone;
}

/*
 * Which held database does this name belong to, and which of its files is it? NULL: to none. The
 * database stays known until its thread leaves.
 */
static struct held *find(const char *path, enum side *side)
{
    if (path == NULL || strncmp(path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    pthread_mutex_lock(&mutex);
    struct held *found = NULL;
    for (struct held *held = list; held != NULL && found == NULL; held = held->next) {
        size_t length = strlen(held->path);
        for (enum side i = SIDE_MAIN; i < SIDES && held->by_descriptor; i++)
            if (strncmp(path, held->path, length) == 0 &&
                strcmp(path + length, side_suffixes[i]) == 0) {
                found = held;
                *side = i;
            }
    }
    pthread_mutex_unlock(&mutex);
    return found;
}

/* ---- system calls ---------------------------------------------------------------- */

static int open_held(const char *path, int flags, int mode)
{
    enum side side;
    struct held *held = find(path, &side);
    only_read = held != NULL && held->with_own_rights;
    if (held == NULL)
        return real_open(path, flags, mode);
    int fd = held_open_side_here(held, side, flags, (mode_t)mode);
    if (fd < 0)
        errno = -fd;
    return fd < 0 ? -1 : fd;
}

static int stat_held(const char *path, struct stat *found)
{
    enum side side;
    const struct held *held = find(path, &side);
    if (held == NULL || side != SIDE_MAIN)
        return real_stat(path, found);
    if (opens_alone || !held_is_here(held)) {
        errno = ENOENT;
        return -1;
    }
    int result = fstat(held->pin, found);
    if (result == 0)
        found->st_mode = held_mode_of_sides(held, found->st_mode);
    return result;
}

/* By its answer about the database SQLite makes the index of the log. */
static int fstat_held(int fd, struct stat *found)
{
    if (real_fstat(fd, found) != 0)
        return -1;
    pthread_mutex_lock(&mutex);
    for (const struct held *held = list; held != NULL; held = held->next)
        if (held->status.st_ino == found->st_ino && held->status.st_dev == found->st_dev)
            found->st_mode = held_mode_of_sides(held, found->st_mode);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static int fchmod_held(int fd, mode_t mode)
{
    return only_read ? 0 : real_fchmod(fd, mode);
}

/*
 * As root, SQLite gives a log to the owner of the database whenever it opens the log. If it belongs
 * to that owner already, only the time of the inode's change would change, and a later backup takes
 * that for a write to the log.
 */
static int fchown_held(int fd, uid_t user, gid_t group)
{
    struct stat now;
    if (only_read || (fstat(fd, &now) == 0 && now.st_uid == user && now.st_gid == group))
        return 0;
    return real_fchown(fd, user, group);
}

/* ---- the VFS --------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out)
{
    (void)self;
    file->pMethods = NULL;
    if ((flags & SQLITE_OPEN_SUPER_JOURNAL) != 0)
        return SQLITE_CANTOPEN;
    return real->xOpen(real, name, file, flags, out);
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int flush)
{
    enum side side;
    (void)self;
    const struct held *held = find(path, &side);
    if (held != NULL && held->with_own_rights)
        return SQLITE_IOERR_DELETE;
    return real->xDelete(real, path, flush);
}

/* As the Unix VFS sees it, an empty file does not exist. */
static int vfs_access(sqlite3_vfs *self, const char *path, int what, int *answer)
{
    enum side side;
    struct stat found;
    (void)self;
    if (what != SQLITE_ACCESS_EXISTS)
        return real->xAccess(real, path, what, answer);
    const struct held *held = find(path, &side);
    char name[HELD_NAME_BYTES] = "";
    if (held != NULL)
        held_side_name(held->name, side, name);
    int result = held == NULL ? stat(path, &found)
                              : fstatat(held->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW);
    *answer = result == 0 && (!S_ISREG(found.st_mode) || found.st_size > 0);
    if (result != 0 && errno != ENOENT && errno != ENOTDIR)
        return SQLITE_IOERR_ACCESS;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *self, const char *name, int bytes, char *out)
{
    enum side side;
    (void)self;
    if (find(name, &side) == NULL)
        return real->xFullPathname(real, name, bytes, out);
    if (strlen(name) >= (size_t)bytes)
        return SQLITE_CANTOPEN;
    memcpy(out, name, strlen(name) + 1);
    return SQLITE_OK;
}

/* ---- making it known ------------------------------------------------------------- */

static bool replace_call(const char *name, void *ours)
{
    return real->xSetSystemCall(real, name, (sqlite3_syscall_ptr)ours) == SQLITE_OK;
}

/* fchown() is missing where SQLite was built for a system without it: then it calls none. */
static bool replace_calls(void)
{
    if (real->iVersion < 3 || real->xSetSystemCall == NULL)
        return false;
    real_open = (open_call)(void *)real->xGetSystemCall(real, "open");
    real_stat = (stat_call)(void *)real->xGetSystemCall(real, "stat");
    real_fstat = (fstat_call)(void *)real->xGetSystemCall(real, "fstat");
    real_fchmod = (fchmod_call)(void *)real->xGetSystemCall(real, "fchmod");
    real_fchown = (fchown_call)(void *)real->xGetSystemCall(real, "fchown");
    return real_open != NULL && real_stat != NULL && real_fchmod != NULL && real_fstat != NULL &&
           replace_call("fstat", (void *)fstat_held) && replace_call("open", (void *)open_held) &&
           replace_call("stat", (void *)stat_held) && replace_call("fchmod", (void *)fchmod_held) &&
           (real_fchown == NULL || replace_call("fchown", (void *)fchown_held));
}

static void make_vfs(void)
{
    real = sqlite3_vfs_find(NULL);
    if (real == NULL || !replace_calls())
        return;
    held_vfs = *real;
    held_vfs.pNext = NULL;
    held_vfs.zName = HELD_VFS;
    held_vfs.xOpen = vfs_open;
    held_vfs.xDelete = vfs_delete;
    held_vfs.xAccess = vfs_access;
    held_vfs.xFullPathname = vfs_full_pathname;
    registered = sqlite3_vfs_register(&held_vfs, 0) == SQLITE_OK;
}

bool held_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return registered;
}

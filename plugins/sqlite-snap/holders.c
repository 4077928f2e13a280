/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease answers for one inode and for all processes, seen or not, but does not say who. /proc
 * says who, by name, for the processes that we may look into: our own, all as root.
 *
 * A deleted file has no name that could be asked for. Its descriptors still show the one it had,
 *
 *      /proc/PID/fd/N -> /home/u/.hermes/state.db (deleted)
 *
 * also when a new file bears that name by now, and when the directory was deleted with it. For a
 * process that has our view of the file systems this text is compared whole. A container has
 * another view: its name for the directory says nothing to us, so there the last component and the
 * file system decide. That may hit a file of the same name elsewhere on it; better to ask once too
 * often than to put rows back that the program never sees.
 *
 * Of the side files the log counts: SQLite closes it before it removes it, so one that is open and
 * deleted is lost, with the commits that go there. A -shm or -journal is removed while it is open,
 * for a moment, by every program that ends well.
 */
#include "holders.h"
#include "held.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The kernel grants a write lease only if no other descriptor of the file is open in any process,
 * seen or not. Not every file system has leases, and only owners get them.
 */
enum holders holders_of(int fd)
{
    /* Somebody opens it between the two calls: a signal that is ignored unless handled. */
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return HOLDERS_NONE;
    }
    return errno == EAGAIN || errno == EBUSY ? HOLDERS_SOME : HOLDERS_UNKNOWN;
}

/* ---- deleted files --------------------------------------------------------------- */

enum { NAMED = 4 }; /* as many processes are named, the rest is counted */

static const char deleted[] = " (deleted)";

struct search {
    dev_t device;
    const char *name;
    char directory[PATH_MAX]; /* its path, as we see it; empty: not known */
    char view[64];            /* our mount namespace */
    char *names;
    size_t room;
    unsigned count;
};

static bool read_link(int directory_fd, const char *name, char *text, size_t room)
{
    ssize_t bytes = readlinkat(directory_fd, name, text, room - 1);
    if (bytes < 0 || (size_t)bytes >= room - 1)
        return false;
    text[bytes] = '\0';
    return true;
}

/* Is that the text of a deleted file of that name? If so, its directory is left in `text`. */
static bool was_named(const struct search *search, char *text)
{
    static const enum side counting[] = {SIDE_MAIN, SIDE_WAL};
    char name[HELD_NAME_BYTES];
    size_t length = strlen(text);
    if (length < sizeof deleted || strcmp(text + length - (sizeof deleted - 1), deleted) != 0)
        return false;
    text[length - (sizeof deleted - 1)] = '\0';
    char *slash = strrchr(text, '/');
    for (size_t i = 0; slash != NULL && i < sizeof counting / sizeof counting[0]; i++) {
        held_side_name(search->name, counting[i], name);
        if (strcmp(slash + 1, name) == 0) {
            *slash = '\0';
            return true;
        }
    }
    return false;
}

/* A file may really be called "x.db (deleted)". */
static bool is_called_so(const char *text, const struct stat *found)
{
    struct stat there;
    return lstat(text, &there) == 0 && there.st_dev == found->st_dev &&
           there.st_ino == found->st_ino;
}

/* One descriptor of a process; `same_view`: its paths are ours. */
static bool is_lost(const struct search *search, int fds, const char *fd, bool same_view)
{
    char text[PATH_MAX], directory[PATH_MAX];
    struct stat found;
    if (!read_link(fds, fd, text, sizeof text))
        return false;
    memcpy(directory, text, strlen(text) + 1);
    if (!was_named(search, directory) || fstatat(fds, fd, &found, 0) != 0 ||
        !S_ISREG(found.st_mode))
        return false;
    if (!same_view || search->directory[0] == '\0')
        return found.st_dev == search->device;
    return strcmp(directory, search->directory) == 0 && !is_called_so(text, &found);
}

static bool has_lost_one(const struct search *search, int process_fd)
{
    char view[64] = "";
    bool found = false;
    int fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *fds = fd < 0 ? NULL : fdopendir(fd);
    if (fds == NULL) {
        if (fd >= 0)
            close(fd);
        return false; /* gone, or not ours to look into */
    }
    bool same_view = read_link(process_fd, "ns/mnt", view, sizeof view) &&
                     search->view[0] != '\0' && strcmp(view, search->view) == 0;
    for (const struct dirent *row; !found && (row = readdir(fds)) != NULL;)
        found = row->d_name[0] != '.' && is_lost(search, fd, row->d_name, same_view);
    closedir(fds);
    return found;
}

static void add_name(struct search *search, int process_fd, const char *pid)
{
    char name[32] = "?";
    int fd = openat(process_fd, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, name, sizeof name - 1);
    if (fd >= 0)
        close(fd);
    if (bytes > 0)
        name[bytes] = '\0';
    name[strcspn(name, "\n")] = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            *at = '?';
    size_t used = strlen(search->names);
    if (search->count++ < NAMED)
        snprintf(search->names + used, search->room - used, "%s%s (%s)", used > 0 ? ", " : "", name,
                 pid);
}

static void look_at_process(struct search *search, int proc_fd, const char *pid)
{
    int process_fd = openat(proc_fd, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0)
        return;
    if (has_lost_one(search, process_fd))
        add_name(search, process_fd, pid);
    close(process_fd);
}

bool holders_of_deleted(int directory_fd, const char *name, char *names, size_t room)
{
    struct search search = {.name = name, .names = names, .room = room};
    struct stat directory;
    char link[32];
    names[0] = '\0';
    DIR *proc = fstat(directory_fd, &directory) == 0 ? opendir("/proc") : NULL;
    if (proc == NULL)
        return false;
    search.device = directory.st_dev;
    snprintf(link, sizeof link, "self/fd/%d", directory_fd);
    if (!read_link(dirfd(proc), link, search.directory, sizeof search.directory))
        search.directory[0] = '\0';
    if (!read_link(dirfd(proc), "self/ns/mnt", search.view, sizeof search.view))
        search.view[0] = '\0';
    const long own = (long)getpid();
    for (const struct dirent *row; (row = readdir(proc)) != NULL;)
        if (isdigit((unsigned char)row->d_name[0]) && strtol(row->d_name, NULL, 10) != own)
            look_at_process(&search, dirfd(proc), row->d_name);
    closedir(proc);
    size_t used = strlen(names);
    if (search.count > NAMED)
        snprintf(names + used, room - used, " and %u more", search.count - NAMED);
    return search.count > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which programs have a file open?
 *
 * A lease answers for one inode and for all processes, seen or not, but does not say who. /proc
 * says who, by name, for the processes that we may look into: our own, or all of them as root.
 *
 * A deleted file cannot be asked for by name. Its descriptors still show the name that it had,
 *
 *      /proc/PID/fd/N -> /home/u/.hermes/state.db (deleted)
 *
 * also when a new file has that name by now, and when the directory was deleted with it. For a
 * process that has our view of the file systems this text is compared whole. A container has
 * another view: its name for the directory says nothing to us, so there the last component and the
 * file system decide. That may hit a file of the same name elsewhere on it; better to ask once too
 * often than to put rows back that the program never sees.
 *
 * Of the side files the log counts: SQLite closes it before it removes it, so one that is open and
 * deleted is lost, with the commits that go there. A -shm or -journal is removed while it is open,
 * for a moment, by every program that ends well.
 *
 * Looking through all descriptors of a machine takes longer than putting a small database back. So
 * what was found is good for the next databases, too, for a fifth of a second: a restore of a large
 * one takes longer than that from its look to its end. Nothing is refused because of an earlier
 * look alone: then hbcore looks again.
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
#include <time.h>
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

enum { NAMED = 4 /* as many processes are named, the rest is counted */, FRESH_MS = 200 };

static const char deleted[] = " (deleted)";

/* One that a process has open. */
struct lost_file {
    dev_t device;
    bool same_view; /* the process sees the file systems as we do */
    long process;
    char holder[48];
    char *directory, *name; /* that it had; one allocation */
};

void lost_files_clear(struct lost_files *lost)
{
    for (size_t i = 0; i < lost->count; i++)
        free(lost->files[i].directory);
    free(lost->files);
    *lost = (struct lost_files){0};
}

static bool read_link(int directory_fd, const char *name, char *text, size_t room)
{
    ssize_t bytes = readlinkat(directory_fd, name, text, room - 1);
    if (bytes < 0 || (size_t)bytes >= room - 1)
        return false;
    text[bytes] = '\0';
    return true;
}

/* The process that is looked into. */
struct process {
    long number;
    int fd; /* its directory in /proc */
    bool same_view;
    char holder[48]; /* its name and number; empty: not asked yet */
};

static void name_process(struct process *process)
{
    char name[32] = "?";
    int fd = openat(process->fd, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, name, sizeof name - 1);
    if (fd >= 0)
        close(fd);
    if (bytes > 0)
        name[bytes] = '\0';
    name[strcspn(name, "\n")] = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            *at = '?';
    snprintf(process->holder, sizeof process->holder, "%s (%ld)", name, process->number);
}

/* 0 or -ENOMEM. Takes `directory` over. */
static int add_file(struct lost_files *lost, struct process *process, dev_t device, char *directory,
                    char *name)
{
    if (lost->count == lost->room) {
        size_t room = lost->room == 0 ? 16 : 2 * lost->room;
        void *grown = realloc(lost->files, room * sizeof *lost->files);
        if (grown == NULL) {
            free(directory);
            return -ENOMEM;
        }
        lost->files = grown;
        lost->room = room;
    }
    if (process->holder[0] == '\0')
        name_process(process);
    struct lost_file *file = &lost->files[lost->count++];
    *file = (struct lost_file){.device = device,
                               .same_view = process->same_view,
                               .process = process->number,
                               .directory = directory,
                               .name = name};
    memcpy(file->holder, process->holder, sizeof file->holder);
    return 0;
}

/* A file may really be called "x.db (deleted)". */
static bool is_called_so(const char *text, const struct stat *found)
{
    struct stat there;
    return lstat(text, &there) == 0 && there.st_dev == found->st_dev &&
           there.st_ino == found->st_ino;
}

/* One descriptor of a process. 0 or -errno. */
static int look_at_descriptor(struct lost_files *lost, struct process *process, int fds,
                              const char *fd)
{
    char text[PATH_MAX];
    struct stat found;
    if (!read_link(fds, fd, text, sizeof text))
        return 0;
    size_t length = strlen(text);
    if (length < sizeof deleted || strcmp(text + length - (sizeof deleted - 1), deleted) != 0 ||
        fstatat(fds, fd, &found, 0) != 0 || !S_ISREG(found.st_mode) ||
        (process->same_view && is_called_so(text, &found)))
        return 0;
    text[length - (sizeof deleted - 1)] = '\0';
    if (strchr(text, '/') == NULL)
        return 0;
    char *directory = strdup(text);
    if (directory == NULL)
        return -ENOMEM;
    char *slash = strrchr(directory, '/');
    *slash = '\0';
    return add_file(lost, process, found.st_dev, directory, slash + 1);
}

/* We may look into this process, but lack the means to. */
static int lacks_means(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM ? -error : 0;
}

static int look_into(struct lost_files *lost, struct process *process, const char *own_view)
{
    char view[64] = "";
    int result = 0;
    int fd = openat(process->fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *fds = fd < 0 ? NULL : fdopendir(fd);
    if (fds == NULL) {
        result = lacks_means(errno); /* else gone, or not ours to look into */
        if (fd >= 0)
            close(fd);
        return result;
    }
    process->same_view = read_link(process->fd, "ns/mnt", view, sizeof view) &&
                         own_view[0] != '\0' && strcmp(view, own_view) == 0;
    for (const struct dirent *row; result == 0 && (row = readdir(fds)) != NULL;)
        if (row->d_name[0] != '.')
            result = look_at_descriptor(lost, process, fd, row->d_name);
    closedir(fds);
    return result;
}

static int look_at_process(struct lost_files *lost, int proc_fd, const char *name,
                           const char *own_view)
{
    struct process process = {.number = strtol(name, NULL, 10)};
    process.fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process.fd < 0)
        return lacks_means(errno);
    int result = look_into(lost, &process, own_view);
    close(process.fd);
    return result;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0, also where there is no /proc; or -errno. */
static int look_at_all(struct lost_files *lost)
{
    char own_view[64];
    int result = 0;
    const long own = (long)getpid();
    lost_files_clear(lost);
    lost->looked_ms = now_ms();
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return lacks_means(errno);
    if (!read_link(dirfd(proc), "self/ns/mnt", own_view, sizeof own_view))
        own_view[0] = '\0';
    for (const struct dirent *row; result == 0 && (row = readdir(proc)) != NULL;)
        if (isdigit((unsigned char)row->d_name[0]) && strtol(row->d_name, NULL, 10) != own)
            result = look_at_process(lost, dirfd(proc), row->d_name, own_view);
    closedir(proc);
    lost->known = result == 0;
    return result;
}

/* What is looked for. */
struct search {
    dev_t device;
    char directory[PATH_MAX]; /* its path, as we see it; empty: not known */
    char main[HELD_NAME_BYTES], wal[HELD_NAME_BYTES];
};

static bool is_it(const struct search *search, const struct lost_file *file)
{
    if (strcmp(file->name, search->main) != 0 && strcmp(file->name, search->wal) != 0)
        return false;
    if (!file->same_view || search->directory[0] == '\0')
        return file->device == search->device;
    return strcmp(file->directory, search->directory) == 0;
}

/* How many processes; their names. */
static unsigned find(const struct lost_files *lost, const struct search *search, char *names,
                     size_t room)
{
    unsigned count = 0;
    long last = 0;
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < lost->count; i++) {
        const struct lost_file *file = &lost->files[i];
        if (file->process == last || !is_it(search, file))
            continue;
        last = file->process;
        if (count++ < NAMED)
            snprintf(names + used, room - used, "%s%s", used > 0 ? ", " : "", file->holder);
        used = strlen(names);
    }
    if (count > NAMED)
        snprintf(names + used, room - used, " and %u more", count - NAMED);
    return count;
}

int holders_of_deleted(struct lost_files *lost, int directory_fd, const char *name, char *names,
                       size_t room)
{
    struct search search;
    struct stat directory;
    char link[32];
    names[0] = '\0';
    if (fstat(directory_fd, &directory) != 0)
        return 0;
    search.device = directory.st_dev;
    held_side_name(name, SIDE_MAIN, search.main);
    held_side_name(name, SIDE_WAL, search.wal);
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory_fd);
    if (!read_link(AT_FDCWD, link, search.directory, sizeof search.directory))
        search.directory[0] = '\0';
    bool fresh = lost->known && now_ms() - lost->looked_ms < FRESH_MS;
    if (fresh && find(lost, &search, names, room) == 0)
        return 0;
    int result = look_at_all(lost);
    return result != 0 ? result : find(lost, &search, names, room) > 0;
}

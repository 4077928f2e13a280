/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/destination.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "files/anywhere.h"
#include "files/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { MAXIMUM_LINKS = 40 };

/* stat() failed: is nothing there? False: unknown. */
static bool is_absent(void)
{
    return errno == ENOENT || errno == ENOTDIR;
}

static int cannot_tell(const char *path, struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be examined: %s", path, strerror(errno));
    hb_error_hint(error, "choose another place with -o");
    return HB_STATUS_FATAL;
}

/* Follows links of the last component, also of one that points nowhere yet. */
static char *follow_links(char *path, struct hb_error *error)
{
    for (int links = 0; links < MAXIMUM_LINKS; links++) {
        char target[PATH_MAX];
        ssize_t bytes = readlink(path, target, sizeof target - 1);
        if (bytes < 0 && (errno == EINVAL || is_absent()))
            return path;
        if (bytes < 0 || bytes == sizeof target - 1) {
            hb_error_set(error, HB_STATUS_FATAL, "%s: the link cannot be read: %s", path,
                         strerror(bytes < 0 ? errno : ENAMETOOLONG));
            free(path);
            return NULL;
        }
        target[bytes] = '\0';
        char *slash = strrchr(path, '/');
        char *next = *target == '/' || slash == NULL
                         ? hb_copy_text(target)
                         : hb_text("%.*s/%s", (int)(slash - path), path, target);
        free(path);
        path = next;
    }
    hb_error_set(error, HB_STATUS_FATAL, "%s: too many symbolic links", path);
    free(path);
    return NULL;
}

static int look_at_destination(struct hb_destination *destination, struct hb_error *error)
{
    const char *path = destination->path;
    bool held = destination->place.fd >= 0; /* then its path may be longer than one call takes */
    destination->exists = fstatat(held ? destination->place.fd : AT_FDCWD,
                                  held ? destination->name : path, &destination->status, 0) == 0;
    if (!destination->exists)
        return is_absent() ? HB_OK : cannot_tell(path, error);
    if (destination->unique) /* whatever it is, it is not the user's wish: the next name is free */
        return HB_OK;
    if (hb_is_stream(&destination->status)) {
        destination->stream = true;
        return HB_OK;
    }
    if (!S_ISREG(destination->status.st_mode)) {
        hb_error_set(error, HB_STATUS_FATAL, "%s: not a regular file", path);
        hb_error_hint(error, "choose another name with -o");
        return HB_STATUS_FATAL;
    }
    return HB_OK;
}

/* The same for what was a file, or nothing, before: by now it must not be opened as a stream. */
static int look_for_file(struct hb_destination *destination, struct hb_error *error)
{
    int status = look_at_destination(destination, error);
    if (status != HB_OK || !destination->stream)
        return status;
    destination->stream = false;
    return hb_error_set(error, HB_STATUS_FATAL,
                        "%s: has become a pipe or a device; nothing was written to it",
                        destination->path);
}

/* Of a URL: a directory is one that ends with '/'. */
static void find_object(char *url, const char *default_name, const struct hb_suffixes *suffixes,
                        struct hb_destination *destination)
{
    destination->unique = *hb_url_name(url) == '\0' || url[strlen(url) - 1] == '/';
    destination->is_new = true;
    if (destination->unique)
        destination->path = hb_text("%s%s", url, default_name);
    else
        destination->path = hb_suffixes_complete(suffixes, hb_copy_text(url));
    const char *name = hb_base_name(destination->path);
    destination->name = hb_copy_text(name);
    destination->directory = hb_copy_bytes(destination->path, (size_t)(name - destination->path));
    free(url);
}

int hb_destination_find_store(struct hb_run *run, struct hb_destination *destination,
                              struct hb_error *error)
{
    struct hb_opened there;
    if (destination->stream || hb_url_scheme(destination->path) == 0)
        return HB_OK;
    int status = hb_store_find(run, destination->path, &destination->store, error);
    if (status != HB_OK || destination->unique)
        return status;
    status = hb_store_open(run, destination->path, NULL, &there, error);
    if (status == HB_STATUS_NOMATCH) {
        *error = (struct hb_error){0}; /* that is no error here */
        return HB_OK;
    }
    if (status != HB_OK)
        return status;
    if (destination->replaces) {
        destination->version = hb_copy_text(there.object.version);
        destination->is_new = false;
    }
    hb_opened_close(&there);
    if (destination->replaces)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: something has this name already; it is not replaced",
                 destination->path);
    hb_error_hint(error, "choose another name with -o, or add --replace");
    return HB_STATUS_FATAL;
}

int hb_destination_find(const char *path, const char *default_name,
                        const struct hb_suffixes *suffixes, struct hb_destination *destination,
                        struct hb_error *error)
{
    struct stat status;
    *destination = (struct hb_destination)HB_DESTINATION_NONE;
    if (strcmp(path, "-") == 0) {
        destination->stream = true;
        destination->path = hb_copy_text(path);
        return HB_OK;
    }
    if (hb_url_is_slip(path)) {
        hb_error_set(error, HB_STATUS_FATAL, "%s: %s", path, HB_URL_SLIP);
        error->wrong_use = true;
        return HB_STATUS_FATAL;
    }
    char *full = hb_expand_path(path);
    if (hb_url_scheme(full) > 0) {
        find_object(full, default_name, suffixes, destination);
        return HB_OK;
    }
    HB_AUTO_FREE char *given = hb_copy_text(full);
    bool there = stat(full, &status) == 0;
    if (!there && !is_absent() && errno != ELOOP) { /* follow_links() tells about those */
        destination->path = full;
        return cannot_tell(full, error);
    }
    size_t length = strlen(full);
    if ((there && S_ISDIR(status.st_mode)) || (length > 0 && full[length - 1] == '/')) {
        char *inside =
            hb_text("%s%s%s", full, length > 0 && full[length - 1] == '/' ? "" : "/", default_name);
        free(full);
        full = inside;
        destination->unique = true;
    } else if (!there || !hb_is_stream(&status)) {
        full = hb_suffixes_complete(suffixes, full);
    } else {
        destination->path = full; /* as it was given: its links may be of a kind that only opens */
        destination->stream = true;
        return HB_OK;
    }
    destination->asked = hb_copy_text(full);
    full = follow_links(full, error);
    if (full == NULL)
        return HB_STATUS_FATAL;
    destination->path = full;
    return there && strcmp(given, destination->asked) == 0
               ? look_for_file(destination, error)
               : look_at_destination(destination, error);
}

/* Behind another user's link, only what that user could open. */
static int open_stream(struct hb_destination *destination, struct hb_error *error)
{
    struct hb_directory parent;
    const char *path = destination->path;
    if (strcmp(path, "-") == 0)
        return HB_OK;
    const char *slash = strrchr(path, '/');
    HB_AUTO_FREE char *directory =
        slash == NULL ? hb_copy_text(".") : hb_copy_bytes(path, (size_t)(slash - path) + 1);
    int result = hb_directory_open(directory, false, &parent);
    HB_AUTO_AS as = {.changed = false};
    if (result == 0 && (result = hb_as_begin(&as, &parent.rights)) == 0) {
        destination->fd = hb_stream_open(path, destination->log);
        result = destination->fd < 0 ? destination->fd : 0;
    }
    hb_directory_close(&parent);
    if (result == 0)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be opened: %s", path,
                 hb_stream_explain(-result));
    if (result == -HB_STREAM_OF_ANOTHER)
        hb_error_hint(
            error,
            "nothing was written, because another user could read it; choose another name with "
            "-o");
    return HB_STATUS_FATAL;
}

/* Where `path` ends, its directories made. 0 or -errno; *real is the name of the directory. */
static int find_place(struct hb_destination *destination, const char *path, char **real)
{
    struct hb_place place;
    HB_AUTO_FREE char *full = hb_absolute(path);
    if (full == NULL)
        return -errno;
    int result = hb_resolve(full, HB_MAKE_PARENTS | HB_FLUSH_MADE, &place);
    if (result == 0) {
        destination->place =
            (struct hb_directory){.fd = fcntl(place.directory_fd, F_DUPFD_CLOEXEC, 3),
                                  .rights = place.rights,
                                  .led = place.led};
        destination->name = hb_copy_text(place.name);
        *real = hb_copy_text(place.path);
        char *slash = strrchr(*real, '/');
        *(slash == NULL ? *real : slash) = '\0';
    }
    if (result == 0 && destination->place.fd < 0)
        result = -errno;
    hb_place_clear(&place);
    return result;
}

/* How many directories of the path are missing; 0 where its missing end is not plain names. */
static unsigned count_missing(const char *path)
{
    struct stat status;
    unsigned missing = 0;
    HB_AUTO_FREE char *full = hb_absolute(path);
    for (char *slash; full != NULL && (slash = strrchr(full, '/')) != NULL && slash != full;) {
        *slash = '\0';
        if (lstat(full, &status) == 0 || errno != ENOENT)
            break;
        const char *name = hb_base_name(full);
        if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return 0;
        missing++;
    }
    return missing;
}

/*
 * From the directory that is held upwards, and never by its path: others may have put links there.
 */
void hb_destination_undo(const struct hb_destination *destination)
{
    HB_AUTO_AS as = {.changed = false};
    if (destination->made == 0 || hb_as_begin(&as, &destination->place.rights) != 0)
        return;
    HB_AUTO_FREE char *path = hb_copy_text(destination->directory);
    HB_AUTO_CLOSE int at = fcntl(destination->place.fd, F_DUPFD_CLOEXEC, 3);
    for (unsigned i = 0; i < destination->made && at >= 0; i++) {
        struct stat held, there;
        const char *name = hb_base_name(path);
        int above = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        bool gone = above >= 0 && fstat(at, &held) == 0 &&
                    fstatat(above, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                    held.st_dev == there.st_dev && held.st_ino == there.st_ino &&
                    unlinkat(above, name, AT_REMOVEDIR) == 0;
        close(at);
        at = above;
        if (!gone)
            return;
        *strrchr(path, '/') = '\0';
    }
}

int hb_destination_prepare(struct hb_destination *destination, struct hb_error *error)
{
    HB_AUTO_FREE char *real = NULL;
    if (destination->stream)
        return open_stream(destination, error);
    if (destination->store != NULL)
        return HB_OK;
    unsigned missing = count_missing(destination->asked);
    int result = find_place(destination, destination->asked, &real);
    if (result != 0) {
        const char *slash = strrchr(destination->path, '/');
        return hb_error_set(
            error, HB_STATUS_FATAL, "%.*s: the directory cannot be made: %s",
            slash == NULL ? 1 : (int)(slash - destination->path + (slash == destination->path)),
            slash == NULL ? "." : destination->path, hb_rights_explain(-result));
    }
    destination->directory = hb_text("/%s", real);
    destination->made = missing;
    free(destination->path);
    destination->path =
        hb_text("%s/%s", *real == '\0' ? "" : destination->directory, destination->name);
    return look_for_file(destination, error);
}

/* Does the name lead to the directory that is held? */
static bool leads_to(const char *name, const struct stat *held)
{
    struct stat there;
    bool found = stat(name, &there) == 0;
    if (!found && errno == ENAMETOOLONG) {
        struct hb_directory directory;
        found = hb_directory_open(name, false, &directory) == 0 && fstat(directory.fd, &there) == 0;
        hb_directory_close(&directory);
    }
    return found && there.st_dev == held->st_dev && there.st_ino == held->st_ino;
}

static void move_path(char **path, const char *directory)
{
    char *moved = *path == NULL ? NULL
                                : hb_text("%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
                                          hb_base_name(*path));
    free(*path);
    *path = moved;
}

int hb_destination_locate(struct hb_destination *destination)
{
    struct stat held;
    if (destination->stream || destination->store != NULL)
        return 0;
    if (fstat(destination->place.fd, &held) != 0)
        return -errno;
    if (leads_to(destination->directory, &held))
        return 0;
    char *name = hb_path_of(destination->place.fd);
    if (name == NULL || held.st_nlink == 0 || !leads_to(name, &held)) {
        free(name);
        return -ENOENT;
    }
    free(destination->directory);
    destination->directory = name;
    move_path(&destination->path, name);
    move_path(&destination->kept, name);
    return 1;
}

void hb_destination_clear(struct hb_destination *destination)
{
    if (destination->fd >= 0)
        close(destination->fd);
    hb_directory_close(&destination->place);
    free(destination->asked);
    free(destination->path);
    free(destination->directory);
    free(destination->name);
    free(destination->kept);
    free(destination->version);
    *destination = (struct hb_destination)HB_DESTINATION_NONE;
}

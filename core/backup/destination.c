/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/destination.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/beneath.h"
#include "host/format.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { MAXIMUM_LINKS = 40 };

static char *with_suffix(char *path, const char *const *suffixes)
{
    if (hb_format_stem(suffixes, hb_base_name(path)) > 0)
        return path;
    char *longer = hb_text("%s%s", path, suffixes[0] == NULL ? "" : suffixes[0]);
    free(path);
    return longer;
}

/* stat() failed: because nothing is there, as opposed to that it cannot be told? */
static bool is_absent(void)
{
    return errno == ENOENT || errno == ENOTDIR;
}

static int cannot_tell(const char *path, struct hb_error *error)
{
    hb_error_set(error, HB_FATAL, "%s: what is there cannot be told: %s", path, strerror(errno));
    hb_error_hint(error, "choose another place with -o");
    return HB_FATAL;
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
            hb_error_set(error, HB_FATAL, "%s: the link cannot be read: %s", path,
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
        return is_absent() ? HB_OK : cannot_tell(path, error);
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
    char *path = hb_text("%s/%s", strcmp(real, "/") == 0 ? "" : real, destination->name);
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
    free(destination->kept);
    *destination = (struct hb_destination){.fd = -1};
}

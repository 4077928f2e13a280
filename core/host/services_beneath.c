/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories below one that is held open, for plugins: listing and unlinking. Nothing follows a
 * link, and a name is removed in the directory that was opened, not by its path.
 */
#include "host/services_beneath.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/beneath.h"
#include "files/listing.h"
#include "host/failure.h"
#include <errno.h>
#include <fcntl.h>
#include <hbcore/entry.h>
#include <string.h>
#include <unistd.h>

static int cannot(const struct hb_host *host, const char *path, const char *what, int reason)
{
    struct hb_run *run = ((const struct hb_instance *)host->self)->run;
    hb_run_explain(run, "%s: cannot be %s: %s", *path == '\0' ? "the directory" : path, what,
                   hb_rights_explain(reason));
    hb_failure_of(run)->cause = hb_cause_of(reason);
    errno = reason;
    return HB_STATUS_ENTRY;
}

/* The directory at `path` below the one that is meant; "": a descriptor of that itself. Or -errno.
 */
static int open_directory(const struct hb_host *host, int directory_fd, const char *path)
{
    const struct hb_root *home = &((const struct hb_instance *)host->self)->run->home;
    struct hb_root root = {.fd = directory_fd};
    if (directory_fd == HB_BENEATH_HOME && home->fd < 0)
        return -ENOENT;
    if (directory_fd != HB_BENEATH_HOME) {
        int result = hb_rights_of(directory_fd, &root.rights);
        if (result != 0)
            return result;
    }
    return hb_beneath_open(directory_fd == HB_BENEATH_HOME ? home : &root,
                           *path == '\0' ? "." : path, O_RDONLY | O_DIRECTORY, 0);
}

/* ---- listing -------------------------------------------------------------------------------- */

static uint32_t type_of(int directory_fd, const char *name)
{
    struct stat status;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return HB_TYPE_SPECIAL;
    if (S_ISREG(status.st_mode))
        return HB_TYPE_FILE;
    if (S_ISDIR(status.st_mode))
        return HB_TYPE_DIRECTORY;
    return S_ISLNK(status.st_mode) ? HB_TYPE_SYMLINK : HB_TYPE_SPECIAL;
}

struct listed {
    int fd;
    int (*each)(void *context, const char *name, uint32_t type);
    void *context;
    int answer;
};

/* A negative answer is the plugin's, not the listing's. */
static int on_name(void *context, const char *name)
{
    struct listed *listed = context;
    listed->answer = listed->each(listed->context, name, type_of(listed->fd, name));
    return listed->answer == 0 ? 0 : 1;
}

int hb_host_list_beneath(const struct hb_host *host, int directory_fd, const char *path,
                         int (*each)(void *context, const char *name, uint32_t type), void *context)
{
    HB_AUTO_CLOSE int fd = open_directory(host, directory_fd, path);
    if (fd < 0)
        return cannot(host, path, "listed", -fd);
    struct listed listed = {fd, each, context, 0};
    int result = hb_listing_each(fd, on_name, &listed);
    return result < 0 ? cannot(host, path, "listed", -result) : listed.answer;
}

/* ---- unlinking ------------------------------------------------------------------------------ */

static int unlink_in(int directory_fd, const char *name)
{
    struct stat status;
    struct hb_rights rights;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_rights_of(directory_fd, &rights);
    if (result == 0)
        result = hb_as_begin(&as, &rights);
    if (result != 0)
        return result;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    int flags = S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0;
    return unlinkat(directory_fd, name, flags) == 0 ? 0 : -errno;
}

int hb_host_unlink_beneath(const struct hb_host *host, int directory_fd, const char *path)
{
    size_t skip;
    if (hb_path_problem(path, SIZE_MAX, &skip) != NULL)
        return cannot(host, path, "removed", EINVAL);
    path += skip;
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    HB_AUTO_FREE char *above =
        slash == NULL ? hb_copy_text("") : hb_copy_bytes(path, (size_t)(slash - path));
    HB_AUTO_CLOSE int fd = open_directory(host, directory_fd, above);
    int result = fd < 0 ? fd : unlink_in(fd, name);
    return result == 0 ? HB_OK : cannot(host, path, "removed", -result);
}

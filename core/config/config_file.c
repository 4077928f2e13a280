/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_file.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "files/trust.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* `given`: by --config; else the variable named it, or nobody did. */
static int fail_file(struct hb_error *error, const char *given, const char *path,
                     const char *reason)
{
    const char *variable = getenv("HBCORE_CONFIG");
    hb_error_set(error, HB_STATUS_FATAL, "configuration %s: %s", path, reason);
    if (given != NULL)
        hb_error_hint(error, "correct the name behind --config; `hbcore config new NAME` makes a "
                             "configuration");
    else if (variable != NULL && *variable != '\0')
        hb_error_hint(error, "the variable HBCORE_CONFIG names it: correct that, or use --config "
                             "FILE");
    else
        hb_error_hint(error, "name the file with --config, or in $HBCORE_CONFIG");
    return HB_STATUS_FATAL;
}

/* All of an open file. Caller frees *data. */
static int read_all(int fd, const char *given, const char *path, char **data, size_t *bytes,
                    struct hb_error *error)
{
    *data = hb_alloc(HB_CONFIG_LARGEST_FILE + 1);
    int64_t got = hb_read_all(fd, *data, HB_CONFIG_LARGEST_FILE + 1);
    if (got < 0)
        return fail_file(error, given, path, strerror((int)-got));
    if (got > HB_CONFIG_LARGEST_FILE)
        return fail_file(error, given, path,
                         "it is larger than 1 MiB, too large for a configuration");
    *bytes = (size_t)got;
    return HB_OK;
}

static int read_file(int fd, const char *given, const char *path, char **data, size_t *bytes,
                     struct hb_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_file(error, given, path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return fail_file(error, given, path, "this is a directory, not a file");
    if (hb_trust_check(fd, path, "configuration", true, error) != HB_OK)
        return HB_STATUS_FATAL;
    return read_all(fd, given, path, data, bytes, error);
}

char *hb_config_file_place(size_t index)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    if (index > 1)
        return NULL;
    if (index == 1)
        return hb_copy_text("/etc/hbcore/hbcore.ini");
    return base != NULL && *base == '/' ? hb_text("%s/hbcore/hbcore.ini", base)
                                        : hb_expand_tilde("~/.config/hbcore/hbcore.ini");
}

char *hb_config_file_wanted(const char *given)
{
    const char *variable = getenv("HBCORE_CONFIG");
    if (given == NULL && variable != NULL && *variable != '\0')
        given = variable;
    if (given != NULL)
        return hb_expand_tilde(given);
    char *path = hb_config_file_place(0);
    if (*path == '/')
        return path;
    free(path); /* nobody knows where ~ is */
    return NULL;
}

/*
 * Opens the file that counts. HB_STATUS_END: there is none, and none was asked for. Where nothing
 * was asked for, only a file that is not there is passed over.
 */
static int open_file(const char *given, char **path, int *fd, struct hb_error *error)
{
    const char *variable = getenv("HBCORE_CONFIG");
    const char *named = given == NULL && variable != NULL && *variable != '\0' ? variable : given;
    if (named != NULL) {
        *path = hb_expand_tilde(named); /* as -o does: no shell expands --config=~/x */
        *fd = open(*path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return *fd >= 0 ? HB_OK : fail_file(error, given, *path, strerror(errno));
    }
    for (size_t i = 0; (*path = hb_config_file_place(i)) != NULL; i++) {
        *fd = **path == '/' ? open(*path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
        if (*fd >= 0)
            return HB_OK;
        if (**path == '/' && errno != ENOENT && errno != ENOTDIR)
            return fail_file(error, given, *path, strerror(errno));
        free(*path);
        *path = NULL;
    }
    return HB_STATUS_END;
}

int hb_config_file_read(const char *given, char **path, char **data, size_t *bytes,
                        struct hb_error *error)
{
    HB_AUTO_CLOSE int fd = -1;
    *path = *data = NULL;
    *bytes = 0;
    int status = open_file(given, path, &fd, error);
    return status == HB_OK ? read_file(fd, given, *path, data, bytes, error) : status;
}

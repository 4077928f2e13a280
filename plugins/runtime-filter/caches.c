/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Cache Directory Tagging Specification (bford.info/cachedir): a directory is a cache if a
 * regular file CACHEDIR.TAG in it, and no link, starts with the signature. As `tar
 * --exclude-caches` does, directory and tag are stored, so that the place is there again after a
 * restore. The home itself is never taken for a cache: nothing would be left of the backup.
 */
#include "caches.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char tag[] = "CACHEDIR.TAG";
static const char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";

static bool has_signature(int fd)
{
    char start[sizeof signature - 1];
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
           memcmp(start, signature, sizeof start) == 0;
}

/* -1: out of memory. One that cannot be read is none. */
static int is_cache(const struct hb_host *host, const char *path)
{
    char *name;
    if (asprintf(&name, "%s%s%s", path, *path == '\0' ? "" : "/", tag) < 0)
        return -1;
    int fd = host->open_beneath(host, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    free(name);
    if (fd < 0)
        return 0;
    bool found = has_signature(fd);
    close(fd);
    return found;
}

int caches_enter(struct caches *caches, const char *path)
{
    const struct hb_host *host = caches->host;
    int found = host == NULL || caches->inside != NULL ? 0 : is_cache(host, path);
    if (found == 0)
        return HB_OK;
    if (found > 0 && *path == '\0') {
        host->note(host, NULL, "the home itself has a %s; what is in it is stored all the same",
                   tag);
        return HB_OK;
    }
    caches->inside = found > 0 ? strdup(path) : NULL;
    return caches->inside != NULL
               ? HB_OK
               : host->fail(host, HB_STATUS_FATAL, "%s: out of memory for its path", path);
}

void caches_leave(struct caches *caches, const char *path)
{
    if (caches->inside != NULL && strcmp(caches->inside, path) == 0)
        caches_clear(caches);
}

bool caches_have(const struct caches *caches, const struct hb_entry *entry)
{
    if (caches->inside == NULL)
        return false;
    size_t bytes = strlen(caches->inside);
    return entry->type != HB_TYPE_FILE || entry->path_bytes != bytes + sizeof tag ||
           strcmp(entry->path + bytes + 1, tag) != 0;
}

void caches_clear(struct caches *caches)
{
    free(caches->inside);
    caches->inside = NULL;
}

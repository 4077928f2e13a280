/* SPDX-License-Identifier: Apache-2.0 */
/* hb_preset_prune: which archives of a preset stay. */
#include "archive.h"
#include "memory.h"
#include "preset.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct pruner {
    const struct hb_preset_prune_request *request;
    int fd;       /* of the directory */
    char **names; /* newest first */
    size_t count;
};

/* The length of a name without the format's suffix; 0: it has none of them. */
static size_t stem_length(const char *const *suffixes, const char *name)
{
    size_t bytes = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t length = strlen(*suffixes);
        if (bytes > length && strcasecmp(name + bytes - length, *suffixes) == 0)
            return bytes - length;
    }
    return 0;
}

/* An archive of the preset and nothing else: prefix, date, time, perhaps a number, suffix. */
static bool is_ours(const struct pruner *pruner, const char *name)
{
    const char *prefix = pruner->request->preset->prefix;
    struct stat status;
    return strncmp(name, prefix, strlen(prefix)) == 0 &&
           stem_length(pruner->request->suffixes, name) > strlen(prefix) &&
           fstatat(pruner->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

/* Two of one second: the one with a number is the newer. */
static int newest_first(const void *left, const void *right, void *context)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    const char *const *suffixes = context;
    size_t a_bytes = stem_length(suffixes, a), b_bytes = stem_length(suffixes, b);
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    if (order != 0)
        return -order;
    return a_bytes == b_bytes ? strcmp(b, a) : a_bytes < b_bytes ? 1 : -1;
}

static int list(struct pruner *pruner, struct hb_error *error)
{
    int fd = openat(pruner->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return hb_error_set(error, HB_FATAL, "%s: cannot be listed: %s",
                            pruner->request->made->directory, strerror(errno));
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_ours(pruner, entry->d_name))
            continue;
        pruner->names = hb_resize(pruner->names, pruner->count + 1, sizeof *pruner->names);
        pruner->names[pruner->count++] = hb_copy_text(entry->d_name);
    }
    closedir(directory);
    if (pruner->count > 0)
        qsort_r(pruner->names, pruner->count, sizeof *pruner->names, newest_first,
                (void *)(uintptr_t)pruner->request->suffixes);
    return HB_OK;
}

/* Is it whole, and without an incomplete mark? */
static bool is_complete(const struct pruner *pruner, const char *name)
{
    const struct hb_destination *made = pruner->request->made;
    struct hb_archive archive = {.fd = -1};
    struct hb_error ignored;
    if (strcmp(name, made->name) == 0)
        return !pruner->request->incomplete;
    HB_AUTO_FREE char *path = hb_format("%s/%s", made->directory, name);
    bool complete =
        hb_archive_open(pruner->request->run, path, NULL, &archive, &ignored) == HB_OK &&
        hb_archive_list(&archive, &ignored) == HB_OK &&
        !(archive.has_trailer && hb_trailer_incomplete(&archive.trailer));
    hb_archive_close(&archive);
    return complete;
}

/* The newest complete one, if none of those that stay is; else count. */
static size_t spared(const struct pruner *pruner)
{
    if (pruner->count <= pruner->request->keep)
        return pruner->count;
    for (size_t i = 0; i < pruner->count; i++)
        if (is_complete(pruner, pruner->names[i]))
            return i < pruner->request->keep ? pruner->count : i;
    return pruner->count;
}

int hb_preset_prune(const struct hb_preset_prune_request *request, size_t *removed,
                    struct hb_error *error)
{
    struct pruner pruner = {.request = request};
    *removed = 0;
    if (request->made->stream)
        return HB_OK;
    pruner.fd = open(request->made->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (pruner.fd < 0)
        return hb_error_set(error, HB_FATAL, "%s: cannot be opened: %s", request->made->directory,
                            strerror(errno));
    int status = list(&pruner, error);
    size_t stays = status == HB_OK ? spared(&pruner) : 0;
    for (size_t i = 0; i < pruner.count; i++) {
        if (status == HB_OK && i >= request->keep && i != stays &&
            strcmp(pruner.names[i], request->made->name) != 0) {
            if (unlinkat(pruner.fd, pruner.names[i], 0) == 0)
                (*removed)++;
            else
                hb_report_add(&request->run->report, HB_FOUND_NOTE, "",
                              "%s/%s: cannot be removed: %s", request->made->directory,
                              pruner.names[i], strerror(errno));
        }
        free(pruner.names[i]);
    }
    free(pruner.names);
    close(pruner.fd);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_archives.h"

#include "archive/archive.h"
#include "backup/retention.h"
#include "base/memory.h"
#include "files/listing.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct archives {
    const char *prefix;
    const char *const *suffixes;
    const char *directory;
    int fd;       /* of the directory */
    char **names; /* newest first */
    size_t count;
};

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static const char stamp_pattern[] = "dddd-dd-dd-dddddd";

/*
 * What follows the prefix: date and time, and the number of a second one of that moment. Whatever
 * else begins like the preset's archives is somebody's own, or of a preset with a longer name.
 */
static bool is_stamp(const char *text, size_t bytes)
{
    size_t i = 0;
    for (; stamp_pattern[i] != '\0'; i++)
        if (i >= bytes ||
            (stamp_pattern[i] == 'd' ? digits(text + i) == 0 : text[i] != stamp_pattern[i]))
            return false;
    return i == bytes || (text[i] == '-' && bytes - i > 1 && digits(text + i + 1) == bytes - i - 1);
}

static bool is_ours(const struct archives *archives, const char *name)
{
    size_t before = strlen(archives->prefix), stem = hb_format_stem(archives->suffixes, name);
    struct stat status;
    return strncmp(name, archives->prefix, before) == 0 && stem > before &&
           is_stamp(name + before, stem - before) &&
           fstatat(archives->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode);
}

/* Two of one second: the one with a number is the newer, and the one with the higher number. */
static int newest_first(const void *left, const void *right, void *context)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    const struct archives *archives = context;
    size_t stamp = strlen(archives->prefix) + sizeof stamp_pattern - 1;
    int order = memcmp(a, b, stamp);
    if (order != 0)
        return -order;
    unsigned long a_number = a[stamp] == '-' ? strtoul(a + stamp + 1, NULL, 10) : 0;
    unsigned long b_number = b[stamp] == '-' ? strtoul(b + stamp + 1, NULL, 10) : 0;
    return a_number == b_number ? strcmp(b, a) : a_number < b_number ? 1 : -1;
}

static int add_if_ours(void *context, const char *name)
{
    struct archives *archives = context;
    if (!is_ours(archives, name))
        return 0;
    archives->names = hb_resize(archives->names, archives->count + 1, sizeof *archives->names);
    archives->names[archives->count++] = hb_copy_text(name);
    return 0;
}

static int list(struct archives *archives, struct hb_error *error)
{
    archives->fd = open(archives->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = archives->fd < 0 ? -errno : hb_listing_each(archives->fd, add_if_ours, archives);
    if (result != 0)
        return hb_error_set(error, HB_FATAL, "%s: cannot be listed: %s", archives->directory,
                            strerror(-result));
    if (archives->count > 0)
        qsort_r(archives->names, archives->count, sizeof *archives->names, newest_first, archives);
    return HB_OK;
}

static void clear(struct archives *archives)
{
    for (size_t i = 0; i < archives->count; i++)
        free(archives->names[i]);
    free(archives->names);
    if (archives->fd >= 0)
        close(archives->fd);
}

static char *newest(const struct hb_preset *preset, const char *directory,
                    const char *const *suffixes)
{
    struct archives archives = {
        .prefix = preset->prefix, .suffixes = suffixes, .directory = directory, .fd = -1};
    struct hb_error ignored;
    char *path = NULL;
    if (list(&archives, &ignored) == HB_OK && archives.count > 0)
        path = hb_text("%s/%s", directory, archives.names[0]);
    clear(&archives);
    return path;
}

/* Is it whole, and without an incomplete mark? */
static bool is_complete(const struct hb_preset_prune_request *request, const char *name)
{
    const struct hb_destination *made = request->made;
    struct hb_archive archive = {.fd = -1};
    struct hb_error ignored;
    if (strcmp(name, made->name) == 0)
        return !request->incomplete;
    HB_AUTO_FREE char *path = hb_text("%s/%s", made->directory, name);
    bool complete = hb_archive_open(request->run, path, NULL, &archive, &ignored) == HB_OK &&
                    hb_archive_list(&archive, &ignored) == HB_OK &&
                    !(archive.has_trailer && hb_trailer_incomplete(&archive.trailer));
    hb_archive_close(&archive);
    return complete;
}

struct candidates {
    const struct hb_preset_prune_request *request;
    const struct archives *archives;
};

static bool candidate_is_complete(void *context, size_t row)
{
    const struct candidates *candidates = context;
    return is_complete(candidates->request, candidates->archives->names[row]);
}

int hb_preset_prune(const struct hb_preset_prune_request *request, size_t *removed,
                    struct hb_error *error)
{
    struct archives archives = {
        .prefix = request->preset->prefix,
        .suffixes = request->suffixes,
        .directory = request->made->directory,
        .fd = -1,
    };
    struct candidates candidates = {request, &archives};
    *removed = 0;
    if (request->made->stream)
        return HB_OK;
    int status = list(&archives, error);
    if (status != HB_OK) {
        clear(&archives);
        return status;
    }
    HB_AUTO_FREE struct hb_kept *rows = hb_alloc(archives.count * sizeof *rows);
    for (size_t i = 0; i < archives.count; i++)
        rows[i].just_made = strcmp(archives.names[i], request->made->name) == 0;
    hb_retention(rows, archives.count, request->keep, candidate_is_complete, &candidates);
    for (size_t i = 0; i < archives.count; i++) {
        if (rows[i].stays)
            continue;
        if (unlinkat(archives.fd, archives.names[i], 0) == 0)
            (*removed)++;
        else
            hb_report_add(&request->run->report, HB_FOUND_NOTE, "", "%s/%s: cannot be removed: %s",
                          request->made->directory, archives.names[i], strerror(errno));
    }
    clear(&archives);
    return HB_OK;
}

char *hb_preset_previous(const struct hb_preset *preset, const struct hb_destination *destination,
                         const char *const *suffixes)
{
    if (!preset->reuse || destination->stream)
        return NULL;
    if (!destination->unique)
        return destination->exists ? hb_copy_text(destination->path) : NULL;
    const char *slash = strrchr(destination->path, '/');
    HB_AUTO_FREE char *directory = hb_copy_bytes(
        destination->path, slash == NULL ? 0 : (size_t)(slash - destination->path) + 1);
    return newest(preset, *directory == '\0' ? "." : directory, suffixes);
}

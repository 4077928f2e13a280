/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/member.h"

#include "archive/extract.h"
#include "archive/hard_links.h"
#include "base/memory.h"
#include "base/name.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct member {
    size_t index; /* SIZE_MAX: there is none */
    int fd;       /* that it is written to */
};

static bool is_wanted(void *context, size_t index)
{
    return index == ((const struct member *)context)->index;
}

static int open_output(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    (void)worker;
    (void)index;
    int fd = fcntl(((const struct member *)context)->fd, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd
                   : hb_error_set(error, HB_STATUS_FATAL, "standard output: %s", strerror(errno));
}

static int done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                struct hb_error *error)
{
    (void)context;
    (void)worker;
    (void)index;
    (void)fd;
    (void)bytes;
    (void)error;
    return HB_OK;
}

/* Without a leading "./". */
static const char *bare(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

/* The last member of that name. */
static size_t find_member(const struct hb_catalog *catalog, const char *name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(bare(hb_catalog_path(catalog, i)), bare(name)) == 0)
            found = i;
    return found;
}

/* How many members are shown like that, each name counted once; *found is the last of them. */
static size_t find_shown(const struct hb_catalog *catalog, const char *name, size_t *found)
{
    size_t names = 0;
    for (size_t i = 0; strchr(name, '\\') != NULL && i < catalog->count; i++) {
        const char *path = bare(hb_catalog_path(catalog, i));
        HB_AUTO_FREE char *shown = hb_printable(path);
        if (strcmp(shown, bare(name)) != 0)
            continue;
        names += names == 0 || strcmp(path, bare(hb_catalog_path(catalog, *found))) != 0;
        *found = i;
    }
    return names;
}

/* "skills/", as the list has it, or with nothing of its own in the archive but what lies below. */
static bool is_directory(const struct hb_catalog *catalog, const char *name)
{
    HB_AUTO_FREE char *directory = hb_copy_text(bare(name));
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        directory[--length] = '\0';
    size_t found = find_member(catalog, directory);
    if (found != SIZE_MAX)
        return catalog->members[found].type == HB_TYPE_DIRECTORY;
    for (size_t i = 0; length > 0 && i < catalog->count; i++) {
        const char *path = bare(hb_catalog_path(catalog, i));
        if (strncmp(path, directory, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

const char *hb_member_type(uint8_t type)
{
    switch (type) {
    case HB_TYPE_FILE:
        return "file";
    case HB_TYPE_DIRECTORY:
        return "directory";
    case HB_TYPE_SYMLINK:
        return "link";
    case HB_TYPE_HARDLINK:
        return "hardlink";
    default:
        return "special";
    }
}

/* The content of a hard link is that of the member that it names. HB_OK, or HB_STATUS_FATAL. */
static int follow_link(const struct hb_archive *archive, struct member *member,
                       struct hb_error *error)
{
    const struct hb_catalog *catalog = &archive->catalog;
    if (member->index == SIZE_MAX || catalog->members[member->index].type != HB_TYPE_HARDLINK)
        return HB_OK;
    HB_AUTO_FREE uint32_t *content = hb_hard_links_find(catalog);
    uint32_t found = content[member->index];
    const char *target = hb_catalog_link(catalog, member->index);
    if (found >= HB_LINKS_IN_RINGS)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: %s is a hard link to %s, and the archive has no data for it",
                            archive->path, hb_catalog_path(catalog, member->index),
                            target == NULL ? "nothing" : target);
    member->index = found;
    return HB_OK;
}

static int no_member(const struct hb_archive *archive, const char *name, struct hb_error *error)
{
    size_t bytes = strlen(name);
    HB_AUTO_FREE char *file = hb_copy_text(name);
    while (bytes > 1 && file[bytes - 1] == '/')
        file[--bytes] = '\0';
    hb_error_set(error, HB_STATUS_FATAL, "%s: the archive has no member %s", archive->path, name);
    if (find_member(&archive->catalog, file) != SIZE_MAX)
        hb_error_hint(error, "it has a member %s, which is no directory: leave the / out", file);
    else
        hb_error_hint(error, "`hbcore list ARCHIVE` shows the members");
    return HB_STATUS_FATAL;
}

/* By its name, byte for byte; else as the list shows it. HB_OK, *index SIZE_MAX: none. */
static int choose(const struct hb_archive *archive, const char *name, size_t *index,
                  struct hb_error *error)
{
    *index = find_member(&archive->catalog, name);
    if (*index != SIZE_MAX || find_shown(&archive->catalog, name, index) <= 1)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: several members are shown as %s", archive->path,
                 name);
    hb_error_hint(error, "`hbcore --json list ARCHIVE` has their names byte for byte");
    return HB_STATUS_FATAL;
}

int hb_member_write(struct hb_archive *archive, const char *name, int fd, struct hb_error *error)
{
    const struct hb_catalog *catalog = &archive->catalog;
    struct member member = {.fd = fd};
    int status = choose(archive, name, &member.index, error);
    if (status == HB_OK)
        status = follow_link(archive, &member, error);
    if (status != HB_OK)
        return status;
    uint8_t type = member.index != SIZE_MAX      ? catalog->members[member.index].type
                   : is_directory(catalog, name) ? HB_TYPE_DIRECTORY
                                                 : HB_TYPE_FILE;
    if (type != HB_TYPE_FILE)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s is not a file but a %s", archive->path,
                            name, hb_member_type(type));
    if (member.index == SIZE_MAX)
        return no_member(archive, name, error);
    const char *why = hb_catalog_unreadable(catalog, member.index);
    if (why != NULL)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s %s", archive->path, name, why);
    struct hb_extract_request request = {
        .archive = archive,
        .workers = 1,
        .context = &member,
        .wanted = is_wanted,
        .open = open_output,
        .done = done,
        .sequential = true,
    };
    return hb_extract(&request, error);
}

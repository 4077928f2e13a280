/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore cat */
#include "cli_cat.h"

#include "archive/extract.h"
#include "base/memory.h"
#include "reading.h"
#include "session.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char cat_help[] = "Usage: hbcore [global options] cat ARCHIVE MEMBER [--format NAME]\n"
                               "\n"
                               "Writes the content of one member to standard output.\n";

struct cat {
    struct hb_reading *reading;
    size_t index;
};

static bool cat_wanted(void *context, size_t index)
{
    return index == ((struct cat *)context)->index;
}

static int cat_open(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    (void)context;
    (void)worker;
    (void)index;
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : hb_error_set(error, HB_FATAL, "standard output: %s", strerror(errno));
}

static int cat_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
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

/* The last member of that name; a leading "./" does not count. */
static size_t find_member(const struct hb_catalog *catalog, const char *name)
{
    size_t found = SIZE_MAX;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    for (size_t i = 0; i < catalog->count; i++) {
        const char *path = hb_catalog_path(catalog, i);
        while (path[0] == '.' && path[1] == '/')
            path += 2;
        if (strcmp(path, name) == 0)
            found = i;
    }
    return found;
}

/* "skills/", as the list has it, or with nothing of its own in the archive but what lies below. */
static bool is_directory(const struct hb_catalog *catalog, const char *name)
{
    HB_AUTO_FREE char *directory = hb_copy_text(name);
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        directory[--length] = '\0';
    size_t found = find_member(catalog, directory);
    if (found != SIZE_MAX)
        return catalog->members[found].type == HB_DIRECTORY;
    const char *bare = directory;
    while (bare[0] == '.' && bare[1] == '/')
        bare += 2;
    length = strlen(bare);
    for (size_t i = 0; i < catalog->count; i++) {
        const char *path = hb_catalog_path(catalog, i);
        while (path[0] == '.' && path[1] == '/')
            path += 2;
        if (length > 0 && strncmp(path, bare, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

static int cat_member(struct hb_reading *reading)
{
    struct cat cat = {.reading = reading};
    const struct hb_catalog *catalog = &reading->archive.catalog;
    cat.index = find_member(catalog, reading->member);
    if (cat.index == SIZE_MAX && is_directory(catalog, reading->member)) {
        hb_error_set(&reading->error, HB_FATAL, "%s: %s is no file but a %s", reading->archive_path,
                     reading->member, hb_reading_type(HB_DIRECTORY));
        return HB_EXIT_FAILED;
    }
    if (cat.index == SIZE_MAX) {
        hb_error_set(&reading->error, HB_FATAL, "%s: has no member %s", reading->archive_path,
                     reading->member);
        hb_error_hint(&reading->error, "`hbcore list` names them");
        return HB_EXIT_FAILED;
    }
    if (catalog->members[cat.index].type != HB_FILE) {
        hb_error_set(&reading->error, HB_FATAL, "%s: %s is no file but a %s", reading->archive_path,
                     reading->member, hb_reading_type(catalog->members[cat.index].type));
        return HB_EXIT_FAILED;
    }
    struct hb_extract_request request = {
        .archive = &reading->archive,
        .workers = 1,
        .context = &cat,
        .wanted = cat_wanted,
        .open = cat_open,
        .done = cat_done,
        .sequential = true,
    };
    return hb_cli_exit_code(hb_extract(&request, &reading->error));
}

int hb_cli_cat(struct hb_cli *cli, int argc, char **argv)
{
    struct hb_reading reading = {.cli = cli, .archive = {.fd = -1}};
    cli->raw_out = true;
    int code = hb_reading_parse(&reading, cat_help, 2, argc, argv);
    if (code != 0)
        return code < 0 ? 0 : code;
    code = hb_reading_open(&reading);
    if (code == 0)
        code = cat_member(&reading);
    return hb_reading_end(&reading, code);
}

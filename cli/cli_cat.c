/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore cat */
#include "archive/extract.h"
#include "base/memory.h"
#include "commands.h"
#include "reading.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct cat_options {
    const char *format;
};

static const struct hb_cli_option table[] = {HB_READING_FORMAT(struct cat_options), {NULL}};

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

static int cat_member(struct hb_reading *reading, const char *name)
{
    struct cat cat = {.reading = reading};
    const struct hb_catalog *catalog = &reading->archive.catalog;
    struct hb_error *error = &reading->session->error;
    cat.index = find_member(catalog, name);
    uint8_t type = cat.index != SIZE_MAX         ? catalog->members[cat.index].type
                   : is_directory(catalog, name) ? HB_DIRECTORY
                                                 : HB_FILE;
    if (type != HB_FILE) {
        hb_error_set(error, HB_FATAL, "%s: %s is no file but a %s", reading->path, name,
                     hb_reading_type(type));
        return HB_EXIT_FAILED;
    }
    if (cat.index == SIZE_MAX) {
        hb_error_set(error, HB_FATAL, "%s: has no member %s", reading->path, name);
        hb_error_hint(error, "`hbcore list` names them");
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
    return hb_cli_exit_code(hb_extract(&request, error));
}

static int run(struct hb_session *session, const void *parsed, char **arguments)
{
    const struct cat_options *options = parsed;
    struct hb_reading reading = {session, "cat", arguments[0], options->format,
                                 .archive = {.fd = -1}};
    int code = hb_reading_open(&reading);
    if (code == 0)
        code = cat_member(&reading, arguments[1]);
    hb_archive_close(&reading.archive);
    return code;
}

static const struct hb_form form = {.arguments = "ARCHIVE MEMBER",
                                    .wrong = "takes an archive and a member",
                                    .values = {HB_VALUES_FILES, HB_VALUES_MEMBERS},
                                    .run = run};

const struct hb_command hb_command_cat = {
    .name = "cat",
    .summary = "one member of an archive to standard output",
    .about = "Writes the content of one member to standard output.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .bytes = sizeof(struct cat_options),
    .raw_out = true,
};

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

static const struct hb_cli_option table[] = {HB_READING_FORMAT, {NULL}};

/* `context`: the index of the member. */
static bool cat_wanted(void *context, size_t index)
{
    return index == *(const size_t *)context;
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

/* "skills/", as the list has it, or with nothing of its own in the archive but what lies below. */
static bool is_directory(const struct hb_catalog *catalog, const char *name)
{
    HB_AUTO_FREE char *directory = hb_copy_text(bare(name));
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        directory[--length] = '\0';
    size_t found = find_member(catalog, directory);
    if (found != SIZE_MAX)
        return catalog->members[found].type == HB_DIRECTORY;
    for (size_t i = 0; length > 0 && i < catalog->count; i++) {
        const char *path = bare(hb_catalog_path(catalog, i));
        if (strncmp(path, directory, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

static int cat(struct hb_reading *reading)
{
    const struct hb_catalog *catalog = &reading->archive.catalog;
    const char *name = reading->session->arguments[1];
    struct hb_error *error = &reading->session->error;
    size_t index = find_member(catalog, name);
    uint8_t type = index != SIZE_MAX             ? catalog->members[index].type
                   : is_directory(catalog, name) ? HB_DIRECTORY
                                                 : HB_FILE;
    if (type != HB_FILE) {
        hb_error_set(error, HB_FATAL, "%s: %s is no file but a %s", reading->path, name,
                     hb_reading_type(type));
        return HB_EXIT_FAILED;
    }
    if (index == SIZE_MAX) {
        hb_error_set(error, HB_FATAL, "%s: has no member %s", reading->path, name);
        hb_error_hint(error, "`hbcore list` names them");
        return HB_EXIT_FAILED;
    }
    struct hb_extract_request request = {
        .archive = &reading->archive,
        .workers = 1,
        .context = &index,
        .wanted = cat_wanted,
        .open = cat_open,
        .done = cat_done,
        .sequential = true,
    };
    return hb_cli_exit_code(hb_extract(&request, error));
}

static int run(struct hb_session *session)
{
    return hb_reading_run(session, "cat", cat);
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
    .bytes = sizeof(struct hb_reading_options),
    .raw_out = true,
};

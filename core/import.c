/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

#include "extract.h"
#include "home.h"
#include "memory.h"
#include "progress.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct import {
    const struct hb_import_request *request;
    struct hb_run *run;
    struct hb_import_result *result;
    struct hb_error *error;
    struct hb_archive archive;
    struct hb_chain filters, contents;
    struct hb_selection_result selection;
    bool made_home;
    bool publishing; /* live files may have been replaced */
    bool has_home_times;
    struct timespec home_times[2]; /* before the stage was made */
    uint32_t umask;
};

/* Reading it means setting it; no other thread runs yet. */
static uint32_t current_umask(void)
{
    mode_t mask = umask(077);
    umask(mask);
    return mask;
}

static int signalled(void)
{
    return hb_run_signal();
}

/* ---- the home ----------------------------------------------------------------------------------
 */

/* A home that root makes belongs to the owner of the directory that it lies in. */
static void give_to_owner_above(const char *path)
{
    HB_AUTO_FREE char *above = hb_format("%s/..", path);
    struct stat owner;
    if (geteuid() == 0 && stat(above, &owner) == 0 && lchown(path, owner.st_uid, owner.st_gid) != 0)
        return; /* a file system without owners */
}

/* Opens and locks the home if it is there, or makes it. */
static int open_home(struct import *import, bool make)
{
    const char *path = import->request->home;
    struct hb_run *run = import->run;
    if (run->home.fd >= 0)
        return HB_OK;
    int result = hb_root_open(path, &run->home);
    if (result == -ENOENT && make) {
        HB_AUTO_FREE char *copy = hb_copy_text(path);
        for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            mkdir(copy, 0777);
            *slash = '/';
        }
        import->made_home = mkdir(path, 0700) == 0;
        if (import->made_home)
            give_to_owner_above(path);
        result = hb_root_open(path, &run->home);
    } else if (result == -ENOENT) {
        return HB_OK;
    }
    if (result != 0)
        return hb_error_set(import->error, HB_FATAL, "%s: the home cannot be opened: %s", path,
                            strerror(-result));
    int status = hb_home_lock(&run->home, import->request->wait_seconds, signalled, import->error);
    import->result->locked = status == HB_NOMATCH;
    return status;
}

static int open_stage(struct import *import)
{
    int status = open_home(import, true);
    if (status != HB_OK || import->run->stage.fd >= 0)
        return status;
    struct stat before;
    import->has_home_times = fstat(import->run->home.fd, &before) == 0;
    import->home_times[0] = before.st_atim;
    import->home_times[1] = before.st_mtim;
    return hb_stage_open(import->run->home.path, &import->run->stage, &import->result->swept,
                         import->error);
}

/* Is there something in the home that an import could destroy? */
static bool must_ask(const struct import *import)
{
    const char *const *names = hb_config_list(import->run->config, "import", "ask-if");
    struct stat status;
    if (import->request->force)
        return false;
    for (; import->run->home.fd >= 0 && *names != NULL; names++)
        if (fstatat(import->run->home.fd, *names, &status, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    return false;
}

/* ---- staging
 * --------------------------------------------------------------------------------------- */

static bool stage_wanted(void *context, size_t index)
{
    struct import *import = context;
    const struct hb_catalog_member *member = &import->archive.catalog.members[index];
    size_t skip;
    /* A stream is selected afterwards: all that could be is staged. */
    if (import->archive.stream)
        return hb_path_problem(hb_catalog_path(&import->archive.catalog, index), SIZE_MAX, &skip) ==
               NULL;
    return member->state == HB_SELECTED;
}

static int stage_open(void *context, size_t index, struct hb_error *error)
{
    struct import *import = context;
    char name[24];
    hb_staged_name(index, name);
    int fd = openat(import->run->stage.fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
    if (fd < 0)
        return hb_error_set(error, HB_FATAL, "%s/%s: cannot be made: %s", import->run->stage.path,
                            name, strerror(errno));
    return fd;
}

static int stage_done(void *context, size_t index, int fd, uint64_t bytes, struct hb_error *error)
{
    struct import *import = context;
    const struct hb_catalog_member *member = &import->archive.catalog.members[index];
    (void)bytes;
    if (!(member->entry_flags & HB_ENTRY_HAS_MTIME))
        return HB_OK;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = member->mtime_seconds, .tv_nsec = member->mtime_nanoseconds}};
    if (futimens(fd, times) != 0)
        return hb_error_set(error, HB_FATAL, "%s: its time cannot be set: %s",
                            hb_catalog_path(&import->archive.catalog, index), strerror(errno));
    return HB_OK;
}

static int check_space(struct import *import)
{
    struct statvfs space;
    char needed[24], available[24];
    uint64_t bytes = import->selection.bytes;
    if (fstatvfs(import->run->stage.fd, &space) != 0)
        return HB_OK; /* staging will tell */
    uint64_t room = (uint64_t)space.f_bavail * space.f_frsize;
    if (bytes <= room)
        return HB_OK;
    hb_error_set(import->error, HB_FATAL, "%s: not enough space: %s are needed, %s are free",
                 import->run->home.path, hb_human_bytes(bytes, needed),
                 hb_human_bytes(room, available));
    hb_error_hint(import->error, "free some space and try again; nothing was changed");
    return HB_FATAL;
}

/*
 * A hard link becomes a file of its own, with the data of the member that it names; never a link to
 * something that is in the home.
 */
static int stage_hard_links(struct import *import)
{
    struct hb_catalog *catalog = &import->archive.catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        struct hb_catalog_member *member = &catalog->members[i];
        size_t skip = 0;
        if (member->type != HB_HARDLINK || member->state != HB_SELECTED)
            continue;
        const char *target = hb_catalog_link(catalog, i);
        size_t wrapper =
            import->selection.wrapper == NULL ? 0 : strlen(import->selection.wrapper) + 1;
        bool possible = target != NULL && hb_path_problem(target, SIZE_MAX, &skip) == NULL &&
                        strlen(target + skip) > wrapper;
        size_t from = possible ? hb_catalog_find(catalog, target + skip + wrapper) : SIZE_MAX;
        if (from == SIZE_MAX || from == i || catalog->members[from].state != HB_SELECTED ||
            catalog->members[from].type != HB_FILE) {
            member->state = HB_DROPPED;
            hb_report_add(&import->run->report, HB_FOUND_SKIPPED, hb_catalog_path(catalog, i),
                          "is a hard link to %s, which is not restored",
                          target == NULL ? "nothing" : target);
            continue;
        }
        char source_name[24];
        hb_staged_name(from, source_name);
        HB_AUTO_CLOSE int source =
            openat(import->run->stage.fd, source_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        HB_AUTO_CLOSE int copy = stage_open(import, i, import->error);
        if (source < 0 || copy < 0)
            return hb_error_set(import->error, HB_FATAL, "%s: cannot be staged: %s",
                                hb_catalog_path(catalog, i), strerror(errno));
        ssize_t copied;
        while ((copied = copy_file_range(source, NULL, copy, NULL, 1 << 30, 0)) > 0)
            ;
        if (copied < 0)
            return hb_error_set(import->error, HB_FATAL, "%s: cannot be staged: %s",
                                hb_catalog_path(catalog, i), strerror(errno));
        struct hb_catalog_member *origin = &catalog->members[from];
        member->type = HB_FILE;
        member->bytes = origin->bytes;
        member->mtime_seconds = origin->mtime_seconds;
        member->mtime_nanoseconds = origin->mtime_nanoseconds;
        member->mode = origin->mode;
        member->entry_flags = origin->entry_flags;
        int status = stage_done(import, i, copy, member->bytes, import->error);
        if (status != HB_OK)
            return status;
        import->selection.files++;
    }
    return HB_OK;
}

static struct hb_extract_request stage_request(struct import *import)
{
    return (struct hb_extract_request){
        .archive = &import->archive,
        .workers = hb_run_workers(import->run),
        .context = import,
        .wanted = stage_wanted,
        .open = stage_open,
        .done = stage_done,
        .whole = true,
    };
}

static int stage_members(struct import *import)
{
    struct hb_extract_request request = stage_request(import);
    int status = open_stage(import);
    if (status == HB_OK)
        status = check_space(import);
    if (status == HB_OK)
        status = hb_extract(&request, import->error);
    return status;
}

/* A stream: all is staged first, and then looked at. */
static int stage_stream(struct import *import)
{
    struct hb_extract_request request = stage_request(import);
    return hb_extract_stream(&request, import->error);
}

/* ---- all
 * -------------------------------------------------------------------------------------------- */

/* Staged, verified and flushed; from here on live files are replaced. */
static int publish(struct import *import)
{
    struct hb_restore_request request = {
        .run = import->run,
        .catalog = &import->archive.catalog,
        .selection = &import->selection,
        .contents = &import->contents,
        .umask = import->umask,
    };
    struct hb_restored result = {0};
    if (syncfs(import->run->stage.fd) != 0)
        return hb_error_set(import->error, HB_FATAL,
                            "%s: what was staged cannot be flushed to disk: %s",
                            import->run->stage.path, strerror(errno));
    import->publishing = true;
    int status = hb_restore(&request, &result, import->error);
    import->result->files = result.files;
    import->result->bytes = result.bytes;
    return status;
}

static int confirm(struct import *import)
{
    const struct hb_import_request *request = import->request;
    if (request->confirm == NULL)
        return HB_OK;
    int status = request->confirm(request->context, &import->archive, &import->selection,
                                  must_ask(import), import->error);
    import->result->declined = status == HB_NOMATCH;
    return status;
}

static int open_archive(struct import *import)
{
    const struct hb_import_request *request = import->request;
    int status = HB_OK;
    /* A stream may have to be copied, which needs a place. */
    struct stat there;
    bool stream = strcmp(request->archive, "-") == 0 ||
                  (stat(request->archive, &there) == 0 && S_ISFIFO(there.st_mode));
    if (stream && must_ask(import) && !request->dry_run) {
        hb_error_set(
            import->error, HB_FATAL,
            "%s: the home is in use, and nobody can be asked while the archive comes from a "
            "pipe",
            request->home);
        hb_error_hint(import->error, "say --force to import over it");
        return HB_FATAL;
    }
    if (stream)
        status = open_stage(import);
    if (status == HB_OK)
        status = hb_archive_open(import->run, request->archive, request->format, &import->archive,
                                 import->error);
    if (status == HB_OK)
        status = hb_archive_list(&import->archive, import->error);
    return status == HB_NOMATCH ? stage_stream(import) : status;
}

static int run_import(struct import *import)
{
    struct hb_run *run = import->run;
    bool staged;
    int status = open_home(import, false);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_FILTER, "import", &import->filters, import->error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &import->contents, import->error);
    if (status == HB_OK)
        status = open_archive(import);
    if (status == HB_OK)
        status = hb_select(&import->archive, &import->filters, &import->contents,
                           &import->selection, import->error);
    if (status != HB_OK)
        return status;
    staged = import->archive.stream;
    import->result->members = import->selection.members;
    if (import->selection.wrapper != NULL)
        import->result->wrapper = hb_copy_text(import->selection.wrapper);
    status = confirm(import);
    if (status != HB_OK || import->request->dry_run)
        return status;
    if (!staged)
        status = stage_members(import);
    if (status == HB_OK)
        status = stage_hard_links(import);
    return status == HB_OK ? publish(import) : status;
}

int hb_import(const struct hb_import_request *request, struct hb_import_result *result,
              struct hb_error *error)
{
    struct import import = {
        .request = request, .run = request->run, .result = result, .error = error};
    import.archive.fd = -1;
    import.umask = current_umask();
    *result = (struct hb_import_result){0};
    int status = run_import(&import);
    bool untouched = status != HB_OK && !import.publishing;
    hb_archive_close(&import.archive);
    hb_selection_clear(&import.selection);
    hb_chain_free(&import.filters);
    hb_chain_free(&import.contents);
    hb_stage_close(&request->run->stage);
    if (untouched && import.has_home_times) /* the stage came and went */
        futimens(request->run->home.fd, import.home_times);
    if (import.made_home && (status != HB_OK || request->dry_run))
        rmdir(request->home); /* only if nothing is in it */
    hb_report_sort(&request->run->report);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/drill.h"

#include "archive/receipts.h"
#include "base/content_hash.h"
#include "base/memory.h"
#include "files/anywhere.h"
#include "host/content.h"
#include "host/instance.h"
#include "import/import.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, LINK_BYTES = 4097 };

static const char home_name[] = "home";

/* What the import was about to do with a member. */
struct expected {
    uint32_t skip, origin; /* as in struct hb_restore_row */
    bool restored;
};

struct drill {
    const struct hb_drill_request *request;
    struct hb_run *run;
    struct hb_drilled *result;
    struct hb_stage stage;
    struct expected *rows;
    size_t count;
    struct hb_chain contents;
    unsigned char *buffer;
    struct hb_content_hash hash;
    bool no_checksums;
};

/* ---- the restore --------------------------------------------------------------------------- */

/* It was opened once more: is that the same one? */
static bool is_same(const struct hb_archive *first, const struct hb_archive *second)
{
    const struct hb_catalog *one = &first->catalog, *other = &second->catalog;
    char before[HB_RECEIPT_KEY_BYTES], now[HB_RECEIPT_KEY_BYTES];
    hb_receipt_key(first, before);
    hb_receipt_key(second, now);
    if (strcmp(before, now) != 0)
        return false;
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(hb_catalog_path(one, i), hb_catalog_path(other, i)) != 0 ||
            one->members[i].bytes != other->members[i].bytes)
            return false;
    return true;
}

/* The import has planned, and nothing is unpacked yet: what is expected from here on is the plan.
 */
static int on_confirm(void *context, const struct hb_archive *archive,
                      const struct hb_restore_plan *plan, const struct hb_changes *changes,
                      bool ask, struct hb_error *error)
{
    struct drill *drill = context;
    const struct hb_drill_request *request = drill->request;
    (void)changes;
    (void)ask;
    if (!is_same(request->archive, archive))
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: the archive was replaced during the drill; try again",
                            request->path);
    drill->count = plan->count;
    drill->rows = hb_alloc((plan->count + 1) * sizeof *drill->rows);
    for (size_t i = 0; i < plan->count; i++)
        drill->rows[i] = (struct expected){.skip = plan->rows[i].skip,
                                           .origin = plan->rows[i].origin,
                                           .restored = hb_planned_is_selected(plan, i)};
    drill->result->all_files = plan->files;
    if (request->begin != NULL)
        request->begin(request->context, plan->files, plan->unpacked);
    return HB_OK;
}

static int restore(struct drill *drill, struct hb_error *error)
{
    HB_AUTO_FREE char *home = hb_text("%s/%s", drill->stage.path, home_name);
    struct hb_import_result result;
    drill->run->without_roots = true; /* nothing outside of it is touched */
    const struct hb_import_request request = {
        .run = drill->run,
        .archive = drill->request->path,
        .format = drill->request->format,
        .home = home,
        .force = true,
        .confirm = on_confirm,
        .context = drill,
    };
    int status = hb_import(&request, &result, error);
    free(result.wrapper);
    drill->result->damaged = result.damaged;
    return status == HB_STATUS_NOMATCH ? HB_STATUS_FATAL : status;
}

/* ---- is it what was stored? ---------------------------------------------------------------- */

static void differs(struct drill *drill, const char *path, const char *how)
{
    drill->result->different++;
    hb_report_add(&drill->run->report, HB_FOUND_DOUBTFUL, path, "differs after the restore: %s",
                  how);
}

/* The import has said why; else nobody has. */
static void missing(struct drill *drill, const char *path, const char *how)
{
    struct hb_report *report = &drill->run->report;
    if (!hb_report_has(report, HB_FOUND_SKIPPED, path) &&
        !hb_report_has(report, HB_FOUND_DOUBTFUL, path))
        differs(drill, path, how);
    else
        drill->result->different++;
}

/* 0 or -errno. */
static int hash_file(struct drill *drill, int fd, uint64_t bytes, uint64_t *hash)
{
    ssize_t got = 1;
    hb_content_begin(&drill->hash, bytes);
    while (got > 0 && !hb_run_cancelled(drill->run)) {
        got = read(fd, drill->buffer, READ_BYTES);
        if (got > 0)
            hb_content_put(&drill->hash, drill->buffer, (size_t)got);
    }
    int result = got < 0 ? -errno : 0;
    *hash = hb_content_end(&drill->hash);
    return result;
}

static int open_again(void *context)
{
    int fd = fcntl(*(const int *)context, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

/* As a database, where it is one. HB_OK or HB_STATUS_CANCELLED. */
static int check_content(struct drill *drill, const struct hb_entry *entry,
                         const struct hb_place *place, int fd)
{
    const struct hb_instance *content = NULL;
    struct hb_claim claim = {.number = 0};
    uint32_t soundness = HB_SOUNDNESS_UNKNOWN;
    struct hb_report *report = &drill->run->report;
    if (drill->contents.count == 0)
        return HB_OK;
    hb_claim_ask(&drill->contents, entry, &claim);
    int told = hb_claim_settle(&drill->contents, entry, &claim, open_again, &fd, &content);
    if (told != 0)
        hb_report_add(report, HB_FOUND_DOUBTFUL, entry->path,
                      "could not be checked: it cannot be read: %s", strerror(-told));
    if (told != 0 || content == NULL)
        return HB_OK;
    HB_AUTO_FREE char *path = hb_text("%s/%s", drill->run->home.path, place->path);
    const struct hb_file file = {.size = sizeof file, .fd = fd, .path = path};
    int status = hb_check_copy(drill->run, content, entry, &file, &soundness);
    if (status == HB_STATUS_CANCELLED)
        return status;
    if (status == HB_OK)
        hb_report_content(report, entry->path, "check", soundness, NULL);
    return HB_OK;
}

static int compare_file(struct drill *drill, size_t index, const struct hb_entry *entry,
                        const struct hb_place *place)
{
    const struct hb_archive *archive = drill->request->archive;
    uint64_t stored, found;
    HB_AUTO_CLOSE int fd =
        openat(place->directory_fd, place->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) /* it may be read-only */
        fd = openat(place->directory_fd, place->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        differs(drill, entry->path, strerror(errno));
        return HB_OK;
    }
    int result = hash_file(drill, fd, entry->bytes, &found);
    if (hb_run_cancelled(drill->run))
        return HB_STATUS_CANCELLED;
    bool has_checksum = archive->has_trailer &&
                        hb_trailer_content(&archive->trailer, drill->rows[index].origin, &stored);
    drill->no_checksums |= !has_checksum;
    if (result != 0)
        differs(drill, entry->path, strerror(-result));
    else if ((uint64_t)place->status.st_size != entry->bytes)
        differs(drill, entry->path, "its size is another one");
    else if (has_checksum && stored != found)
        differs(drill, entry->path, "its content is another one");
    drill->result->files++;
    drill->result->bytes += (uint64_t)place->status.st_size;
    return check_content(drill, entry, place, fd);
}

static void compare_link(struct drill *drill, const struct hb_entry *entry,
                         const struct hb_place *place)
{
    char target[LINK_BYTES];
    ssize_t got = readlinkat(place->directory_fd, place->name, target, sizeof target);
    if (got < 0 || (size_t)got != strlen(entry->link) ||
        memcmp(target, entry->link, (size_t)got) != 0)
        differs(drill, entry->path, "the link leads elsewhere");
}

static bool is_of_type(const struct hb_entry *entry, mode_t mode)
{
    return entry->type == HB_TYPE_DIRECTORY ? S_ISDIR(mode)
           : entry->type == HB_TYPE_SYMLINK ? S_ISLNK(mode)
                                            : S_ISREG(mode);
}

static int compare(struct drill *drill, size_t index)
{
    const struct hb_catalog *catalog = &drill->request->archive->catalog;
    const struct expected *row = &drill->rows[index];
    struct hb_entry entry;
    struct hb_place place;
    int status = HB_OK;
    hb_catalog_entry(catalog, row->origin, &entry);
    entry.path = hb_catalog_path(catalog, index) + row->skip;
    int result = hb_beneath_resolve(&drill->run->home, entry.path, HB_KEEP_LAST, &place, NULL);
    if (result != 0)
        missing(drill, entry.path, strerror(-result));
    else if (!place.exists)
        missing(drill, entry.path, "it is not there");
    else if (!is_of_type(&entry, place.status.st_mode))
        missing(drill, entry.path, "it is of another type");
    else if (entry.type == HB_TYPE_SYMLINK)
        compare_link(drill, &entry, &place);
    else if (entry.type != HB_TYPE_DIRECTORY)
        status = compare_file(drill, index, &entry, &place);
    hb_place_clear(&place);
    return status;
}

/* All of it, whatever differs. */
static int compare_all(struct drill *drill, struct hb_error *error)
{
    int status = HB_OK;
    if (!hb_contents_are_given_up(drill->run->config)) /* the import has said that */
        status = hb_contents_create(drill->run, &drill->contents, error);
    if (status != HB_OK)
        return status == HB_STATUS_CANCELLED ? status : HB_STATUS_FATAL;
    drill->buffer = hb_alloc(READ_BYTES);
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &drill->run->home.rights);
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s", drill->stage.path,
                            hb_rights_explain(-result));
    for (size_t i = 0; i < drill->count && status == HB_OK; i++)
        if (drill->rows[i].restored)
            status = compare(drill, i);
    if (status == HB_STATUS_CANCELLED)
        return hb_error_set(error, status, "interrupted");
    if (drill->no_checksums)
        hb_report_add(&drill->run->report, HB_FOUND_NOTE, "",
                      "the archive has no checksums of contents: what was restored was compared by "
                      "type and size");
    return status;
}

/* ---- its place ----------------------------------------------------------------------------- */

/* As root nobody else is to see what is restored, whoever owns the directory. */
static int make_stage(struct drill *drill, struct hb_error *error)
{
    struct hb_directory directory;
    const char *path = drill->request->directory;
    int result = hb_directory_open(path, false, &directory);
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot open the directory: %s", path,
                            hb_rights_explain(-result));
    struct hb_rights rights = directory.rights;
    if (rights.other && !directory.led)
        rights = (struct hb_rights){.other = false};
    int status = hb_stage_open_in(directory.fd, &rights, path, &drill->stage, NULL, error);
    hb_directory_close(&directory);
    if (status != HB_OK)
        return status;
    HB_AUTO_AS as = {.changed = false};
    result = hb_as_begin(&as, &drill->stage.rights);
    if (result == 0 && mkdirat(drill->stage.fd, home_name, 0700) != 0)
        result = -errno;
    return result == 0 ? HB_OK
                       : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot make a directory: %s",
                                      drill->stage.path, strerror(-result));
}

int hb_drill(const struct hb_drill_request *request, struct hb_drilled *result,
             struct hb_error *error)
{
    struct drill drill = {
        .request = request, .run = request->archive->run, .result = result, .stage = HB_STAGE_NONE};
    *result = (struct hb_drilled){0};
    int status = make_stage(&drill, error);
    if (status == HB_OK)
        status = restore(&drill, error);
    if (status == HB_OK)
        status = compare_all(&drill, error);
    hb_chain_free(&drill.contents);
    hb_content_clear(&drill.hash);
    free(drill.buffer);
    free(drill.rows);
    hb_root_close(&drill.run->home);
    if (drill.stage.fd >= 0)
        hb_run_close_stage(drill.run, &drill.stage, status);
    return status;
}

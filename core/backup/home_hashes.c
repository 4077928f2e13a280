/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of a backup, and then its readers, but without a format: each content is read once, by
 * all workers, and only its checksum stays. Entries are taken in batches, so that a home of a
 * million files needs no more memory than its catalog.
 */
#include "backup/home_hashes.h"

#include "archive/annotations.h"
#include "backup/walk.h"
#include "base/content_hash.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/spread.h"
#include "files/anywhere.h"
#include "files/state_key.h"
#include "host/content.h"
#include "host/format.h"
#include "host/instance.h"
#include "pipeline/reader.h"
#include "restore/recover.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BATCH = 2048,
    SMALL = HB_CONTENT_BLOCK,      /* what a thread has room for anyway */
    LARGE = 16 * HB_CONTENT_BLOCK, /* whole blocks: a checksum is a sum of theirs */
    PASSES = 3                     /* times that a file is read when it changes meanwhile */
};

struct looked {
    struct hb_reader reader;
    uint64_t hash;
    int status; /* HB_OK; HB_STATUS_ENTRY: it stands in the report */
};

struct hashing {
    const struct hb_home_hashes_request *request;
    struct hb_run *run;
    struct hb_home_hashes *hashes;
    struct hb_error *error;
    struct hb_chain filters, contents;
    struct hb_plan plan;
    struct looked *batch;
    size_t first; /* of the batch */
};

/* ---- one entry, any thread ----------------------------------------------------------------- */

static int cannot_read(struct hb_reader *reader, int64_t got)
{
    hb_report_add(&reader->run->report, HB_FOUND_SKIPPED, reader->entry.path, "cannot be read: %s",
                  hb_reader_why(reader, got));
    return HB_STATUS_ENTRY;
}

/* All of it once, as large as it was when it was opened. */
static int hash_once(struct hb_reader *reader, unsigned char *buffer, size_t room, uint64_t *hash,
                     uint64_t *bytes)
{
    *hash = *bytes = 0;
    while (*bytes < reader->entry.bytes) {
        uint64_t left = reader->entry.bytes - *bytes;
        size_t want = left < room ? (size_t)left : room;
        if (hb_run_cancelled(reader->run))
            return HB_STATUS_CANCELLED;
        int64_t got = hb_reader_read(reader, buffer, want, *bytes);
        if (got < 0)
            return cannot_read(reader, got);
        *hash += hb_content_part(buffer, (size_t)got, *bytes);
        *bytes += (uint64_t)got;
        if ((uint64_t)got < want)
            break;
    }
    return HB_OK;
}

/* One that never keeps still is compared as it was read last, and named. */
static int hash_content(struct looked *looked)
{
    struct hb_reader *reader = &looked->reader;
    unsigned char small[SMALL];
    HB_AUTO_FREE unsigned char *large = reader->entry.bytes > SMALL ? hb_alloc(LARGE) : NULL;
    size_t room = large != NULL ? LARGE : SMALL;
    const char *how = NULL;
    uint64_t bytes;
    int status;
    do {
        how = NULL;
        status = hash_once(reader, large != NULL ? large : small, room, &looked->hash, &bytes);
        if (status != HB_OK)
            return status;
        reader->passes++;
    } while (hb_reader_changed(reader, &how) && reader->passes < PASSES &&
             hb_reader_refresh(reader));
    if (how != NULL)
        hb_report_add(&reader->run->report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "%s; it was compared as it was read last", how);
    else if (bytes < reader->entry.bytes)
        hb_report_add(&reader->run->report, HB_FOUND_DOUBTFUL, reader->entry.path,
                      "less of it could be read than there should be");
    reader->entry.bytes = bytes;
    return HB_OK;
}

/* The words of reader.c are those of a backup, which stores what it has read. */
static void look_back(struct hb_reader *reader)
{
    struct stat status;
    reader->looked_back = true;
    if (reader->fd >= 0 && fstat(reader->fd, &status) == 0 && status.st_nlink == 0)
        hb_report_add(
            &reader->run->report, HB_FOUND_NOTE, reader->entry.path,
            "was removed or replaced while it was read; what was there first is compared");
}

/* Its plugin has a word to say before what was read counts. */
static int hash_opened(struct looked *looked)
{
    int status = looked->reader.entry.type == HB_TYPE_FILE ? hash_content(looked) : HB_OK;
    if (status == HB_OK && looked->reader.to_be_judged)
        status = hb_reader_judge(&looked->reader);
    return status;
}

static int look_at(const struct hashing *hashing, const struct hb_planned *planned,
                   struct looked *looked)
{
    struct hb_run *run = hashing->run;
    if (hb_run_cancelled(run))
        return HB_STATUS_CANCELLED;
    int status = hb_reader_open(run, &hashing->contents, &hashing->plan, planned, &looked->reader);
    if (status == HB_OK)
        status = hash_opened(looked);
    if (status != HB_STATUS_NOMATCH)
        return status;
    hb_reader_free(&looked->reader);
    status = hb_reader_open_raw(run, &hashing->plan, planned, &looked->reader);
    return status == HB_OK ? hash_opened(looked) : status;
}

static void look_at_number(void *context, size_t number)
{
    const struct hashing *hashing = context;
    struct looked *looked = &hashing->batch[number];
    struct hb_planned planned = hb_plan_entry(&hashing->plan, hashing->first + number);
    looked->hash = 0;
    looked->reader = (struct hb_reader){.fd = -1};
    looked->status = look_at(hashing, &planned, looked);
    look_back(&looked->reader);
    hb_reader_close(&looked->reader);
}

/* ---- all of them --------------------------------------------------------------------------- */

static void make_room(struct hb_home_hashes *hashes)
{
    if (hashes->catalog.count < hashes->capacity)
        return;
    hashes->capacity += hashes->capacity / 2 + 1024;
    hashes->hashes = hb_resize(hashes->hashes, hashes->capacity, sizeof *hashes->hashes);
    hashes->unread = hb_resize(hashes->unread, hashes->capacity, sizeof *hashes->unread);
}

/* What has vanished since the walk is not there; the report says so. */
static bool has_vanished(struct hb_run *run, const struct looked *looked)
{
    const char *path = looked->reader.entry.path;
    uint8_t type = (uint8_t)looked->reader.entry.type;
    return looked->status == HB_STATUS_ENTRY && path != NULL &&
           hb_home_lacks(run, path, &type) == HB_LACK_GONE;
}

static void take(struct hashing *hashing, const struct looked *looked)
{
    struct hb_home_hashes *hashes = hashing->hashes;
    const struct hb_reader *reader = &looked->reader;
    if (reader->entry.path == NULL || has_vanished(hashing->run, looked))
        return;
    make_room(hashes);
    size_t index = hb_catalog_add(&hashes->catalog, &reader->entry, NULL);
    hashes->hashes[index] = looked->hash;
    hashes->unread[index] = looked->status != HB_OK;
    hb_annotations_add(hashes->facts, index, reader->facts, NULL);
    hb_progress_add(hashing->run->progress, reader->entry.path, reader->entry.type == HB_TYPE_FILE,
                    reader->entry.bytes);
}

static int hash_batch(struct hashing *hashing, size_t count)
{
    int status = HB_OK;
    hb_spread(hb_run_workers(hashing->run), count, look_at_number, hashing);
    for (size_t i = 0; i < count; i++) {
        if (hashing->batch[i].status == HB_STATUS_CANCELLED)
            status = HB_STATUS_CANCELLED;
        if (status == HB_OK)
            take(hashing, &hashing->batch[i]);
        hb_reader_free(&hashing->batch[i].reader);
    }
    return status == HB_OK ? HB_OK : hb_error_set(hashing->error, status, "interrupted");
}

static int hash_all(struct hashing *hashing)
{
    struct hb_rights reading = hb_root_reading(&hashing->run->home);
    HB_AUTO_AS as = {.changed = false}; /* threads that start now begin with the same */
    (void)hb_as_begin(&as, &reading);
    hashing->batch = hb_alloc(BATCH * sizeof *hashing->batch);
    hashing->hashes->facts = json_array();
    int status = HB_OK;
    for (; status == HB_OK && hashing->first < hashing->plan.count; hashing->first += BATCH) {
        size_t left = hashing->plan.count - hashing->first;
        status = hash_batch(hashing, left < BATCH ? left : BATCH);
    }
    return status;
}

/* ---- before that --------------------------------------------------------------------------- */

static int make_plan(struct hashing *hashing)
{
    struct hb_run *run = hashing->run;
    const struct hb_format_ops *ops = hb_format_ops_of(hashing->request->format);
    struct hb_keeps keeps = hb_format_keeps(hashing->request->format);
    struct hb_state_key key;
    struct hb_home_id id;
    hb_state_key_find(false, &key);
    hb_home_id_find(&run->home, false, &id);
    struct hb_identity excluded = {key.device, key.inode};
    struct hb_plan_request request = {
        .run = run,
        .filters = &hashing->filters,
        .contents = &hashing->contents,
        .keeps = &keeps,
        .store_links =
            hb_config_backup(run->config)->store_links && (ops->flags & HB_FORMAT_SYMLINKS),
        .one_file_system = hb_config_backup(run->config)->one_file_system,
        .excluded = &excluded,
        .excluded_count = key.exists,
        .id = &id,
        .latest = INT64_MAX,
    };
    int status = hb_plan_make(&request, &hashing->plan, hashing->error);
    hb_home_id_clear(&id);
    hb_state_key_clear(&key);
    return status;
}

/* For copies of databases; they have the secrets of the home, so that only its reader sees them. */
static int open_stage(struct hashing *hashing)
{
    struct hb_run *run = hashing->run;
    const char *path = hashing->request->stage_directory;
    struct hb_directory directory;
    struct hb_rights rights;
    if (hashing->plan.first_claimed == hashing->plan.count || run->stage.fd >= 0)
        return HB_OK;
    int result = hb_directory_open(path, false, &directory);
    if (result == 0)
        result = hb_run_making(run, &directory, &rights);
    int status =
        result == 0
            ? hb_stage_open_in(directory.fd, &rights, path, &run->stage, NULL, hashing->error)
            : hb_error_set(hashing->error, HB_STATUS_FATAL, "%s: cannot open the directory: %s",
                           path, hb_rights_explain(-result));
    hb_directory_close(&directory);
    if (status != HB_OK)
        hb_error_hint(hashing->error,
                      "set backup.stage-dir to a directory that has room for copies of databases");
    return status;
}

int hb_home_hashes_read(const struct hb_home_hashes_request *request, struct hb_home_hashes *hashes,
                        struct hb_error *error)
{
    struct hb_run *run = request->run;
    struct hashing hashing = {.request = request, .run = run, .hashes = hashes, .error = error};
    *hashes = (struct hb_home_hashes){.capacity = 0};
    int status = hb_chain_create(run, HB_KIND_FILTER, "backup", &hashing.filters, error);
    if (status == HB_OK)
        status = hb_contents_create(run, &hashing.contents, error);
    if (status == HB_OK)
        status = hb_recover(run, &hashing.contents, HB_RECOVER_TELL, error);
    if (status == HB_OK)
        status = make_plan(&hashing);
    if (status == HB_OK)
        status = open_stage(&hashing);
    if (status == HB_OK && request->planned != NULL)
        request->planned(request->context, hashing.plan.files, hashing.plan.bytes);
    if (status == HB_OK)
        status = hash_all(&hashing);
    free(hashing.batch);
    hb_plan_clear(&hashing.plan);
    hb_chain_free(&hashing.filters);
    hb_chain_free(&hashing.contents);
    if (run->stage.fd >= 0)
        hb_run_close_stage(run, &run->stage, status);
    return status;
}

void hb_home_hashes_clear(struct hb_home_hashes *hashes)
{
    hb_catalog_clear(&hashes->catalog);
    free(hashes->hashes);
    free(hashes->unread);
    json_decref(hashes->facts);
    *hashes = (struct hb_home_hashes){.capacity = 0};
}

/* ---- what is not in it --------------------------------------------------------------------- */

/* It, or a directory around it. */
static bool was_skipped(struct hb_run *run, const char *path)
{
    if (run->report.kinds[HB_FOUND_SKIPPED] == 0)
        return false;
    HB_AUTO_FREE char *outer = hb_copy_text(path);
    for (char *slash = outer; slash != NULL; slash = strrchr(outer, '/')) {
        if (slash != outer)
            *slash = '\0';
        if (hb_report_has(&run->report, HB_FOUND_SKIPPED, outer))
            return true;
    }
    return hb_report_has(&run->report, HB_FOUND_SKIPPED, "");
}

static uint8_t type_of(mode_t mode)
{
    return S_ISREG(mode)   ? HB_TYPE_FILE
           : S_ISDIR(mode) ? HB_TYPE_DIRECTORY
           : S_ISLNK(mode) ? HB_TYPE_SYMLINK
                           : HB_TYPE_SPECIAL;
}

static enum hb_home_lack look_for(struct hb_run *run, const char *path, uint8_t *type)
{
    struct stat status;
    HB_AUTO_CLOSE int fd = hb_beneath_open(&run->home, path, O_PATH | O_NOFOLLOW, 0);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) /* a link is on the way, which is not it */
        return HB_LACK_GONE;
    if (was_skipped(run, path))
        return HB_LACK_UNTOLD;
    if (fd < 0 || fstat(fd, &status) != 0) {
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, path, "cannot be looked at: %s",
                      hb_rights_explain(fd < 0 ? -fd : errno));
        return HB_LACK_UNTOLD;
    }
    uint8_t there = type_of(status.st_mode);
    bool same = there == (*type == HB_TYPE_HARDLINK ? HB_TYPE_FILE : *type);
    *type = there;
    return same ? HB_LACK_LEFT_OUT : HB_LACK_OTHER;
}

enum hb_home_lack hb_home_lacks(struct hb_run *run, const char *path, uint8_t *type)
{
    struct hb_rights reading = hb_root_reading(&run->home);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &reading);
    return look_for(run, path, type);
}

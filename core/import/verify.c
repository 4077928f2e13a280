/* SPDX-License-Identifier: Apache-2.0 */
#include "import/verify.h"

#include "archive/claims.h"
#include "archive/extract.h"
#include "archive/hard_links.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "host/content.h"
#include "host/instance.h"
#include "host/own_places.h"
#include "import/archive_marks.h"
#include "import/sample.h"
#include "import/select.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct verify {
    struct hb_archive *archive;
    struct hb_run *run;
    struct hb_chain filters, contents;
    struct hb_restore_plan plan; /* of an import */
    struct hb_error refusal;     /* an import would refuse all of it */
    struct hb_claims *claims;    /* of the plan, where there is one */
    struct hb_claims unplanned;
    struct hb_error *error;
    const struct hb_sample *sample; /* NULL: all of it */
    bool *is_read;                  /* of each member */
    bool can_stage;
    size_t damaged; /* the first damaged member, or SIZE_MAX */
};

/* The name of a member's copy. `name` has at least 24 bytes. */
static void copy_name(size_t index, char *name)
{
    snprintf(name, 24, "m%zu", index);
}

/* ---- reading back -------------------------------------------------------------------------- */

static bool verify_wanted(void *context, size_t index)
{
    const struct verify *verify = context;
    return verify->sample == NULL || verify->sample->wanted[index];
}

static void report_no_copy(struct verify *verify, size_t index, int error)
{
    hb_report_add(&verify->run->report, HB_FOUND_DOUBTFUL,
                  hb_catalog_path(&verify->archive->catalog, index),
                  "could not be checked: cannot copy it to %s: %s; free some space there or set "
                  "[backup] stage-dir",
                  verify->run->stage.path, strerror(error));
}

/* As what it is; not what a later member of that name replaces, which nobody gets. By its name. */
static bool is_checked(struct verify *verify, size_t index)
{
    const struct hb_restore_row *rows = verify->plan.rows;
    return verify_wanted(verify, index) && hb_claims_by_name(verify->claims, index) &&
           (rows == NULL || rows[index].action != HB_REPLACED);
}

/* By name alone: what it is will be seen when it is staged. */
static int verify_open(void *context, unsigned worker, size_t index, struct hb_error *error)
{
    struct verify *verify = context;
    const struct hb_stage *stage = &verify->run->stage;
    char name[24];
    (void)worker;
    (void)error;
    if (!verify->can_stage || !is_checked(verify, index))
        return -1;
    copy_name(index, name);
    int fd = openat(stage->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        report_no_copy(verify, index, errno);
    return fd < 0 ? -1 : fd;
}

/* No room, say. That says nothing about the archive. */
static bool verify_unwritable(void *context, size_t index, int error)
{
    struct verify *verify = context;
    char name[24];
    copy_name(index, name);
    unlinkat(verify->run->stage.fd, name, 0);
    report_no_copy(verify, index, error);
    return true;
}

static int open_again(void *context)
{
    int fd = fcntl(*(const int *)context, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

/* With the facts that were stored of it. */
static void report_checked(struct verify *verify, size_t index, uint32_t soundness)
{
    const struct hb_archive *archive = verify->archive;
    const json_t *facts = hb_annotations_facts(archive->trailer.annotations, index);
    HB_AUTO_FREE char *text = facts == NULL ? NULL : json_dumps(facts, JSON_COMPACT);
    hb_report_content(&verify->run->report, hb_catalog_path(&archive->catalog, index), "check",
                      soundness, text);
}

static void report_cannot_tell(struct verify *verify, size_t index)
{
    report_checked(verify, index, HB_SOUNDNESS_UNKNOWN);
}

/* Has the copy arrived? Not on a file system that shows what was written only later, or never. */
static bool is_all_there(struct verify *verify, const struct hb_entry *entry, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        hb_report_add(&verify->run->report, HB_FOUND_DOUBTFUL, entry->path,
                      "could not be checked: its copy cannot be examined: %s", strerror(errno));
    else if ((uint64_t)status.st_size != entry->bytes)
        hb_report_add(&verify->run->report, HB_FOUND_DOUBTFUL, entry->path,
                      "could not be checked: %llu bytes were written to its copy, but the copy has "
                      "%llu: set [backup] stage-dir",
                      (unsigned long long)entry->bytes, (unsigned long long)status.st_size);
    else
        return true;
    return false;
}

/* Checks a staged copy as what it is. HB_OK or HB_STATUS_CANCELLED. */
static int check_content(struct verify *verify, size_t index, const char *name, int fd)
{
    const struct hb_instance *content;
    struct hb_entry entry;
    uint32_t soundness;
    int told = hb_claims_settle(verify->claims, index, open_again, &fd, &content);
    if (told != 0) {
        hb_report_add(&verify->run->report, HB_FOUND_DOUBTFUL,
                      hb_catalog_path(&verify->archive->catalog, index),
                      "could not be checked: its copy cannot be read: %s",
                      hb_rights_explain(-told));
        report_cannot_tell(verify, index);
    }
    if (content == NULL)
        return HB_OK;
    HB_AUTO_FREE char *path = hb_text("%s/%s", verify->run->stage.path, name);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = path};
    hb_catalog_entry(&verify->archive->catalog, index, &entry);
    if (!is_all_there(verify, &entry, fd)) {
        report_cannot_tell(verify, index);
        return HB_OK;
    }
    int status = hb_check_copy(verify->run, content, &entry, &file, &soundness);
    if (status == HB_OK) /* else nothing of its kind after all */
        report_checked(verify, index, soundness);
    return status == HB_STATUS_CANCELLED ? status : HB_OK;
}

static int verify_done(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                       struct hb_error *error)
{
    struct verify *verify = context;
    char name[24];
    (void)worker;
    (void)bytes; /* as many as the catalog says */
    verify->is_read[index] = true;
    if (fd < 0) {
        if (is_checked(verify, index)) /* else it is nobody's */
            report_cannot_tell(verify, index);
        return HB_OK;
    }
    copy_name(index, name);
    int status = check_content(verify, index, name, fd);
    unlinkat(verify->run->stage.fd, name, 0);
    return status == HB_STATUS_CANCELLED ? hb_error_set(error, status, "interrupted") : HB_OK;
}

/* Reports all damage: undamaged members can still be extracted. The first is the error. */
static bool verify_damaged(void *context, const size_t *indexes, size_t count,
                           const struct hb_error *error)
{
    struct verify *verify = context;
    for (size_t i = 0; i < count; i++) {
        hb_report_add(&verify->run->report, HB_FOUND_DAMAGED,
                      hb_catalog_path(&verify->archive->catalog, indexes[i]), "%s",
                      hb_error_why(error));
        verify->is_read[indexes[i]] = false; /* in a frame, damage may lie behind it */
    }
    if (indexes[0] < verify->damaged) {
        verify->damaged = indexes[0];
        *verify->error = *error;
    }
    return true;
}

static bool verify_unreadable(void *context, const size_t *indexes, size_t count, const char *why)
{
    struct verify *verify = context;
    for (size_t i = 0; i < count && verify->plan.rows != NULL; i++)
        hb_planned_drop_data(&verify->plan, &verify->run->report, indexes[i], why);
    return true;
}

/*
 * As root, copies of an archive that belongs to somebody else than the directory are not for that
 * directory's owner to see.
 */
static int make_stage(struct verify *verify, const char *path, struct hb_error *error)
{
    struct hb_directory directory;
    struct stat archive;
    int result = hb_directory_open(path, false, &directory);
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot open the directory: %s", path,
                            hb_rights_explain(-result));
    struct hb_rights rights = directory.rights;
    if (rights.other && !directory.led &&
        (fstat(verify->archive->fd, &archive) != 0 || archive.st_uid != rights.user))
        rights = (struct hb_rights){.other = false};
    int status = hb_stage_open_in(directory.fd, &rights, path, &verify->run->stage, NULL, error);
    hb_directory_close(&directory);
    return status;
}

/* Whether they are sound is unknown; that they are read back whole is another thing. */
static void report_unchecked(struct verify *verify, const char *why)
{
    const struct hb_catalog *catalog = &verify->archive->catalog;
    struct hb_report *report = &verify->run->report;
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->members[i].type != HB_TYPE_FILE || !is_checked(verify, i))
            continue;
        hb_report_add(report, HB_FOUND_DOUBTFUL, hb_catalog_path(catalog, i),
                      "could not be checked as a database: %s", why);
    }
    hb_report_add(report, HB_FOUND_NOTE, "",
                  "set backup.stage-dir to a directory that has room for copies of databases");
}

/* Copies of databases are checked beside the archive, or in stage-dir. */
static void open_stage(struct verify *verify)
{
    const struct hb_archive *archive = verify->archive;
    bool needed = false;
    for (size_t i = 0; i < archive->catalog.count && !needed; i++)
        needed = archive->catalog.members[i].type == HB_TYPE_FILE && is_checked(verify, i);
    if (!needed)
        return;
    const char *chosen = hb_config_backup(verify->run->config)->stage_dir;
    if (archive->opener != NULL && *chosen == '\0') { /* which may be a share: see open_stages() */
        report_unchecked(verify, "the archive is sealed, and a copy beside it would not be");
        return;
    }
    HB_AUTO_FREE char *full = hb_absolute(archive->path);
    HB_AUTO_FREE char *real = full == NULL ? NULL : realpath(full, NULL);
    char *slash = real == NULL ? NULL : strrchr(real, '/');
    if (slash != NULL)
        slash[slash == real ? 1 : 0] = '\0';
    HB_AUTO_FREE char *directory =
        *chosen != '\0' ? hb_expand_path(chosen) : hb_copy_text(real == NULL ? "." : real);
    struct hb_error error;
    verify->can_stage = make_stage(verify, directory, &error) == HB_OK;
    if (!verify->can_stage)
        report_unchecked(verify, error.text);
}

/* ---- what else there is to say ------------------------------------------------------------- */

/*
 * What an import would not restore is said by the code that an import decides with. Nobody keeps
 * anything of his own in a home that is not known, but for the files that every home may have.
 */
static int plan_import(struct verify *verify, const char *home)
{
    static const char no_home[] = "/.hbcore-no-home";
    hb_own_places_of(verify->run, home == NULL ? no_home : home);
    return hb_select(verify->archive, &verify->filters, &verify->contents, NULL, &verify->plan,
                     &verify->refusal);
}

/* What the archive says about itself. */
static void report_marks(const struct verify *verify)
{
    const struct hb_archive *archive = verify->archive;
    struct hb_report *report = &verify->run->report;
    if (archive->later_trailer) {
        hb_report_add(report, HB_FOUND_DOUBTFUL, "", HB_LATER_TRAILER);
        return;
    }
    if (!archive->has_trailer) {
        hb_report_add(report, HB_FOUND_NOTE, "",
                      "hbcore did not write this archive, or its trailer is missing: modes and "
                      "times have no checksum");
        return;
    }
    if (hb_trailer_incomplete(&archive->trailer))
        hb_report_add(report, HB_FOUND_NOTE, "", "the archive is marked incomplete");
    hb_archive_marks_report(archive, NULL);
}

/* All that can be read of it is; see verify.h for what is told. */
static int read_back(struct verify *verify, struct hb_error *error)
{
    open_stage(verify);
    HB_AUTO_AS as = {.changed = false}; /* threads that start now begin with the same */
    if (verify->can_stage)
        (void)hb_as_begin(&as, &verify->run->stage.rights);
    struct hb_extract_request request = {
        .archive = verify->archive,
        .workers = hb_run_workers(verify->run),
        .context = verify,
        .wanted = verify_wanted,
        .open = verify_open,
        .done = verify_done,
        .damaged = verify_damaged,
        .unreadable = verify_unreadable,
        .unwritable = verify_unwritable,
        .whole = verify->sample == NULL,
    };
    int status = hb_extract(&request, error);
    hb_run_close_stage(verify->run, &verify->run->stage, status);
    return status;
}

/* An archive that an import would refuse is read back all the same. */
static int verify_all(struct verify *verify, const char *home, struct hb_error *error)
{
    int planned = plan_import(verify, home);
    verify->claims = &verify->plan.claims;
    if (verify->plan.rows == NULL) {
        verify->claims = &verify->unplanned;
        hb_claims_of_catalog(verify->claims, &verify->contents, &verify->archive->catalog);
    }
    int status = read_back(verify, error);
    hb_claims_clear(&verify->unplanned);
    if (status != HB_OK || verify->damaged != SIZE_MAX)
        return status;
    if (planned == HB_OK) {
        hb_planned_drop_links(&verify->plan, &verify->run->report);
        report_marks(verify);
    } else {
        *error = verify->refusal;
        if (verify->archive->catalog.count > 0)
            hb_error_set(error, HB_STATUS_FATAL, "%s; all of it was read back and is undamaged",
                         verify->refusal.text);
        if (verify->refusal.hint[0] != '\0')
            hb_error_hint(error, "%s", verify->refusal.hint);
    }
    return planned;
}

static void count_read(const struct verify *verify, struct hb_verified *result)
{
    const struct hb_catalog *catalog = &verify->archive->catalog;
    HB_AUTO_FREE uint32_t *content = hb_hard_links_find(catalog);
    for (size_t i = 0; i < catalog->count; i++) {
        uint64_t bytes;
        if (!hb_hard_links_is_file(catalog, content, i, &bytes) ||
            !verify->is_read[content == NULL ? i : content[i]])
            continue;
        result->files++;
        if (__builtin_add_overflow(result->bytes, bytes, &result->bytes))
            result->bytes = UINT64_MAX;
    }
}

static int verify(struct hb_archive *archive, const char *home, const struct hb_sample *sample,
                  struct hb_verified *result, struct hb_error *error)
{
    struct verify verify = {.archive = archive,
                            .run = archive->run,
                            .sample = sample,
                            .plan = {.catalog = &archive->catalog},
                            .error = error,
                            .damaged = SIZE_MAX};
    int status = HB_STATUS_NOMATCH;
    verify.is_read = hb_alloc(archive->catalog.count + 1);
    *result = (struct hb_verified){0};
    if (hb_contents_create(verify.run, &verify.contents, error) == HB_OK &&
        hb_chain_create(verify.run, HB_KIND_FILTER, "import", &verify.filters, error) == HB_OK)
        status = verify_all(&verify, home, error);
    hb_restore_plan_clear(&verify.plan);
    hb_chain_free(&verify.filters);
    hb_chain_free(&verify.contents);
    count_read(&verify, result);
    result->damaged = verify.damaged != SIZE_MAX;
    free(verify.is_read);
    return status;
}

int hb_verify(struct hb_archive *archive, const char *home, struct hb_verified *result,
              struct hb_error *error)
{
    return verify(archive, home, NULL, result, error);
}

/* What was not read to the end, for a signal say, or is damaged, is to be read the next time. */
int hb_verify_sample(struct hb_archive *archive, const char *home, unsigned percent,
                     struct hb_verified *result, struct hb_error *error)
{
    struct hb_sample sample;
    hb_sample_choose(archive, percent, &sample);
    int status = verify(archive, home, &sample, result, error);
    if (status == HB_OK && !result->damaged)
        hb_sample_remember(archive, &sample);
    hb_hard_links_count(&archive->catalog, &result->all_files, &result->all_bytes);
    hb_sample_clear(&sample);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot_restore.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "host/content.h"
#include "host/filter.h"
#include "host/roots.h"
#include "import/import.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include "snapshot/snapshot_make.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct restorer {
    struct hb_run *run;
    const char *name;
    struct hb_root root; /* of the snapshot */
    struct hb_manifest manifest;
    struct hb_catalog catalog; /* the files that the manifest names and that are there */
    hb_would_restore would_restore;
    void *context;
    struct hb_undoing *undo;     /* what of it is put back; NULL: all */
    struct hb_undo_way way_back; /* the snapshot that was made first */
    struct hb_error *error;
};

/* The snapshot itself; what is in it is read with the rights that snapshots are made with. */
static int open_root(struct restorer *restorer)
{
    struct hb_snapshots snapshots;
    int status = hb_snapshots_open(restorer->run, &snapshots, restorer->error);
    const struct hb_directory *directory = &snapshots.directory;
    HB_AUTO_AS as = {.changed = false};
    restorer->root = (struct hb_root){.fd = -1,
                                      .rights = directory->rights,
                                      .led = true,
                                      .read_as_root = !directory->rights.other};
    restorer->root.path = hb_text("%s/%s", snapshots.path, restorer->name);
    if (status == HB_OK && directory->fd >= 0 && hb_as_begin(&as, &directory->rights) == 0)
        restorer->root.fd =
            openat(directory->fd, restorer->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    hb_snapshots_close(&snapshots);
    if (status != HB_OK || restorer->root.fd >= 0)
        return status;
    hb_error_set(restorer->error, HB_STATUS_FATAL, "%s: there is no such snapshot", restorer->name);
    hb_error_hint(restorer->error, "`hbcore snapshot list` shows the existing snapshots");
    return HB_STATUS_FATAL;
}

static int open_snapshot(struct restorer *restorer)
{
    struct hb_error why;
    int status = open_root(restorer);
    if (status != HB_OK)
        return status;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &restorer->root.rights); /* it was opened with those */
    status = hb_manifest_read(restorer->root.fd, &restorer->manifest, &why);
    struct stat marks;
    if (status == HB_OK && (restorer->manifest.lacks || fstatat(restorer->root.fd, HB_MARKS_NAME,
                                                                &marks, AT_SYMLINK_NOFOLLOW) == 0))
        hb_report_add(&restorer->run->report, HB_FOUND_NOTE, "",
                      "snapshot %s is incomplete: some files were left out when it was made",
                      restorer->name);
    if (status == HB_OK)
        return HB_OK;
    return hb_error_set(restorer->error, HB_STATUS_FATAL, "%s: %s", restorer->name,
                        status == HB_STATUS_NOMATCH ? "has no " HB_MANIFEST_NAME : why.text);
}

/*
 * The mode that the configuration fixes (`private`), as for an import. What else the filters say is
 * of no account: the snapshot's list says what is put back.
 */
static int find_mode(const struct restorer *restorer, const struct hb_chain *filters,
                     const struct hb_entry *entry, uint32_t *mode)
{
    struct hb_verdict verdict;
    for (size_t i = 0; i < filters->count; i++) {
        int status = hb_ask_filter(restorer->run, filters->instances[i], HB_DIRECTION_IMPORT, entry,
                                   &verdict, restorer->error);
        if (status != HB_OK)
            return status;
        if (verdict.flags & HB_VERDICT_MODE)
            *mode = verdict.mode & 0777;
    }
    return HB_OK;
}

/* Takes one file of the manifest into the catalog. NULL, or why it cannot be restored. */
static const char *take(struct restorer *restorer, const char *path, uint64_t bytes)
{
    struct stat status;
    HB_AUTO_CLOSE int fd = hb_beneath_open(&restorer->root, path, O_PATH, 0);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return "is in the manifest, but not in the snapshot";
    if ((uint64_t)status.st_size != bytes)
        return "does not have the size that it had when the snapshot was made";
    struct hb_entry entry = hb_file_entry(path, &status);
    entry.mode &= 0777;
    entry.flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME;
    hb_catalog_add(&restorer->catalog, &entry, NULL);
    return NULL;
}

/* The catalog: what can be restored of the manifest. */
static void take_all(struct restorer *restorer)
{
    struct hb_report *report = &restorer->run->report;
    const char *path;
    json_t *bytes;
    json_object_foreach(restorer->manifest.files, path, bytes)
    {
        size_t skip;
        const char *problem = hb_path_problem(path, SIZE_MAX, &skip);
        if (problem == NULL && skip != 0)
            problem = "is not a plain path";
        const char *why =
            problem == NULL ? take(restorer, path, (uint64_t)json_integer_value(bytes)) : NULL;
        if (problem != NULL)
            hb_report_add(report, HB_FOUND_SKIPPED, path, "refused: %s", problem);
        else if (why != NULL)
            hb_report_add(report, HB_FOUND_SKIPPED, path, "%s", why);
    }
}

/*
 * All of the catalog is restored, but for files that belong to another. Snapshots of other programs
 * and older ones of ours hold such; beside the file that is there now they are of no use at best.
 */
static int make_plan(void *context, const struct hb_chain *filters, const struct hb_chain *contents,
                     struct hb_restore_plan *plan, struct hb_error *error)
{
    struct restorer *restorer = context;
    restorer->error = error;
    int status = open_snapshot(restorer);
    if (status != HB_OK)
        return status;
    take_all(restorer);
    plan->catalog = &restorer->catalog;
    if (restorer->undo != NULL) {
        hb_undoing_plan(restorer->undo, restorer->run, NULL, contents, plan);
        return HB_OK;
    }
    hb_restore_plan_begin(plan, contents);
    for (size_t i = 0; i < plan->count && status == HB_OK; i++) {
        struct hb_entry entry;
        hb_planned_entry(plan, i, &entry);
        if (hb_claims_sidecar(&plan->claims, i)) {
            hb_report_add(&restorer->run->report, HB_FOUND_LEFT_OUT, entry.path,
                          "part of the file beside it");
            continue;
        }
        if (hb_report_is_kept(&restorer->run->report, entry.path)) {
            hb_report_add(&restorer->run->report, HB_FOUND_SKIPPED, entry.path, HB_KEPT_TOO);
            continue;
        }
        uint32_t mode = HB_MODE_IS_OPEN;
        status = find_mode(restorer, filters, &entry, &mode);
        plan->rows[i].mode = (uint16_t)mode;
        if (status == HB_STATUS_ENTRY) { /* it is left out */
            status = HB_OK;
            continue;
        }
        plan->rows[i].action = HB_SELECTED;
        plan->files++;
        plan->bytes += entry.bytes;
    }
    return status;
}

/* The source of hb_staging_fill(): copies of the snapshot's files. */
static int copy_files(void *context, struct hb_staging *staging, struct hb_error *error)
{
    const struct restorer *restorer = context;
    const struct hb_restore_plan *plan = staging->plan;
    int status = hb_staging_check_space(staging, plan->bytes, "", error);
    for (size_t i = 0; status == HB_OK && i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i))
            continue;
        HB_AUTO_CLOSE int from =
            hb_beneath_open(&restorer->root, hb_planned_path(plan, i), O_RDONLY | O_NONBLOCK, 0);
        if (from < 0)
            return hb_staging_failed(staging, i, -from, error);
        HB_AUTO_CLOSE int to = hb_staging_open(staging, 0, i, error);
        if (to < 0)
            return HB_STATUS_FATAL;
        int result = hb_copy_all(from, to);
        status = result == 0
                     ? hb_staging_done(staging, 0, i, to, plan->catalog->members[i].bytes, error)
                     : hb_staging_failed(staging, i, -result, error);
        if (status == HB_OK && hb_run_cancelled(staging->run))
            status = hb_error_set(error, HB_STATUS_CANCELLED, "interrupted; nothing was changed");
    }
    return status;
}

/* Of a dry run: tells of each file. */
static int tell(void *context, const struct hb_archive *archive, const struct hb_restore_plan *plan,
                const struct hb_changes *changes, bool ask, struct hb_error *error)
{
    const struct restorer *restorer = context;
    (void)archive;
    (void)ask;
    (void)error;
    for (size_t i = 0; i < plan->count; i++)
        if (hb_planned_is_selected(plan, i))
            restorer->would_restore(restorer->context, hb_planned_path(plan, i),
                                    plan->catalog->members[i].bytes,
                                    hb_change_word(changes->rows[i]));
    return HB_OK;
}

/* ---- the way back -------------------------------------------------------------------------- */

/* It may be a damaged file that somebody wants to be rid of: what the snapshot lacks is told. */
static void tell_what_it_lacks(struct hb_report *report, const struct hb_report *of)
{
    for (size_t i = 0; i < of->count; i++)
        if (of->findings[i].kind == HB_FOUND_SKIPPED || of->findings[i].kind == HB_FOUND_DOUBTFUL)
            hb_report_add(report, HB_FOUND_NOTE, of->findings[i].path,
                          "in the snapshot that was made first: %s", of->findings[i].reason);
}

/*
 * All is staged, and nothing has been replaced yet. No older snapshot is removed: it could be the
 * one that is put back.
 */
static int save_first(void *context, struct hb_error *error)
{
    struct restorer *restorer = context;
    struct hb_run own, *run = restorer->run; /* that of the restore is in the middle of things */
    struct hb_snapshot_made made = {.id = NULL};
    hb_run_init(&own, run->config);
    own.log = run->log;
    own.log_level = run->log_level;
    int result = hb_root_copy(&run->home, &own.home);
    if (result == 0)
        hb_roots_take_home(&own);
    int status = result == 0
                     ? HB_OK
                     : hb_error_set(error, HB_STATUS_FATAL, "%s: the home cannot be opened: %s",
                                    run->home.path, strerror(-result));
    const struct hb_snapshot_request request = {.run = &own, .label = "before-restore"};
    if (status == HB_OK)
        status = hb_snapshot_make(&request, &made, error);
    if (status == HB_OK)
        tell_what_it_lacks(&run->report, &own.report);
    else if (status == HB_STATUS_FATAL)
        hb_error_hint(error, "nothing was restored; to restore without making a snapshot first, "
                             "use --set snapshot.before-restore=no");
    restorer->way_back = (struct hb_undo_way){.place = made.id, .is_snapshot = true};
    hb_run_clear(&own);
    return status;
}

static void clear(struct restorer *restorer)
{
    hb_catalog_clear(&restorer->catalog);
    hb_manifest_clear(&restorer->manifest);
    hb_root_close(&restorer->root);
}

int hb_snapshot_restore(struct hb_run *run, const char *name, bool dry_run,
                        hb_would_restore would_restore, void *context,
                        struct hb_snapshot_restored *restored, struct hb_error *error)
{
    struct restorer restorer = {.run = run,
                                .name = name,
                                .root = {.fd = -1},
                                .would_restore = would_restore,
                                .context = context};
    struct hb_import_source source = {name, make_plan, copy_files, &restorer};
    struct hb_import_request request = {
        .run = run,
        .source = &source,
        .dry_run = dry_run,
        .force = true,
        .confirm = dry_run ? tell : NULL,
        .before = hb_config_snapshot(run->config)->before_restore ? save_first : NULL,
        .way_back = &restorer.way_back,
        .context = &restorer};
    struct hb_import_result result;
    int status = hb_import(&request, &result, error);
    *restored = (struct hb_snapshot_restored){.members = hb_manifest_count(&restorer.manifest)};
    if (!dry_run) {
        restored->files = result.files;
        restored->bytes = result.bytes;
    }
    restored->way_back = restorer.way_back.place;
    clear(&restorer);
    return status;
}

int hb_snapshot_import(const char *name, struct hb_import_request *request,
                       struct hb_import_result *result, struct hb_error *error)
{
    struct restorer restorer = {
        .run = request->run, .name = name, .root = {.fd = -1}, .undo = request->undo};
    struct hb_import_source source = {name, make_plan, copy_files, &restorer};
    request->source = &source;
    int status = hb_import(request, result, error);
    request->source = NULL;
    clear(&restorer);
    return status;
}

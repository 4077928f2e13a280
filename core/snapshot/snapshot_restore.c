/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot_restore.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "host/content.h"
#include "host/filter.h"
#include "host/instance.h"
#include "import/changes.h"
#include "import/staging.h"
#include "restore/recover.h"
#include "snapshot/snapshot.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct restorer {
    struct hb_run *run;
    const char *name;
    struct hb_root root; /* of the snapshot */
    struct hb_manifest manifest;
    struct hb_chain filters, contents;
    struct hb_catalog catalog; /* the files that the manifest names and that are there */
    struct hb_restore_plan plan;
    struct hb_staging staging;
    struct hb_error *error;
};

static void skipped(struct restorer *restorer, const char *path, const char *why)
{
    hb_report_add(&restorer->run->report, HB_FOUND_SKIPPED, path, "%s", why);
}

/* The snapshot itself; what is in it is read with the rights that snapshots are made with. */
static void open_root(struct restorer *restorer, const struct hb_snapshots *snapshots)
{
    HB_AUTO_AS as = {.changed = false};
    restorer->root = (struct hb_root){.fd = -1, .rights = snapshots->rights, .led = true};
    restorer->root.read_as_root = !snapshots->rights.other;
    restorer->root.path = hb_text("%s/%s", snapshots->path, restorer->name);
    if (snapshots->fd >= 0 && hb_as_begin(&as, &snapshots->rights) == 0)
        restorer->root.fd =
            openat(snapshots->fd, restorer->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_snapshot(struct restorer *restorer)
{
    struct hb_snapshots snapshots;
    int status = hb_snapshots_open(restorer->run, &snapshots, restorer->error);
    if (status == HB_OK) {
        open_root(restorer, &snapshots);
        if (restorer->root.fd < 0) {
            status = hb_error_set(restorer->error, HB_FATAL, "%s: there is no such snapshot",
                                  restorer->name);
            hb_error_hint(restorer->error, "hbcore snapshot list shows those that are there");
        }
    }
    hb_snapshots_close(&snapshots);
    if (status != HB_OK)
        return status;
    struct hb_error why;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &restorer->root.rights); /* it was opened with those */
    status = hb_manifest_read(restorer->root.fd, &restorer->manifest, &why);
    if (status == HB_NOMATCH)
        return hb_error_set(restorer->error, HB_FATAL, "%s: has no " HB_MANIFEST_NAME,
                            restorer->name);
    if (status != HB_OK)
        return hb_error_set(restorer->error, HB_FATAL, "%s: %s", restorer->name, why.text);
    return HB_OK;
}

static bool claims_by_name(void *context, size_t content, const struct hb_entry *owner)
{
    const struct restorer *restorer = context;
    struct hb_claim claim = {0};
    hb_claim_ask(&restorer->contents, owner, &claim);
    return (claim.by_name >> content & 1) != 0;
}

/*
 * Snapshots of other programs, and older ones of ours, hold such files. Beside the file that is
 * there now they are of no use at best.
 */
static bool is_sidecar(struct restorer *restorer, const char *path, uint64_t bytes)
{
    struct hb_entry entry = {.size = sizeof entry,
                             .type = HB_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .bytes = bytes};
    return hb_is_sidecar(&restorer->contents, &entry, claims_by_name, restorer);
}

/*
 * The mode that the configuration fixes (`private`), as for an import. What else the filters say is
 * of no account: the snapshot's list says what is put back. UINT32_MAX: none.
 */
static int find_mode(struct restorer *restorer, const struct hb_entry *entry, uint32_t *mode)
{
    struct hb_verdict verdict;
    *mode = UINT32_MAX;
    for (size_t i = 0; i < restorer->filters.count; i++) {
        int status = hb_ask_filter(restorer->run, restorer->filters.instances[i], HB_IMPORT, entry,
                                   &verdict, restorer->error);
        if (status != HB_OK)
            return status;
        if (verdict.flags & HB_VERDICT_MODE)
            *mode = verdict.mode & 0777;
    }
    return HB_OK;
}

/* Takes one file of the manifest into the catalog, if it can be restored. */
static void take(struct restorer *restorer, const char *path, uint64_t bytes)
{
    struct stat status;
    size_t skip;
    const char *problem = hb_path_problem(path, SIZE_MAX, &skip);
    if (problem == NULL && skip != 0)
        problem = "is not a plain path";
    if (problem != NULL) {
        hb_report_add(&restorer->run->report, HB_FOUND_SKIPPED, path, "refused: %s", problem);
        return;
    }
    if (is_sidecar(restorer, path, bytes)) {
        hb_report_add(&restorer->run->report, HB_FOUND_LEFT_OUT, path,
                      "part of the file beside it");
        return;
    }
    HB_AUTO_CLOSE int fd = hb_beneath_open(&restorer->root, path, O_PATH, 0);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        skipped(restorer, path, "is in the manifest, but not in the snapshot");
        return;
    }
    if ((uint64_t)status.st_size != bytes) {
        skipped(restorer, path, "is not as large as it was when the snapshot was made");
        return;
    }
    struct hb_entry entry = {.size = sizeof entry,
                             .type = HB_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .bytes = bytes,
                             .mode = status.st_mode & 0777,
                             .mtime = status.st_mtim,
                             .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME};
    hb_catalog_add(&restorer->catalog, &entry, NULL);
}

/* All that can be restored is. HB_OK or HB_FATAL. */
static int make_plan(struct restorer *restorer)
{
    struct hb_restore_plan *plan = &restorer->plan;
    const char *path;
    json_t *bytes;
    json_object_foreach(restorer->manifest.files, path, bytes)
    {
        take(restorer, path, (uint64_t)json_integer_value(bytes));
    }
    hb_restore_plan_begin(plan, &restorer->contents);
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_entry entry;
        hb_planned_entry(plan, i, &entry);
        int status = find_mode(restorer, &entry, &plan->rows[i].mode);
        if (status != HB_OK)
            return status;
        plan->rows[i].action = HB_SELECTED;
        plan->files++;
        plan->bytes += entry.bytes;
    }
    return HB_OK;
}

/* The source of hb_staging_fill(): copies of the snapshot's files. */
static int copy_files(void *context, struct hb_staging *staging, struct hb_error *error)
{
    const struct restorer *restorer = context;
    const struct hb_restore_plan *plan = staging->plan;
    int status = hb_staging_check_space(staging, plan->bytes, "", error);
    for (size_t i = 0; status == HB_OK && i < plan->count; i++) {
        HB_AUTO_CLOSE int from =
            hb_beneath_open(&restorer->root, hb_planned_path(plan, i), O_RDONLY | O_NONBLOCK, 0);
        if (from < 0)
            return hb_staging_failed(staging, i, -from, error);
        HB_AUTO_CLOSE int to = hb_staging_open(staging, 0, i, error);
        if (to < 0)
            return HB_FATAL;
        int result = hb_copy_all(from, to);
        status = result == 0
                     ? hb_staging_done(staging, 0, i, to, plan->catalog->members[i].bytes, error)
                     : hb_staging_failed(staging, i, -result, error);
        if (status == HB_OK && hb_run_cancelled(staging->run))
            status = hb_error_set(error, HB_CANCELLED, "interrupted; nothing was changed");
    }
    return status;
}

static int publish(struct restorer *restorer, struct hb_snapshot_restored *restored, bool *begun)
{
    struct hb_restored result = {0};
    const struct hb_root *home = &restorer->run->home;
    int status = hb_stage_open_in(home->fd, &home->rights, home->path, &restorer->run->stage, NULL,
                                  restorer->error);
    if (status == HB_OK)
        status = hb_recover_look_again(restorer->run, restorer->error);
    if (status == HB_OK)
        status = hb_staging_fill(&restorer->staging, copy_files, restorer, restorer->error);
    if (status == HB_OK)
        status =
            hb_staging_publish(&restorer->staging, NULL, NULL, &result, begun, restorer->error);
    restored->files = result.files;
    restored->bytes = result.bytes;
    return status;
}

static void clear(struct restorer *restorer, bool leave, int status)
{
    if (!leave) /* before what it needs is removed */
        hb_stage_drop_journal(&restorer->run->stage);
    hb_staging_clear(&restorer->staging, leave);
    if (leave)
        hb_stage_leave(&restorer->run->stage);
    else
        hb_run_close_stage(restorer->run, &restorer->run->stage, status);
    hb_restore_plan_clear(&restorer->plan);
    hb_catalog_clear(&restorer->catalog);
    hb_chain_free(&restorer->filters);
    hb_chain_free(&restorer->contents);
    hb_manifest_clear(&restorer->manifest);
    hb_root_close(&restorer->root);
}

/* Tells of each file, and reports what would be refused. */
static void tell(struct restorer *restorer, hb_would_restore would_restore, void *context)
{
    struct hb_restore_plan *plan = &restorer->plan;
    struct hb_changes changes;
    hb_changes_find(restorer->run, plan, &changes);
    hb_changes_report_refused(restorer->run, plan, &changes);
    for (size_t i = 0; i < plan->count; i++)
        would_restore(context, hb_planned_path(plan, i), plan->catalog->members[i].bytes,
                      hb_change_word(changes.rows[i]));
    hb_changes_clear(&changes);
}

int hb_snapshot_restore(struct hb_run *run, const char *name, bool dry_run,
                        hb_would_restore would_restore, void *context,
                        struct hb_snapshot_restored *restored, struct hb_error *error)
{
    struct restorer restorer = {.run = run, .name = name, .root = {.fd = -1}, .error = error};
    bool begun = false;
    *restored = (struct hb_snapshot_restored){0};
    restorer.plan.catalog = &restorer.catalog;
    restorer.staging = (struct hb_staging){.run = run,
                                           .plan = &restorer.plan,
                                           .source = name,
                                           .contents = &restorer.contents,
                                           .umask = 077,
                                           .narrows = true};
    hb_staging_init(&restorer.staging);
    int status = hb_chain_create(run, HB_KIND_FILTER, "import", &restorer.filters, error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &restorer.contents, error);
    if (status == HB_OK)
        status = hb_recover(run, &restorer.contents,
                            dry_run ? HB_RECOVER_TELL : HB_RECOVER_BEFORE_IMPORT, error);
    if (status == HB_OK)
        status = open_snapshot(&restorer);
    if (status == HB_OK)
        status = make_plan(&restorer);
    if (status == HB_OK) {
        restored->members = hb_manifest_count(&restorer.manifest);
        if (dry_run)
            tell(&restorer, would_restore, context);
        else if (restorer.plan.count > 0)
            status = publish(&restorer, restored, &begun);
    }
    clear(&restorer, status != HB_OK && begun, status);
    hb_report_sort(&run->report);
    return status;
}

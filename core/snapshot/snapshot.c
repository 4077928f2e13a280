/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot.h"

#include "backup/prune_rows.h"
#include "base/memory.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/listing.h"
#include "restore/undo_receipt.h"
#include "snapshot/manifest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char digits[] = "0123456789";

/* ---- those that are there ------------------------------------------------------------------ */

/* Opens the directory, wherever a link inside the home leads; fd -1 where there is none. */
static int open_directory(struct hb_run *run, struct hb_snapshots *snapshots,
                          struct hb_error *error)
{
    const char *name = hb_config_snapshot(run->config)->directory;
    struct hb_directory *directory = &snapshots->directory;
    int result = hb_beneath_directory(&run->home, name, 0, directory);
    snapshots->path = directory->fd < 0 ? NULL : hb_path_of(directory->fd);
    if (snapshots->path == NULL)
        snapshots->path = hb_text("%s/%s", run->home.path, name);
    if (result == 0)
        result = hb_run_making(run, directory, &directory->rights);
    if (result == 0 || result == -ENOENT)
        return HB_OK;
    return hb_error_set(
        error, HB_STATUS_FATAL, "%s/%s: the directory of snapshots cannot be opened: %s",
        run->home.path, name,
        result == -EXDEV ? "it leads outside the home" : hb_rights_explain(-result));
}

/* It may be worked on right now, so it is left alone, too. */
static bool is_partial(const char *name)
{
    static const char end[] = ".partial";
    size_t bytes = strlen(name), number;
    if (name[0] != '.' || bytes < sizeof end || strcmp(name + bytes - (sizeof end - 1), end) != 0)
        return false;
    bytes -= sizeof end - 1;
    for (number = bytes; number > 0 && strchr(digits, name[number - 1]) != NULL;)
        number--;
    return number < bytes && number > 2 && name[number - 1] == '.';
}

bool hb_snapshot_is_name(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && !hb_stage_is_name(name) && !is_partial(name);
}

bool hb_snapshot_has_stamp(const char *name)
{
    return strspn(name, digits) == 8 && name[8] == '-' && strspn(name + 9, digits) >= 6;
}

unsigned long hb_snapshot_number(const char *name)
{
    const char *dash = strrchr(name, '-');
    size_t count = dash == NULL ? 0 : strspn(dash + 1, digits);
    bool is_number = hb_snapshot_has_stamp(name) && dash - name >= HB_SNAPSHOT_STAMP &&
                     count >= 3 && count <= 9 && dash[1 + count] == '\0';
    return is_number ? strtoul(dash + 1, NULL, 10) : 1;
}

static void cannot_tell(struct hb_snapshot *snapshot, const char *why)
{
    snapshot->kept.complete = HB_CANNOT_TELL;
    snapshot->kept.why = hb_copy_text(why);
    snapshot->has_manifest = true; /* as far as anybody knows: it is listed */
}

static void look_at(int directory_fd, struct hb_snapshot *snapshot)
{
    struct hb_manifest manifest;
    struct hb_error error;
    struct stat found;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, snapshot->kept.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        cannot_tell(snapshot, strerror(errno));
        return;
    }
    int status = hb_manifest_read(fd, &manifest, &error);
    snapshot->has_manifest = status != HB_STATUS_NOMATCH;
    snapshot->readable = status == HB_OK;
    if (status == HB_STATUS_LATER)
        cannot_tell(snapshot, error.text);
    if (fstatat(fd, HB_MANIFEST_NAME, &found, AT_SYMLINK_NOFOLLOW) == 0)
        snapshot->kept.when.written = found.st_mtim;
    if (status != HB_OK)
        return;
    snapshot->files = hb_manifest_count(&manifest);
    snapshot->bytes = manifest.bytes;
    snapshot->label = manifest.label;
    manifest.label = NULL;
    enum hb_answer whole = hb_manifest_holds(&manifest, fd);
    int reason = errno;
    bool lacks = manifest.lacks;
    hb_manifest_clear(&manifest);
    if (whole == HB_NO || lacks || fstatat(fd, HB_MARKS_NAME, &found, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    if (whole == HB_YES && errno == ENOENT)
        snapshot->kept.complete = HB_YES;
    else
        cannot_tell(snapshot, strerror(whole == HB_YES ? errno : reason));
}

/* A name begins with the time, which does not go back (snapshot_make.c); labels tell nothing. */
static int add_snapshot(void *context, const char *name)
{
    struct hb_snapshots *snapshots = context;
    struct stat status;
    struct hb_snapshot snapshot = {.kept = {.whose = HB_HOME_OURS, .complete = HB_NO}};
    int looked = hb_snapshot_is_name(name)
                     ? fstatat(snapshots->directory.fd, name, &status, AT_SYMLINK_NOFOLLOW)
                     : -1;
    if (!hb_snapshot_is_name(name) || (looked != 0 && errno == ENOENT) ||
        (looked == 0 && !S_ISDIR(status.st_mode)))
        return 0;
    struct hb_archive_name *parts = &snapshot.kept.when.name;
    snprintf(parts->stamp, sizeof parts->stamp, "%.*s", (int)HB_SNAPSHOT_STAMP, name);
    parts->number = hb_snapshot_number(name);
    snapshot.kept.name = hb_copy_text(name);
    if (looked != 0)
        cannot_tell(&snapshot, strerror(errno));
    else
        look_at(snapshots->directory.fd, &snapshot);
    snapshots->items = hb_resize(snapshots->items, snapshots->count + 1, sizeof *snapshots->items);
    snapshots->items[snapshots->count++] = snapshot;
    return 0;
}

int hb_snapshots_open(struct hb_run *run, struct hb_snapshots *snapshots, struct hb_error *error)
{
    *snapshots = (struct hb_snapshots){.directory = HB_DIRECTORY_NONE};
    int status = open_directory(run, snapshots, error);
    const struct hb_directory *directory = &snapshots->directory;
    HB_AUTO_AS as = {.changed = false};
    if (status != HB_OK || directory->fd < 0)
        return status;
    int result = hb_as_begin(&as, &directory->rights);
    if (result == 0)
        result = hb_listing_each(directory->fd, add_snapshot, snapshots);
    if (snapshots->count > 0)
        qsort(snapshots->items, snapshots->count, sizeof *snapshots->items, hb_newest_first);
    if (result == 0)
        return HB_OK;
    return hb_error_set(error, HB_STATUS_FATAL, "%s: the directory of snapshots cannot be read: %s",
                        snapshots->path, hb_rights_explain(-result));
}

void hb_snapshots_close(struct hb_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        free(snapshots->items[i].kept.name);
        free(snapshots->items[i].kept.why);
        free(snapshots->items[i].label);
    }
    free(snapshots->items);
    free(snapshots->path);
    hb_directory_close(&snapshots->directory);
    *snapshots = (struct hb_snapshots){.directory = HB_DIRECTORY_NONE};
}

/* ---- which stay ---------------------------------------------------------------------------- */

struct pruner {
    struct hb_snapshots *snapshots;
    struct hb_stage stage; /* what goes is moved there first */
    bool dry_run;
    int status; /* of opening it */
    struct hb_error *error;
};

/* Out of the way in one step, for half a snapshot is never to be seen; the stage takes it along. */
static const char *remove_one(void *context, size_t row)
{
    struct pruner *pruner = context;
    const struct hb_directory *directory = &pruner->snapshots->directory;
    const char *name = pruner->snapshots->items[row].kept.name;
    if (pruner->dry_run)
        return NULL;
    if (pruner->status == HB_OK && pruner->stage.fd < 0)
        pruner->status =
            hb_stage_open_in(directory->fd, &directory->rights, pruner->snapshots->path,
                             &pruner->stage, NULL, pruner->error);
    if (pruner->status != HB_OK)
        return pruner->error->text;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &directory->rights);
    if (result == 0 && renameat(directory->fd, name, pruner->stage.fd, name) != 0)
        result = -errno;
    if (result == 0) /* or else that of the directory fails, too, and is told */
        (void)hb_flush_directory(pruner->stage.fd);
    return result == 0 ? NULL : hb_rights_explain(-result);
}

/* All is known before: it was looked at when the directory was listed. */
static enum hb_answer is_complete(void *context, size_t row)
{
    const struct pruner *pruner = context;
    return pruner->snapshots->items[row].kept.complete;
}

/* What the last restore is taken back from is spared. */
static void mark_way_back(const struct hb_run *run, struct hb_snapshots *snapshots)
{
    struct hb_undo_ways ways;
    struct hb_home_id id;
    hb_home_id_find(&run->home, false, &id);
    hb_undo_ways_read(&run->home, &id, &ways);
    for (size_t i = 0; i < snapshots->count; i++)
        snapshots->items[i].kept.way_back =
            hb_undo_ways_have(&ways, snapshots->items[i].kept.name, true);
    hb_undo_ways_clear(&ways);
    hb_home_id_clear(&id);
}

int hb_snapshots_prune(struct hb_run *run, struct hb_snapshots *snapshots, uint64_t keep,
                       const char *just_made, bool dry_run, size_t *removed, struct hb_error *error)
{
    struct pruner pruner = {snapshots, HB_STAGE_NONE, dry_run, HB_OK, error};
    struct hb_prune_rows_request request = {
        .run = run,
        .rows = snapshots->items,
        .row_bytes = sizeof *snapshots->items,
        .count = snapshots->count,
        .keep = &(const struct hb_keep){.newest = keep},
        .made = just_made,
        .dry_run = dry_run,
        .fd = snapshots->directory.fd,
        .directory = snapshots->path,
        .by_name = true,
        .if_it_stays = HB_FOUND_SKIPPED,
        .if_untold = just_made == NULL ? HB_FOUND_DOUBTFUL : HB_FOUND_NOTE,
        .is_complete = is_complete,
        .remove = remove_one,
        .context = &pruner,
    };
    mark_way_back(run, snapshots);
    *removed = hb_prune_rows(&request);
    hb_run_close_stage(run, &pruner.stage, pruner.status);
    return pruner.status;
}

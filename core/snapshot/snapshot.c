/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot.h"

#include "backup/retention.h"
#include "base/memory.h"
#include "files/listing.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { TIMESTAMP_BYTES = 15 }; /* of "20260131-235959" */

static int cannot_open(const struct hb_run *run, const char *name, int reason,
                       struct hb_error *error)
{
    return hb_error_set(error, HB_FATAL, "%s/%s: the directory of snapshots cannot be opened: %s",
                        run->home.path, name,
                        reason == EXDEV ? "it leads outside the home" : strerror(reason));
}

/* Opens the directory, wherever a link inside the home leads; fd -1 where there is none. */
static int open_directory(struct hb_run *run, struct hb_snapshots *snapshots,
                          struct hb_error *error)
{
    const char *name = hb_config_text(run->config, "snapshot", "directory");
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, name, 0, &place, NULL);
    if (result == 0 && place.exists) {
        snapshots->fd =
            openat(place.directory_fd, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (snapshots->fd < 0)
            result = -errno;
    }
    snapshots->path = hb_text("%s/%s", run->home.path, result == 0 ? place.path : name);
    hb_place_clear(&place);
    return result == 0 || result == -ENOENT ? HB_OK : cannot_open(run, name, -result, error);
}

bool hb_snapshot_is_name(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && !hb_stage_is_name(name);
}

static bool is_directory(int directory_fd, const char *name)
{
    struct stat status;
    return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

static struct hb_snapshot look_at(int directory_fd, const char *name)
{
    struct hb_snapshot snapshot = {.name = hb_copy_text(name)};
    struct hb_manifest manifest;
    struct hb_error ignored;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int status = fd < 0 ? HB_FATAL : hb_manifest_read(fd, &manifest, &ignored);
    snapshot.has_manifest = status != HB_NOMATCH;
    snapshot.readable = status == HB_OK;
    struct stat found;
    if (fd >= 0 && fstatat(fd, HB_MANIFEST_NAME, &found, AT_SYMLINK_NOFOLLOW) == 0)
        snapshot.made = found.st_mtim;
    if (status != HB_OK)
        return snapshot;
    snapshot.files = hb_manifest_count(&manifest);
    snapshot.bytes = manifest.bytes;
    snapshot.label = manifest.label == NULL ? NULL : hb_copy_text(manifest.label);
    snapshot.complete = faccessat(fd, HB_MARKS_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    hb_manifest_clear(&manifest);
    return snapshot;
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* A name begins with the time, to the second; among those of one second labels tell nothing. */
static int newest_first(const void *left, const void *right)
{
    const struct hb_snapshot *a = left, *b = right;
    int order = strncmp(b->name, a->name, TIMESTAMP_BYTES);
    if (order == 0)
        order = compare_times(&b->made, &a->made);
    return order != 0 ? order : strcmp(b->name, a->name);
}

static int add_snapshot(void *context, const char *name)
{
    struct hb_snapshots *snapshots = context;
    if (!hb_snapshot_is_name(name) || !is_directory(snapshots->fd, name))
        return 0;
    snapshots->items = hb_resize(snapshots->items, snapshots->count + 1, sizeof *snapshots->items);
    snapshots->items[snapshots->count++] = look_at(snapshots->fd, name);
    return 0;
}

int hb_snapshots_open(struct hb_run *run, struct hb_snapshots *snapshots, struct hb_error *error)
{
    *snapshots = (struct hb_snapshots){.fd = -1};
    int status = open_directory(run, snapshots, error);
    int result = snapshots->fd < 0 ? 0 : hb_listing_each(snapshots->fd, add_snapshot, snapshots);
    if (result < 0 && status == HB_OK)
        status = hb_error_set(error, HB_FATAL, "%s: the directory of snapshots cannot be read: %s",
                              snapshots->path, strerror(-result));
    if (snapshots->count > 0)
        qsort(snapshots->items, snapshots->count, sizeof *snapshots->items, newest_first);
    return status;
}

void hb_snapshots_close(struct hb_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        free(snapshots->items[i].name);
        free(snapshots->items[i].label);
    }
    free(snapshots->items);
    free(snapshots->path);
    if (snapshots->fd >= 0)
        close(snapshots->fd);
    *snapshots = (struct hb_snapshots){.fd = -1};
}

static bool is_complete(void *context, size_t row)
{
    return ((const struct hb_snapshots *)context)->items[row].complete;
}

int hb_snapshots_prune(struct hb_run *run, struct hb_snapshots *snapshots, uint64_t keep,
                       const char *just_made, bool dry_run, size_t *removed, struct hb_error *error)
{
    struct hb_stage stage = HB_STAGE_NONE;
    int status = HB_OK;
    HB_AUTO_FREE struct hb_kept *rows = hb_alloc(snapshots->count * sizeof *rows);
    *removed = 0;
    for (size_t i = 0; i < snapshots->count; i++)
        rows[i].just_made = just_made != NULL && strcmp(snapshots->items[i].name, just_made) == 0;
    hb_retention(rows, snapshots->count, keep, is_complete, snapshots);
    for (size_t i = 0; status == HB_OK && i < snapshots->count; i++) {
        const char *name = snapshots->items[i].name;
        if (rows[i].stays)
            continue;
        if (!dry_run && stage.fd < 0)
            status = hb_stage_open(snapshots->path, &stage, NULL, error);
        /* Out of the way in one step: half a snapshot is never to be seen. */
        if (status == HB_OK && !dry_run && renameat(snapshots->fd, name, stage.fd, name) != 0)
            hb_report_add(&run->report, HB_FOUND_SKIPPED, name, "cannot be removed: %s",
                          strerror(errno));
        else if (status == HB_OK)
            (*removed)++;
    }
    hb_stage_close(&stage);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot.h"

#include "backup/retention.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "files/io.h"
#include "files/listing.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int cannot_open(const struct hb_run *run, const char *name, int reason,
                       struct hb_error *error)
{
    return hb_error_set(error, HB_FATAL, "%s/%s: the directory of snapshots cannot be opened: %s",
                        run->home.path, name,
                        reason == EXDEV ? "it leads outside the home" : hb_rights_explain(reason));
}

/* Opens the directory, wherever a link inside the home leads; fd -1 where there is none. */
static int open_directory(struct hb_run *run, struct hb_snapshots *snapshots,
                          struct hb_error *error)
{
    const char *name = hb_config_text(run->config, "snapshot", "directory");
    struct hb_directory directory;
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, name, 0, &place, NULL);
    snapshots->path = hb_text("%s/%s", run->home.path, result == 0 ? place.path : name);
    bool there = result == 0 && place.exists;
    hb_place_clear(&place);
    if (there) {
        result = hb_beneath_directory(&run->home, name, 0, &directory);
        if (result == 0)
            result = hb_run_making(run, &directory, &snapshots->rights);
        snapshots->fd = directory.fd;
    }
    return result == 0 || result == -ENOENT ? HB_OK : cannot_open(run, name, -result, error);
}

bool hb_snapshot_is_name(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && !hb_stage_is_name(name);
}

static void cannot_tell(struct hb_snapshot *snapshot, const char *why)
{
    snapshot->untold = hb_copy_text(why);
    snapshot->has_manifest = true; /* as far as anybody knows: it is listed */
}

/* Marks beside the manifest say that it is incomplete; whether there are any may not be told. */
static void look_for_marks(int fd, struct hb_snapshot *snapshot)
{
    struct stat status;
    if (fstatat(fd, HB_MARKS_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    snapshot->complete = errno == ENOENT;
    if (!snapshot->complete)
        cannot_tell(snapshot, strerror(errno));
}

static struct hb_snapshot look_at(int directory_fd, const char *name)
{
    struct hb_snapshot snapshot = {.name = hb_copy_text(name)};
    struct hb_manifest manifest;
    struct hb_error error;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        cannot_tell(&snapshot, strerror(errno));
        return snapshot;
    }
    int status = hb_manifest_read(fd, &manifest, &error);
    snapshot.has_manifest = status != HB_NOMATCH;
    snapshot.readable = status == HB_OK;
    if (status == HB_LATER)
        cannot_tell(&snapshot, error.text);
    struct stat found;
    if (fstatat(fd, HB_MANIFEST_NAME, &found, AT_SYMLINK_NOFOLLOW) == 0)
        snapshot.made = found.st_mtim;
    if (status != HB_OK)
        return snapshot;
    snapshot.files = hb_manifest_count(&manifest);
    snapshot.bytes = manifest.bytes;
    snapshot.label = manifest.label == NULL ? NULL : hb_copy_text(manifest.label);
    look_for_marks(fd, &snapshot);
    hb_manifest_clear(&manifest);
    return snapshot;
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

bool hb_snapshot_has_stamp(const char *name)
{
    static const char digits[] = "0123456789";
    return strspn(name, digits) == 8 && name[8] == '-' && strspn(name + 9, digits) >= 6;
}

unsigned long hb_snapshot_number(const char *name)
{
    size_t length = strlen(name), count = 0;
    if (!hb_snapshot_has_stamp(name))
        return 1;
    while (length - count > HB_SNAPSHOT_STAMP && name[length - count - 1] >= '0' &&
           name[length - count - 1] <= '9')
        count++;
    bool is_number = count >= 3 && count <= 9 && length - count > HB_SNAPSHOT_STAMP &&
                     name[length - count - 1] == '-';
    return is_number ? strtoul(name + length - count, NULL, 10) : 1;
}

/*
 * A name begins with the time, which does not go back (free_id() in snapshot_make.c); among those
 * of one time the number tells, and labels tell nothing. When a manifest was written comes last:
 * that clock may have been set back.
 */
static int newest_first(const void *left, const void *right)
{
    const struct hb_snapshot *a = left, *b = right;
    int order = strncmp(b->name, a->name, HB_SNAPSHOT_STAMP);
    unsigned long numbers[2] = {hb_snapshot_number(a->name), hb_snapshot_number(b->name)};
    if (order == 0 && numbers[0] != numbers[1])
        order = numbers[0] < numbers[1] ? 1 : -1;
    if (order == 0)
        order = compare_times(&b->made, &a->made);
    return order != 0 ? order : strcmp(b->name, a->name);
}

static int add_snapshot(void *context, const char *name)
{
    struct hb_snapshots *snapshots = context;
    struct stat status;
    struct hb_snapshot snapshot = {.name = NULL};
    if (!hb_snapshot_is_name(name))
        return 0;
    if (fstatat(snapshots->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return 0;
        snapshot.name = hb_copy_text(name);
        cannot_tell(&snapshot, strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        snapshot = look_at(snapshots->fd, name);
    } else {
        return 0;
    }
    snapshots->items = hb_resize(snapshots->items, snapshots->count + 1, sizeof *snapshots->items);
    snapshots->items[snapshots->count++] = snapshot;
    return 0;
}

int hb_snapshots_open(struct hb_run *run, struct hb_snapshots *snapshots, struct hb_error *error)
{
    *snapshots = (struct hb_snapshots){.fd = -1};
    int status = open_directory(run, snapshots, error), result = 0;
    HB_AUTO_AS as = {.changed = false};
    if (status == HB_OK && snapshots->fd >= 0)
        result = hb_as_begin(&as, &snapshots->rights);
    if (status == HB_OK && snapshots->fd >= 0 && result == 0)
        result = hb_listing_each(snapshots->fd, add_snapshot, snapshots);
    if (result < 0 && status == HB_OK)
        status = hb_error_set(error, HB_FATAL, "%s: the directory of snapshots cannot be read: %s",
                              snapshots->path, hb_rights_explain(-result));
    if (snapshots->count > 0)
        qsort(snapshots->items, snapshots->count, sizeof *snapshots->items, newest_first);
    return status;
}

void hb_snapshots_close(struct hb_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        free(snapshots->items[i].name);
        free(snapshots->items[i].label);
        free(snapshots->items[i].untold);
    }
    free(snapshots->items);
    free(snapshots->path);
    if (snapshots->fd >= 0)
        close(snapshots->fd);
    *snapshots = (struct hb_snapshots){.fd = -1};
}

/* All is known before: it was looked at when the directory was listed. */
static enum hb_answer is_complete(void *context, size_t row)
{
    const struct hb_snapshot *snapshot = &((const struct hb_snapshots *)context)->items[row];
    return snapshot->untold != NULL ? HB_CANNOT_TELL : snapshot->complete ? HB_YES : HB_NO;
}

static void decide(const struct hb_snapshots *snapshots, uint64_t keep, const char *just_made,
                   struct hb_kept *rows)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        rows[i] = (struct hb_kept){.whose = HB_HOME_OURS}; /* they lie in the home */
        rows[i].complete = is_complete((void *)(uintptr_t)snapshots, i);
        rows[i].just_made = just_made != NULL && strcmp(snapshots->items[i].name, just_made) == 0;
    }
    hb_retention(rows, snapshots->count, keep, is_complete, (void *)(uintptr_t)snapshots);
}

static int move_away(const struct hb_snapshots *snapshots, const char *name,
                     const struct hb_stage *stage)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &snapshots->rights);
    if (result == 0)
        return renameat(snapshots->fd, name, stage->fd, name);
    errno = -result;
    return -1;
}

/* Out of the way in one step: half a snapshot is never to be seen. */
static int remove_one(struct hb_run *run, struct hb_snapshots *snapshots,
                      struct hb_snapshot *snapshot, struct hb_stage *stage, struct hb_error *error)
{
    if (stage->fd < 0) {
        int status = hb_stage_open_in(snapshots->fd, &snapshots->rights, snapshots->path, stage,
                                      NULL, error);
        if (status != HB_OK)
            return status;
    }
    snapshot->removed = move_away(snapshots, snapshot->name, stage) == 0;
    if (!snapshot->removed)
        hb_report_add(&run->report, HB_FOUND_SKIPPED, snapshot->name, "cannot be removed: %s",
                      strerror(errno));
    return HB_OK;
}

/* What was moved away has no name any more before anything of it goes. */
static void flush_removed(struct hb_run *run, const struct hb_snapshots *snapshots,
                          const struct hb_stage *stage)
{
    if (stage->fd < 0)
        return;
    int result = hb_flush_directory(stage->fd);
    if (result == 0)
        result = hb_flush_directory(snapshots->fd);
    if (result != 0)
        hb_report_add(&run->report, HB_FOUND_NOTE, "",
                      "the directory of snapshots cannot be flushed to disk: %s",
                      strerror(-result));
}

int hb_snapshots_prune(struct hb_run *run, struct hb_snapshots *snapshots, uint64_t keep,
                       const char *just_made, bool dry_run, size_t *removed, struct hb_error *error)
{
    struct hb_stage stage = HB_STAGE_NONE;
    int status = HB_OK;
    HB_AUTO_FREE struct hb_kept *rows = hb_alloc(snapshots->count * sizeof *rows + 1);
    decide(snapshots, keep, just_made, rows);
    *removed = 0;
    for (size_t i = 0; status == HB_OK && i < snapshots->count; i++) {
        struct hb_snapshot *snapshot = &snapshots->items[i];
        if (rows[i].fate == HB_STAYS_UNTOLD)
            hb_report_add(&run->report, HB_FOUND_NOTE, snapshot->name,
                          "it cannot be told whether it is complete, so it stays: %s",
                          snapshot->untold);
        if (rows[i].fate != HB_GOES || hb_interrupt_signal() != 0)
            continue;
        if (dry_run)
            snapshot->removed = true;
        else
            status = remove_one(run, snapshots, snapshot, &stage, error);
        *removed += snapshot->removed;
    }
    flush_removed(run, snapshots, &stage);
    hb_run_close_stage(run, &stage, status);
    return status;
}

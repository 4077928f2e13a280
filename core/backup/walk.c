/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the plan: walks the home, asks the filters and the content plugins.
 *
 * The plan promises the same for the same tree: depth first, siblings sorted as bytes, a directory
 * before what is in it, claimed files last. What is not in it stands in the report, with the
 * reason: nothing is passed over in silence but what the caller excluded, and stages of ours. The
 * walk never follows a link and never leaves the home, and it stores nothing: it only looks, so
 * that a dry run is the same walk.
 *
 * Each directory is listed with the rights of its owner (files/rights.h), and those of root do not
 * come back below another user's directory: what is read there ends in an archive that this user
 * owns. A directory in which another user could exchange names meanwhile is marked as
 * HB_PLANNED_APART, and what is in it is opened step by step later.
 *
 *     look_at()          one name: what is it, and what becomes of it?
 *     walk_rules.c       which entries are stored: a list of rules, then the filters
 *     walk_claims.c      which content plugin claims a file, and whose sidecar it is
 *     keep()             puts it into the plan, and enters it if it is a directory
 *
 * Directories under way are a list of levels, not calls: a hostile tree is deeper than the stack.
 */
#include "backup/walk.h"

#include "backup/walk_claims.h"
#include "backup/walk_rules.h"
#include "base/memory.h"
#include "files/access.h"
#include "host/failure.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan ------------------------------------------------------------------------------ */

static void append_claimed(struct hb_walk *walk, const struct hb_planned *planned, const char *name)
{
    if (walk->claimed_count == walk->claimed_capacity) {
        walk->claimed_capacity += walk->claimed_capacity / 2 + 16;
        walk->claimed = hb_resize(walk->claimed, walk->claimed_capacity, sizeof *walk->claimed);
    }
    walk->claimed[walk->claimed_count] =
        (struct hb_walk_claimed){walk->claimed_count, *planned, hb_copy_text(name)};
    walk->claimed_count++;
}

/*
 * Does the time of change tell whether a file is the same as before? That depends on its file
 * system, which is asked once: in an overlay a file's device is another one than its directory's.
 */
static bool is_untold(struct hb_walk *walk, const struct hb_seen *seen)
{
    enum { MOST = sizeof walk->devices / sizeof *walk->devices };
    for (size_t i = 0; i < walk->device_count && i < MOST; i++)
        if (walk->devices[i].number == seen->status.st_dev)
            return !hb_change_time_tells(walk->devices[i].times, &seen->status);
    struct stat above;
    int directory_fd = walk->level->fd;
    bool same = fstat(directory_fd, &above) == 0 && above.st_dev == seen->status.st_dev;
    HB_AUTO_CLOSE int fd =
        same ? -1 : openat(directory_fd, seen->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct hb_walk_device device = {seen->status.st_dev,
                                    hb_change_times_of(same ? directory_fd : fd)};
    walk->devices[walk->device_count++ % MOST] = device;
    return !hb_change_time_tells(device.times, &seen->status);
}

static struct hb_planned planned_from(struct hb_walk *walk, const struct hb_seen *seen,
                                      uint16_t content, uint16_t mode)
{
    const struct hb_entry *entry = &seen->entry;
    size_t bytes = strlen(seen->name);
    struct hb_plan_common common = {entry->uid, entry->gid, mode, content};
    return (struct hb_planned){
        .common = hb_intern(&walk->plan->commons, &common, sizeof common),
        .parent = walk->level->number,
        .name_bytes = (uint32_t)bytes,
        .bytes = entry->bytes,
        .mtime_seconds = entry->mtime.tv_sec,
        .ctime_seconds = seen->status.st_ctim.tv_sec,
        .inode = seen->status.st_ino,
        .mtime_nanoseconds = (uint32_t)entry->mtime.tv_nsec,
        .ctime_nanoseconds = (uint32_t)seen->status.st_ctim.tv_nsec,
        .type = (uint8_t)entry->type,
        .flags = (uint8_t)((seen->mode_fixed ? HB_PLANNED_MODE : 0u) |
                           (entry->type == HB_TYPE_FILE && is_untold(walk, seen) ? HB_PLANNED_UNTOLD
                                                                                 : 0u)),
    };
}

/* ---- directories --------------------------------------------------------------------------- */

/*
 * Opens a directory with the rights of its owner, which hold for what is in it. Those of root do
 * not come back below another user's: what is read there ends in an archive that is his.
 */
static int open_of_owner(int fd, const char *name, struct hb_rights *reading)
{
    struct hb_rights owner;
    HB_AUTO_CLOSE int named = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (named < 0)
        return -errno;
    int result = hb_rights_of(named, &owner);
    if (result != 0)
        return result;
    if (owner.other || !reading->other)
        *reading = owner;
    HB_AUTO_AS as = {.changed = false};
    result = hb_as_begin(&as, reading);
    if (result != 0)
        return result;
    int inner = openat(named, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return inner < 0 ? -errno : inner;
}

/* The same of a further root, which is entered from the home. */
static int open_graft(const struct hb_graft *graft, struct hb_rights *reading)
{
    HB_AUTO_AS as = {.changed = false};
    *reading = hb_root_reading(&graft->root);
    int result = hb_as_begin(&as, reading);
    if (result != 0)
        return result;
    int fd = openat(graft->root.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens a directory in the present one; *reading becomes the rights in it. Or -errno. */
static int open_inner(const struct hb_walk *walk, const struct hb_seen *seen,
                      struct hb_rights *reading)
{
    const struct hb_level *level = walk->level;
    uid_t owner = seen->status.st_uid;
    if (walk->graft != NULL && level->above == NULL)
        return open_graft(walk->graft, reading);
    *reading = level->reading;
    bool same = !hb_rights_matter() || walk->run->home.read_as_root || walk->run->home.led ||
                owner == reading->user || (reading->other && owner == 0);
    if (!same ||
        (level->apart && !reading->other)) /* root's own rights are for root's directories */
        return open_of_owner(level->fd, seen->name, reading);
    int inner = openat(level->fd, seen->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return inner < 0 ? -errno : inner;
}

/*
 * Can another user than the home's owner change what a name in this directory leads to? `outer`:
 * can he in the one above?
 */
static bool is_apart(const struct hb_walk *walk, bool outer, const struct hb_rights *reading,
                     const struct stat *status)
{
    return hb_rights_matter() && !walk->run->home.read_as_root &&
           (outer || !hb_rights_are_same(reading, &walk->run->home.rights) ||
            (!reading->other && (status->st_mode & 022) != 0));
}

static void cannot_enter(struct hb_walk *walk, int error, const struct stat *status,
                         const struct hb_rights *reading)
{
    struct hb_report *report = &walk->run->report;
    char owner[32], reader[32];
    hb_rights_name(status->st_uid, owner);
    hb_rights_name(reading->user, reader);
    if (error == ENOENT || error == ELOOP || error == ENOTDIR)
        hb_report_add(report, HB_FOUND_NOTE, walk->path, "vanished while the home was being read");
    else if (error == EACCES && reading->other && !walk->run->home.read_as_root)
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path,
                      "directory belongs to %s, and %s, who owns the directory around it, may not "
                      "list it: give it to that user, or set read-as = root in [home]",
                      owner, reader);
    else
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path, "directory cannot be listed: %s",
                      hb_rights_explain(error));
}

static int tell_filters(struct hb_walk *walk, bool enter, const char *path)
{
    for (size_t i = 0; i < walk->request->filters->count; i++) {
        const struct hb_instance *instance = walk->request->filters->instances[i];
        const struct hb_filter_ops *ops = instance->plugin->ops;
        int status = HB_OK;
        hb_run_clear_failure(walk->run);
        if (enter && HB_CAN(ops, dir_enter))
            status = ops->dir_enter(instance->self, path);
        else if (!enter && HB_CAN(ops, dir_leave))
            status = ops->dir_leave(instance->self, path);
        if (status != HB_OK)
            return hb_error_set(walk->error, HB_STATUS_FATAL, "%s: [%s]: %s",
                                *path == '\0' ? walk->run->home.path : path,
                                instance->section->name, hb_instance_failure(instance));
    }
    return HB_OK;
}

/* Takes the open directory over, to be walked next. */
static int enter_level(struct hb_walk *walk, int fd, const struct hb_rights *reading, bool apart,
                       uint32_t number, size_t path_bytes)
{
    struct hb_level *level = hb_alloc(sizeof *level);
    if (hb_as_begin(&level->as, reading) != 0) { /* it was opened so */
        close(fd);
        free(level);
        return HB_OK;
    }
    level->above = walk->level;
    level->fd = fd;
    level->number = number;
    level->path_bytes = path_bytes;
    level->reading = *reading;
    level->apart = apart;
    walk->level = level;
    int error = hb_listing_read(fd, &level->listing);
    walk->path[path_bytes] = '\0';
    if (error != 0)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "directory cannot be listed: %s", hb_rights_explain(-error));
    level->asked = hb_alloc(level->listing.count);
    return tell_filters(walk, true, walk->path);
}

/* All of it has been looked at, or the walk has failed. */
static int leave_level(struct hb_walk *walk, int status)
{
    struct hb_level *level = walk->level;
    walk->path[level->path_bytes] = '\0';
    if (status == HB_OK)
        status = tell_filters(walk, false, walk->path);
    hb_listing_free(&level->listing);
    free(level->asked);
    free(level->claimed);
    walk->on_the_way -= level->on_the_way;
    close(level->fd);
    hb_as_end(&level->as);
    walk->level = level->above;
    free(level);
    return status;
}

/* Opens a directory of the plan, to be walked next. */
static int enter_directory(struct hb_walk *walk, const struct hb_seen *seen,
                           struct hb_planned *planned)
{
    struct hb_rights reading;
    int inner = open_inner(walk, seen, &reading);
    if (inner < 0) {
        cannot_enter(walk, -inner, &seen->status, &reading);
        return HB_OK;
    }
    if (walk->request->one_file_system && seen->status.st_dev != walk->device) {
        close(inner);
        hb_report_add(&walk->run->report, HB_FOUND_EXCLUDED, walk->path,
                      "lies on another file system");
        return HB_OK;
    }
    if (!seen->mode_fixed)
        hb_plan_set_mode(walk->plan, planned, hb_access_stored_mode(inner, seen->mode));
    /* Whose hand is in a further root is found out at each step. */
    bool apart = is_apart(walk, walk->level->apart || walk->graft != NULL, &reading, &seen->status);
    struct hb_plan_directory walked = {
        .parent = planned->parent,
        .common = planned->common,
        .name_bytes = planned->name_bytes & 0x1ffff,
        .flags = apart ? HB_PLANNED_APART : 0,
    };
    uint32_t number = hb_plan_add_directory(walk->plan, &walked, seen->name);
    return enter_level(walk, inner, &reading, apart, number, seen->entry.path_bytes);
}

/* ---- one entry ----------------------------------------------------------------------------- */

/* Puts "DIRECTORY/NAME" into walk->path; returns its length. */
static size_t enter_name(struct hb_walk *walk, size_t directory_bytes, const char *name)
{
    size_t length = strlen(name), need = directory_bytes + length + 2;
    if (need > walk->path_capacity) {
        walk->path_capacity = need * 2;
        walk->path = hb_resize(walk->path, walk->path_capacity, 1);
    }
    if (directory_bytes > 0)
        walk->path[directory_bytes++] = '/';
    memcpy(walk->path + directory_bytes, name, length + 1);
    return directory_bytes + length;
}

static uint32_t type_of(const struct stat *status)
{
    return S_ISREG(status->st_mode)   ? HB_TYPE_FILE
           : S_ISDIR(status->st_mode) ? HB_TYPE_DIRECTORY
           : S_ISLNK(status->st_mode) ? HB_TYPE_SYMLINK
                                      : HB_TYPE_SPECIAL;
}

static struct hb_entry describe(const struct hb_walk *walk, size_t path_bytes,
                                const struct stat *status)
{
    return (struct hb_entry){
        .size = sizeof(struct hb_entry),
        .type = type_of(status),
        .path = walk->path,
        .path_bytes = path_bytes,
        .bytes = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0,
        .mtime = status->st_mtim,
        .mode = status->st_mode & 07777,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .index = walk->plan->count,
    };
}

/* The reader sees to the mode of files that nobody claims, when they are open. */
static uint16_t claimed_mode(const struct hb_walk *walk, const struct hb_seen *seen)
{
    HB_AUTO_CLOSE int fd =
        seen->mode_fixed ? -1
                         : openat(walk->level->fd, seen->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return (uint16_t)(fd < 0 ? seen->mode : hb_access_stored_mode(fd, seen->mode));
}

/* The directories on the way to what is stored now, the outer ones first. */
static void store_way(struct hb_walk *walk)
{
    struct hb_plan *plan = walk->plan;
    size_t left = walk->on_the_way;
    HB_AUTO_FREE struct hb_level **way = left == 0 ? NULL : hb_alloc(left * sizeof(void *));
    for (struct hb_level *level = walk->level; left > 0; level = level->above)
        if (level->on_the_way)
            way[--left] = level;
    for (; left < walk->on_the_way; left++) {
        const struct hb_planned *planned = &way[left]->planned;
        hb_plan_add(plan, planned,
                    plan->directory_names + plan->directories[way[left]->number].name);
        way[left]->on_the_way = false;
    }
    walk->on_the_way = 0;
}

/* Puts the entry into the plan, and enters a directory. */
static int keep(struct hb_walk *walk, const struct hb_seen *seen, enum hb_decision decision)
{
    bool stored = decision == HB_STORE;
    struct hb_plan *plan = walk->plan;
    uint16_t content = 0;
    if (seen->entry.type == HB_TYPE_FILE) {
        if (!hb_walk_claim(walk, seen, &content))
            return HB_OK;
        plan->files++;
        plan->bytes += seen->entry.bytes;
    }
    if (stored) {
        hb_not_kept_entry(&walk->run->not_kept, &seen->status);
        store_way(walk);
    }
    struct hb_planned planned = planned_from(
        walk, seen, content, content != 0 ? claimed_mode(walk, seen) : (uint16_t)seen->mode);
    if (content != 0) {
        append_claimed(walk, &planned, seen->name);
        return HB_OK;
    }
    const struct hb_level *outer = walk->level;
    int status =
        seen->entry.type == HB_TYPE_DIRECTORY ? enter_directory(walk, seen, &planned) : HB_OK;
    if (stored) /* what is in it comes later */
        hb_plan_add(plan, &planned, seen->name);
    if (decision == HB_ENTER_ON_THE_WAY && walk->level != outer) {
        walk->level->planned = planned;
        walk->level->on_the_way = true;
        walk->on_the_way++;
    }
    return status;
}

static void cannot_look(struct hb_walk *walk, int error)
{
    if (error == ENOENT)
        hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                      "vanished while the home was being read");
    else
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path, "%s",
                      hb_rights_explain(error));
}

/* What lies in a further root, for those that look. */
static const char *path_in_graft(const struct hb_walk *walk)
{
    return walk->path + strlen(walk->graft->name) + 1;
}

/* A name in the home, or in a further root, that is not looked at. */
static bool is_passed_over(struct hb_walk *walk, const char *name)
{
    const char *rest;
    if (walk->graft != NULL)
        return !hb_graft_has(walk->graft, path_in_graft(walk)) &&
               !hb_graft_names(walk->graft, path_in_graft(walk));
    const struct hb_graft *graft =
        walk->level->above == NULL ? hb_graft_of(&walk->run->home, name, &rest) : NULL;
    if (graft != NULL)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "bears the name below which [%s] is stored: rename one of them",
                      graft->section);
    return graft != NULL;
}

/* A directory that nobody asked for, on the way to what somebody did. */
static bool is_on_the_way_in_graft(const struct hb_walk *walk)
{
    return walk->graft != NULL && !hb_graft_has(walk->graft, path_in_graft(walk));
}

/* What was asked for by name is not stored as a mere link, nor found behind one. */
static bool is_link_in_graft(struct hb_walk *walk, const struct hb_seen *seen)
{
    if (walk->graft == NULL || seen->entry.type != HB_TYPE_SYMLINK ||
        !hb_graft_names(walk->graft, path_in_graft(walk)))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                  "is a symbolic link, which is not followed: name in paths of [%s] what it leads "
                  "to",
                  walk->graft->section);
    return true;
}

/* The next name of the present directory. */
static int look_at(struct hb_walk *walk, size_t index)
{
    const struct hb_level *level = walk->level;
    struct hb_seen seen = {.name = level->listing.names[index], .index = index};
    enum hb_decision decision;
    size_t path_bytes = enter_name(walk, level->path_bytes, seen.name);
    if (hb_run_cancelled(walk->run))
        return hb_error_set(walk->error, HB_STATUS_CANCELLED, "interrupted");
    if (hb_stage_is_name(seen.name)) { /* never archived; an import makes one a file system */
        if (walk->request->swept != NULL && hb_stage_sweep_one(level->fd, seen.name))
            ++*walk->request->swept;
        return HB_OK;
    }
    if (is_passed_over(walk, seen.name))
        return HB_OK;
    if (fstatat(level->fd, seen.name, &seen.status, AT_SYMLINK_NOFOLLOW) != 0) {
        cannot_look(walk, errno);
        return HB_OK;
    }
    seen.entry = describe(walk, path_bytes, &seen.status);
    seen.mode = seen.entry.mode;
    if (is_link_in_graft(walk, &seen))
        return HB_OK;
    int status = hb_walk_decide(walk, &seen, &decision);
    if (decision == HB_STORE && is_on_the_way_in_graft(walk))
        decision = HB_ENTER_ON_THE_WAY;
    return status != HB_OK || decision == HB_PASS_OVER ? status : keep(walk, &seen, decision);
}

/*
 * The next of the further roots, as if it were a directory of the home: it is stored with the first
 * thing that is found in it. *found: there was one.
 */
static int look_at_graft(struct hb_walk *walk, bool *found)
{
    const struct hb_grafts *grafts = walk->run->home.grafts;
    enum hb_decision decision;
    walk->graft = NULL;
    while (grafts != NULL && walk->graft == NULL && walk->next_graft < grafts->count) {
        const struct hb_graft *graft = &grafts->rows[walk->next_graft++];
        walk->graft = graft->root.fd >= 0 && *graft->paths != NULL ? graft : NULL;
    }
    *found = walk->graft != NULL;
    if (!*found)
        return HB_OK;
    struct hb_seen seen = {.name = walk->graft->name};
    size_t path_bytes = enter_name(walk, 0, seen.name);
    if (fstat(walk->graft->root.fd, &seen.status) != 0) {
        cannot_look(walk, errno);
        return HB_OK;
    }
    walk->device = seen.status.st_dev;
    seen.entry = describe(walk, path_bytes, &seen.status);
    seen.mode = seen.entry.mode;
    int status = hb_walk_decide(walk, &seen, &decision);
    return status != HB_OK || decision == HB_PASS_OVER ? status
                                                       : keep(walk, &seen, HB_ENTER_ON_THE_WAY);
}

/* Walks the level that was entered with that status, and all below it. */
static int walk_levels(struct hb_walk *walk, int status)
{
    while (walk->level != NULL) {
        struct hb_level *level = walk->level;
        bool found = false;
        if (status == HB_OK && level->next < level->listing.count) {
            status = look_at(walk, level->next++);
            continue;
        }
        if (status == HB_OK && level->above == NULL)
            status = look_at_graft(walk, &found);
        if (!found)
            status = leave_level(walk, status);
    }
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int cannot_start(const struct hb_walk *walk, int error)
{
    return hb_error_set(walk->error, HB_STATUS_FATAL, "%s: cannot be read: %s",
                        walk->run->home.path, hb_rights_explain(error));
}

static int start_walk(struct hb_walk *walk)
{
    struct stat status;
    const struct hb_rights reading = hb_root_reading(&walk->run->home);
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &reading);
    if (result != 0)
        return cannot_start(walk, -result);
    int fd = openat(walk->run->home.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cannot_start(walk, errno);
    if (fstat(fd, &status) != 0) {
        int error = errno;
        close(fd);
        return cannot_start(walk, error);
    }
    walk->device = status.st_dev;
    hb_not_kept_begin(&walk->run->not_kept, walk->request->keeps, &status);
    walk->plan->apart = is_apart(walk, false, &reading, &status);
    walk->path_capacity = 256;
    walk->path = hb_alloc(walk->path_capacity);
    return walk_levels(walk, enter_level(walk, fd, &reading, walk->plan->apart, UINT32_MAX, 0));
}

/* The largest first; of the same size, as they were found. */
static int compare_claimed(const void *one, const void *other)
{
    const struct hb_walk_claimed *a = one, *b = other;
    if (a->planned.bytes != b->planned.bytes)
        return a->planned.bytes > b->planned.bytes ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

int hb_plan_make(const struct hb_plan_request *request, struct hb_plan *plan,
                 struct hb_error *error)
{
    *plan = (struct hb_plan){.latest = request->latest};
    struct hb_walk walk = {.request = request, .run = request->run, .plan = plan, .error = error};
    int result = start_walk(&walk);
    plan->first_claimed = plan->count;
    if (walk.claimed_count > 0)
        qsort(walk.claimed, walk.claimed_count, sizeof *walk.claimed, compare_claimed);
    for (size_t i = 0; i < walk.claimed_count; i++) {
        hb_plan_add(plan, &walk.claimed[i].planned, walk.claimed[i].name);
        free(walk.claimed[i].name);
    }
    free(walk.claimed);
    free(walk.path);
    if (result != HB_OK)
        hb_plan_clear(plan);
    return result;
}

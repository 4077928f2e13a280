/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the plan: walks the home, asks the filters and the content plugins. */
#include "backup/walk.h"

#include "backup/preset_archives.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/settings.h"
#include "files/access.h"
#include "files/listing.h"
#include "files/state_key.h"
#include "host/content.h"
#include "host/failure.h"
#include "host/filter.h"
#include "host/own_places.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct level;

enum { LONGEST_PATH = 65535 /* of a name in every format; a directory's ends with a '/' */ };

struct walk {
    const struct hb_plan_request *request;
    struct hb_run *run;
    struct hb_plan *plan;
    struct hb_error *error;
    size_t capacity, directory_capacity;
    size_t name_bytes, name_capacity;
    struct hb_planned *claimed; /* appended to the plan at the end */
    size_t claimed_count, claimed_capacity;
    char *path; /* of the entry that is being looked at */
    size_t path_capacity;
    uint64_t device; /* of the home */
    /* Of the directory that is being walked. */
    struct hb_rights reading;
    bool apart; /* see HB_PLANNED_APART */
    struct level *level;
};

/* ---- one directory ------------------------------------------------------------------------- */

/* The names in it, and what content plugins have said about them by name. */
struct directory {
    struct hb_listing listing;
    uint8_t *asked; /* of each name */
    struct named *named;
    size_t named_count;
};

/* A name that a plugin claims. */
struct named {
    size_t index;
    uint64_t by_name; /* as in struct hb_claim */
};

/*
 * A directory that is being walked, below the one `above`. They are kept in a list and not on the
 * stack: a tree may be deeper than that.
 */
struct level {
    struct level *above;
    struct directory directory;
    int fd;
    uint32_t number; /* among the directories of the plan */
    size_t path_bytes;
    size_t next; /* the name that is looked at next */
    struct hb_as as;
    struct hb_rights outer_reading; /* of the walk, before */
    bool outer_apart;
};

static void directory_clear(struct directory *directory)
{
    hb_listing_free(&directory->listing);
    free(directory->asked);
    free(directory->named);
}

static void note_claim(struct directory *directory, size_t index, const struct hb_claim *claim)
{
    directory->asked[index] = true;
    if (claim->by_name == 0)
        return;
    directory->named =
        hb_resize(directory->named, directory->named_count + 1, sizeof *directory->named);
    directory->named[directory->named_count++] = (struct named){index, claim->by_name};
}

/* What was said about a name, if it was asked about. Sidecars stand close behind their file. */
static bool known_claim(const struct directory *directory, size_t index, struct hb_claim *claim)
{
    if (!directory->asked[index])
        return false;
    claim->asked = true;
    for (size_t i = directory->named_count; i-- > 0 && claim->by_name == 0;)
        if (directory->named[i].index == index)
            claim->by_name = directory->named[i].by_name;
    return true;
}

/* ---- one entry ----------------------------------------------------------------------------- */

/* Puts "DIRECTORY/NAME" into walk->path; returns its length. */
static size_t enter_name(struct walk *walk, size_t directory_bytes, const char *name)
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

static uint64_t keep_name(struct walk *walk, const char *name, size_t bytes)
{
    if (walk->name_bytes + bytes > walk->name_capacity) {
        walk->name_capacity = (walk->name_bytes + bytes) * 3 / 2 + 4096;
        walk->plan->names = hb_resize(walk->plan->names, walk->name_capacity, 1);
    }
    memcpy(walk->plan->names + walk->name_bytes, name, bytes);
    uint64_t at = walk->name_bytes;
    walk->name_bytes += bytes;
    return at;
}

static void append(struct hb_planned **entries, size_t *count, size_t *capacity,
                   const struct hb_planned *planned)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 256 : *capacity + *capacity / 2;
        *entries = hb_resize(*entries, *capacity, sizeof **entries);
    }
    (*entries)[(*count)++] = *planned;
}

static uint32_t type_of(const struct stat *status)
{
    return S_ISREG(status->st_mode)   ? HB_FILE
           : S_ISDIR(status->st_mode) ? HB_DIRECTORY
           : S_ISLNK(status->st_mode) ? HB_SYMLINK
                                      : HB_SPECIAL;
}

static struct hb_entry describe(const struct walk *walk, size_t path_bytes,
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

/* Asks the filters; the first that does not keep decides. *mode may be tightened. */
static int ask_filters(struct walk *walk, const struct hb_entry *entry, struct hb_verdict *verdict,
                       uint32_t *mode, bool *fixed)
{
    for (size_t i = 0; i < walk->request->filters->count; i++) {
        const struct hb_instance *instance = walk->request->filters->instances[i];
        if (hb_ask_filter(walk->run, instance, HB_BACKUP, entry, verdict, walk->error) != HB_OK)
            return HB_FATAL;
        if (verdict->kind != HB_KEEP)
            return HB_OK;
        if (verdict->flags & HB_VERDICT_MODE) {
            *mode = verdict->mode & 0777 & (*mode | 0700);
            *fixed = true;
        }
    }
    return HB_OK;
}

static int open_head(void *context)
{
    const struct walk *walk = context;
    return hb_beneath_open(&walk->run->home, walk->path, O_RDONLY | O_NONBLOCK, 0);
}

/*
 * Which content plugin claims the file: *number is 1 + its index, or 0. False: that cannot be told,
 * and is reported. As nobody's it would be copied raw, without what its log holds, and in silence.
 */
static bool ask_contents(struct walk *walk, struct directory *directory, size_t index,
                         const struct hb_entry *entry, uint16_t *number)
{
    struct hb_claim claim = {0};
    const struct hb_instance *content;
    int result = 0;
    if (!known_claim(directory, index, &claim)) {
        hb_claim_ask(walk->request->contents, entry, &claim);
        note_claim(directory, index, &claim);
    }
    if (claim.by_name != 0)
        result = hb_claim_settle(walk->request->contents, entry, &claim, open_head, walk, &content);
    *number = claim.number;
    if (result == -ENOENT)
        hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                      "vanished while the home was walked");
    else if (result != 0)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path, "cannot be read: %s",
                      hb_rights_explain(-result));
    return result == 0;
}

/* A name of the directory that is being walked. */
struct neighbour {
    struct walk *walk;
    struct directory *directory;
    int fd;
};

/*
 * Is it there, and claimed by that plugin? If it cannot be looked at, the answer is no: then the
 * sidecar is stored as a file of its own, which does no harm (an import drops it), and the file
 * itself is reported when its turn comes.
 */
static bool claims_neighbour(void *context, size_t content, const struct hb_entry *owner)
{
    struct neighbour *neighbour = context;
    struct directory *directory = neighbour->directory;
    struct hb_claim claim = {0};
    struct stat status;
    const char *name = hb_base_name(owner->path);
    size_t index = hb_listing_find(&directory->listing, name);
    if (index == SIZE_MAX || fstatat(neighbour->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode))
        return false;
    if (!known_claim(directory, index, &claim)) { /* a filter leaves it out */
        struct hb_entry entry = *owner;
        entry.bytes = (uint64_t)status.st_size;
        hb_claim_ask(neighbour->walk->request->contents, &entry, &claim);
        note_claim(directory, index, &claim);
    }
    return (claim.by_name >> content & 1) != 0;
}

/* Is it a sidecar of a file that is there and that a content plugin claims by name? */
static bool is_sidecar(struct walk *walk, struct directory *directory, int fd,
                       const struct hb_entry *entry)
{
    struct neighbour neighbour = {walk, directory, fd};
    return hb_is_sidecar(walk->request->contents, entry, claims_neighbour, &neighbour);
}

/* What fsck puts beside the root of a file system, and nobody else can look into. */
static bool is_the_file_systems(const char *name, int directory_fd, const struct stat *status)
{
    struct statx directory;
    struct stat above, here;
    if (strcmp(name, "lost+found") != 0 || !S_ISDIR(status->st_mode) || status->st_uid != 0)
        return false;
    if (statx(directory_fd, "", AT_EMPTY_PATH, STATX_INO, &directory) == 0 &&
        (directory.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
        return true;
    return fstat(directory_fd, &here) == 0 &&
           fstatat(directory_fd, "..", &above, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_dev != above.st_dev;
}

static bool is_excluded(const struct walk *walk, const struct stat *status)
{
    for (size_t i = 0; i < walk->request->excluded_count; i++)
        if (walk->request->excluded[i].device == status->st_dev &&
            walk->request->excluded[i].inode == status->st_ino)
            return true;
    return false;
}

/*
 * An archive of this home in this home: each would hold all before it. One that is another home's,
 * or of which nothing can be told now, is a file like others.
 */
static bool is_own_archive(struct walk *walk, const struct stat *status, size_t directory_bytes)
{
    const struct hb_own_places *own = hb_own_places_of(walk->run, walk->run->home.path);
    if (!S_ISREG(status->st_mode) || !hb_own_archive(own, walk->path, directory_bytes))
        return false;
    HB_AUTO_FREE char *path = hb_text("%s/%s", walk->run->home.path, walk->path);
    return hb_preset_is_ours(walk->run, walk->request->id, path);
}

/*
 * The file that tells which home this is belongs to this place alone. Where something else bears
 * its name, that is not stored either, for it could not be restored: which is more than a note.
 */
static bool is_home_id(struct walk *walk, const char *name, const struct stat *status,
                       size_t directory_bytes)
{
    if (!hb_home_id_is_name(name))
        return false;
    if (!S_ISREG(status->st_mode) || (directory_bytes == 0 && walk->request->id->foreign))
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "bears the name of the file that tells which home this is; rename it");
    else if (directory_bytes > 0)
        hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                      "tells which home this is, and is never stored");
    return true;
}

/* Another user's, as a rule; the running one's is excluded, and nothing is said of it. */
static bool is_a_key(const struct walk *walk, const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || !hb_state_key_is_at(walk->run->home.path, walk->path))
        return false;
    hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                  "is the key of an installation, and is never stored");
    return true;
}

static struct hb_planned planned_from(struct walk *walk, const struct hb_entry *entry,
                                      const struct stat *status, uint32_t parent, const char *name)
{
    size_t bytes = strlen(name);
    return (struct hb_planned){
        .parent = parent,
        .name_bytes = (uint32_t)bytes,
        .name = keep_name(walk, name, bytes),
        .bytes = entry->bytes,
        .mtime_seconds = entry->mtime.tv_sec,
        .ctime_seconds = status->st_ctim.tv_sec,
        .inode = status->st_ino,
        .mtime_nanoseconds = (uint32_t)entry->mtime.tv_nsec,
        .ctime_nanoseconds = (uint32_t)status->st_ctim.tv_nsec,
        .uid = entry->uid,
        .gid = entry->gid,
        .mode = (uint16_t)entry->mode,
        .type = (uint8_t)entry->type,
    };
}

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

/* *reading becomes the rights in it. A descriptor or -errno. */
static int open_inner(const struct walk *walk, int fd, const char *name, const struct stat *status,
                      struct hb_rights *reading)
{
    bool same = !hb_rights_matter() || walk->run->home.read_as_root || walk->run->home.led ||
                status->st_uid == reading->user || (reading->other && status->st_uid == 0);
    if (!same || (walk->apart && !reading->other)) /* root's own are for what is root's */
        return open_of_owner(fd, name, reading);
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return inner < 0 ? -errno : inner;
}

/* Can another user than the home's owner change what a name in this directory leads to? */
static bool is_apart(const struct walk *walk, const struct hb_rights *reading,
                     const struct stat *status)
{
    return hb_rights_matter() && !walk->run->home.read_as_root &&
           (walk->apart || !hb_rights_are_same(reading, &walk->run->home.rights) ||
            (!reading->other && (status->st_mode & 022) != 0));
}

static void cannot_enter(struct walk *walk, int error, const struct stat *status,
                         const struct hb_rights *reading)
{
    struct hb_report *report = &walk->run->report;
    char owner[32], reader[32];
    hb_rights_name(status->st_uid, owner);
    hb_rights_name(reading->user, reader);
    if (error == ENOENT || error == ELOOP || error == ENOTDIR)
        hb_report_add(report, HB_FOUND_NOTE, walk->path, "vanished while the home was walked");
    else if (error == EACCES && reading->other && !walk->run->home.read_as_root)
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path,
                      "directory belongs to %s, and %s, whose directory it is in, may not list it: "
                      "give it to that user, or say read-as = root in [home]",
                      owner, reader);
    else
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path, "directory cannot be listed: %s",
                      hb_rights_explain(error));
}

static int tell_filters(struct walk *walk, bool enter, const char *path)
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
            return hb_error_set(walk->error, HB_FATAL, "%s: [%s]: %s",
                                *path == '\0' ? walk->run->home.path : path,
                                instance->section->name, hb_instance_failure(instance));
    }
    return HB_OK;
}

/* Begins with a directory that is open, with those rights; it is walked next. Takes it over. */
static int enter_level(struct walk *walk, int fd, const struct hb_rights *reading, bool apart,
                       uint32_t number, size_t path_bytes)
{
    struct level *level = hb_alloc(sizeof *level);
    if (hb_as_begin(&level->as, reading) != 0) { /* it was opened so */
        close(fd);
        free(level);
        return HB_OK;
    }
    level->above = walk->level;
    level->fd = fd;
    level->number = number;
    level->path_bytes = path_bytes;
    level->outer_reading = walk->reading;
    level->outer_apart = walk->apart;
    walk->level = level;
    walk->reading = *reading;
    walk->apart = apart;
    int error = hb_listing_read(fd, &level->directory.listing);
    walk->path[path_bytes] = '\0';
    if (error != 0)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "directory cannot be listed: %s", hb_rights_explain(-error));
    level->directory.asked = hb_alloc(level->directory.listing.count);
    return tell_filters(walk, true, walk->path);
}

/* All of it has been looked at, or the walk has failed. */
static int leave_level(struct walk *walk, int status)
{
    struct level *level = walk->level;
    walk->path[level->path_bytes] = '\0';
    if (status == HB_OK)
        status = tell_filters(walk, false, walk->path);
    directory_clear(&level->directory);
    close(level->fd);
    hb_as_end(&level->as);
    walk->reading = level->outer_reading;
    walk->apart = level->outer_apart;
    walk->level = level->above;
    free(level);
    return status;
}

/* Opens a directory that was kept, to be walked next. */
static int enter_directory(struct walk *walk, int fd, const char *name, struct hb_planned *planned,
                           size_t path_bytes, const struct stat *status)
{
    struct hb_rights reading = walk->reading;
    int inner = open_inner(walk, fd, name, status, &reading);
    if (inner < 0) {
        cannot_enter(walk, -inner, status, &reading);
        return HB_OK;
    }
    if (walk->request->one_file_system && status->st_dev != walk->device) {
        close(inner);
        hb_report_add(&walk->run->report, HB_FOUND_EXCLUDED, walk->path,
                      "lies on another file system");
        return HB_OK;
    }
    if ((planned->flags & HB_PLANNED_MODE) == 0)
        planned->mode = (uint16_t)hb_access_stored_mode(inner, planned->mode);
    struct hb_planned walked = *planned;
    bool apart = is_apart(walk, &reading, status);
    walked.flags |= apart ? HB_PLANNED_APART : 0;
    append(&walk->plan->directories, &walk->plan->directory_count, &walk->directory_capacity,
           &walked);
    return enter_level(walk, inner, &reading, apart, (uint32_t)(walk->plan->directory_count - 1),
                       path_bytes);
}

/* Does a link that leads out of the home lead to something? Also if that cannot be told. */
static bool leads_somewhere(int fd, const char *name)
{
    struct stat status;
    return fstatat(fd, name, &status, 0) == 0 ||
           (errno != ENOENT && errno != ENOTDIR && errno != ELOOP);
}

/*
 * What a link leads to inside the home is stored at its own place; what lies outside is missing in
 * the archive, and that is more than a note. So is what may lie outside.
 */
static void pass_over_link(struct walk *walk, int fd, const char *name)
{
    struct hb_place place;
    char target[PATH_MAX];
    int result = hb_beneath_resolve(&walk->run->home, walk->path, 0, &place, NULL);
    bool outside = result == -EXDEV && leads_somewhere(fd, name);
    bool unknown = result < 0 && result != -EXDEV && result != -ENOENT && result != -ENOTDIR &&
                   result != -ELOOP;
    hb_place_clear(&place);
    ssize_t bytes = readlinkat(fd, name, target, sizeof target - 1);
    target[bytes < 0 ? 0 : bytes] = '\0';
    if (outside)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "symbolic link to %s, which lies outside the home and is not stored", target);
    else if (unknown)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path,
                      "symbolic link to %s: whether that lies in the home cannot be told: %s",
                      target, hb_rights_explain(-result));
    else
        hb_report_add(&walk->run->report, HB_FOUND_LINK, walk->path, "symbolic link to %s", target);
}

static uint32_t stored_mode(int directory_fd, const char *name, uint32_t mode)
{
    HB_AUTO_CLOSE int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? mode : hb_access_stored_mode(fd, mode);
}

static bool is_too_long(const struct hb_entry *entry)
{
    return entry->path_bytes + (entry->type == HB_DIRECTORY ? 1 : 0) > LONGEST_PATH;
}

static int keep_entry(struct walk *walk, struct directory *directory, size_t index, int fd,
                      uint32_t parent, struct hb_entry *entry, const struct stat *status)
{
    const char *name = directory->listing.names[index];
    struct hb_verdict verdict = {.size = sizeof verdict};
    uint32_t mode = entry->mode;
    bool fixed = false;
    int result = ask_filters(walk, entry, &verdict, &mode, &fixed);
    if (result != HB_OK)
        return result;
    if (verdict.kind != HB_KEEP) {
        bool pruned = entry->type == HB_DIRECTORY && verdict.kind == HB_PRUNE;
        hb_report_add(&walk->run->report, pruned ? HB_FOUND_EXCLUDED : HB_FOUND_LEFT_OUT,
                      walk->path, "%s", verdict.reason);
        if (pruned || entry->type != HB_DIRECTORY)
            return HB_OK;
    } else if (entry->type == HB_SYMLINK && !walk->request->store_links) {
        pass_over_link(walk, fd, name);
        return HB_OK;
    } else if (entry->type == HB_SPECIAL) {
        hb_report_add(&walk->run->report, HB_FOUND_SPECIAL, walk->path, "socket, pipe or device");
        return HB_OK;
    } else if (entry->type == HB_FILE && is_sidecar(walk, directory, fd, entry)) {
        hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                      "part of the file beside it");
        return HB_OK;
    }
    bool stored = verdict.kind == HB_KEEP && !is_too_long(entry);
    struct hb_planned planned = planned_from(walk, entry, status, parent, name);
    planned.mode = (uint16_t)mode;
    planned.flags = fixed ? HB_PLANNED_MODE : 0;
    if (entry->type == HB_FILE) {
        if (!ask_contents(walk, directory, index, entry, &planned.content))
            return HB_OK;
        walk->plan->files++;
        walk->plan->bytes += entry->bytes;
    }
    if (planned.content != 0 && !fixed) /* the reader sees to that of others, when they are open */
        planned.mode = (uint16_t)stored_mode(fd, name, mode);
    if (planned.content != 0)
        append(&walk->claimed, &walk->claimed_count, &walk->claimed_capacity, &planned);
    else if (stored)
        append(&walk->plan->entries, &walk->plan->count, &walk->capacity, &planned);
    size_t number = walk->plan->count - 1;
    if (entry->type == HB_DIRECTORY) {
        result = enter_directory(walk, fd, name, &planned, entry->path_bytes, status);
        if (stored)
            walk->plan->entries[number].mode = planned.mode;
    }
    return result;
}

/*
 * What is longer than a name in an archive can be is not stored, and each such is named; what lies
 * deeper than an import goes by default is, and told.
 */
static bool look_at_length(struct walk *walk, const struct hb_entry *entry)
{
    struct hb_report *report = &walk->run->report;
    size_t components = 1;
    if (is_too_long(entry)) {
        hb_report_add(report, HB_FOUND_SKIPPED, walk->path,
                      "its path is longer than %u bytes, which no archive can hold",
                      (unsigned)LONGEST_PATH);
        return false;
    }
    if (entry->path_bytes / 2 < HB_IMPORTED_DEPTH)
        return true;
    for (const char *at = walk->path; (at = strchr(at, '/')) != NULL; at++)
        components++;
    if (components == HB_IMPORTED_DEPTH + 1)
        hb_report_add(report, HB_FOUND_DOUBTFUL, walk->path,
                      "lies below %u directories or more: an import refuses it, and all below it, "
                      "unless import.max-depth is larger",
                      (unsigned)HB_IMPORTED_DEPTH);
    return true;
}

static int look_at(struct walk *walk, struct directory *directory, size_t index, int fd,
                   uint32_t parent, size_t directory_bytes)
{
    const char *name = directory->listing.names[index];
    struct stat status;
    size_t path_bytes = enter_name(walk, directory_bytes, name);
    if (hb_run_cancelled(walk->run))
        return hb_error_set(walk->error, HB_CANCELLED, "interrupted");
    if (hb_stage_is_name(name)) { /* never archived; an import makes one a file system */
        if (walk->request->swept != NULL && hb_stage_sweep_one(fd, name))
            ++*walk->request->swept;
        return HB_OK;
    }
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                          "vanished while the home was walked");
        else
            hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path, "%s",
                          hb_rights_explain(errno));
        return HB_OK;
    }
    if (is_the_file_systems(name, fd, &status)) {
        hb_report_add(&walk->run->report, HB_FOUND_EXCLUDED, walk->path,
                      "belongs to the file system");
        return HB_OK;
    }
    if (is_excluded(walk, &status) || is_home_id(walk, name, &status, directory_bytes) ||
        is_a_key(walk, &status))
        return HB_OK;
    if (is_own_archive(walk, &status, directory_bytes)) {
        hb_report_add(&walk->run->report, HB_FOUND_LEFT_OUT, walk->path,
                      "is an archive of this home");
        return HB_OK;
    }
    struct hb_entry entry = describe(walk, path_bytes, &status);
    if (!look_at_length(walk, &entry) && entry.type != HB_DIRECTORY)
        return HB_OK; /* else what is in it is named, too */
    return keep_entry(walk, directory, index, fd, parent, &entry, &status);
}

/* Walks the level that was entered with that status, and all below it. */
static int walk_levels(struct walk *walk, int status)
{
    while (walk->level != NULL) {
        struct level *level = walk->level;
        if (status == HB_OK && level->next < level->directory.listing.count)
            status = look_at(walk, &level->directory, level->next++, level->fd, level->number,
                             level->path_bytes);
        else
            status = leave_level(walk, status);
    }
    return status;
}

static int start_walk(struct walk *walk)
{
    struct stat status;
    walk->reading = hb_root_reading(&walk->run->home);
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &walk->reading);
    if (result != 0)
        return hb_error_set(walk->error, HB_FATAL, "%s: cannot be read: %s", walk->run->home.path,
                            hb_rights_explain(-result));
    int fd = openat(walk->run->home.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return hb_error_set(walk->error, HB_FATAL, "%s: cannot be read: %s", walk->run->home.path,
                            hb_rights_explain(error));
    }
    walk->device = status.st_dev;
    walk->apart = walk->plan->apart = is_apart(walk, &walk->reading, &status);
    walk->path_capacity = 256;
    walk->path = hb_alloc(walk->path_capacity);
    const struct hb_rights reading = walk->reading;
    return walk_levels(walk, enter_level(walk, fd, &reading, walk->apart, UINT32_MAX, 0));
}

/* The largest first; of the same size, as they were found. */
static int compare_claimed(const void *one, const void *other)
{
    const struct hb_planned *a = one, *b = other;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

int hb_plan_make(const struct hb_plan_request *request, struct hb_plan *plan,
                 struct hb_error *error)
{
    *plan = (struct hb_plan){.latest = request->latest};
    struct walk walk = {.request = request, .run = request->run, .plan = plan, .error = error};
    int result = start_walk(&walk);
    plan->first_claimed = plan->count;
    if (walk.claimed_count > 0)
        qsort(walk.claimed, walk.claimed_count, sizeof *walk.claimed, compare_claimed);
    for (size_t i = 0; i < walk.claimed_count; i++)
        append(&plan->entries, &plan->count, &walk.capacity, &walk.claimed[i]);
    free(walk.claimed);
    free(walk.path);
    if (result != HB_OK)
        hb_plan_clear(plan);
    return result;
}

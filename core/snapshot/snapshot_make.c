/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/snapshot_make.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/access.h"
#include "files/anywhere.h"
#include "files/home_id.h"
#include "files/io.h"
#include "files/listing.h"
#include "files/owner.h"
#include "files/state_key.h"
#include "host/content.h"
#include "host/failure.h"
#include "host/instance.h"
#include "host/lost.h"
#include "pipeline/reader.h"
#include "restore/recover.h"
#include "restore/target.h"
#include "snapshot/listed.h"
#include "snapshot/snapshot.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    COPY_BYTES = 1 << 20,
    LONGEST_LABEL = 200,
    DEEPEST = 100 /* directories below a listed one */
};

struct maker {
    struct hb_run *run;
    struct hb_chain contents;
    struct hb_stage stage; /* what becomes the snapshot */
    struct hb_root root;   /* the same, as a root */
    struct hb_manifest manifest;
    struct hb_error *error;
    unsigned char *buffer;
    struct hb_state_key key;       /* is copied nowhere */
    struct hb_snapshot_made *plan; /* only look what there is; NULL: copy it */
    void (*would_copy)(void *context, const char *path, uint64_t bytes);
    void *context;
};

const char *hb_snapshot_label_problem(const char *label)
{
    json_t *text = json_string(label);
    bool readable = text != NULL;
    json_decref(text);
    if (strlen(label) > LONGEST_LABEL)
        return "is too long";
    if (!readable)
        return "is no UTF-8";
    for (; *label != '\0'; label++)
        if (*label == '/' || (unsigned char)*label < 0x20 || *label == 0x7f)
            return "has a character that cannot be in a name";
    return NULL;
}

static void skipped(struct maker *maker, const char *path, const char *why)
{
    hb_report_add(&maker->run->report, HB_FOUND_SKIPPED, path, "%s", why);
}

/* ---- one file ------------------------------------------------------------------------------ */

/* A file in the snapshot that is being made. */
struct copy {
    struct hb_place place;
    int fd;
};

/* A new one, with its directories. 0 or -errno. */
static int make_copy(struct maker *maker, const char *path, struct copy *copy)
{
    copy->fd = -1;
    hb_stage_refresh(&maker->stage);
    int result = hb_beneath_resolve(&maker->root, path, HB_MAKE_PARENTS, &copy->place, NULL);
    if (result != 0)
        return result;
    /* As root, the stage of another user's home is his: what has the name may be a pipe of his. */
    copy->fd = openat(copy->place.directory_fd, copy->place.name,
                      O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (copy->fd < 0)
        return -errno;
    struct stat status;
    return fstat(copy->fd, &status) != 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -ENOTSUP;
}

/* A full disk concerns all. */
static int cannot_write(struct maker *maker, const char *path, int reason)
{
    hb_error_set(maker->error, HB_FATAL, "%s: cannot be copied to %s: %s", path, maker->stage.path,
                 hb_rights_explain(reason));
    hb_error_space(maker->error, reason, " and try again; no snapshot was made");
    return HB_FATAL;
}

/* One pass over what is open; *bytes is what was there. HB_OK, HB_ENTRY, HB_FATAL, HB_CANCELLED. */
static int copy_once(struct maker *maker, const char *path, const struct hb_reader *reader, int to,
                     uint64_t *bytes)
{
    *bytes = 0;
    if (ftruncate(to, 0) != 0)
        return cannot_write(maker, path, errno);
    for (;;) {
        if (hb_run_cancelled(maker->run))
            return hb_error_set(maker->error, HB_CANCELLED, "interrupted");
        uint64_t left = reader->fd < 0 ? reader->entry.bytes - *bytes : COPY_BYTES;
        int64_t got = hb_reader_read(reader, maker->buffer,
                                     left < COPY_BYTES ? (size_t)left : COPY_BYTES, *bytes);
        if (got == 0 && reader->fd < 0 && left > 0) /* the source of a plugin ends too early */
            got = -EIO;
        if (got < 0) {
            skipped(maker, path, strerror((int)-got));
            return HB_ENTRY;
        }
        if (got == 0)
            return HB_OK;
        int result = hb_write_all_at(to, maker->buffer, (size_t)got, *bytes);
        if (result != 0)
            return cannot_write(maker, path, -result);
        *bytes += (uint64_t)got;
    }
}

/*
 * Whose the copy is: as root, in a directory of root's, that of whom the file is. In another user's
 * it is his, with whose rights it was made; root's own, where root's own were used.
 */
static int give_copy(const struct maker *maker, const struct hb_entry *entry, int fd)
{
    struct hb_owner owner = hb_owner_known(entry->uid, entry->gid), directory;
    if (maker->stage.rights.other || hb_owner_of(maker->stage.parent_fd, &directory) != 0 ||
        (directory.give && directory.user != 0))
        return 0;
    struct stat made;
    int result = hb_owner_give(&owner, fd);
    if (result == 0 && owner.give && fstat(fd, &made) == 0 &&
        (made.st_uid != owner.user || made.st_gid != owner.group))
        hb_tell_lost(maker->run, entry->path, HB_LOST_OWNER);
    return result;
}

/* Mode, times and owner as they were; counts it. */
static int finish_copy(struct maker *maker, const char *path, const struct hb_reader *reader,
                       const struct stat *status, int fd)
{
    const struct hb_entry *entry = &reader->entry;
    struct timespec times[2] = {status->st_atim, entry->mtime};
    int result = give_copy(maker, entry, fd);
    if (result != 0)
        return cannot_write(maker, path, -result);
    unsigned lost = 0;
    result = hb_access_set_mode(fd, entry->mode & 0777, &lost);
    hb_tell_lost(maker->run, path, lost);
    if (result != 0 || futimens(fd, times) != 0)
        return cannot_write(maker, path, result != 0 ? -result : errno);
    if (!hb_manifest_add(&maker->manifest, path, entry->bytes)) {
        skipped(maker, path, "its name is no UTF-8, which a manifest must be");
        return HB_ENTRY;
    }
    return HB_OK;
}

/* Half a file is worth nothing: it goes again. */
static int copy_file(struct maker *maker, const char *path, struct hb_reader *reader,
                     const struct stat *status)
{
    struct copy copy;
    uint64_t bytes;
    int result = make_copy(maker, path, &copy);
    if (result != 0)
        result = cannot_write(maker, path, -result);
    else
        do
            result = copy_once(maker, path, reader, copy.fd, &bytes);
        while (result == HB_OK && hb_reader_again(reader, UINT64_MAX, bytes));
    if (result == HB_OK)
        result = finish_copy(maker, path, reader, status, copy.fd);
    if (result == HB_ENTRY)
        unlinkat(copy.place.directory_fd, copy.place.name, 0);
    if (copy.fd >= 0)
        close(copy.fd);
    hb_place_clear(&copy.place);
    return result;
}

struct listed {
    const struct maker *maker;
    const char *path;
};

static int open_listed(void *context)
{
    const struct listed *listed = context;
    return hb_listed_open(&listed->maker->run->home, listed->path, O_NONBLOCK);
}

/* ---- one file, open ------------------------------------------------------------------------ */

/*
 * A plugin reads with root's rights where [home] read-as says so. Where a link of another user's
 * led there, it is worth what he can read. 0 or an errno.
 */
static int look_through_link(const struct hb_run *run, const struct hb_place *place)
{
    HB_AUTO_AS as = {.changed = false};
    if (!run->home.read_as_root || !place->led)
        return 0;
    int result = hb_as_begin(&as, &place->rights);
    if (result != 0)
        return -result;
    return faccessat(place->directory_fd, place->name, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0
               ? errno
               : 0;
}

/* Through the plugin that claims it. HB_NOMATCH: none does, or it lies outside the home. */
static int open_claimed(struct maker *maker, const struct hb_entry *entry, struct listed *listed,
                        struct hb_reader *reader)
{
    struct hb_claim claim = {0};
    struct hb_place place;
    struct hb_entry resolved = *entry;
    const struct hb_instance *content;
    int told = hb_claim_settle(&maker->contents, entry, &claim, open_listed, listed, &content);
    if (told != 0) /* it is reported; copied raw it would lack what is in its log */
        return hb_reader_take_file(maker->run, entry, told, reader);
    if (content == NULL || !HB_CAN((const struct hb_content_ops *)content->plugin->ops, open))
        return HB_NOMATCH;
    int result = hb_beneath_resolve(&maker->run->home, entry->path, 0, &place, NULL);
    int refused = result == 0 ? look_through_link(maker->run, &place) : 0;
    if (refused != 0) {
        result = hb_reader_take_file(maker->run, entry, -refused, reader);
    } else if (result == 0) {
        resolved.path = place.path;
        resolved.path_bytes = strlen(place.path);
        result = hb_reader_open_claimed(maker->run, content, &resolved, reader);
    } else {
        hb_report_add(&maker->run->report, HB_FOUND_DOUBTFUL, entry->path,
                      "leads outside the home; its bytes are copied as they are");
        result = HB_NOMATCH;
    }
    hb_place_clear(&place);
    return result;
}

static int open_reader(struct maker *maker, const char *path, const struct stat *status,
                       struct hb_reader *reader)
{
    struct listed listed = {maker, path};
    struct hb_entry entry = {.size = sizeof entry,
                             .type = HB_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .bytes = (uint64_t)status->st_size,
                             .mode = status->st_mode & 07777,
                             .mtime = status->st_mtim,
                             .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER,
                             .uid = status->st_uid,
                             .gid = status->st_gid};
    int result = open_claimed(maker, &entry, &listed, reader);
    if (result != HB_NOMATCH)
        return result;
    hb_reader_free(reader);
    return hb_reader_take_file(maker->run, &entry, open_listed(&listed), reader);
}

/* Does it lead to a key by a link, perhaps out of the home? Keys are small, and no one else's. */
static bool leads_to_key(const struct maker *maker, const char *path, const struct stat *status)
{
    struct listed listed = {maker, path};
    if (status->st_size != HB_KEY_BYTES || (status->st_mode & 077) != 0)
        return false;
    HB_AUTO_CLOSE int fd = open_listed(&listed);
    HB_AUTO_FREE char *real = fd < 0 ? NULL : hb_path_of(fd);
    return real != NULL && hb_state_key_is_at("", real);
}

/* What tells which home this is, and the keys of installations, belong to no copy. */
static bool is_own(const struct maker *maker, const char *path, const struct stat *status)
{
    return hb_home_id_is_name(hb_base_name(path)) ||
           (maker->key.exists && maker->key.device == status->st_dev &&
            maker->key.inode == status->st_ino) ||
           hb_state_key_is_at(maker->run->home.path, path) || leads_to_key(maker, path, status);
}

static int plan_file(const struct maker *maker, const char *path, const struct stat *status)
{
    maker->plan->files++;
    maker->plan->bytes += (uint64_t)status->st_size;
    maker->would_copy(maker->context, path, (uint64_t)status->st_size);
    return HB_OK;
}

/* Is it there, and claimed by that plugin? */
static bool claims_neighbour(void *context, size_t content, const struct hb_entry *owner)
{
    const struct maker *maker = context;
    struct hb_claim claim = {0};
    struct stat status;
    hb_claim_ask(&maker->contents, owner, &claim);
    return (claim.by_name >> content & 1) != 0 &&
           hb_listed_look(&maker->run->home, owner->path, 0, &status) == 0 &&
           S_ISREG(status.st_mode);
}

/*
 * Part of a file beside it, whose copy holds what is in both. Put back by itself it would be laid
 * beside a file that programs have open.
 */
static bool is_sidecar(struct maker *maker, const char *path, const struct stat *status)
{
    struct hb_entry entry = {.size = sizeof entry,
                             .type = HB_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .bytes = (uint64_t)status->st_size};
    return hb_is_sidecar(&maker->contents, &entry, claims_neighbour, maker);
}

/* HB_OK (stored, or reported), HB_FATAL, HB_CANCELLED. */
static int take_file(struct maker *maker, const char *path, const struct stat *status)
{
    struct hb_reader reader = {.fd = -1};
    if (is_own(maker, path, status))
        return HB_OK;
    if (is_sidecar(maker, path, status)) {
        hb_report_add(&maker->run->report, HB_FOUND_LEFT_OUT, path, "part of the file beside it");
        return HB_OK;
    }
    if (maker->plan != NULL)
        return plan_file(maker, path, status);
    int result = open_reader(maker, path, status, &reader);
    if (result == HB_OK)
        result = copy_file(maker, path, &reader, status);
    else if (result == HB_CANCELLED)
        hb_error_set(maker->error, HB_CANCELLED, "interrupted");
    hb_reader_free(&reader);
    return result == HB_ENTRY ? HB_OK : result;
}

/* ---- what is listed ------------------------------------------------------------------------ */

static bool is_left_out(const struct maker *maker, const char *name)
{
    const char *const *names = hb_config_list(maker->run->config, "snapshot", "without");
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return hb_stage_is_name(name);
}

static int take_directory(struct maker *maker, const char *path, unsigned depth);

/* Below a listed directory: files may be links, linked directories are passed over. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEEPEST */
static int take_below(struct maker *maker, const char *path, const char *name, unsigned depth)
{
    HB_AUTO_FREE char *below = hb_text("%s/%s", path, name);
    struct stat status;
    int result = hb_listed_look(&maker->run->home, below, HB_KEEP_LAST, &status);
    if (result == -EACCES)
        skipped(maker, below, hb_rights_explain(EACCES));
    if (result != 0) /* it vanished */
        return HB_OK;
    if (S_ISDIR(status.st_mode))
        return is_left_out(maker, name) ? HB_OK : take_directory(maker, below, depth + 1);
    if (S_ISLNK(status.st_mode) && hb_listed_look(&maker->run->home, below, 0, &status) != 0)
        return HB_OK;
    if (!S_ISREG(status.st_mode))
        return HB_OK;
    return take_file(maker, below, &status);
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEEPEST */
static int take_directory(struct maker *maker, const char *path, unsigned depth)
{
    struct hb_listing listing = {0};
    if (depth > DEEPEST) {
        skipped(maker, path, "lies below too many directories");
        return HB_OK;
    }
    HB_AUTO_CLOSE int fd = hb_listed_open_directory(&maker->run->home, path);
    int result = fd < 0 ? fd : hb_listing_read(fd, &listing), status = HB_OK;
    if (result != 0)
        skipped(maker, path, hb_rights_explain(-result));
    for (size_t i = 0; i < listing.count && status == HB_OK; i++)
        status = take_below(maker, path, listing.names[i], depth);
    hb_listing_free(&listing);
    return status;
}

static int take_listed(struct maker *maker)
{
    const char *const *paths = hb_config_list(maker->run->config, "snapshot", "files");
    int result = HB_OK;
    for (; *paths != NULL && result == HB_OK; paths++) {
        struct stat status;
        HB_AUTO_FREE char *path = hb_copy_text(*paths);
        for (size_t end = strlen(path); end > 1 && path[end - 1] == '/';)
            path[--end] = '\0';
        int looked = hb_listed_look(&maker->run->home, path, 0, &status);
        if (looked != 0) {
            if (looked != -ENOENT && looked != -ENOTDIR)
                skipped(maker, path, hb_rights_explain(-looked));
            continue;
        }
        if (S_ISDIR(status.st_mode))
            result = take_directory(maker, path, 0);
        else if (S_ISREG(status.st_mode))
            result = take_file(maker, path, &status);
    }
    return result;
}

/* ---- the snapshot -------------------------------------------------------------------------- */

/* Why it is incomplete, for pruning and for people. */
static int write_marks(const struct maker *maker)
{
    const struct hb_report *report = &maker->run->report;
    if (!hb_report_incomplete(report))
        return 0;
    json_t *marks = json_object(), *list = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != HB_FOUND_SKIPPED && finding->kind != HB_FOUND_DOUBTFUL)
            continue;
        HB_AUTO_FREE char *line = hb_text("%s: %s", finding->path, finding->reason);
        json_t *text = json_string(line);
        json_array_append_new(list, text != NULL ? text : json_string(finding->reason));
    }
    json_object_set_new(marks, "incomplete", list);
    int result = hb_json_write_file(marks, maker->stage.fd, HB_MARKS_NAME);
    json_decref(marks);
    return result;
}

/*
 * The names are in the order in which the snapshots were made, also where the clock was set back:
 * then the time of the newest that is there is taken once more. Two of one time are told apart by
 * a number that is above all that are there, so that no name comes again while a later one is kept.
 * It is padded: others who read ids put them in order byte by byte. None is needed where the clock
 * goes on, and the labels alone put the new name behind all of its second.
 */
static char *free_id(const struct hb_snapshots *present, const char *stamp, const char *label)
{
    const char *now = stamp;
    unsigned long highest = 0;
    for (size_t i = 0; i < present->count; i++) {
        const char *name = present->items[i].name;
        if (hb_snapshot_has_stamp(name) && strncmp(name, stamp, HB_SNAPSHOT_STAMP) > 0)
            stamp = name;
    }
    HB_AUTO_FREE char *base = label == NULL
                                  ? hb_copy_bytes(stamp, HB_SNAPSHOT_STAMP)
                                  : hb_text("%.*s-%s", (int)HB_SNAPSHOT_STAMP, stamp, label);
    bool is_last = stamp == now;
    for (size_t i = 0; i < present->count; i++) {
        const char *name = present->items[i].name;
        if (strncmp(name, stamp, HB_SNAPSHOT_STAMP) != 0)
            continue;
        is_last = is_last && strcmp(base, name) > 0;
        if (hb_snapshot_number(name) > highest)
            highest = hb_snapshot_number(name);
    }
    bool is_free = highest == 0 || (highest == 1 && is_last && hb_snapshot_number(base) == 1);
    return is_free ? hb_copy_text(base) : hb_text("%s-%03lu", base, highest + 1);
}

/* Written, flushed, renamed, its directory flushed. Nobody else makes snapshots of this home now.
 */
static int publish(struct maker *maker)
{
    struct stat ours, there;
    int parent = maker->stage.parent_fd;
    struct hb_snapshots present;
    int status = hb_snapshots_open(maker->run, &present, maker->error);
    HB_AUTO_FREE char *id = free_id(&present, maker->manifest.timestamp, maker->manifest.label);
    hb_snapshots_close(&present);
    if (status != HB_OK)
        return status;
    free(maker->manifest.id);
    maker->manifest.id = hb_copy_text(id);
    int result = write_marks(maker);
    if (result == 0)
        result = hb_manifest_write(&maker->manifest, maker->stage.fd);
    if (result == 0 && syncfs(maker->stage.fd) != 0)
        result = -errno;
    if (result == 0 && hb_interrupt_signal() != 0)
        return hb_error_set(maker->error, HB_CANCELLED, "interrupted");
    hb_stage_become(&maker->stage);
    if (result == 0 && renameat(parent, maker->stage.name, parent, id) != 0)
        result = -errno;
    if (result == 0 && (fstat(maker->stage.fd, &ours) != 0 ||
                        fstatat(parent, id, &there, AT_SYMLINK_NOFOLLOW) != 0))
        result = -errno;
    if (result == 0 && (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev))
        result = -ESTALE;
    if (result != 0)
        return hb_error_set(maker->error, HB_FATAL, "%s: the snapshot cannot be written: %s",
                            maker->stage.path, hb_rights_explain(-result));
    result = hb_flush_directory(parent);
    if (result != 0)
        hb_report_add(&maker->run->report, HB_FOUND_DOUBTFUL, "",
                      "the directory of snapshots cannot be flushed to disk: %s",
                      strerror(-result));
    hb_stage_leave(&maker->stage);
    return HB_OK;
}

/* Makes the directory of snapshots. 0 or -errno. */
static int make_directory(struct maker *maker)
{
    struct hb_run *run = maker->run;
    const char *name = hb_config_text(run->config, "snapshot", "directory");
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, name, HB_MAKE_PARENTS, &place, NULL);
    if (result == 0)
        result = hb_target_make_directory(&place);
    hb_place_clear(&place);
    return result;
}

/* Makes the directory of snapshots, if it is missing, and a stage in it. */
static int open_stage(struct maker *maker, bool *made)
{
    struct hb_run *run = maker->run;
    struct hb_snapshots present;
    int status = hb_snapshots_open(run, &present, maker->error);
    if (status == HB_OK && present.fd < 0) {
        int result = make_directory(maker);
        *made = result == 0;
        if (result != 0)
            status = hb_error_set(maker->error, HB_FATAL, "%s: cannot be made: %s", present.path,
                                  hb_rights_explain(-result));
        hb_snapshots_close(&present);
        if (status == HB_OK)
            status = hb_snapshots_open(run, &present, maker->error);
    }
    if (status == HB_OK) /* for the copies of databases */
        status = hb_stage_open_in(present.fd, &present.rights, present.path, &run->stage, NULL,
                                  maker->error);
    if (status == HB_OK)
        status = hb_stage_open_in(present.fd, &present.rights, present.path, &maker->stage, NULL,
                                  maker->error);
    hb_snapshots_close(&present);
    return status;
}

/*
 * As root, in a directory of root's, the snapshot gets that one's group. In another user's it is
 * his, who made it; or root's, for what root alone may read.
 */
static void give_owner(const struct maker *maker)
{
    struct hb_owner owner; /* a failure: a file system without owners */
    if (!maker->stage.rights.other && hb_owner_of(maker->stage.parent_fd, &owner) == 0 &&
        owner.give && owner.user == 0)
        hb_owner_give(&owner, maker->stage.fd);
}

static int make(struct maker *maker, const char *label, struct hb_snapshot_made *made)
{
    char stamp[32];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_begin(&as, &maker->stage.rights); /* it was made with those */
    maker->root = (struct hb_root){.fd = maker->stage.fd,
                                   .path = maker->stage.path,
                                   .rights = maker->stage.rights,
                                   .led = true};
    hb_manifest_init(&maker->manifest, stamp, stamp,
                     label == NULL || *label == '\0' ? NULL : label);
    give_owner(maker);
    hb_stage_make_room(&maker->stage);
    struct stat stage;
    if (fstat(maker->stage.fd, &stage) == 0 && (stage.st_mode & 077) != 0)
        hb_tell_lost(maker->run, hb_config_text(maker->run->config, "snapshot", "directory"),
                     HB_LOST_MODE);
    int status = take_listed(maker);
    made->files = hb_manifest_count(&maker->manifest);
    made->bytes = maker->manifest.bytes;
    if (status == HB_OK && made->files > 0) {
        status = publish(maker);
        if (status == HB_OK)
            made->id = hb_copy_text(maker->manifest.id);
    }
    hb_manifest_clear(&maker->manifest);
    return status;
}

/* Only if nothing is in it. */
static void remove_directory(const struct hb_run *run)
{
    struct hb_place place;
    const char *name = hb_config_text(run->config, "snapshot", "directory");
    HB_AUTO_AS as = {.changed = false};
    if (hb_beneath_resolve(&run->home, name, HB_KEEP_LAST, &place, NULL) == 0 &&
        hb_as_begin(&as, &place.rights) == 0)
        unlinkat(place.directory_fd, place.name, AT_REMOVEDIR);
    hb_place_clear(&place);
}

int hb_snapshot_make(struct hb_run *run, const char *label, struct hb_snapshot_made *made,
                     struct hb_error *error)
{
    struct maker maker = {.run = run, .error = error, .stage = HB_STAGE_NONE};
    bool made_directory = false;
    *made = (struct hb_snapshot_made){.id = NULL};
    int status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &maker.contents, error);
    if (status == HB_OK)
        status = hb_recover(run, &maker.contents, HB_RECOVER, error);
    if (status == HB_OK)
        status = open_stage(&maker, &made_directory);
    maker.buffer = hb_alloc(COPY_BYTES);
    hb_state_key_find(false, &maker.key);
    if (status == HB_OK)
        status = make(&maker, label, made);
    free(maker.buffer);
    hb_state_key_clear(&maker.key);
    hb_chain_free(&maker.contents);
    hb_run_close_stage(run, &maker.stage, status);
    hb_run_close_stage(run, &run->stage, status);
    if (made_directory && made->id == NULL)
        remove_directory(run);
    hb_report_sort(&run->report);
    return status;
}

int hb_snapshot_plan(struct hb_run *run,
                     void (*would_copy)(void *context, const char *path, uint64_t bytes),
                     void *context, struct hb_snapshot_made *planned, struct hb_error *error)
{
    struct maker maker = {
        .run = run, .error = error, .plan = planned, .would_copy = would_copy, .context = context};
    *planned = (struct hb_snapshot_made){.id = NULL};
    hb_state_key_find(false, &maker.key);
    int status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &maker.contents, error);
    if (status == HB_OK)
        status = hb_recover(run, &maker.contents, HB_RECOVER_TELL, error);
    if (status == HB_OK)
        status = take_listed(&maker);
    hb_state_key_clear(&maker.key);
    hb_chain_free(&maker.contents);
    hb_report_sort(&run->report);
    return status;
}

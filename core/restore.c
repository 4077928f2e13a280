/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include "memory.h"
#include "progress.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { CLAIM_HEAD = 4096 };

struct restore {
    const struct hb_restore_request *request;
    struct hb_run *run;
    struct hb_restored *result;
    bool *made;    /* directories that did not exist before, by member */
    bool *claimed; /* members that a content plugin claims: they are published first */
};

void hb_staged_name(size_t index, char *name)
{
    snprintf(name, 24, "m%zu", index);
}

static void skipped(struct restore *restore, size_t index, const char *why)
{
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED,
                  hb_catalog_path(restore->request->catalog, index), "%s", why);
}

static const char *explain(int error)
{
    switch (error) {
    case EXDEV:
        return "refused: leads outside the home";
    case ELOOP:
        return "refused: too many symbolic links";
    case ENOTDIR:
        return "a file is in the way of its directory";
    case ENOTSUP: /* see rename_into_place */
        return "lies on another file system than the home, where it cannot be replaced safely";
    case EISDIR:
        return "a directory is in the way";
    default:
        return strerror(error);
    }
}

/* As root, what is restored belongs to whom it belonged, or to the directory's owner. */
static int take_owner(int stage_fd, const char *name, const struct hb_place *place)
{
    struct stat owner;
    if (geteuid() != 0)
        return 0;
    if (place->exists)
        owner = place->status;
    else if (fstat(place->directory_fd, &owner) != 0)
        return -errno;
    return fchownat(stage_fd, name, owner.st_uid, owner.st_gid, AT_SYMLINK_NOFOLLOW) == 0 ? 0
                                                                                          : -errno;
}

/* Filters decide; else an existing file keeps its mode; else the archive's; else the umask's. */
static uint32_t final_mode(const struct restore *restore, size_t index,
                           const struct hb_place *place)
{
    const struct hb_catalog_member *member = &restore->request->catalog->members[index];
    if (restore->request->selection->modes[index] != UINT32_MAX)
        return restore->request->selection->modes[index];
    if (place->exists)
        return place->status.st_mode & 0777;
    if (member->entry_flags & HB_ENTRY_HAS_MODE)
        return member->mode & 0777;
    return 0666 & ~restore->request->umask;
}

/* ---- content plugins
 * ----------------------------------------------------------------------------- */

/* Which plugin claims the staged file, or NULL. */
static const struct hb_instance *claimant(const struct restore *restore, size_t index)
{
    unsigned char head[CLAIM_HEAD];
    struct hb_entry entry;
    ssize_t bytes = -1;
    hb_catalog_entry(restore->request->catalog, index, &entry);
    for (size_t i = 0; i < restore->request->contents->count; i++) {
        const struct hb_instance *instance = restore->request->contents->instances[i];
        const struct hb_content_ops *ops = instance->plugin->ops;
        if (ops->claim(instance->self, &entry, NULL, 0) != HB_OK)
            continue;
        if (bytes < 0) {
            char name[24];
            hb_staged_name(index, name);
            HB_AUTO_CLOSE int fd =
                openat(restore->run->stage.fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
            bytes = fd < 0 ? 0 : pread(fd, head, sizeof head, 0);
            if (bytes < 0)
                bytes = 0;
        }
        size_t shown = (size_t)bytes < ops->head_bytes ? (size_t)bytes : ops->head_bytes;
        if (ops->claim(instance->self, &entry, head, shown) == HB_OK)
            return instance;
    }
    return NULL;
}

/* HB_RESTORED, HB_RESTORE_RENAME, or HB_ENTRY (reported). */
static int restore_claimed(struct restore *restore, const struct hb_instance *content, size_t index,
                           const struct hb_place *place, uint32_t mode)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    struct hb_run *run = restore->run;
    char name[24];
    struct hb_entry entry;
    if (!HB_CAN(ops, restore))
        return HB_RESTORE_RENAME;
    hb_catalog_entry(restore->request->catalog, index, &entry);
    hb_staged_name(index, name);
    HB_AUTO_CLOSE int fd = openat(run->stage.fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        skipped(restore, index, strerror(errno));
        return HB_ENTRY;
    }
    HB_AUTO_FREE char *staged = hb_format("%s/%s", run->stage.path, name);
    HB_AUTO_FREE char *path = hb_format("%s/%s", run->home.path, place->path);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    struct hb_target target = {
        .size = sizeof target,
        .directory_fd = place->directory_fd,
        .name = place->name,
        .path = path,
        .mode = mode,
        .exists = place->exists,
    };
    hb_run_clear_failure(run);
    int status = ops->restore(content->self, &entry, &file, &target);
    if (status < 0)
        skipped(restore, index, hb_instance_failure(content));
    return status;
}

/* What goes to a place where nothing was is restored even if it is unsound, but not in silence. */
static void check_claimed(struct restore *restore, size_t index)
{
    const struct hb_instance *content = claimant(restore, index);
    const struct hb_content_ops *ops = content == NULL ? NULL : content->plugin->ops;
    struct hb_run *run = restore->run;
    char name[24], reason[400] = "";
    struct hb_entry entry;
    uint32_t soundness = HB_NOT_CHECKED;
    if (ops == NULL || !HB_CAN(ops, check))
        return;
    hb_catalog_entry(restore->request->catalog, index, &entry);
    hb_staged_name(index, name);
    HB_AUTO_CLOSE int fd = openat(run->stage.fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    HB_AUTO_FREE char *staged = hb_format("%s/%s", run->stage.path, name);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    if (fd >= 0 &&
        ops->check(content->self, &entry, &file, &soundness, reason, sizeof reason) == HB_OK &&
        soundness == HB_UNSOUND)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry.path, "%s: %s", content->plugin->name,
                      reason);
}

/* ---- one member
 * ------------------------------------------------------------------------------------ */

static int rename_into_place(struct restore *restore, size_t index, const struct hb_place *place,
                             uint32_t mode)
{
    int stage_fd = restore->run->stage.fd;
    char name[24];
    hb_staged_name(index, name);
    int result = take_owner(stage_fd, name, place);
    if (result == 0 && restore->request->catalog->members[index].type == HB_FILE &&
        fchmodat(stage_fd, name, mode, 0) != 0)
        result = -errno;
    if (result == 0 && renameat(stage_fd, name, place->directory_fd, place->name) != 0)
        result = errno == EXDEV ? -ENOTSUP : -errno;
    return result;
}

static void publish_at(struct restore *restore, size_t index, const struct hb_place *place)
{
    uint32_t mode = final_mode(restore, index, place);
    if (place->exists && S_ISDIR(place->status.st_mode)) {
        skipped(restore, index, "a directory is in the way");
        return;
    }
    if (place->exists && !S_ISREG(place->status.st_mode) && !S_ISLNK(place->status.st_mode)) {
        skipped(restore, index, "there is a socket, pipe or device in its place");
        return;
    }
    int status = HB_RESTORE_RENAME;
    if (restore->claimed[index]) {
        const struct hb_instance *content = claimant(restore, index);
        if (content != NULL)
            status = restore_claimed(restore, content, index, place, mode);
    }
    if (status == HB_RESTORE_RENAME && restore->claimed[index])
        check_claimed(restore, index);
    if (status == HB_RESTORE_RENAME) {
        int result = rename_into_place(restore, index, place, mode);
        if (result != 0) {
            skipped(restore, index, explain(-result));
            status = HB_ENTRY;
        }
    }
    if (status >= 0) {
        restore->result->files++;
        restore->result->bytes += restore->request->catalog->members[index].bytes;
    }
}

static void publish_member(struct restore *restore, size_t index)
{
    const struct hb_catalog *catalog = restore->request->catalog;
    bool link = catalog->members[index].type == HB_SYMLINK;
    struct hb_place place;
    int result = hb_beneath_resolve(&restore->run->home, hb_catalog_path(catalog, index),
                                    HB_MAKE_PARENTS | (link ? HB_KEEP_LAST : 0u), &place, NULL);
    if (result != 0)
        skipped(restore, index, explain(-result));
    else
        publish_at(restore, index, &place);
    hb_place_clear(&place);
    hb_progress_add(restore->run->progress, 1, 0);
}

/* A link is made in the stage, like a file, and renamed. */
static void publish_link(struct restore *restore, size_t index)
{
    const struct hb_catalog *catalog = restore->request->catalog;
    const struct hb_catalog_member *member = &catalog->members[index];
    const char *target = hb_catalog_link(catalog, index);
    char name[24];
    hb_staged_name(index, name);
    if (target == NULL || *target == '\0' || symlinkat(target, restore->run->stage.fd, name) != 0) {
        skipped(restore, index, target == NULL ? "is a link to nothing" : strerror(errno));
        return;
    }
    if (member->entry_flags & HB_ENTRY_HAS_MTIME) {
        struct timespec times[2] = {
            {.tv_nsec = UTIME_OMIT},
            {.tv_sec = member->mtime_seconds, .tv_nsec = member->mtime_nanoseconds}};
        utimensat(restore->run->stage.fd, name, times, AT_SYMLINK_NOFOLLOW);
    }
    publish_member(restore, index);
}

/* ---- directories
 * -------------------------------------------------------------------------------------- */

static void make_directory(struct restore *restore, size_t index)
{
    struct hb_place place;
    int result =
        hb_beneath_resolve(&restore->run->home, hb_catalog_path(restore->request->catalog, index),
                           HB_MAKE_PARENTS, &place, NULL);
    if (result == -EISDIR)
        result = 0; /* a link to the home itself: it is there */
    else if (result == 0 && !place.exists) {
        /* Open to us alone until it has its mode, at the end. */
        result = mkdirat(place.directory_fd, place.name, 0700) == 0 ? 0 : -errno;
        restore->made[index] = result == 0;
        if (result == 0)
            result = take_owner(place.directory_fd, place.name,
                                &(struct hb_place){.directory_fd = place.directory_fd});
    } else if (result == 0 && !S_ISDIR(place.status.st_mode)) {
        skipped(restore, index, "a file is in the way of the directory");
    }
    if (result != 0)
        skipped(restore, index, explain(-result));
    hb_place_clear(&place);
}

/* Those that were made get mode and time last: publishing needs to write into them. */
static void finish_directory(struct restore *restore, size_t index)
{
    const struct hb_catalog_member *member = &restore->request->catalog->members[index];
    const char *path = hb_catalog_path(restore->request->catalog, index);
    struct hb_place place;
    HB_AUTO_CLOSE int fd = -1;
    int result = hb_beneath_resolve(&restore->run->home, path, 0, &place, NULL);
    if (result == 0) {
        fd =
            openat(place.directory_fd, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        result = fd < 0 ? -errno : 0;
    }
    hb_place_clear(&place);
    if (result != 0) {
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, path, "its mode cannot be set: %s",
                      explain(-result));
        return;
    }
    uint32_t mode = member->entry_flags & HB_ENTRY_HAS_MODE ? member->mode & 0777
                                                            : 0777 & ~restore->request->umask;
    if (restore->request->selection->modes[index] != UINT32_MAX)
        mode = restore->request->selection->modes[index];
    if (member->entry_flags & HB_ENTRY_HAS_MTIME) {
        struct timespec times[2] = {
            {.tv_nsec = UTIME_OMIT},
            {.tv_sec = member->mtime_seconds, .tv_nsec = member->mtime_nanoseconds}};
        futimens(fd, times);
    }
    if (fchmod(fd, mode) != 0)
        hb_report_add(&restore->run->report, HB_FOUND_DOUBTFUL, path, "mode %03o cannot be set: %s",
                      mode, strerror(errno));
}

/* ---- all
 * ------------------------------------------------------------------------------------------------
 */

static bool is_selected(const struct restore *restore, size_t index, uint32_t type)
{
    const struct hb_catalog_member *member = &restore->request->catalog->members[index];
    return member->state == HB_SELECTED && member->type == type;
}

static void find_claimed(struct restore *restore)
{
    for (size_t i = 0; i < restore->request->catalog->count; i++)
        if (is_selected(restore, i, HB_FILE))
            restore->claimed[i] = claimant(restore, i) != NULL;
}

/* Claimed ones first: they fail most. Links last: nothing is written through them. */
static int publish_files(struct restore *restore, struct hb_error *error)
{
    size_t count = restore->request->catalog->count;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            if (!is_selected(restore, i, HB_FILE) || restore->claimed[i] != (pass == 0))
                continue;
            if (hb_run_cancelled(restore->run))
                return hb_error_set(error, HB_CANCELLED,
                                    "interrupted while files were being replaced: each is the old "
                                    "or the new one, %llu were replaced",
                                    (unsigned long long)restore->result->files);
            publish_member(restore, i);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (is_selected(restore, i, HB_SYMLINK))
            publish_link(restore, i);
    return HB_OK;
}

static int publish_all(struct restore *restore, struct hb_error *error)
{
    size_t count = restore->request->catalog->count;
    for (size_t i = 0; i < count; i++)
        if (is_selected(restore, i, HB_DIRECTORY))
            make_directory(restore, i);
    int status = publish_files(restore, error);
    for (size_t i = count; i-- > 0;) /* also when it was interrupted */
        if (restore->made[i])
            finish_directory(restore, i);
    return status;
}

int hb_restore(const struct hb_restore_request *request, struct hb_restored *result,
               struct hb_error *error)
{
    size_t count = request->catalog->count;
    struct restore restore = {.request = request, .run = request->run, .result = result};
    restore.made = hb_alloc(count * sizeof *restore.made);
    restore.claimed = hb_alloc(count * sizeof *restore.claimed);
    *result = (struct hb_restored){0};
    find_claimed(&restore);
    int status = publish_all(&restore, error);
    free(restore.made);
    free(restore.claimed);
    if (syncfs(request->run->home.fd) != 0 && status == HB_OK)
        hb_report_add(&request->run->report, HB_FOUND_DOUBTFUL, "",
                      "what was restored could not be flushed to disk: %s", strerror(errno));
    return status;
}

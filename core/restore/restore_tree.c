/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_tree.h"

#include "base/memory.h"
#include "base/progress.h"
#include "files/access.h"
#include "files/io.h"
#include "files/listing.h"
#include "restore/left_alone.h"
#include "restore/restore_entry.h"
#include "restore/restore_findings.h"
#include "restore/restore_mounts.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * A directory of the tree on the way down. They are kept in a list: a tree may be deeper than the
 * stack. It is listed at once, for what is published is taken out of it.
 */
struct level {
    struct level *above;
    int from_fd; /* that it lies in, staged; of the caller or of `above` */
    char *name;  /* there */
    char *path;  /* below the home */
    int fd;      /* -1: not open */
    struct hb_listing listing;
    size_t next;
    struct hb_place place; /* in the home */
    struct hb_as as;       /* with whose rights what is in it is published */
    bool another;          /* it is made anew there, to become like the staged one */
    struct stat attributes;
};

static struct level *go_down(struct level *above, int from_fd, const char *name, const char *path)
{
    struct level *level = hb_alloc(sizeof *level);
    level->above = above;
    level->from_fd = from_fd;
    level->name = hb_copy_text(name);
    level->path = hb_copy_text(path);
    level->fd = -1;
    level->place.directory_fd = -1;
    return level;
}

/* 0 or -errno. */
static int list(struct level *level)
{
    level->fd =
        openat(level->from_fd, level->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return level->fd < 0 ? -errno : hb_listing_read(level->fd, &level->listing);
}

/* What is next in it, with its path; NULL: nothing. Caller frees *path. */
static const char *take(struct level *level, char **path, struct stat *status)
{
    if (level->next == level->listing.count)
        return NULL;
    const char *name = level->listing.names[level->next++];
    *path = hb_text("%s/%s", level->path, name);
    if (fstatat(level->fd, name, status, AT_SYMLINK_NOFOLLOW) != 0)
        *status = (struct stat){.st_mode = S_IFREG}; /* publishing it fails, and tells */
    return name;
}

static void close_listed(struct level *level)
{
    if (level->fd >= 0)
        close(level->fd);
    level->fd = -1;
    hb_listing_free(&level->listing);
}

static struct level *go_up(struct level *level)
{
    struct level *above = level->above;
    close_listed(level);
    hb_as_end(&level->as);
    hb_place_clear(&level->place);
    free(level->name);
    free(level->path);
    free(level);
    return above;
}

/* Calls `each` for all that is below the directory, with its path below the home. */
static void each_below(const struct level *top,
                       void (*each)(void *context, const char *path, const struct stat *status),
                       void *context)
{
    struct level *level = go_down(NULL, top->from_fd, top->name, top->path);
    (void)list(level);
    while (level != NULL) {
        HB_AUTO_FREE char *path = NULL;
        struct stat status;
        const char *name = take(level, &path, &status);
        if (name == NULL) {
            level = go_up(level);
            continue;
        }
        each(context, path, &status);
        if (S_ISDIR(status.st_mode)) {
            level = go_down(level, level->fd, name, path);
            (void)list(level);
        }
    }
}

/* ---- what is said -------------------------------------------------------------------------- */

struct total {
    uint64_t files, bytes;
};

static void count_file(void *context, const char *path, const struct stat *status)
{
    struct total *total = context;
    (void)path;
    if (S_ISDIR(status->st_mode))
        return;
    total->files++;
    total->bytes += (uint64_t)status->st_size;
}

static void published(struct hb_restoring *restore, uint64_t files, uint64_t bytes)
{
    hb_restore_published(restore, files, bytes);
    hb_progress_add(restore->run->progress, NULL, files, 0);
}

static void failed(struct hb_restoring *restore, const char *path, int error)
{
    hb_restore_failed(restore, path, error);
    hb_progress_add(restore->run->progress, path, 1, 0);
}

struct failure {
    struct hb_restoring *restore;
    int error;
};

static void fail_one(void *context, const char *path, const struct stat *status)
{
    const struct failure *failure = context;
    (void)status;
    failed(failure->restore, path, failure->error);
}

/* The directory and all files below it cannot be put to their places. */
static void fail_all(struct hb_restoring *restore, const struct level *level, int error)
{
    struct failure failure = {restore, error};
    failed(restore, level->path, error);
    each_below(level, fail_one, &failure);
}

/* ---- one file ------------------------------------------------------------------------------ */

/* As a row of a file that was not there when the import began: the directory was not either. */
static void publish_file(struct hb_restoring *restore, const struct level *level, const char *name,
                         const char *path, const struct stat *staged, struct hb_last_target *last)
{
    const struct hb_journal_row row = {.type = HB_TYPE_FILE,
                                       .flags = HB_ROW_KEEP_MODE,
                                       .index = HB_NO_INDEX,
                                       .mode = staged->st_mode & 0777,
                                       .bytes = (uint64_t)staged->st_size,
                                       .path = path,
                                       .link = "",
                                       .note = {.what = HB_NOTED_ABSENT}};
    hb_restore_file(restore, &row, level->fd, name, last);
    hb_progress_add(restore->run->progress, path, 1, 0);
}

/* With the rights of the place. */
static void leave_alone(struct hb_restoring *restore, const struct level *level)
{
    HB_AUTO_FREE char *kept = NULL;
    int result = hb_keep_beside(restore->run, level->from_fd, level->name, &level->place, 0, &kept);
    hb_restore_left_alone(restore, level->path, hb_restore_why_left(true), kept, -result);
    hb_progress_add(restore->run->progress, level->path, 1, 0);
}

/* ---- directories --------------------------------------------------------------------------- */

/* It could not be renamed: another one is made in its place, to be filled. 0 or -errno. */
static int make_another(int from_fd, const char *name, const struct hb_place *place,
                        struct stat *staged)
{
    return fstatat(from_fd, name, staged, AT_SYMLINK_NOFOLLOW) != 0
               ? -errno
               : hb_target_make_directory_for(place, staged->st_mode & HB_DIRECTORY_MODES);
}

static int give_attributes(const struct stat *staged, const struct hb_place *place)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &place->rights);
    if (result != 0)
        return result;
    HB_AUTO_CLOSE int fd =
        openat(place->directory_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unsigned lost = 0;
    result = hb_set_mtime(fd, staged->st_mtim.tv_sec, (uint32_t)staged->st_mtim.tv_nsec);
    return result != 0
               ? result
               : hb_access_finish_directory(fd, staged->st_mode & HB_DIRECTORY_MODES, &lost);
}

/*
 * Nothing of it is left to be done, or it ends here. Its staged directory stays if something in it
 * was not published.
 */
static struct level *end(struct hb_restoring *restore, struct level *level, int status)
{
    int result = 0;
    if (status == HB_OK && level->another)
        result = give_attributes(&level->attributes, &level->place);
    if (result != 0)
        failed(restore, level->path, -result);
    close_listed(level); /* a server may not remove what is open */
    if (status == HB_OK)
        unlinkat(level->from_fd, level->name, AT_REMOVEDIR);
    return go_up(level);
}

/* As a whole, if nothing is there: true. Else *result says why not: 0: it goes in pieces. */
static bool move(struct hb_restoring *restore, struct level *level,
                 const struct hb_journal_row *row, int *result)
{
    struct total total = {row == NULL ? 0 : row->files, row == NULL ? 0 : row->bytes};
    struct hb_place *place = &level->place;
    *result = hb_target_resolve(restore->run, level->path, 0, place);
    if (*result == 0)
        *result = hb_as_begin(&level->as, &place->rights);
    if (*result == 0 && place->exists && !S_ISDIR(place->status.st_mode))
        *result = -ENOTDIR;
    if (*result == 0 && place->exists && hb_restore_is_mounted_over(restore, level->from_fd, place))
        *result = -ENOTSUP;
    if (*result != 0 || place->exists)
        return false;
    if (row == NULL)
        each_below(level, count_file, &total);
    if (hb_target_rename(level->from_fd, level->name, place) == 0) {
        published(restore, total.files, total.bytes);
        return true;
    }
    *result = make_another(level->from_fd, level->name, place, &level->attributes);
    level->another = *result == 0;
    if (level->another)
        hb_made_note_piece(&restore->notes, place->directory_fd, place->name);
    return false;
}

/*
 * Begins with a directory. `row` tells how many files are in it; NULL: they are counted. The level
 * that goes on in pieces: the one above, if the directory is done.
 */
static struct level *begin(struct hb_restoring *restore, struct level *level,
                           const struct hb_journal_row *row)
{
    int result;
    if (move(restore, level, row, &result))
        return go_up(level);
    if (result == 0) {
        int opened = list(level);
        if (opened != 0)
            failed(restore, level->path, -opened);
        return level;
    }
    if (result == -ENOTDIR && restore->request->again && !restore->request->leaves_changed &&
        level->place.exists)
        leave_alone(restore, level);
    else
        fail_all(restore, level, -result);
    return end(restore, level,
               hb_restore_may_pass(-result) ? HB_STATUS_ENTRY : HB_OK); /* it is needed */
}

int hb_restore_tree(struct hb_restoring *restore, const struct hb_journal_row *row)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    char root[24];
    hb_tree_name(row->index, root);
    struct level *level =
        begin(restore, go_down(NULL, hb_restore_stage_of(restore, row)->fd, root, row->path), row);
    int status = HB_OK;
    while (level != NULL) {
        HB_AUTO_FREE char *path = NULL;
        struct stat found;
        if (level->next < level->listing.count && hb_run_cancelled(restore->run))
            status = HB_STATUS_CANCELLED;
        const char *name = status == HB_OK ? take(level, &path, &found) : NULL;
        if (name == NULL)
            level = end(restore, level, status);
        else if (S_ISDIR(found.st_mode))
            level = begin(restore, go_down(level, level->fd, name, path), NULL);
        else
            publish_file(restore, level, name, path, &found, &last);
    }
    hb_last_target_clear(&last);
    return status;
}

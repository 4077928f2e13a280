/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_tree.h"

#include "base/memory.h"
#include "files/access.h"
#include "files/io.h"
#include "files/listing.h"
#include "restore/left_alone.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * A directory of the tree, open and listed: removing what was published changes it meanwhile. 0 or
 * -errno.
 */
struct staged {
    int fd;
    struct hb_listing listing;
};

static int open_staged(int parent_fd, const char *name, struct staged *staged)
{
    *staged = (struct staged){
        .fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    return staged->fd < 0 ? -errno : hb_listing_read(staged->fd, &staged->listing);
}

static void close_staged(struct staged *staged)
{
    if (staged->fd >= 0)
        close(staged->fd);
    hb_listing_free(&staged->listing);
}

static struct stat status_of(const struct staged *staged, const char *name)
{
    struct stat status;
    if (fstatat(staged->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        status = (struct stat){.st_mode = S_IFREG}; /* publishing it fails, and tells */
    return status;
}

/* ---- all that is in one -------------------------------------------------------------------- */

/* A directory on the way down, which is kept in a list: a tree may be deeper than the stack. */
struct descent {
    struct descent *above;
    struct staged staged;
    size_t next;
    char *path; /* of the directory, as it was given */
};

static struct descent *go_down(struct descent *above, int parent_fd, const char *name,
                               const char *path)
{
    struct descent *level = hb_alloc(sizeof *level);
    level->above = above;
    level->path = hb_copy_text(path);
    open_staged(parent_fd, name, &level->staged);
    return level;
}

static struct descent *go_up(struct descent *level)
{
    struct descent *above = level->above;
    close_staged(&level->staged);
    free(level->path);
    free(level);
    return above;
}

/* Calls `each` for all that is below the directory, with its path below `path`. */
static void each_below(int parent_fd, const char *name, const char *path,
                       void (*each)(void *context, const char *path, const struct stat *status),
                       void *context)
{
    struct descent *level = go_down(NULL, parent_fd, name, path);
    while (level != NULL) {
        if (level->next == level->staged.listing.count) {
            level = go_up(level);
            continue;
        }
        const char *inner_name = level->staged.listing.names[level->next++];
        struct stat status = status_of(&level->staged, inner_name);
        HB_AUTO_FREE char *inner = hb_text("%s/%s", level->path, inner_name);
        each(context, inner, &status);
        if (S_ISDIR(status.st_mode))
            level = go_down(level, level->staged.fd, inner_name, inner);
    }
}

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

struct failure {
    const struct hb_tree_publication *publication;
    int error;
};

static void fail_one(void *context, const char *path, const struct stat *status)
{
    const struct failure *failure = context;
    (void)status;
    failure->publication->failed(failure->publication->context, path, failure->error);
}

/* The directory and all files below it cannot be put to their places. */
static void fail_all(const struct hb_tree_publication *publication, int from_fd, const char *name,
                     const char *path, int error)
{
    struct failure failure = {publication, error};
    publication->failed(publication->context, path, error);
    each_below(from_fd, name, path, fail_one, &failure);
}

/* ---- one file ------------------------------------------------------------------------------ */

/* What is there bears another name, which the file system takes for this one: it stays. */
static bool is_folded(const struct hb_tree_publication *publication, const char *path,
                      const struct hb_place *place)
{
    struct hb_last_target last = HB_LAST_TARGET_NONE;
    HB_AUTO_FREE char *other =
        place->exists ? hb_target_other_name(publication->run, &last, place) : NULL;
    hb_last_target_clear(&last);
    if (other == NULL)
        return false;
    HB_AUTO_FREE char *why = hb_text(HB_NAME_IS_FOLDED, other);
    if (!publication->again) /* else it is kept beside, as what anybody has put there */
        publication->skipped(publication->context, path, why);
    return !publication->again;
}

/* At a place where something has come to be. With its rights. */
static void leave_alone(const struct hb_tree_publication *publication, int from_fd,
                        const char *name, const char *path, const struct hb_place *place,
                        uint32_t mode)
{
    HB_AUTO_FREE char *kept = NULL;
    int result = hb_keep_beside(publication->run, from_fd, name, place, mode, &kept);
    publication->left_alone(publication->context, path, kept, -result);
}

static void publish_file(const struct hb_tree_publication *publication, int from_fd,
                         const char *name, const char *path, const struct stat *staged)
{
    struct hb_place place;
    int result = hb_target_resolve(publication->run, path, 0, &place);
    bool leaves = result == 0 && publication->again && place.exists;
    const char *obstacle = result == 0 && !leaves ? hb_target_obstacle(&place) : NULL;
    bool moves = result == 0 && !leaves && obstacle == NULL;
    HB_AUTO_AS as = {.changed = false};
    if (result == 0 && obstacle == NULL && is_folded(publication, path, &place)) {
        hb_place_clear(&place);
        return;
    }
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    uint32_t mode = place.exists ? place.status.st_mode : staged->st_mode; /* it keeps its own */
    if (result == 0 && moves)
        result = hb_target_give(publication->run, from_fd, name, &place, mode, HB_ACCESS_KEEP);
    if (result == 0 && moves)
        result = hb_target_rename(from_fd, name, &place);
    if (result == 0 && leaves)
        leave_alone(publication, from_fd, name, path, &place, staged->st_mode & 0777);
    else if (obstacle != NULL)
        publication->skipped(publication->context, path, obstacle);
    else if (result != 0)
        publication->failed(publication->context, path, -result);
    else
        publication->published(publication->context, 1, (uint64_t)staged->st_size);
    if (result == 0 && moves && place.exists)
        publication->replaced(publication->context, path);
    hb_place_clear(&place);
}

/* ---- directories --------------------------------------------------------------------------- */

/*
 * One that goes in pieces, into one that is there, or into another one that is made in its place.
 * What is in its place keeps its mode and time; another one becomes like the one that is staged.
 */
struct level {
    struct level *above;
    int from_fd;
    char *name; /* in it */
    char *path;
    struct hb_place place;
    struct hb_as as;
    bool another;
    struct stat attributes; /* of the staged one */
    struct staged staged;
    int opened; /* 0 or -errno */
    size_t next;
};

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

static void level_free(struct level *level)
{
    close_staged(&level->staged);
    hb_as_end(&level->as);
    hb_place_clear(&level->place);
    free(level->name);
    free(level->path);
    free(level);
}

/*
 * Nothing of it is left to be done, or it ends here. Its staged directory stays if something in it
 * was not published.
 */
static void end_level(const struct hb_tree_publication *publication, struct level *level,
                      int status)
{
    int result = 0;
    if (status == HB_OK && level->opened != 0)
        publication->failed(publication->context, level->path, -level->opened);
    if (status == HB_OK && level->another)
        result = give_attributes(&level->attributes, &level->place);
    if (result != 0)
        publication->failed(publication->context, level->path, -result);
    close_staged(&level->staged);
    level->staged = (struct staged){.fd = -1};
    if (status == HB_OK)
        unlinkat(level->from_fd, level->name, AT_REMOVEDIR);
    level_free(level);
}

/* As a whole, if nothing is there: true. Else *result says why not: 0: it goes in pieces. */
static bool move(const struct hb_tree_publication *publication, struct level *level,
                 const struct hb_journal_row *row, int *result)
{
    struct total total = {row == NULL ? 0 : row->files, row == NULL ? 0 : row->bytes};
    struct hb_place *place = &level->place;
    *result = hb_target_resolve(publication->run, level->path, 0, place);
    if (*result == 0)
        *result = hb_as_begin(&level->as, &place->rights);
    if (*result == 0 && place->exists && !S_ISDIR(place->status.st_mode))
        *result = -ENOTDIR;
    if (*result != 0 || place->exists)
        return false;
    if (row == NULL)
        each_below(level->from_fd, level->name, level->path, count_file, &total);
    if (hb_target_rename(level->from_fd, level->name, place) == 0) {
        publication->published(publication->context, total.files, total.bytes);
        return true;
    }
    level->another = true;
    *result = make_another(level->from_fd, level->name, place, &level->attributes);
    if (*result == 0)
        publication->made(publication->context, place->directory_fd, place->name);
    return false;
}

/*
 * Begins with a directory. `row` tells how many files are in it; NULL: they are counted. The level
 * that goes on in pieces: `above`, if the directory is done.
 */
static struct level *begin_directory(const struct hb_tree_publication *publication,
                                     struct level *above, int from_fd, const char *name,
                                     const char *path, const struct hb_journal_row *row)
{
    int result;
    struct level *level = hb_alloc(sizeof *level);
    level->above = above;
    level->from_fd = from_fd;
    level->name = hb_copy_text(name);
    level->path = hb_copy_text(path);
    level->staged.fd = -1;
    if (move(publication, level, row, &result)) {
        level_free(level);
        return above;
    }
    if (result != 0) {
        level->another = false;
        if (result == -ENOTDIR && publication->again && level->place.exists)
            leave_alone(publication, from_fd, name, path, &level->place, 0);
        else
            fail_all(publication, from_fd, name, path, -result);
        end_level(publication, level, HB_OK);
        return above;
    }
    level->opened = open_staged(from_fd, name, &level->staged);
    return level;
}

/* What is next in the directory. The level to go on with. */
static struct level *publish_next(const struct hb_tree_publication *publication,
                                  struct level *level)
{
    const char *name = level->staged.listing.names[level->next++];
    struct stat found = status_of(&level->staged, name);
    HB_AUTO_FREE char *path = hb_text("%s/%s", level->path, name);
    if (S_ISDIR(found.st_mode))
        return begin_directory(publication, level, level->staged.fd, name, path, NULL);
    publish_file(publication, level->staged.fd, name, path, &found);
    return level;
}

int hb_restore_tree(const struct hb_tree_publication *publication)
{
    char name[24];
    hb_tree_name(publication->row->index, name);
    struct level *level = begin_directory(publication, NULL, publication->stage->fd, name,
                                          publication->row->path, publication->row);
    int status = HB_OK;
    while (level != NULL) {
        bool more = level->next < level->staged.listing.count;
        if (status == HB_OK && more && hb_run_cancelled(publication->run))
            status = HB_CANCELLED;
        if (status == HB_OK && more) {
            level = publish_next(publication, level);
            continue;
        }
        struct level *above = level->above;
        end_level(publication, level, status);
        level = above;
    }
    return status;
}

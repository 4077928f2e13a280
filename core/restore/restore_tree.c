/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_tree.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/listing.h"
#include "restore/left_alone.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int publish_directory(const struct hb_tree_publication *publication, int from_fd,
                             const char *name, const char *path, const struct hb_journal_row *row);

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

static void count(int parent_fd, const char *name, uint64_t *files, uint64_t *bytes)
{
    struct staged staged;
    open_staged(parent_fd, name, &staged);
    for (size_t i = 0; i < staged.listing.count; i++) {
        struct stat status = status_of(&staged, staged.listing.names[i]);
        if (S_ISDIR(status.st_mode)) {
            count(staged.fd, staged.listing.names[i], files, bytes);
            continue;
        }
        *files += 1;
        *bytes += (uint64_t)status.st_size;
    }
    close_staged(&staged);
}

/* The directory and all files below it cannot be put to their places. */
static void fail_all(const struct hb_tree_publication *publication, int from_fd, const char *name,
                     const char *path, int error)
{
    struct staged staged;
    publication->failed(publication->context, path, error);
    open_staged(from_fd, name, &staged);
    for (size_t i = 0; i < staged.listing.count; i++) {
        const char *inner_name = staged.listing.names[i];
        struct stat status = status_of(&staged, inner_name);
        HB_AUTO_FREE char *inner = hb_text("%s/%s", path, inner_name);
        if (S_ISDIR(status.st_mode))
            fail_all(publication, staged.fd, inner_name, inner, error);
        else
            publication->failed(publication->context, inner, error);
    }
    close_staged(&staged);
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
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    if (result == 0 && moves && place.exists && /* it keeps its mode */
        fchmodat(from_fd, name, place.status.st_mode & 0777, 0) != 0)
        result = -errno;
    if (result == 0 && moves)
        result = hb_target_own(from_fd, name, &place, publication->run->home.read_as_root);
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

/* What is in a directory of the tree, into one that is there. HB_OK or HB_CANCELLED. */
static int publish_pieces(const struct hb_tree_publication *publication, int from_fd,
                          const char *name, const char *path)
{
    struct staged staged;
    int status = HB_OK, result = open_staged(from_fd, name, &staged);
    for (size_t i = 0; i < staged.listing.count && status == HB_OK; i++) {
        const char *inner_name = staged.listing.names[i];
        struct stat found = status_of(&staged, inner_name);
        HB_AUTO_FREE char *inner = hb_text("%s/%s", path, inner_name);
        if (hb_run_cancelled(publication->run))
            status = HB_CANCELLED;
        else if (S_ISDIR(found.st_mode))
            status = publish_directory(publication, staged.fd, inner_name, inner, NULL);
        else
            publish_file(publication, staged.fd, inner_name, inner, &found);
    }
    if (status == HB_OK && result != 0)
        publication->failed(publication->context, path, -result);
    close_staged(&staged);
    return status;
}

/* It could not be renamed: another one is made in its place, to be filled. 0 or -errno. */
static int make_another(int from_fd, const char *name, const struct hb_place *place,
                        struct stat *staged)
{
    return fstatat(from_fd, name, staged, AT_SYMLINK_NOFOLLOW) != 0
               ? -errno
               : hb_target_make_directory(place);
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
    result = hb_set_mtime(fd, staged->st_mtim.tv_sec, (uint32_t)staged->st_mtim.tv_nsec);
    return result != 0 || fchmod(fd, staged->st_mode & 0777) == 0 ? result : -errno;
}

/* Into another one, which then becomes like the one that is staged. */
static int publish_into_another(const struct hb_tree_publication *publication, int from_fd,
                                const char *name, const char *path, const struct hb_place *place)
{
    struct stat staged;
    int status = HB_OK, result = make_another(from_fd, name, place, &staged);
    if (result != 0) {
        fail_all(publication, from_fd, name, path, -result);
        return HB_OK;
    }
    status = publish_pieces(publication, from_fd, name, path);
    if (status == HB_OK && (result = give_attributes(&staged, place)) != 0)
        publication->failed(publication->context, path, -result);
    return status;
}

/*
 * As a whole, if nothing is there. `row` tells how many files are in it; NULL: they are counted.
 * What is in its place keeps its mode and time, and gets the pieces.
 */
static int publish_directory(const struct hb_tree_publication *publication, int from_fd,
                             const char *name, const char *path, const struct hb_journal_row *row)
{
    struct hb_place place;
    uint64_t files = row == NULL ? 0 : row->files, bytes = row == NULL ? 0 : row->bytes;
    int result = hb_target_resolve(publication->run, path, 0, &place), status = HB_OK;
    HB_AUTO_AS as = {.changed = false};
    if (result == 0)
        result = hb_as_begin(&as, &place.rights);
    bool in_the_way = result == 0 && place.exists && !S_ISDIR(place.status.st_mode);
    if (in_the_way && !publication->again)
        result = -ENOTDIR;
    if (result == 0 && row == NULL && !place.exists)
        count(from_fd, name, &files, &bytes);
    bool moved = result == 0 && !place.exists && hb_target_rename(from_fd, name, &place) == 0;
    if (moved)
        publication->published(publication->context, files, bytes);
    else if (result != 0)
        fail_all(publication, from_fd, name, path, -result);
    else if (in_the_way)
        leave_alone(publication, from_fd, name, path, &place, 0);
    else if (place.exists)
        status = publish_pieces(publication, from_fd, name, path);
    else
        status = publish_into_another(publication, from_fd, name, path, &place);
    hb_place_clear(&place);
    if (!moved && status == HB_OK)
        unlinkat(from_fd, name, AT_REMOVEDIR); /* stays if something in it was not published */
    return status;
}

int hb_restore_tree(const struct hb_tree_publication *publication)
{
    char name[24];
    hb_tree_name(publication->row->index, name);
    return publish_directory(publication, publication->stage->fd, name, publication->row->path,
                             publication->row);
}

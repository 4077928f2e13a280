/* SPDX-License-Identifier: Apache-2.0 */
#include "import/trees.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/spread.h"
#include "files/access.h"
#include "files/grafts.h"
#include "files/io.h"
#include "files/names.h"
#include "host/own_places.h"
#include "restore/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_DIRECTORIES =
        1 << 18 /* in more than that nothing is staged as a tree: memory is bounded */
};

/* ---- directories by path ------------------------------------------------------------------- */

static const char *path_of(const void *rows, size_t number, size_t *bytes)
{
    const struct hb_tree_directory *directory =
        &((const struct hb_trees *)rows)->directories[number];
    *bytes = directory->path_bytes;
    return directory->path;
}

/* 1 + the number of a directory that is known; 0: it is not, or it is the home. */
static uint32_t find(const struct hb_trees *trees, const char *path, size_t bytes)
{
    size_t number = hb_path_table_find(&trees->by_path, path, bytes, path_of, trees);
    return bytes == 0 || number == SIZE_MAX ? 0 : (uint32_t)number + 1;
}

static size_t parent_bytes(const char *path, size_t bytes)
{
    const char *slash = memrchr(path, '/', bytes);
    return slash == NULL ? 0 : (size_t)(slash - path);
}

/* Of the directory that a member lies in. */
static uint32_t parent_of(const struct hb_trees *trees, size_t index)
{
    const char *path = hb_planned_path(trees->plan, index);
    return find(trees, path, parent_bytes(path, hb_planned_path_bytes(trees->plan, index)));
}

/* 1 + the number of a directory that is not known yet; that of its parent is 0 or `above`. */
static uint32_t add(struct hb_trees *trees, const char *path, size_t bytes, uint32_t above)
{
    if (trees->directory_count == trees->directory_capacity) {
        trees->directory_capacity =
            trees->directory_capacity == 0 ? 512 : trees->directory_capacity * 2;
        trees->directories =
            hb_resize(trees->directories, trees->directory_capacity, sizeof *trees->directories);
    }
    uint32_t number = trees->directory_count++;
    trees->directories[number] = (struct hb_tree_directory){
        .path = path,
        .path_bytes = (uint32_t)bytes,
        .parent = above == 0 ? HB_NO_TREE : above - 1,
        .tree = HB_NO_TREE,
        .member = SIZE_MAX,
    };
    hb_path_table_put(&trees->by_path, number, path_of, trees);
    return number + 1;
}

/*
 * The directory, and those on the way to it, made known: from the last one that is, down. 1 + its
 * number; 0: the home, or there are too many.
 */
static uint32_t take(struct hb_trees *trees, const char *path, size_t bytes)
{
    size_t known = bytes;
    uint32_t found = find(trees, path, known);
    while (known > 0 && found == 0) {
        known = parent_bytes(path, known);
        found = find(trees, path, known);
    }
    while (known < bytes) {
        size_t start = known == 0 ? 0 : known + 1;
        const char *slash = memchr(path + start, '/', bytes - start);
        if (trees->directory_count >= MOST_DIRECTORIES)
            return 0;
        known = slash == NULL ? bytes : (size_t)(slash - path);
        found = add(trees, path, known, found);
    }
    return found;
}

/* All directories of selected members. False: there are too many. */
static bool take_all(struct hb_trees *trees)
{
    const struct hb_restore_plan *plan = trees->plan;
    for (size_t i = 0; i < plan->count; i++) {
        const char *path = hb_planned_path(plan, i);
        size_t bytes = hb_planned_path_bytes(plan, i);
        if (!hb_planned_is_selected(plan, i))
            continue;
        take(trees, path, parent_bytes(path, bytes));
        if (plan->catalog->members[i].type == HB_TYPE_DIRECTORY) {
            uint32_t number = take(trees, path, bytes);
            if (number != 0)
                trees->directories[number - 1].member = i;
        }
        if (trees->directory_count >= MOST_DIRECTORIES)
            return false;
    }
    return true;
}

/* ---- which are missing --------------------------------------------------------------------- */

/*
 * Can a directory that is made in the stage be moved there, and be like one that was made there?
 * Not to another file system (a subvolume is one), nor where the parent bequeaths something to it.
 */
static bool may_move(const struct hb_trees *trees, int parent_fd)
{
    struct stat parent, stage;
    return !hb_access_bequeaths(parent_fd) && fstat(parent_fd, &parent) == 0 &&
           fstat(trees->stage->fd, &stage) == 0 && parent.st_dev == stage.st_dev;
}

static uint32_t mode_of(const struct hb_trees *trees, const struct hb_tree_directory *directory)
{
    return directory->member == SIZE_MAX
               ? 0777 & ~trees->umask
               : hb_planned_mode(trees->plan, directory->member, trees->umask);
}

/* Setgid and sticky come last: what is made in it meanwhile is as if they were not there. */
static uint32_t first_mode(const struct hb_trees *trees, const struct hb_tree_directory *directory)
{
    return (mode_of(trees, directory) & 0777) | 0700;
}

/* As root: what is made in a tree belongs to the owner of the directory that the tree goes to. */
static int find_owner(const struct hb_trees *trees, struct hb_tree *tree, const char *name,
                      int parent_fd)
{
    struct stat made;
    int result = hb_owner_of(parent_fd, &tree->owner);
    if (result != 0 || !tree->owner.give)
        return result;
    if (fstatat(trees->stage->fd, name, &made, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (made.st_uid == tree->owner.user && made.st_gid == tree->owner.group)
        tree->owner.give = false; /* it is his already, and so is what will be made in it */
    return hb_owner_give_at(&tree->owner, trees->stage->fd, name);
}

/* Makes the root of a tree; where that does not go, its files are staged one by one. */
static void begin_tree(struct hb_trees *trees, uint32_t number, const struct hb_place *place)
{
    struct hb_tree tree = {.directory = number};
    char name[24];
    if (!may_move(trees, place->directory_fd) || hb_stage_on_path(place->path) || place->led ||
        !hb_rights_are_same(&place->rights, &trees->stage->rights))
        return;
    /* The names in the archive were looked at; where a link leads is looked at file by file. */
    if (place->through_link && trees->own != NULL && hb_own_touches(trees->own, place->path))
        return;
    hb_tree_name(trees->tree_count, name);
    if (mkdirat(trees->stage->fd, name, first_mode(trees, &trees->directories[number])) != 0)
        return;
    if (find_owner(trees, &tree, name, place->directory_fd) != 0) {
        unlinkat(trees->stage->fd, name, AT_REMOVEDIR);
        return;
    }
    trees->trees = hb_resize(trees->trees, trees->tree_count + 1, sizeof *trees->trees);
    trees->trees[trees->tree_count] = tree;
    trees->directories[number].tree = trees->tree_count++;
}

/* Where a directory, or what follows it in `path`, lies below the stage. Caller frees. */
static char *staged_path(const struct hb_trees *trees, uint32_t number, const char *path,
                         size_t bytes)
{
    uint32_t tree = trees->directories[number].tree;
    size_t root = trees->directories[trees->trees[tree].directory].path_bytes;
    return hb_text("t%u%.*s", tree, (int)(bytes - root), path + root);
}

static char *directory_path(const struct hb_trees *trees, uint32_t number)
{
    const struct hb_tree_directory *directory = &trees->directories[number];
    return staged_path(trees, number, directory->path, directory->path_bytes);
}

/* One that cannot be made is not finished, and nothing is staged in it. */
static void make(void *context, size_t number)
{
    const struct hb_trees *trees = context;
    struct hb_tree_directory *directory = &trees->directories[number];
    if (directory->tree == HB_NO_TREE || trees->trees[directory->tree].directory == number)
        return; /* the root of a tree is there */
    HB_AUTO_FREE char *path = directory_path(trees, (uint32_t)number);
    directory->unfinished =
        mkdirat(trees->stage->fd, path, first_mode(trees, directory)) != 0 ||
        hb_owner_give_at(&trees->trees[directory->tree].owner, trees->stage->fd, path) != 0;
}

/* Parents stand in front. */
static void make_all(struct hb_trees *trees)
{
    if (trees->workers > 1)
        trees->making = hb_in_order_begin(trees->directory_count, make, trees);
    else
        for (uint32_t i = 0; i < trees->directory_count; i++)
            make(trees, i);
}

/* Is a directory missing whose parent is there? Then a tree begins. */
static void look(struct hb_trees *trees, const struct hb_root *home, uint32_t number, bool allowed)
{
    struct hb_tree_directory *directory = &trees->directories[number];
    HB_AUTO_FREE char *path = hb_copy_bytes(directory->path, directory->path_bytes);
    struct hb_place place;
    int result = hb_beneath_resolve(home, path, 0, &place, NULL);
    directory->missing = result == -ENOENT || (result == 0 && !place.exists);
    if (result != 0 || place.led || !hb_rights_are_same(&place.rights, &home->rights) ||
        (place.exists && hb_rights_matter() && place.status.st_uid != home->rights.user) ||
        (place.exists && place.status.st_dev != trees->device))
        trees->apart = trees->apart || !directory->missing;
    /* A further root has a stage of its own, but no trees. */
    bool rooted = hb_graft_root(home, &(const char *){path}) != home;
    if (result == 0 && !place.exists && allowed && !rooted)
        begin_tree(trees, number, &place);
    hb_place_clear(&place);
}

static bool is_held(const struct hb_trees *trees, size_t index)
{
    struct hb_restore_plan *plan = trees->plan;
    uint32_t parent = parent_of(trees, index);
    if (!hb_planned_is_selected(plan, index) ||
        plan->catalog->members[index].type != HB_TYPE_FILE ||
        plan->rows[index].mode != HB_MODE_IS_OPEN || hb_claims_by_name(&plan->claims, index))
        return false;
    /* Something else of the archive lies below it, as if it were a directory: publishing tells. */
    return parent != 0 && trees->directories[parent - 1].tree != HB_NO_TREE &&
           find(trees, hb_planned_path(plan, index), hb_planned_path_bytes(plan, index)) == 0;
}

void hb_trees_plan(struct hb_trees *trees, const struct hb_root *home, bool allowed)
{
    size_t count = trees->plan->count;
    struct stat stage;
    trees->root = (struct hb_root){.fd = trees->stage->fd, .path = trees->stage->path};
    trees->known = true;
    if (!take_all(trees)) {
        hb_trees_clear(trees);
        return;
    }
    trees->device = fstat(trees->stage->fd, &stage) == 0 ? stage.st_dev : 0;
    allowed =
        allowed && !hb_access_bequeaths(trees->stage->fd) && !hb_names_are_folded(trees->stage->fd);
    for (uint32_t i = 0; i < trees->directory_count; i++) { /* parents stand in front */
        struct hb_tree_directory *directory = &trees->directories[i];
        if (directory->parent == HB_NO_TREE || !trees->directories[directory->parent].missing) {
            look(trees, home, i, allowed);
            continue;
        }
        directory->missing = true;
        directory->tree = trees->directories[directory->parent].tree;
    }
    if (trees->tree_count == 0)
        return;
    trees->inside = hb_alloc(count * sizeof *trees->inside);
    for (size_t i = 0; i < count; i++)
        trees->inside[i] = is_held(trees, i);
    make_all(trees);
}

const struct hb_tree_directory *hb_trees_parent(const struct hb_trees *trees, size_t index)
{
    uint32_t number = trees->known ? parent_of(trees, index) : 0;
    return number == 0 ? NULL : &trees->directories[number - 1];
}

const struct hb_tree_directory *hb_trees_directory(const struct hb_trees *trees, size_t index)
{
    if (trees->directory_count == 0)
        return NULL;
    uint32_t number =
        find(trees, hb_planned_path(trees->plan, index), hb_planned_path_bytes(trees->plan, index));
    return number == 0 ? NULL : &trees->directories[number - 1];
}

/* ---- filling them -------------------------------------------------------------------------- */

static int enter(const struct hb_trees *trees, uint32_t number)
{
    HB_AUTO_FREE char *path = directory_path(trees, number);
    return hb_beneath_open(&trees->root, path, O_PATH | O_DIRECTORY, 0);
}

static uint32_t file_mode(const struct hb_trees *trees, size_t index)
{
    return hb_planned_mode(trees->plan, index, trees->umask);
}

int hb_trees_create(struct hb_trees *trees, struct hb_tree_place *place, size_t index)
{
    uint32_t number = parent_of(trees, index) - 1;
    if (place->fd < 0 || place->directory != number) {
        hb_tree_place_clear(place);
        hb_in_order_wait(trees->making, number);
        place->fd = trees->directories[number].unfinished ? -ENOENT : enter(trees, number);
        place->directory = number;
    }
    int fd = place->fd < 0 ? place->fd
                           : openat(place->fd, hb_base_name(hb_planned_path(trees->plan, index)),
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                    file_mode(trees, index));
    if (place->fd >= 0 && fd < 0)
        fd = -errno;
    if (fd < 0)
        trees->inside[index] = false;
    return fd;
}

int hb_trees_remove(struct hb_trees *trees, size_t index)
{
    HB_AUTO_CLOSE int directory = enter(trees, parent_of(trees, index) - 1);
    if (directory < 0)
        return directory;
    if (unlinkat(directory, hb_base_name(hb_planned_path(trees->plan, index)), 0) != 0 &&
        errno != ENOENT)
        return -errno;
    trees->inside[index] = false;
    return 0;
}

int hb_trees_finish_file(const struct hb_trees *trees, size_t index, int fd)
{
    uint32_t mode = file_mode(trees, index);
    uint32_t number = trees->directories[parent_of(trees, index) - 1].tree;
    const struct hb_tree *tree = &trees->trees[number];
    /* No list of the stage's stands against what the file was made with. */
    unsigned lost = 0;
    int result = (mode & trees->umask) != 0 ? hb_access_set_mode(fd, mode, &lost) : 0;
    return result == 0 ? hb_owner_give(&tree->owner, fd) : result;
}

void hb_tree_place_clear(struct hb_tree_place *place)
{
    if (place->fd >= 0)
        close(place->fd);
    place->fd = -1;
}

int hb_trees_open(const struct hb_trees *trees, size_t index)
{
    HB_AUTO_FREE char *path =
        staged_path(trees, parent_of(trees, index) - 1, hb_planned_path(trees->plan, index),
                    hb_planned_path_bytes(trees->plan, index));
    return hb_beneath_open(&trees->root, path, O_RDONLY | O_NONBLOCK, 0);
}

/* ---- completing them ----------------------------------------------------------------------- */

/* What is put into them later, one by one, changes their times again. */
static void find_unfinished(struct hb_trees *trees)
{
    const struct hb_restore_plan *plan = trees->plan;
    for (size_t i = 0; i < plan->count; i++) {
        if (!hb_planned_is_selected(plan, i) ||
            plan->catalog->members[i].type == HB_TYPE_DIRECTORY || trees->inside[i])
            continue;
        uint32_t parent = parent_of(trees, i);
        if (parent != 0)
            trees->directories[parent - 1].unfinished = true;
    }
}

static int finish_directory(const struct hb_trees *trees, uint32_t number)
{
    const struct hb_tree_directory *directory = &trees->directories[number];
    uint32_t mode = mode_of(trees, directory);
    HB_AUTO_FREE char *path = directory_path(trees, number);
    if (directory->member == SIZE_MAX)
        return 0;
    const struct hb_catalog_member *member = &trees->plan->catalog->members[directory->member];
    unsigned lost = 0;
    int result = (mode & (trees->umask | 07000)) != 0
                     ? hb_access_set_mode_at(trees->stage->fd, path, mode, &lost)
                     : 0;
    if (result != 0)
        return result;
    return hb_catalog_common(trees->plan->catalog, directory->member)->entry_flags &
                   HB_ENTRY_HAS_MTIME
               ? hb_set_mtime_at(trees->stage->fd, path,
                                 hb_catalog_mtime_seconds(trees->plan->catalog, directory->member),
                                 member->mtime_nanoseconds)
               : 0;
}

void hb_trees_filled(struct hb_trees *trees, bool needed)
{
    hb_in_order_end(trees->making, needed);
    trees->making = NULL;
}

static void complete(void *context, size_t number)
{
    struct hb_trees *trees = context;
    struct hb_tree_directory *directory = &trees->directories[number];
    if (directory->tree == HB_NO_TREE)
        return;
    /* A directory that its owner cannot write to can be neither moved nor removed. */
    if ((mode_of(trees, directory) & 0700) != 0700 ||
        (!directory->unfinished && finish_directory(trees, (uint32_t)number) != 0))
        directory->unfinished = true;
}

void hb_trees_complete(struct hb_trees *trees)
{
    if (trees->tree_count == 0)
        return;
    find_unfinished(trees);
    hb_spread(trees->workers, trees->directory_count, complete, trees);
}

void hb_trees_clear(struct hb_trees *trees)
{
    hb_trees_filled(trees, false);
    free(trees->trees);
    free(trees->directories);
    hb_path_table_clear(&trees->by_path);
    free(trees->inside);
    trees->trees = NULL;
    trees->directories = NULL;
    trees->known = false;
    trees->inside = NULL;
    trees->tree_count = trees->directory_count = trees->directory_capacity = 0;
}

bool hb_trees_have_one_owner(const struct hb_trees *trees)
{
    return trees->known && !trees->apart;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way down is kept in memory and not on the stack, for a tree may be deeper than that. In each
 * directory files go first; at the first directory among them the listing ends, that one is emptied
 * and removed, and the listing begins anew with what is left. Names that have turned out to stay
 * are passed over then.
 */
#include "files/removal.h"

#include "base/memory.h"
#include "files/listing.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct level {
    int fd;
    char *name; /* in the level above */
    char **staying;
    size_t staying_count;
};

struct removal {
    struct level *levels;
    size_t depth; /* of the one that is being emptied */
    const char *except;
};

static bool stays(const struct removal *removal, const char *name)
{
    const struct level *level = &removal->levels[removal->depth];
    for (size_t i = 0; i < level->staying_count; i++)
        if (strcmp(level->staying[i], name) == 0)
            return true;
    return removal->depth == 0 && removal->except != NULL && strcmp(removal->except, name) == 0;
}

/* 1: it is a directory, which has to be emptied first. */
static int remove_entry(void *context, const char *name)
{
    struct removal *removal = context;
    int fd = removal->levels[removal->depth].fd;
    if (stays(removal, name) || unlinkat(fd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
        return 0;
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
        unlinkat(fd, name, AT_REMOVEDIR);
        return 0;
    }
    removal->levels = hb_resize(removal->levels, removal->depth + 2, sizeof *removal->levels);
    removal->levels[++removal->depth] = (struct level){.fd = inner, .name = hb_copy_text(name)};
    return 1;
}

static void clear_level(struct level *level)
{
    for (size_t i = 0; i < level->staying_count; i++)
        free(level->staying[i]);
    free(level->staying);
    free(level->name);
}

/* Removes the directory that was emptied, from the one above it. */
static void leave(struct removal *removal)
{
    struct level *level = &removal->levels[removal->depth], *above = level - 1;
    close(level->fd);
    if (unlinkat(above->fd, level->name, AT_REMOVEDIR) != 0) {
        above->staying =
            hb_resize(above->staying, above->staying_count + 1, sizeof *above->staying);
        above->staying[above->staying_count++] = level->name;
        level->name = NULL;
    }
    clear_level(level);
    removal->depth--;
}

void hb_remove_below(int directory_fd, const char *except)
{
    struct removal removal = {.except = except};
    removal.levels = hb_alloc(sizeof *removal.levels);
    removal.levels[0].fd = directory_fd;
    for (;;) {
        if (hb_listing_each(removal.levels[removal.depth].fd, remove_entry, &removal) == 1)
            continue;
        if (removal.depth == 0)
            break;
        leave(&removal);
    }
    clear_level(&removal.levels[0]);
    free(removal.levels);
}

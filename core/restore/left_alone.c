/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/left_alone.h"

#include "base/memory.h"
#include "restore/target.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char suffix[] = ".from-import";
enum { MOST = 10000 /* names that are tried */ };

/* The name, cut where a file system could not take it. Caller frees. */
static char *numbered(const char *name, unsigned number)
{
    char end[40] = "";
    if (number > 1)
        snprintf(end, sizeof end, ".%u", number);
    size_t room = NAME_MAX - (sizeof suffix - 1) - strlen(end), bytes = strlen(name);
    return hb_text("%.*s%s%s", (int)(bytes < room ? bytes : room), name, suffix, end);
}

/* No more than the file grants. With a list its group bits are the mask: HB_ACCESS_ASK goes by the
 * list itself then. */
static uint32_t narrowed(const struct hb_place *place, uint32_t mode)
{
    if (!place->exists || !S_ISREG(place->status.st_mode))
        return mode;
    uint32_t there = place->status.st_mode & 0777;
    return mode & there;
}

uint32_t hb_beside_mode(const struct hb_place *place, const struct hb_target_note *note,
                        uint32_t mode)
{
    const struct stat *there = &place->status;
    bool is_file = place->exists && S_ISREG(there->st_mode);
    if (note->what == HB_NOTED_FILE)
        mode &= note->mode;
    if (note->what != HB_NOTED_ABSENT &&
        (!is_file || (note->inode != 0 && there->st_ino != note->inode)))
        mode &= 0700; /* the list that it had went with it */
    if (!is_file || !place->through_link)
        return mode;
    HB_AUTO_CLOSE int fd =
        openat(place->directory_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return mode & (fd < 0 ? 0700 : hb_access_stored_mode(fd, there->st_mode & 0777));
}

static int rename_to(int stage_fd, const char *staged, const struct hb_place *place,
                     const char *name)
{
    struct stat there;
    if (renameat2(stage_fd, staged, place->directory_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* A file system that does not know the flag. */
    if (fstatat(place->directory_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    if (errno != ENOENT || renameat(stage_fd, staged, place->directory_fd, name) != 0)
        return -errno;
    return 0;
}

int hb_keep_beside(struct hb_run *run, int stage_fd, const char *staged,
                   const struct hb_place *place, uint32_t mode, char **kept)
{
    struct stat status;
    *kept = NULL;
    if (fstatat(stage_fd, staged, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    int result = S_ISREG(status.st_mode)
                     ? hb_target_give(run, stage_fd, staged, place, narrowed(place, mode),
                                      HB_ACCESS_ASK, NULL)
                     : hb_target_own(stage_fd, staged, place, run->home.read_as_root, NULL);
    for (unsigned number = 1; result == 0 && *kept == NULL; number++) {
        char *name = numbered(place->name, number);
        int moved = rename_to(stage_fd, staged, place, name);
        if (moved == 0)
            *kept = name;
        else
            free(name);
        if (moved != 0 && (moved != -EEXIST || number == MOST))
            result = moved == -EXDEV ? -ENOTSUP : moved;
    }
    return result;
}

int hb_resolve_beside(const struct hb_run *run, const char *path, struct hb_place *place)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        HB_AUTO_FREE char *above = hb_copy_bytes(path, (size_t)(slash - path));
        struct hb_place found;
        int result = hb_beneath_resolve(&run->home, above, 0, &found, NULL);
        bool in_the_way = result == 0 && found.exists && !S_ISDIR(found.status.st_mode);
        hb_place_clear(&found);
        if (!in_the_way)
            continue;
        HB_AUTO_FREE char *beside = hb_text("%s%s%s", above, suffix, slash);
        return hb_target_resolve(run, beside, HB_KEEP_LAST, place);
    }
    return -ENOTDIR;
}

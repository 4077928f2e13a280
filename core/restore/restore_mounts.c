/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_mounts.h"

#include "base/memory.h"
#include "files/mounts.h"
#include "restore/restore_findings.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

const char hb_restore_why_covered[] =
    "a file system is mounted there that is not the one for which it was staged";
const char hb_restore_why_no_stage[] =
    "its staging directory does not exist; is its file system mounted?";

/* Which mount a path leads to now. False: that does not matter, or it leads nowhere. */
static bool find(const struct hb_restoring *restore, const char *path, uint64_t *mount)
{
    struct hb_mount_place place;
    if (!restore->request->again || !restore->mounts ||
        hb_mount_find(&restore->run->home, path, &place) != 0)
        return false;
    free(place.directory);
    *mount = place.mount;
    return true;
}

/*
 * Something is mounted on the name itself, as in a container, and what was noted is not that: it
 * was mounted since.
 */
static bool is_mounted_itself(const struct hb_restoring *restore, const struct hb_journal_row *row)
{
    const struct hb_target_note *note = &row->note;
    struct hb_place place;
    bool itself = false;
    if (note->what == HB_NOTED_NOTHING || row->type == HB_TYPE_DIRECTORY)
        return false;
    int result = hb_beneath_resolve(&restore->run->home, row->path,
                                    row->type == HB_TYPE_SYMLINK ? HB_KEEP_LAST : 0u, &place, NULL);
    if (result == 0 && place.exists &&
        (note->what == HB_NOTED_ABSENT || (note->inode != 0 && note->inode != place.status.st_ino)))
        itself = hb_is_mounted(place.directory_fd, place.name);
    hb_place_clear(&place);
    return itself;
}

bool hb_restore_is_covered(const struct hb_restoring *restore, const struct hb_journal_row *row)
{
    uint64_t mount;
    return find(restore, row->path, &mount) &&
           (mount != hb_mount_of(hb_restore_stage_of(restore, row)->fd) ||
            is_mounted_itself(restore, row));
}

/* ---- directories --------------------------------------------------------------------------- */

static bool is_there(const struct hb_restoring *restore, const char *path)
{
    struct hb_place place;
    int result = hb_beneath_resolve(&restore->run->home, path, 0, &place, NULL);
    bool there = result == -EISDIR || /* a link to the home itself */
                 (result == 0 && place.exists && S_ISDIR(place.status.st_mode));
    hb_place_clear(&place);
    return there;
}

/* The journal does not say on which it was: on one of those that it knows? */
static bool is_strange(const struct hb_restoring *restore, const char *path)
{
    const struct hb_restore_request *request = restore->request;
    uint64_t mount;
    bool strange = find(restore, path, &mount);
    for (unsigned i = 0; i < request->stage_count && strange; i++)
        strange = request->stages[i] == NULL || hb_mount_of(request->stages[i]->fd) != mount;
    return strange;
}

bool hb_restore_directory_is_away(struct hb_restoring *restore, const struct hb_journal_row *row)
{
    bool is_new = (row->flags & HB_ROW_NEW) != 0, placed = (row->flags & HB_ROW_PLACED) != 0;
    const char *why = NULL;
    if (!restore->request->again || (!is_new && is_there(restore, row->path)))
        return false;
    if (placed && hb_restore_stage_of(restore, row) == NULL)
        why = hb_restore_why_no_stage;
    else if (placed ? hb_restore_is_covered(restore, row) : is_strange(restore, row->path))
        why = hb_restore_why_covered;
    if (why != NULL) /* one that was there before is not worth waiting for */
        hb_restore_skipped(restore, row->path, why, is_new && placed);
    return why != NULL;
}

bool hb_restore_is_mounted_over(const struct hb_restoring *restore, int staged_fd,
                                const struct hb_place *place)
{
    if (!restore->request->again || !restore->mounts)
        return false;
    HB_AUTO_CLOSE int fd =
        openat(place->directory_fd, place->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && hb_mount_of(fd) != hb_mount_of(staged_fd);
}

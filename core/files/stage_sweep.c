/* SPDX-License-Identifier: Apache-2.0 */
#include "files/stage_sweep.h"

#include "base/memory.h"
#include "files/as_owner.h"
#include "files/listing.h"
#include "files/stage_owner.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

/*
 * Whose rights empty it: those that we have in its directory, or root's own, if it is one of root's
 * and bears the mark. False: it is not ours.
 */
static bool find_sweeper(int parent_fd, const char *name, struct hb_rights *rights)
{
    struct stat parent, stage;
    if (!hb_rights_matter())
        return true;
    if (fstat(parent_fd, &parent) != 0 ||
        fstatat(parent_fd, name, &stage, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *rights = hb_rights_from(&parent);
    if (stage.st_uid == 0)
        rights->other = false;
    return stage.st_uid == 0 || (rights->other && stage.st_uid == rights->user);
}

/* What is left over in it goes, if nobody holds it. */
static bool sweep_open(int fd, bool marked)
{
    struct stat stage;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || hb_stage_is_kept(fd))
        return false;
    if (hb_rights_matter() && (fstat(fd, &stage) != 0 || stage.st_uid != hb_rights_user() ||
                               (marked && !hb_stage_is_of_root(fd, &stage))))
        return false;
    hb_stage_empty(fd);
    return true;
}

bool hb_stage_sweep_one(int parent_fd, const char *name)
{
    struct hb_rights sweeper = {.other = false}, owner;
    struct stat parent;
    if (!find_sweeper(parent_fd, name, &sweeper) || hb_rights_of(parent_fd, &owner) != 0 ||
        fstat(parent_fd, &parent) != 0)
        return false;
    HB_AUTO_AS as = {.changed = false};
    if (hb_as_begin(&as, &sweeper) != 0)
        return false;
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct hb_stage_claim claim;
    bool gone = !hb_stage_is_claimed(parent_fd, fd, true, &claim) &&
                sweep_open(fd, !sweeper.other && hb_stage_others_can_rename(&parent));
    HB_AUTO_AS remover = {.changed = false};
    if (gone)
        gone = hb_as_begin(&remover, &owner) == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
    close(fd);
    return gone;
}

struct sweep {
    int parent_fd;
    unsigned swept;
};

static int sweep_entry(void *context, const char *name)
{
    struct sweep *sweep = context;
    if (hb_stage_is_name(name) && hb_stage_sweep_one(sweep->parent_fd, name))
        sweep->swept++;
    return 0;
}

unsigned hb_stage_sweep(int parent_fd)
{
    struct sweep sweep = {.parent_fd = parent_fd};
    struct hb_rights rights;
    HB_AUTO_AS as = {.changed = false};
    if (hb_rights_of(parent_fd, &rights) != 0 || hb_as_begin(&as, &rights) != 0)
        return 0;
    HB_AUTO_CLOSE int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        hb_listing_each(fd, sweep_entry, &sweep);
    return sweep.swept;
}

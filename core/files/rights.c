/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root has the rights of a directory's owner in it, and no more. as_owner.c says why and how; here
 * is when.
 *
 *      a directory of root's                root's own rights
 *      of another user                      that user's, whoever owns the home
 *      after a link of a user's             that user's, to the end of the path: a link is worth
 *                                           what he could reach himself
 *      of root's, below another user's      to write, root's; to read content, still that user's
 *                                           (beneath.c): what is read there ends in an archive or
 *                                           a snapshot that is his
 *
 * Each thread knows as whom it acts, so that working on one directory after the other costs calls
 * only where the owner changes. Functions that work in a directory (beneath.c, stage.c) take on
 * what they need and go back; stages of a run in which all is one user's business (the walk, the
 * workers, publishing) take his rights on once, and those calls find nothing to change. That is the
 * safe side, too: what forgets to say whose rights it needs is refused.
 *
 * What root's thread makes with a user's rights is his. Another owner or group (a file that is
 * replaced keeps its own) it gets through a descriptor, with root's rights: owner.c.
 */
#include "files/rights.h"

#include "base/path.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

_Static_assert(HB_NO_RIGHTS == EKEYREJECTED, "see rights.h");

/* Whose rights the thread has; a new thread begins with its parent's, so they are asked for once.
 */
static _Thread_local struct present {
    bool known;
    bool root;
    struct hb_rights rights; /* as they were asked for */
    gid_t group;             /* that what is made gets */
} present;

static void know_present(void)
{
    if (present.known)
        return;
    present.known = true;
    present.root = geteuid() == 0;
    if (!present.root)
        return;
    present.rights.user = (uid_t)setfsuid((uid_t)-1); /* only answers */
    present.rights.group = present.group = (gid_t)setfsgid((gid_t)-1);
    present.rights.other = present.rights.user != 0;
}

bool hb_rights_matter(void)
{
    know_present();
    return present.root;
}

struct hb_rights hb_rights_from(const struct stat *directory)
{
    return (struct hb_rights){.other = hb_rights_matter() && directory->st_uid != 0,
                              .user = directory->st_uid,
                              .group = directory->st_gid};
}

int hb_rights_of(int directory_fd, struct hb_rights *rights)
{
    struct stat status;
    *rights = (struct hb_rights){.other = false};
    if (!hb_rights_matter())
        return 0;
    if (fstat(directory_fd, &status) != 0)
        return -errno;
    *rights = hb_rights_from(&status);
    return 0;
}

bool hb_rights_are_same(const struct hb_rights *one, const struct hb_rights *other)
{
    return one->other == other->other && (!one->other || one->user == other->user);
}

struct hb_rights hb_rights_present(void)
{
    know_present();
    return present.rights;
}

uid_t hb_rights_user(void)
{
    know_present();
    return present.rights.other ? present.rights.user : geteuid();
}

gid_t hb_rights_group(void)
{
    know_present();
    return present.group;
}

int hb_as_begin(struct hb_as *as, const struct hb_rights *rights)
{
    know_present();
    as->changed = false;
    /* The group counts, too: what is made gets it. */
    if (!present.root || (hb_rights_are_same(rights, &present.rights) &&
                          (!rights->other || rights->group == present.rights.group)))
        return 0;
    if (!rights->other)
        return hb_as_self(as);
    as->before = present.rights;
    as->group_before = present.group;
    int result = as_owner_begin_as(&as->owner, rights->user, rights->group);
    if (result != 0)
        return result == -EPERM ? -HB_NO_RIGHTS : result;
    as->changed = true;
    if (as->owner.acting || present.rights.user == rights->user) {
        present.rights = *rights;
        present.group = (gid_t)setfsgid((gid_t)-1);
    }
    return 0;
}

int hb_as_self(struct hb_as *as)
{
    know_present();
    as->changed = false;
    if (!present.rights.other)
        return 0;
    as->before = present.rights;
    as->group_before = present.group;
    int result = as_owner_suspend(&as->owner);
    as->changed = result == 0;
    if (as->changed) {
        present.group = getegid();
        present.rights = (struct hb_rights){.group = present.group};
    }
    return result;
}

void hb_as_end(struct hb_as *as)
{
    if (!as->changed)
        return;
    as_owner_end(&as->owner);
    present.rights = as->before;
    present.group = as->group_before;
    as->changed = false;
}

const char *hb_rights_explain(int error)
{
    if (error == HB_NO_CURRENT)
        return HB_NO_CURRENT_TEXT;
    return error == HB_NO_RIGHTS
               ? "its directory belongs to another user, and this process can neither take on that "
                 "user's rights (no CAP_SETUID or CAP_SETGID, or a user namespace) nor give up "
                 "root's: run hbcore as that user"
               : strerror(error);
}

bool hb_rights_are_refused(int error)
{
    return error == EPERM || error == ENOTSUP || error == ENOSYS || error == EINVAL ||
           error == EOVERFLOW;
}

void hb_rights_name(uid_t user, char *name)
{
    if (user == 0)
        snprintf(name, 32, "root");
    else
        snprintf(name, 32, "user %lu", (unsigned long)user);
}

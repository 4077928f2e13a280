/* SPDX-License-Identifier: Apache-2.0 */
#include "files/owner.h"

#include "base/memory.h"
#include "files/rights.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int hb_owner_of(int directory_fd, struct hb_owner *owner)
{
    struct stat status;
    *owner = (struct hb_owner){.give = hb_rights_matter()};
    if (!owner->give)
        return 0;
    if (fstat(directory_fd, &status) != 0)
        return -errno;
    owner->user = status.st_uid;
    owner->group = as_owner_group(&status);
    return 0;
}

struct hb_owner hb_owner_known(uid_t user, gid_t group)
{
    return (struct hb_owner){.give = hb_rights_matter(), .user = user, .group = group};
}

/* Does it belong to that user already? */
static bool is_made_so(const struct hb_owner *owner)
{
    struct hb_rights present = hb_rights_present();
    return present.other && present.user == owner->user && hb_rights_group() == owner->group;
}

/*
 * What we hold by a descriptor was made with the rights of a user, so that he may have put another
 * file there: then it is none of his own, or has a name elsewhere.
 */
static int give_checked(const struct hb_owner *owner, int fd)
{
    struct hb_rights maker = hb_rights_present();
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (status.st_uid == owner->user && status.st_gid == owner->group)
        return 0;
    if (status.st_uid != maker.user || (!S_ISDIR(status.st_mode) && status.st_nlink != 1))
        return -ESTALE;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_self(&as);
    if (result != 0)
        return result;
    return fchownat(fd, "", owner->user, owner->group, AT_EMPTY_PATH) != 0 ? -errno : 0;
}

/*
 * A file system that knows no owners, or a root that may not give anything away (no CAP_CHOWN):
 * then what was made stays whose it is. Its group is another one than was meant, so that neither
 * the group nor others may do more than both of them.
 */
static void narrow(const struct stat *made, const struct hb_owner *owner, int directory_fd,
                   const char *name)
{
    mode_t both = made->st_mode & made->st_mode >> 3 & 07,
           mode = (made->st_mode & 07700) | both << 3 | both;
    if (made->st_gid == owner->group || S_ISLNK(made->st_mode) || mode == (made->st_mode & 07777))
        return;
    int refused = name == NULL ? fchmod(directory_fd, mode) : fchmodat(directory_fd, name, mode, 0);
    (void)refused; /* the file system has no modes either */
}

/* `result`: of giving the open file, or the name in the directory, to its owner. */
static int unless_refused(int result, const struct hb_owner *owner, int fd, const char *name)
{
    struct stat made;
    if (result == 0 || !hb_rights_are_refused(-result))
        return result;
    if ((name == NULL ? fstat(fd, &made) : fstatat(fd, name, &made, AT_SYMLINK_NOFOLLOW)) != 0)
        return -errno;
    narrow(&made, owner, fd, name);
    return 0;
}

int hb_owner_give(const struct hb_owner *owner, int fd)
{
    if (!owner->give || is_made_so(owner))
        return 0;
    int result = hb_rights_present().other                    ? give_checked(owner, fd)
                 : fchown(fd, owner->user, owner->group) != 0 ? -errno
                                                              : 0;
    return unless_refused(result, owner, fd, NULL);
}

static int give_at(const struct hb_owner *owner, int directory_fd, const char *name)
{
    if (!hb_rights_present().other) /* in a directory of ours */
        return fchownat(directory_fd, name, owner->user, owner->group, AT_SYMLINK_NOFOLLOW) != 0
                   ? -errno
                   : 0;
    HB_AUTO_CLOSE int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : give_checked(owner, fd);
}

int hb_owner_give_at(const struct hb_owner *owner, int directory_fd, const char *name)
{
    struct stat made; /* with other rights than the present ones, perhaps */
    if (!owner->give)
        return 0;
    if (fstatat(directory_fd, name, &made, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (made.st_uid == owner->user && made.st_gid == owner->group)
        return 0;
    return unless_refused(give_at(owner, directory_fd, name), owner, directory_fd, name);
}

static int inherit(int directory_fd, const struct hb_owner *owner, const char *name)
{
    struct stat status;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (hb_rights_present().other)
        return give_checked(owner, fd);
    if (fstat(fd, &status) != 0)
        return -errno;
    if (status.st_uid != 0)
        return -ESTALE;
    return fchownat(fd, "", owner->user, owner->group, AT_EMPTY_PATH) != 0 ? -errno : 0;
}

int hb_owner_inherit(int directory_fd, const struct hb_owner *owner, const char *name)
{
    if (!owner->give || is_made_so(owner))
        return 0;
    if (!hb_rights_present().other && owner->user == 0 && owner->group == hb_rights_group())
        return 0;
    return unless_refused(inherit(directory_fd, owner, name), owner, directory_fd, name);
}

bool hb_owner_may_give(int home_fd)
{
    struct stat status;
    return geteuid() == 0 && fstat(home_fd, &status) == 0 && status.st_uid == 0;
}

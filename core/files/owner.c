/* SPDX-License-Identifier: Apache-2.0 */
#include "files/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int hb_owner_of(int directory_fd, struct hb_owner *owner)
{
    struct stat status;
    *owner = (struct hb_owner){.give = geteuid() == 0};
    if (!owner->give)
        return 0;
    if (fstat(directory_fd, &status) != 0)
        return -errno;
    owner->user = status.st_uid;
    owner->group = status.st_gid;
    return 0;
}

struct hb_owner hb_owner_known(uid_t user, gid_t group)
{
    return (struct hb_owner){.give = geteuid() == 0, .user = user, .group = group};
}

int hb_owner_give(const struct hb_owner *owner, int fd)
{
    return owner->give && fchown(fd, owner->user, owner->group) != 0 ? -errno : 0;
}

int hb_owner_give_at(const struct hb_owner *owner, int directory_fd, const char *name)
{
    return owner->give &&
                   fchownat(directory_fd, name, owner->user, owner->group, AT_SYMLINK_NOFOLLOW) != 0
               ? -errno
               : 0;
}

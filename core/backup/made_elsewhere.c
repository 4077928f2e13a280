/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/made_elsewhere.h"

#include "base/memory.h"
#include "files/home_id.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST = 1 << 16 /* of an id file */ };

static bool is_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* Does the file of an id in that directory have this one in it? Any of those that it remembers. */
static enum hb_answer has_id(int directory_fd, const char *id)
{
    struct stat status;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, HB_HOME_ID_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return is_absent(errno) ? HB_NO : HB_CANNOT_TELL;
    if (fstat(fd, &status) != 0)
        return HB_CANNOT_TELL;
    if (!S_ISREG(status.st_mode))
        return HB_NO;
    HB_AUTO_FREE char *text = hb_alloc(LONGEST + 1);
    int64_t bytes = hb_read_all_at(fd, text, LONGEST, 0);
    if (bytes < 0)
        return HB_CANNOT_TELL;
    return memmem(text, (size_t)bytes, id, strlen(id)) == NULL ? HB_NO : HB_YES;
}

enum hb_whose hb_whose_elsewhere(const struct hb_run *run, const char *id, const char *place,
                                 const struct stat *file)
{
    const struct hb_root *home = &run->home;
    struct stat here, there;
    if (home->path != NULL && strcmp(place, home->path) == 0)
        return HB_HOME_OURS;
    if (home->rights.other && file->st_uid != home->rights.user)
        return HB_HOME_UNKNOWN;
    HB_AUTO_CLOSE int fd = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return is_absent(errno) ? HB_HOME_OURS : HB_HOME_UNKNOWN;
    if (fstat(fd, &there) != 0 || fstat(home->fd, &here) != 0)
        return HB_HOME_UNKNOWN;
    if (there.st_dev == here.st_dev && there.st_ino == here.st_ino)
        return HB_HOME_OURS;
    enum hb_answer same = has_id(fd, id);
    return same == HB_NO ? HB_HOME_OURS : same == HB_YES ? HB_HOME_OTHERS : HB_HOME_UNKNOWN;
}

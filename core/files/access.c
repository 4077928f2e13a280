/* SPDX-License-Identifier: Apache-2.0 */
#include "files/access.h"

#include "base/memory.h"
#include "files/io.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char access_list[] = "system.posix_acl_access",
                  default_list[] = "system.posix_acl_default";
enum {
    LARGEST_LIST = 1 << 16, /* of an attribute, in the kernel */
    USUAL_LIST = 512
};

/* ---- lists --------------------------------------------------------------------------------- */

/* As the kernel hands it out: a version, and entries, all in little-endian. */
struct list {
    unsigned char *value; /* NULL: there is none */
    size_t bytes;
};

static void list_clear(struct list *list)
{
    free(list->value);
    *list = (struct list){.value = NULL};
}
#define AUTO_LIST __attribute__((cleanup(list_clear))) struct list

static size_t entries_of(const struct list *list)
{
    return list->value == NULL ? 0
                               : (list->bytes - sizeof(struct posix_acl_xattr_header)) /
                                     sizeof(struct posix_acl_xattr_entry);
}

static struct posix_acl_xattr_entry entry_at(const struct list *list, size_t index)
{
    struct posix_acl_xattr_entry entry;
    memcpy(&entry, list->value + sizeof(struct posix_acl_xattr_header) + index * sizeof(entry),
           sizeof entry);
    entry.e_tag = le16toh(entry.e_tag);
    entry.e_perm = le16toh(entry.e_perm) & 7;
    return entry;
}

static void set_permission(struct list *list, size_t index, unsigned permission)
{
    struct posix_acl_xattr_entry entry;
    unsigned char *at = list->value + sizeof(struct posix_acl_xattr_header) + index * sizeof(entry);
    memcpy(&entry, at, sizeof entry);
    entry.e_perm = htole16((uint16_t)(permission & 7));
    memcpy(at, &entry, sizeof entry);
}

/* The permissions of the entry of that kind; `missing` if there is none. */
static unsigned permission_of(const struct list *list, unsigned tag, unsigned missing)
{
    for (size_t i = 0; i < entries_of(list); i++)
        if (entry_at(list, i).e_tag == tag)
            return entry_at(list, i).e_perm;
    return missing;
}

static void limit(struct list *list, unsigned tag, unsigned permission)
{
    for (size_t i = 0; i < entries_of(list); i++)
        if (entry_at(list, i).e_tag == tag)
            set_permission(list, i, entry_at(list, i).e_perm & permission);
}

static bool is_list(const struct list *list)
{
    struct posix_acl_xattr_header header;
    if (list->bytes < sizeof header)
        return false;
    memcpy(&header, list->value, sizeof header);
    return le32toh(header.a_version) == POSIX_ACL_XATTR_VERSION &&
           (list->bytes - sizeof header) % sizeof(struct posix_acl_xattr_entry) == 0;
}

/* Of what is open, if only by its name (O_PATH), or of a name in that directory. */
static ssize_t get(int fd, const char *name, const char *attribute, void *value, size_t bytes)
{
    char path[NAME_MAX + 40];
    ssize_t got = name == NULL ? fgetxattr(fd, attribute, value, bytes) : -1;
    if (name == NULL && (got >= 0 || errno != EBADF))
        return got;
    snprintf(path, sizeof path, "/proc/self/fd/%d%s%s", fd, name == NULL ? "" : "/",
             name == NULL ? "" : name);
    return name == NULL ? getxattr(path, attribute, value, bytes)
                        : lgetxattr(path, attribute, value, bytes);
}

/* 0: *list is what is there, or none; -errno: that is unknown. */
static int list_read(int fd, const char *name, const char *attribute, struct list *list)
{
    unsigned char usual[USUAL_LIST];
    *list = (struct list){.value = NULL};
    ssize_t bytes = get(fd, name, attribute, usual, sizeof usual);
    if (bytes < 0 && errno == ERANGE) {
        list->value = hb_alloc(LARGEST_LIST);
        bytes = get(fd, name, attribute, list->value, LARGEST_LIST);
    } else if (bytes > 0) {
        list->value = hb_alloc((size_t)bytes);
        memcpy(list->value, usual, (size_t)bytes);
    }
    int result = bytes >= 0 || errno == ENODATA || errno == ENOTSUP || errno == ENOSYS ? 0 : -errno;
    list->bytes = bytes < 0 ? 0 : (size_t)bytes;
    if (bytes > 0 && !is_list(list))
        result = -EINVAL;
    if (bytes <= 0 || result != 0)
        list_clear(list);
    return result;
}

/* The mode that the kernel shows for a file with this list. */
static uint32_t mode_of(const struct list *list)
{
    unsigned group = permission_of(list, ACL_GROUP_OBJ, 0);
    return permission_of(list, ACL_USER_OBJ, 0) << 6 | permission_of(list, ACL_MASK, group) << 3 |
           permission_of(list, ACL_OTHER, 0);
}

/* As create() makes the list of a new file from a directory's default one. */
static void limit_by_mode(struct list *list, uint32_t mode)
{
    bool masked = permission_of(list, ACL_MASK, 8) != 8;
    limit(list, ACL_USER_OBJ, mode >> 6);
    limit(list, masked ? ACL_MASK : ACL_GROUP_OBJ, mode >> 3);
    limit(list, ACL_OTHER, mode);
}

/*
 * Without the list, a user who is named in it counts as one of the group or of the others, a group
 * that is named as others. More groups grant more, so that one that is named denies the owning
 * group nothing.
 */
static uint32_t mode_without(const struct list *list, uint32_t mode)
{
    unsigned mask = permission_of(list, ACL_MASK, 7),
             group = permission_of(list, ACL_GROUP_OBJ, 0) & mask,
             other = permission_of(list, ACL_OTHER, 0);
    for (size_t i = 0; i < entries_of(list); i++) {
        struct posix_acl_xattr_entry entry = entry_at(list, i);
        if (entry.e_tag == ACL_USER)
            group &= entry.e_perm & mask;
        if (entry.e_tag == ACL_USER || entry.e_tag == ACL_GROUP)
            other &= entry.e_perm & mask;
    }
    return mode & (07700u | group << 3 | other);
}

uint32_t hb_access_stored_mode(int fd, uint32_t mode)
{
    AUTO_LIST list = {.value = NULL};
    if ((mode & 077) == 0) /* the mask: it grants nobody anything */
        return mode;
    int result = list_read(fd, NULL, access_list, &list);
    if (result != 0) /* not /proc, say: nothing for the group that others do not have, too */
        return mode & (07700u | (mode & mode << 3 & 070) | (mode & mode >> 3 & 07));
    return list.value == NULL ? mode : mode_without(&list, mode);
}

/* ---- modes --------------------------------------------------------------------------------- */

int hb_access_set_mode(int fd, uint32_t mode, unsigned *lost)
{
    if (fchmod(fd, mode) == 0)
        return 0;
    if (!hb_rights_are_refused(errno))
        return -errno;
    *lost |= HB_LOST_MODE;
    return 0;
}

int hb_access_set_mode_at(int directory_fd, const char *name, uint32_t mode, unsigned *lost)
{
    if (fchmodat(directory_fd, name, mode, 0) == 0)
        return 0;
    if (!hb_rights_are_refused(errno))
        return -errno;
    *lost |= HB_LOST_MODE;
    return 0;
}

/* ---- a file -------------------------------------------------------------------------------- */

struct staged {
    int from_fd; /* the directory that it is in */
    const char *name;
    int fd; /* -1: not open */
};

/* What the file gets. */
struct wanted {
    uint32_t mode;
    struct list list;
    bool has_group;
    gid_t group;
};

/* The list of what is replaced. 0, also if it has none; -errno: unknown. */
static int read_old(const struct hb_place *place, struct list *list)
{
    int result = list_read(place->directory_fd, place->name, access_list, list);
    if (result != -ENOENT)
        return result;
    HB_AUTO_CLOSE int open = /* no /proc */
        openat(place->directory_fd, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return open < 0 ? -errno : list_read(open, NULL, access_list, list);
}

uint32_t hb_access_narrower_mode(const struct hb_place *place, uint32_t stored)
{
    AUTO_LIST list = {.value = NULL};
    uint32_t mode = place->status.st_mode & 0777;
    return read_old(place, &list) == 0 && list.value != NULL ? mode : mode & (stored | 0700);
}

static uint32_t in_common(uint32_t mode)
{
    uint32_t both = mode & mode >> 3 & 07;
    return (mode & 0700) | both << 3 | both;
}

static void want_as_old(const struct hb_place *place, enum hb_access_rule rule,
                        struct wanted *wanted, unsigned *lost)
{
    wanted->has_group = true;
    wanted->group = place->status.st_gid;
    int result = read_old(place, &wanted->list);
    if (result != 0 && rule != HB_ACCESS_FIX)
        wanted->mode = in_common(wanted->mode);
    if (wanted->list.value == NULL)
        return;
    if (rule == HB_ACCESS_FIX) {
        *lost |= HB_DROPPED_LIST;
        list_clear(&wanted->list);
        return;
    }
    if (rule == HB_ACCESS_ASK) {
        limit(&wanted->list, ACL_USER_OBJ, wanted->mode >> 6);
        limit(&wanted->list, ACL_OTHER, wanted->mode);
    }
    wanted->mode = mode_of(&wanted->list);
}

static int want_as_new(const struct hb_place *place, enum hb_access_rule rule,
                       struct wanted *wanted)
{
    struct stat directory;
    if (fstat(place->directory_fd, &directory) != 0)
        return -errno;
    wanted->has_group = (directory.st_mode & S_ISGID) != 0;
    wanted->group = directory.st_gid;
    if (rule == HB_ACCESS_FIX)
        return 0;
    if (list_read(place->directory_fd, NULL, default_list, &wanted->list) != 0)
        wanted->mode = in_common(wanted->mode);
    if (wanted->list.value == NULL)
        return 0;
    limit_by_mode(&wanted->list, wanted->mode);
    wanted->mode = mode_of(&wanted->list);
    return 0;
}

/* The list, and the mode with it, or the mode alone. */
static int set(int fd, struct wanted *wanted, unsigned *lost)
{
    if (wanted->list.value == NULL ||
        fsetxattr(fd, access_list, wanted->list.value, wanted->list.bytes, 0) == 0)
        return wanted->list.value == NULL ? hb_access_set_mode(fd, wanted->mode, lost) : 0;
    if (!hb_rights_are_refused(errno))
        return -errno;
    *lost |= HB_LOST_LIST;
    wanted->mode = mode_without(&wanted->list, wanted->mode);
    list_clear(&wanted->list);
    return hb_access_set_mode(fd, wanted->mode, lost);
}

static int look(const struct staged *staged, struct stat *status)
{
    return staged->fd >= 0 ? fstat(staged->fd, status)
                           : fstatat(staged->from_fd, staged->name, status, AT_SYMLINK_NOFOLLOW);
}

static int set_at(const struct staged *staged, struct wanted *wanted, unsigned *lost)
{
    HB_AUTO_AS as = {.changed = false};
    if (staged->fd >= 0) {
        (void)hb_as_self(&as);
        return set(staged->fd, wanted, lost);
    }
    if (wanted->list.value == NULL)
        return hb_access_set_mode_at(staged->from_fd, staged->name, wanted->mode, lost);
    /* Its mode may forbid even us to open it. */
    int result = hb_access_set_mode_at(staged->from_fd, staged->name, 0600, lost);
    if (result != 0)
        return result;
    HB_AUTO_CLOSE int fd =
        openat(staged->from_fd, staged->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : set(fd, wanted, lost);
}

/* 0, or -1 and errno. */
static int set_group(const struct staged *staged, gid_t group)
{
    HB_AUTO_AS as = {.changed = false};
    if (staged->fd < 0)
        return fchownat(staged->from_fd, staged->name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW);
    (void)hb_as_self(&as);
    return fchown(staged->fd, (uid_t)-1, group);
}

/* In the directory itself the kernel gives a new file the group, also from one who is not in it. */
static int make_there(const struct hb_place *place, const struct wanted *wanted)
{
    struct stat directory, made;
    if (fstat(place->directory_fd, &directory) != 0 || (directory.st_mode & S_ISGID) == 0 ||
        directory.st_gid != wanted->group)
        return -EPERM;
    int fd = openat(place->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &made) == 0 && made.st_gid == wanted->group)
        return fd;
    close(fd);
    return -EPERM;
}

/* The copy takes the place of what is staged, whole and flushed. */
static int take_place(const struct staged *staged, int copy)
{
    char link[32], other[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", copy);
    snprintf(other, sizeof other, "%.40s.group", staged->name);
    (void)unlinkat(staged->from_fd, other, 0); /* of a run that was killed here */
    if (fsync(copy) != 0 || linkat(AT_FDCWD, link, staged->from_fd, other, AT_SYMLINK_FOLLOW) != 0)
        return -errno;
    if (renameat(staged->from_fd, other, staged->from_fd, staged->name) == 0)
        return 0;
    int error = errno;
    unlinkat(staged->from_fd, other, 0);
    return -error;
}

static int remake(const struct staged *staged, const struct hb_place *place, struct wanted *wanted,
                  unsigned *lost)
{
    struct stat status;
    HB_AUTO_CLOSE int copy = make_there(place, wanted);
    if (copy < 0)
        return copy;
    if (fchmodat(staged->from_fd, staged->name, 0600, 0) != 0) /* it is going to be replaced */
        return -errno;
    HB_AUTO_CLOSE int from =
        openat(staged->from_fd, staged->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || fstat(from, &status) != 0 || !S_ISREG(status.st_mode))
        return -EPERM;
    int result = hb_copy_all(from, copy);
    if (result == 0)
        result = hb_set_mtime(copy, status.st_mtim.tv_sec, (uint32_t)status.st_mtim.tv_nsec);
    if (result == 0)
        result = set(copy, wanted, lost);
    return result == 0 ? take_place(staged, copy) : result;
}

/*
 * Who is in one of the two groups, and not in the other, may do what both and the others could.
 * With a list he may be in groups that it names, too: more groups grant more, so that what denied
 * him something by one of those, the new group itself perhaps, must not be granted as the group's.
 */
static int narrow(const struct staged *staged, struct wanted *wanted, unsigned *lost)
{
    if (wanted->list.value == NULL) {
        if (in_common(wanted->mode) == (wanted->mode & 0777))
            return 0;
        wanted->mode = in_common(wanted->mode);
        return set_at(staged, wanted, lost);
    }
    unsigned mask = permission_of(&wanted->list, ACL_MASK, 7),
             both = permission_of(&wanted->list, ACL_GROUP_OBJ, 0) &
                    permission_of(&wanted->list, ACL_OTHER, 0);
    limit(&wanted->list, ACL_OTHER, both & mask);
    for (size_t i = 0; i < entries_of(&wanted->list); i++)
        if (entry_at(&wanted->list, i).e_tag == ACL_GROUP)
            both &= entry_at(&wanted->list, i).e_perm;
    limit(&wanted->list, ACL_GROUP_OBJ, both);
    wanted->mode = mode_of(&wanted->list);
    return set_at(staged, wanted, lost);
}

static int give_group(const struct staged *staged, const struct hb_place *place,
                      struct wanted *wanted, unsigned *lost)
{
    struct stat made;
    if (!wanted->has_group)
        return 0;
    if (look(staged, &made) != 0)
        return -errno;
    if (made.st_gid == wanted->group || set_group(staged, wanted->group) == 0)
        return 0;
    if (!hb_rights_are_refused(errno))
        return -errno;
    if (remake(staged, place, wanted, lost) == 0)
        return 0;
    *lost |= HB_LOST_OWNER;
    return 0;
}

/* Looks at the result: some refusals are silent, and the group may not be the one we asked for. */
static int settle(const struct staged *staged, struct wanted *wanted, const struct hb_owner *owner,
                  unsigned *lost)
{
    struct stat made;
    if (look(staged, &made) != 0)
        return -errno;
    if (owner != NULL && owner->give && (made.st_uid != owner->user || made.st_gid != owner->group))
        *lost |= HB_LOST_OWNER;
    int result = 0;
    if (wanted->has_group && made.st_gid != wanted->group) {
        result = narrow(staged, wanted, lost);
        if (result != 0 || look(staged, &made) != 0)
            return result;
    }
    if ((made.st_mode & 0777) != (wanted->mode & 0777))
        *lost |= HB_LOST_MODE;
    return result;
}

static int give(const struct staged *staged, const struct hb_place *place,
                const struct hb_owner *owner, struct wanted *wanted, unsigned *lost)
{
    bool given = owner != NULL && owner->give;
    /* The mode first: afterwards it may belong to a user whose rights we do not have. */
    int result = set_at(staged, wanted, lost);
    if (result == 0)
        result = given ? hb_owner_give_at(owner, staged->from_fd, staged->name)
                       : give_group(staged, place, wanted, lost);
    return result == 0 ? settle(staged, wanted, owner, lost) : result;
}

int hb_access_give(int from_fd, const char *name, int fd, const struct hb_place *place,
                   uint32_t mode, enum hb_access_rule rule, const struct hb_owner *owner,
                   unsigned *lost)
{
    const struct staged staged = {from_fd, name, fd};
    struct wanted wanted = {.mode = mode & 0777};
    int result = 0;
    if (place->exists && S_ISREG(place->status.st_mode))
        want_as_old(place, rule, &wanted, lost);
    else
        result = want_as_new(place, rule, &wanted);
    if (owner != NULL && owner->fixed)
        wanted.group = owner->group;
    if (result == 0)
        result = give(&staged, place, owner, &wanted, lost);
    list_clear(&wanted.list);
    return result;
}

/* ---- a directory --------------------------------------------------------------------------- */

bool hb_access_bequeaths(int directory_fd)
{
    struct stat status;
    AUTO_LIST list = {.value = NULL};
    return fstat(directory_fd, &status) != 0 || (status.st_mode & S_ISGID) != 0 ||
           list_read(directory_fd, NULL, default_list, &list) != 0 || list.value != NULL;
}

void hb_access_bequeath_nothing(int directory_fd)
{
    (void)fremovexattr(directory_fd, default_list);
    (void)fremovexattr(directory_fd, access_list);
}

bool hb_access_drop_list(const struct hb_place *place)
{
    char link[32];
    HB_AUTO_CLOSE int fd =
        openat(place->directory_fd, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return fd >= 0 && getxattr(link, access_list, NULL, 0) > 0 &&
           removexattr(link, access_list) == 0;
}

/*
 * Who is not in a directory's group loses the bit that hands it down with every change of the mode.
 * So it is made with the mode that it is to have, and keeps what the umask leaves of it.
 */
uint32_t hb_access_first_mode(int parent_fd, uint32_t mode)
{
    struct stat parent;
    return fstat(parent_fd, &parent) == 0 && (parent.st_mode & S_ISGID) != 0 ? (mode & 0777) | 0700
                                                                             : 0700;
}

static bool is_in_group(gid_t group)
{
    gid_t groups[AS_OWNER_GROUPS];
    int count = getgroups(AS_OWNER_GROUPS, groups);
    bool found = (hb_rights_matter() && !hb_rights_present().other) || hb_rights_group() == group;
    for (int i = 0; i < count && !found; i++)
        found = groups[i] == group;
    return found;
}

static int set_directory_mode(int fd, const struct stat *made, uint32_t mode, unsigned *lost)
{
    uint32_t wanted = (mode & HB_DIRECTORY_MODES) | (made->st_mode & S_ISGID),
             there = made->st_mode & 07777;
    bool narrower = (there & ~wanted) == 0;
    if (there == wanted ||
        (narrower && (made->st_mode & S_ISGID) != 0 && !is_in_group(made->st_gid)))
        return 0;
    return hb_access_set_mode(fd, wanted, lost);
}

/* Beside a list, which stays as it is: the group's bits are its mask. */
static int add_special(int fd, uint32_t special, unsigned *lost)
{
    struct stat made;
    if (fstat(fd, &made) != 0)
        return -errno;
    return (made.st_mode & special) == special
               ? 0
               : hb_access_set_mode(fd, (made.st_mode & 07777) | special, lost);
}

int hb_access_finish_directory(int fd, uint32_t mode, unsigned *lost)
{
    uint32_t special = mode & (S_ISGID | S_ISVTX);
    struct stat made;
    AUTO_LIST list = {.value = NULL};
    if (fstat(fd, &made) != 0)
        return -errno;
    if (list_read(fd, NULL, default_list, &list) == 0 && list.value != NULL) {
        limit_by_mode(&list, mode & 0777);
        mode = mode_of(&list);
        if ((made.st_mode & 0777) == mode) /* made with it, and so with the list */
            return add_special(fd, special, lost);
        if (((made.st_mode & S_ISGID) == 0 || is_in_group(made.st_gid)) &&
            fsetxattr(fd, access_list, list.value, list.bytes, 0) == 0)
            return add_special(fd, special, lost);
        mode = mode_without(&list, mode);
    }
    return set_directory_mode(fd, &made, (mode & 0777) | special, lost);
}

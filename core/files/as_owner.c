/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root in other people's directories.
 *
 * Who owns a directory can change what its names lead to between any two system calls of ours: a
 * link for a file, a file of root's that lay there by another name, a pipe. What root does by such
 * a name is then done to a file that he could never have touched himself. Looking first does not
 * help, since he acts after the look; and a library that opens by name does not look at all. So the
 * question is turned round: in a directory that is his we do what he could have done himself, with
 * his rights, and the kernel refuses the rest. It also makes what we create his, where a chown
 * afterwards would have to trust a name.
 *
 *      begin   groups -> fsgid -> fsuid        the last step drops the capabilities for files
 *      end     fsuid -> fsgid -> groups        the first step brings them back
 *
 * Why not otherwise: seteuid() of the C library changes all threads of the process at once, and
 * with it who may signal and trace us. A child process with the owner's uid could be stopped,
 * killed or traced by him. setfsuid(2) concerns file access alone, and one thread alone; so does
 * the bare system call setgroups (the C library's function goes round all threads). Threads that
 * exist already keep what they have; a thread that is started in between starts with his rights.
 *
 * Neither call says whether it worked: setfsuid() returns the former id either way. It fails
 * without CAP_SETUID (a container that took it away), and for ids that a user namespace does not
 * map. So the answer is asked back, by an id that cannot be set (-1). It may also work and leave
 * the capabilities where they are (the securebit NO_SETUID_FIXUP): these are looked at, too. What
 * decides in the end is one question: can this thread still overrule the owner of a file? Only if
 * it can (one of CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER is effective) is it
 * refused to go on; a root that has no such power is a user like any other.
 *
 * The owner's groups are those that the user database knows: his first group and his others. What
 * is made gets the group that open(2) by him would give it: the directory's where that hands its
 * own down (setgid), else his first; the members of any other group would read what is not meant
 * for them. For one that the database does not know (a container without an entry for him, or the
 * database is out of reach) it is the directory's group, which his files there most likely have,
 * and no other. as_owner_group() is that rule, also for what is given away later (owner.c). Fewer
 * groups than he has are safe; what he can reach only through one of them is then refused.
 *
 * Scopes nest: a directory of a second user below that of the first, or a look at what is our own
 * in between (as_owner_suspend). From one user to the next the way leads through root, since
 * setgroups() needs no capability that was given up, but the order above is the one that was
 * thought through.
 *
 * What stays behind: the kernel marks a process that has changed its fsuid as not dumpable (no
 * core file, /proc/self belongs to root), and a parent-death signal of the thread is forgotten.
 * /proc/self/fd stays open to ourselves. Locks, leases and descriptors that are open do not care.
 */
#include "files/as_owner.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_setgroups32
enum { SET_GROUPS = SYS_setgroups32 };
#else
enum { SET_GROUPS = SYS_setgroups };
#endif

/* A user, as the kernel checks files for him. */
struct rights {
    uid_t user;
    gid_t group;
    int group_count;
    gid_t groups[AS_OWNER_GROUPS];
};

/* With an id that does not exist, these only return the present one. */
static uid_t present_user(void)
{
    return (uid_t)setfsuid((uid_t)-1);
}

static gid_t present_group(void)
{
    return (gid_t)setfsgid((gid_t)-1);
}

/* May this thread overrule the owners of files? If that is unknown: yes. */
static bool is_powerful(void)
{
    const uint32_t powers =
        1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, data) != 0 || (data[0].effective & powers) != 0;
}

/* What the user database knows; false: it does not know the user. */
static bool ask_database(uid_t user, struct rights *rights, gid_t *first)
{
    char buffer[16384];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(user, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return false;
    int count = AS_OWNER_GROUPS;
    /* -1: he is in more than have room; these are some of them. */
    if (getgrouplist(entry.pw_name, entry.pw_gid, rights->groups, &count) < 0)
        count = AS_OWNER_GROUPS;
    rights->group_count = count;
    *first = entry.pw_gid;
    return true;
}

/*
 * The user database is asked once for an owner: a home has one, and the question may be expensive
 * (a directory service). Kept by each thread for itself, so that nothing is shared.
 */
static const struct rights *rights_of(uid_t user, gid_t directory_group)
{
    static _Thread_local struct rights last; /* of user 0: none yet */
    static _Thread_local bool known;
    static _Thread_local gid_t first;
    if (last.user != user) {
        last = (struct rights){.user = user};
        known = ask_database(user, &last, &first);
    }
    last.group = known ? first : directory_group;
    return &last;
}

gid_t as_owner_group(const struct stat *directory)
{
    if ((directory->st_mode & S_ISGID) != 0)
        return directory->st_gid;
    return directory->st_uid == 0 ? getegid()
                                  : rights_of(directory->st_uid, directory->st_gid)->group;
}

static bool set_groups(const gid_t *groups, int count)
{
    return syscall(SET_GROUPS, (size_t)count, groups) == 0;
}

static bool take_on(const struct rights *rights)
{
    if (!set_groups(rights->groups, rights->group_count))
        return false;
    setfsgid(rights->group);
    setfsuid(rights->user);
    return present_group() == rights->group && present_user() == rights->user && !is_powerful();
}

/* 0 is the only user whose id brings the capabilities back, so it comes first. */
static void go_back(struct as_owner *self)
{
    setfsuid(self->user);
    setfsgid(self->group);
    set_groups(self->groups, self->group_count);
    free(self->groups);
    self->groups = NULL;
}

/* Notes what to go back to. 0 or -errno. */
static int note_present(struct as_owner *self, uid_t user)
{
    self->user = user;
    self->group = present_group();
    self->group_count = getgroups(0, NULL);
    if (self->group_count < 0)
        return -errno;
    self->groups = malloc((size_t)self->group_count * sizeof *self->groups + 1);
    if (self->groups == NULL)
        return -ENOMEM;
    self->group_count = getgroups(self->group_count, self->groups);
    if (self->group_count >= 0)
        return 0;
    int error = errno;
    free(self->groups);
    self->groups = NULL;
    return -error;
}

int as_owner_begin_as(struct as_owner *self, uid_t user, gid_t directory_group)
{
    *self = (struct as_owner){.acting = false};
    if (geteuid() != 0)
        return 0;
    if (user == 0)
        return 0;
    uid_t present = present_user();
    const struct rights *rights = rights_of(user, directory_group);
    if (user == present && rights->group == present_group())
        return 0;
    int result = note_present(self, present);
    if (result != 0)
        return result;
    if (present != 0) /* so that what follows starts from one place */
        setfsuid(0);
    self->acting = take_on(rights);
    if (self->acting)
        return 0;
    go_back(self);
    return is_powerful() ? -EPERM : 0;
}

int as_owner_begin(struct as_owner *self, int directory_fd)
{
    struct stat directory;
    *self = (struct as_owner){.acting = false};
    if (geteuid() != 0)
        return 0;
    if (fstat(directory_fd, &directory) != 0)
        return -errno;
    return as_owner_begin_as(self, directory.st_uid, directory.st_gid);
}

/*
 * The groups that the process began with are not known here. Root needs none: what it may do, it
 * may by its capabilities, which come back with the id; without them it has fewer rights than it
 * might, and no more.
 */
int as_owner_suspend(struct as_owner *self)
{
    *self = (struct as_owner){.acting = false};
    uid_t present = geteuid() == 0 ? present_user() : 0;
    if (present == 0)
        return 0;
    int result = note_present(self, present);
    if (result != 0)
        return result;
    setfsuid(0);
    setfsgid(getegid());
    self->acting = true;
    return 0;
}

void as_owner_end(struct as_owner *self)
{
    int reason = errno;
    if (self->acting)
        go_back(self);
    self->acting = false;
    errno = reason;
}

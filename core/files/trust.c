/* SPDX-License-Identifier: Apache-2.0 */
#include "files/trust.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

/* Links that a path may lead through; the kernel's own bound. */
enum { MOST_LINKS = 40 };

struct trusted {
    uid_t uids[3];
    size_t count;
};

struct checker {
    struct trusted trusted;
    const char *what;
    const char *path; /* as the message names the file */
    struct hb_error *error;
};

/* ---- whom a user namespace does not map ------------------------------------------------------ */

static bool read_text(const char *path, char *text, size_t bytes)
{
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    int64_t got = fd < 0 ? -1 : hb_read_all(fd, text, bytes - 1);
    text[got < 0 ? 0 : got] = '\0';
    return got >= 0;
}

/* user_namespaces(7): of each range where it begins here, where outside, and how many there are. */
static bool maps_all(const char *path)
{
    char text[16 << 10], *save = NULL; /* 340 lines at most */
    uint64_t sum = 0;
    if (!read_text(path, text, sizeof text))
        return false;
    int number = 0;
    for (char *word = strtok_r(text, " \n", &save); word != NULL;
         word = strtok_r(NULL, " \n", &save))
        if (++number % 3 == 0)
            sum += strtoull(word, NULL, 10);
    return sum >= UINT32_MAX;
}

/*
 * All whom the namespace of this process does not map are shown to it by one number; so is itself,
 * where it is not mapped. That number is nobody's, then, whoever else may have it.
 */
static bool may_be_anybody(const char *kind, unsigned long id)
{
    char text[32];
    HB_AUTO_FREE char *overflow = hb_text("/proc/sys/kernel/overflow%s", kind);
    HB_AUTO_FREE char *map = hb_text("/proc/self/%s_map", kind);
    unsigned long shown = read_text(overflow, text, sizeof text) ? strtoul(text, NULL, 10) : 65534;
    return id == shown && !maps_all(map);
}

/* ---------------------------------------------------------------------------------------------- */

static struct trusted trusted_users(bool allow_sudo_user)
{
    struct trusted trusted = {.uids = {0, geteuid()}, .count = 2};
    const char *sudo = getenv("SUDO_UID");
    if (!allow_sudo_user || geteuid() != 0 || sudo == NULL || *sudo < '0' || *sudo > '9')
        return trusted;
    char *end;
    errno = 0;
    unsigned long uid = strtoul(sudo, &end, 10);
    if (*end == '\0' && errno == 0 && uid < UINT_MAX)
        trusted.uids[trusted.count++] = (uid_t)uid;
    return trusted;
}

static bool is_trusted(const struct trusted *trusted, uid_t uid)
{
    if (may_be_anybody("uid", uid))
        return false;
    for (size_t i = 0; i < trusted->count; i++)
        if (trusted->uids[i] == uid)
            return true;
    return false;
}

/* Is it the group that has the user's name and nobody else in it? */
static bool is_private_group(uid_t uid, gid_t gid)
{
    const struct passwd *user = getpwuid(uid);
    if (user == NULL || user->pw_gid != gid)
        return false;
    HB_AUTO_FREE char *name = hb_copy_text(user->pw_name);
    const struct group *group = getgrgid(gid);
    if (group == NULL || strcmp(group->gr_name, name) != 0)
        return false;
    for (char **member = group->gr_mem; *member != NULL; member++)
        if (strcmp(*member, name) != 0)
            return false;
    return true;
}

static bool is_private_to_trusted(const struct trusted *trusted, gid_t gid)
{
    if (may_be_anybody("gid", gid))
        return false;
    for (size_t i = 0; i < trusted->count; i++)
        if (is_private_group(trusted->uids[i], gid))
            return true;
    return false;
}

/*
 * With an access list the group's bits are only its mask: others may be named in the list. So it is
 * if that is unknown.
 */
static bool may_have_list(ssize_t bytes)
{
    return bytes > 0 || (bytes < 0 && errno != ENODATA && errno != ENOTSUP);
}

static bool has_access_list(const char *path)
{
    return may_have_list(lgetxattr(path, "system.posix_acl_access", NULL, 0));
}

static int refuse_unmapped(const struct checker *checker, const char *name, const char *thing)
{
    hb_error_set(checker->error, HB_STATUS_FATAL,
                 "%s %s: refused, because %s%s belongs to a user whom the user namespace of hbcore "
                 "does not map: it may be anybody's",
                 checker->what, checker->path, thing, name);
    hb_error_hint(checker->error, "run hbcore outside that namespace, or have root and the owner "
                                  "of the file mapped into it (see newuidmap)");
    return HB_STATUS_FATAL;
}

static int refuse_owner(const struct checker *checker, const char *name, const char *thing,
                        uid_t owner)
{
    if (may_be_anybody("uid", owner))
        return refuse_unmapped(checker, name, thing);
    const struct passwd *user = getpwuid(owner);
    char who[64];
    if (user != NULL)
        snprintf(who, sizeof who, "%s", user->pw_name);
    else
        snprintf(who, sizeof who, "user %lu", (unsigned long)owner);
    hb_error_set(checker->error, HB_STATUS_FATAL,
                 "%s %s: refused, because %s%s belongs to %s, who is neither root nor you",
                 checker->what, checker->path, thing, name, who);
    HB_AUTO_FREE char *word = hb_shell_word(*name == '\0' ? checker->path : name);
    hb_error_hint(checker->error, "if you trust it: chown root %s", word);
    return HB_STATUS_FATAL;
}

static int refuse_mode(const struct checker *checker, const char *name, const char *thing,
                       const char *who)
{
    hb_error_set(checker->error, HB_STATUS_FATAL,
                 "%s %s: refused, because %s%s can be written to by %s", checker->what,
                 checker->path, thing, name, who);
    HB_AUTO_FREE char *word = hb_shell_word(*name == '\0' ? checker->path : name);
    hb_error_hint(checker->error, "if you trust what is in it now: chmod go-w %s", word);
    return HB_STATUS_FATAL;
}

/*
 * Owner and mode of the file (`name` is "") or of a directory on the way to it. `access_list`: the
 * group's bits do not tell who may write.
 */
static int check_stat(const struct checker *checker, const struct stat *status, const char *name,
                      bool access_list)
{
    const char *thing = *name == '\0' ? "it" : "the directory ";
    if (!is_trusted(&checker->trusted, status->st_uid))
        return refuse_owner(checker, name, thing, status->st_uid);
    /* What is written to a device is not what is read from it (/dev/null). */
    if (S_ISCHR(status->st_mode))
        return HB_OK;
    /* In a sticky directory only the owner of a file can replace it. */
    if (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0)
        return HB_OK;
    if ((status->st_mode & S_IWOTH) != 0)
        return refuse_mode(checker, name, thing, "everybody");
    if ((status->st_mode & S_IWGRP) != 0 &&
        (access_list || !is_private_to_trusted(&checker->trusted, status->st_gid)))
        return refuse_mode(checker, name, thing, "others (its group)");
    return HB_OK;
}

/* ---- the way to the file ------------------------------------------------------------------- */

static int fail_path(const struct checker *checker, const char *path)
{
    return hb_error_set(checker->error, HB_STATUS_FATAL, "%s %s: %s: %s", checker->what,
                        checker->path, path, strerror(errno));
}

/* Puts the text of a link in front of what is left of the path. */
static int follow_link(const struct checker *checker, const char *link, char **rest)
{
    char target[PATH_MAX];
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0)
        return fail_path(checker, link);
    target[length] = '\0';
    char *longer = hb_text("%s/%s", target, *rest);
    free(*rest);
    *rest = longer;
    return HB_OK;
}

/* Cuts the next component off `rest`; "" at the end. */
static char *next_component(char **rest)
{
    const char *from = *rest;
    while (*from == '/')
        from++;
    size_t length = strcspn(from, "/");
    char *component = hb_copy_bytes(from, length);
    char *shorter = hb_copy_text(from + length);
    free(*rest);
    *rest = shorter;
    return component;
}

static void leave_directory(char *at)
{
    char *slash = strrchr(at, '/');
    if (slash != NULL)
        *slash = '\0';
}

/*
 * One step from the directory `at` (no link in it; "" is the root), which is checked. Steps over
 * links by putting their text in front of `rest`.
 */
static int step(const struct checker *checker, char **at, char **rest, const char *component,
                int *links)
{
    struct stat status;
    const char *here = **at == '\0' ? "/" : *at;
    if (stat(here, &status) != 0)
        return fail_path(checker, here);
    if (check_stat(checker, &status, here, has_access_list(here)) != HB_OK)
        return HB_STATUS_FATAL;
    if (strcmp(component, "..") == 0) {
        leave_directory(*at);
        return HB_OK;
    }
    HB_AUTO_FREE char *next = hb_text("%s/%s", *at, component);
    if (lstat(next, &status) != 0)
        return fail_path(checker, next);
    if (!S_ISLNK(status.st_mode)) {
        free(*at);
        *at = next;
        next = NULL;
        return HB_OK;
    }
    if (!is_trusted(&checker->trusted, status.st_uid))
        return refuse_owner(checker, next, "the link ", status.st_uid);
    if (++*links > MOST_LINKS) {
        errno = ELOOP;
        return fail_path(checker, next);
    }
    return follow_link(checker, next, rest);
}

/*
 * Every directory and link that leads to the file: who can change one of them can put another file
 * there.
 */
static int check_way(const struct checker *checker)
{
    HB_AUTO_FREE char *at = hb_copy_text("");
    HB_AUTO_FREE char *rest = hb_absolute(checker->path);
    if (rest == NULL)
        return hb_error_set(checker->error, HB_STATUS_FATAL, "%s %s: %s", checker->what,
                            checker->path, HB_NO_CURRENT_TEXT);
    for (int links = 0;;) {
        HB_AUTO_FREE char *component = next_component(&rest);
        if (*component == '\0')
            return HB_OK;
        if (strcmp(component, ".") == 0)
            continue;
        int before = links;
        if (step(checker, &at, &rest, component, &links) != HB_OK)
            return HB_STATUS_FATAL;
        if (links > before && *rest == '/')
            *at = '\0'; /* the link was absolute: begin again at the root */
    }
}

int hb_trust_check(int fd, const char *path, const char *what, bool allow_sudo_user,
                   struct hb_error *error)
{
    struct checker checker = {
        .trusted = trusted_users(allow_sudo_user), .what = what, .path = path, .error = error};
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_path(&checker, "cannot be examined");
    bool access_list = may_have_list(fgetxattr(fd, "system.posix_acl_access", NULL, 0));
    if (check_stat(&checker, &status, "", access_list) != HB_OK)
        return HB_STATUS_FATAL;
    /* A pipe, as in <(command), has no place in the file system. */
    return S_ISREG(status.st_mode) ? check_way(&checker) : HB_OK;
}

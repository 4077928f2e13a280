/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include "base/memory.h"
#include "base/url.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(HB_NO_CURRENT == EKEYEXPIRED, "see path.h");

/* Where it is unknown whether a name leads to the working directory (no right to walk there, or
 * too long for one call), it is believed: to open something by it fails for the same reason. */
static bool leads_here(const char *name)
{
    struct stat here, there;
    if (stat(".", &here) != 0)
        return false;
    if (stat(name, &there) != 0)
        return errno == EACCES || errno == ENAMETOOLONG;
    return here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/*
 * A working directory that was removed, or whose file system was unmounted (the kernel's answer
 * then begins with "(unreachable)") or is covered by another one, has no name. What is relative to
 * it must not become a name in another directory, least of all in "/".
 */
char *hb_absolute(const char *path)
{
    if (*path == '/')
        return hb_copy_text(path);
    char *here = getcwd(NULL, 0); /* as long as it is, also above PATH_MAX */
    char *full = here == NULL || *here != '/' || !leads_here(here)
                     ? NULL
                     : hb_text("%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
    free(here);
    if (full == NULL)
        errno = HB_NO_CURRENT;
    return full;
}

char *hb_expand_tilde(const char *path)
{
    if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
        return hb_copy_text(path);
    const char *home = getenv("HOME");
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if ((home == NULL || *home == '\0') &&
        getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        home = found->pw_dir;
    return home == NULL ? hb_copy_text(path) : hb_text("%s%s", home, path + 1);
}

/* "~USER…": the user's home, with what stands behind it; NULL: there is no such user. */
static char *expand_user(const char *path)
{
    size_t length = strcspn(path, "/");
    HB_AUTO_FREE char *name = hb_copy_bytes(path + 1, length - 1);
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwnam_r(name, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return NULL;
    return hb_text("%s%s", found->pw_dir, path + length);
}

char *hb_expand_path(const char *path)
{
    char *of_url = hb_url_file(path);
    if (of_url != NULL)
        return of_url;
    if (hb_url_scheme(path) > 0)
        return hb_url_lower(path, hb_url_scheme(path));
    static const char *const variables[] = {"$HOME", "${HOME}"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        size_t length = strlen(variables[i]);
        if (strncmp(path, variables[i], length) == 0 &&
            (path[length] == '/' || path[length] == '\0')) {
            HB_AUTO_FREE char *tilde = hb_text("~%s", path + length);
            return hb_expand_tilde(tilde);
        }
    }
    char *expanded = path[0] == '~' && path[1] != '/' && path[1] != '\0' ? expand_user(path) : NULL;
    return expanded != NULL ? expanded : hb_expand_tilde(path);
}

const char *hb_path_unexpanded(const char *path)
{
    HB_AUTO_FREE char *expanded = hb_expand_path(path);
    if (*expanded == '~')
        return "begins with ~ and the name of a user who does not exist here";
    for (const char *at = strchr(expanded, '$'); at != NULL; at = strchr(at + 1, '$'))
        if (at[1] == '{' || at[1] == '_' || (at[1] >= 'A' && at[1] <= 'Z') ||
            (at[1] >= 'a' && at[1] <= 'z'))
            return "contains a variable, but only $HOME at the beginning expands: write the path "
                   "in full";
    return NULL;
}

const char *hb_path_problem(const char *path, size_t maximum_depth, size_t *skip)
{
    const char *at = path;
    while (at[0] == '.' && at[1] == '/')
        for (at += 2; *at == '/';)
            at++;
    *skip = (size_t)(at - path);
    if (*at == '\0' || strcmp(at, ".") == 0)
        return "has no name";
    if (*at == '/')
        return "is absolute";
    size_t depth = 0;
    for (const char *part = at;; part++) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 2 && part[0] == '.' && part[1] == '.')
            return "contains '..'";
        if (bytes == 0 || (bytes == 1 && part[0] == '.'))
            return "has an empty component";
        if (bytes > 255)
            return "has a component that is too long";
        if (++depth > maximum_depth)
            return "lies below too many directories";
        part += bytes;
        if (*part == '\0')
            return NULL;
    }
}

char *hb_path_put_meaning(char *to, const char *path)
{
    const char *start = to;
    for (const char *part = path; *part != '\0';) {
        size_t bytes = strcspn(part, "/");
        if (bytes > 0 && !(bytes == 1 && *part == '.')) {
            if (to != start)
                *to++ = '/';
            memmove(to, part, bytes);
            to += bytes;
        }
        part += bytes;
        part += *part == '/';
    }
    return to;
}

bool hb_path_is_root(const char *path)
{
    while (*path == '/' || (*path == '.' && (path[1] == '/' || path[1] == '\0')))
        path++;
    return *path == '\0';
}

const char *hb_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

bool hb_has_suffix(const char *name, size_t bytes, const char *suffix, size_t *stem)
{
    size_t length = strlen(suffix);
    if (length >= bytes || strcmp(name + bytes - length, suffix) != 0)
        return false;
    if (stem != NULL)
        *stem = bytes - length;
    return true;
}

char *hb_canonical(const char *path)
{
    HB_AUTO_FREE char *known = hb_absolute(path);
    if (known == NULL)
        return NULL;
    *hb_path_put_meaning(known + 1, known + 1) = '\0'; /* it begins with '/' */
    HB_AUTO_FREE char *whole = hb_copy_text(known);
    for (char *slash = known + strlen(known); slash != NULL; slash = strrchr(known, '/')) {
        *slash = '\0';
        HB_AUTO_FREE char *real = realpath(*known == '\0' ? "/" : known, NULL);
        if (real != NULL)
            return hb_text("%s%s", strcmp(real, "/") == 0 ? "" : real, whole + (slash - known));
    }
    return hb_copy_text(whole);
}

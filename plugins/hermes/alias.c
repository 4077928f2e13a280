/* SPDX-License-Identifier: Apache-2.0 */
/* Which alias a profile gets, and whether it may. */
#include "alias.h"

#include "alias_file.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the name ---------------------------------------------------------------------------- */

static bool refuse(struct alias *alias, const char *reason)
{
    snprintf(alias->reason, sizeof alias->reason, "%s", reason);
    alias->status = ALIAS_SKIPPED;
    return false;
}

bool alias_name(const struct hermes *hermes, const char *profile, struct alias *alias)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t bytes = strlen(profile);
    *alias = (struct alias){.status = ALIAS_SKIPPED};
    for (size_t i = 0; i < bytes && i < ALIAS_NAME_BYTES; i++)
        alias->name[i] =
            (char)(profile[i] >= 'A' && profile[i] <= 'Z' ? profile[i] + ('a' - 'A') : profile[i]);
    if (bytes == 0 || bytes > ALIAS_NAME_BYTES || strchr(first, alias->name[0]) == NULL ||
        alias->name[strspn(alias->name, others)] != '\0') {
        alias->name[0] = '\0';
        return refuse(alias, "not a valid name for a command (a-z, 0-9, _ and -, 64 at most)");
    }
    if (hermes_in_list(hermes->reserved, alias->name))
        return refuse(alias, "a reserved name");
    if (hermes_in_list(hermes->subcommands, alias->name))
        return refuse(alias, "the name of a subcommand");
    return true;
}

/* ---- PATH --------------------------------------------------------------------------------- */

/* The next directory of `search`, without the ':'; false at the end. */
static bool next_directory(const char **search, char directory[PATH_MAX])
{
    while (*search != NULL) {
        size_t bytes = strcspn(*search, ":");
        const char *start = *search;
        *search = start[bytes] == ':' ? start + bytes + 1 : NULL;
        /* Relative ones mean another place tomorrow. */
        if (bytes == 0 || bytes >= PATH_MAX || *start != '/')
            continue;
        memcpy(directory, start, bytes);
        directory[bytes] = '\0';
        return true;
    }
    return false;
}

char *alias_find_program(const char *search, const char *name)
{
    char directory[PATH_MAX];
    while (next_directory(&search, directory)) {
        size_t length = strlen(directory);
        char *path =
            hermes_format("%s%s%s", directory, directory[length - 1] == '/' ? "" : "/", name);
        struct stat status;
        if (path != NULL && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
            faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* Two names of one directory? */
static bool is_same_directory(const char *one, const char *other)
{
    struct stat here, there;
    if (strcmp(one, other) == 0)
        return true;
    return stat(one, &here) == 0 && stat(other, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

static bool is_in_path(const char *search, const char *wanted)
{
    char directory[PATH_MAX];
    while (next_directory(&search, directory))
        if (is_same_directory(directory, wanted))
            return true;
    return false;
}

/* A command of that name outside the alias directory; what lies inside is judged by its file. */
static bool is_other_command(const struct alias_place *place, struct alias *alias)
{
    HERMES_AUTO_FREE char *found = alias_find_program(place->search, alias->name);
    if (found == NULL)
        return false;
    char *slash = strrchr(found, '/');
    *slash = '\0';
    bool ours = is_same_directory(slash == found ? "/" : found, place->directory);
    *slash = '/';
    HERMES_AUTO_FREE char *shown = hermes_printable(found);
    if (!ours)
        snprintf(alias->reason, sizeof alias->reason, "%s is already a command",
                 shown == NULL ? alias->name : shown);
    return !ours;
}

/* ---- the place ------------------------------------------------------------------------------ */

char *alias_script(const struct alias_place *place, const char *name)
{
    HERMES_AUTO_FREE char *program = hermes_quoted(place->program);
    if (program == NULL)
        return NULL;
    char *script = hermes_format("#!/bin/sh\nexec %s -p %s \"$@\"\n", program, name);
    if (script == NULL || strstr(script, place->mark) != NULL)
        return script;
    /* A quote stands between the program and -p. */
    free(script);
    return hermes_format("#!/bin/sh\n# %s %s\nexec %s -p %s \"$@\"\n", place->mark, name, program,
                         name);
}

int alias_place_open(const struct hermes *hermes, bool dry_run, struct alias_place *place)
{
    const char *search = getenv("PATH");
    *place = (struct alias_place){
        .hermes = hermes, .search = search, .directory_fd = -1, .dry_run = dry_run};
    place->directory = alias_expand(hermes->alias_directory);
    place->mark = hermes_format("%s -p", hermes->program);
    place->program = alias_find_program(search, hermes->program);
    if (place->program == NULL)
        place->program = strdup(hermes->program);
    if (place->directory == NULL || place->mark == NULL || place->program == NULL)
        return hermes->host->fail(hermes->host, HB_STATUS_FATAL, "out of memory for the aliases");
    place->in_path = is_in_path(search, place->directory);
    return HB_OK;
}

void alias_place_clear(struct alias_place *place)
{
    if (place->directory_fd >= 0)
        close(place->directory_fd);
    as_owner_end(&place->owner);
    free(place->directory);
    free(place->mark);
    free(place->program);
    *place = (struct alias_place){.directory_fd = -1};
}

/* Opens the directory when the first alias needs it. False: `problem` says why it cannot be. */
static bool open_directory(struct alias_place *place)
{
    if (place->tried)
        return place->problem[0] == '\0';
    place->tried = true;
    place->directory_fd = alias_open_directory(place->directory, !place->dry_run, &place->owner);
    if (place->directory_fd >= 0 || (place->directory_fd == -ENOENT && place->dry_run))
        return true;
    HERMES_AUTO_FREE char *shown = hermes_printable(place->directory);
    snprintf(place->problem, sizeof place->problem, "%s: %s", shown == NULL ? "?" : shown,
             strerror(-place->directory_fd));
    place->directory_fd = -1;
    return false;
}

void alias_make(struct alias_place *place, const char *profile, struct alias *alias)
{
    if (!alias_name(place->hermes, profile, alias) || is_other_command(place, alias))
        return;
    if (!open_directory(place)) {
        refuse(alias, place->problem);
        return;
    }
    HERMES_AUTO_FREE char *script = alias_script(place, alias->name);
    if (script == NULL) {
        refuse(alias, "out of memory");
        return;
    }
    if (place->directory_fd < 0) /* a dry run: it would be made */
        alias->status = ALIAS_MADE;
    else
        alias_write(place, script, alias);
}

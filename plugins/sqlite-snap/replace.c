/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restoring by rename: for a target that is not there, or that SQLite cannot make anything of. Then
 * no log, index or journal of the old file may stay beside the new one, and nobody may have the old
 * file open: he would go on writing to an unlinked file, and into the log of the new one.
 */
#include "replace.h"
#include "holders.h"
#include "refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int cannot_remove(const struct hb_host *host, enum side side, int reason)
{
    return host->fail(host, status_for(reason),
                      "the stale %s beside it cannot be removed: %s; nothing was restored",
                      side_suffixes[side], strerror(reason));
}

static int remove_sides(const struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    bool removed = false;
    for (enum side side = SIDE_WAL; side < SIDES; side++) {
        char name[HELD_NAME_BYTES];
        struct stat found = {0};
        held_side_name(restoring->target->name, side, name);
        (void)fstatat(restoring->target->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW);
        if (unlinkat(restoring->target->directory_fd, name, 0) == 0) {
            removed = true;
            if (side != SIDE_SHM && found.st_size > 0)
                host->note(host, restoring->entry,
                           "removed a %s that was left there without its database: SQLite would "
                           "have applied it to the restored one",
                           side_suffixes[side]);
        } else if (errno != ENOENT)
            return cannot_remove(host, side, errno);
    }
    if (removed && !flush_directory(restoring))
        return host->fail(host, HB_STATUS_LATER, "its directory cannot be flushed: %s",
                          strerror(errno));
    return HB_RESTORE_RENAME;
}

/* Of the directory above all; what else keeps it from being removed shows then. */
int missing_is_refused(const struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    for (enum side side = SIDE_WAL; side < SIDES; side++) {
        char name[HELD_NAME_BYTES];
        struct stat found;
        held_side_name(restoring->target->name, side, name);
        if (fstatat(restoring->target->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(found.st_mode))
            return cannot_remove(host, side, EISDIR);
    }
    return HB_OK;
}

/* A log or journal without its database would be applied to the new one. */
int replace_missing(struct restoring *restoring)
{
    const struct hb_host *host = restoring->snap->host;
    AS_OWNER_AUTO owner = {0};
    int result = as_owner_begin(&owner, restoring->target->directory_fd);
    if (result != 0)
        return host->fail(host, HB_STATUS_ENTRY,
                          "hbcore cannot take on the rights of its directory's owner (%s): run "
                          "hbcore as that user",
                          strerror(-result));
    return remove_sides(restoring);
}

/* HB_OK: not there, or left over and of no use to anybody. */
static int look_at_side(struct restoring *restoring, enum side side, const char *what)
{
    char text[320];
    struct stat found;
    int fd = held_open_side(&restoring->live, side, O_RDONLY);
    if (fd == -ENOENT)
        return HB_OK;
    if (fd < 0 && restoring->live.refusal[0] != '\0')
        return refuse(restoring, restoring->live.refusal);
    bool plain = fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    bool content = plain && side != SIDE_SHM && found.st_size > 0;
    enum holders holders = plain ? holders_of(fd) : HOLDERS_UNKNOWN;
    if (fd >= 0)
        close(fd);
    if (content)
        snprintf(text, sizeof text,
                 "%s, but has a %s beside it, which may hold what is missing here: stop the "
                 "programs that use it, move both away and import again",
                 what, side_suffixes[side]);
    else if (holders != HOLDERS_NONE)
        snprintf(text, sizeof text,
                 "%s, and %s has the %s beside it open: stop the programs that use it, move both "
                 "away and import again",
                 what, holders == HOLDERS_SOME ? "a program" : "perhaps a program",
                 side_suffixes[side]);
    else
        return HB_OK;
    return !content && holders == HOLDERS_SOME ? refuse_for_now(restoring, text)
                                               : refuse(restoring, text);
}

int replace_is_refused(struct restoring *restoring, const char *what)
{
    char text[320];
    AS_OWNER_AUTO owner = {0};
    if (!held_begin(&restoring->live, &owner))
        return refuse(restoring, restoring->live.refusal);
    int fd = held_open_side(&restoring->live, SIDE_MAIN, O_RDONLY);
    enum holders holders = fd < 0 ? HOLDERS_UNKNOWN : holders_of(fd);
    if (fd >= 0)
        close(fd);
    if (holders == HOLDERS_UNKNOWN && restoring->live.status.st_nlink > 1) {
        snprintf(text, sizeof text,
                 "%s, and a program may have it open: stop the programs that use it, move it away "
                 "and import again",
                 what);
        return refuse(restoring, text);
    }
    if (holders == HOLDERS_SOME) {
        snprintf(text, sizeof text,
                 "%s, but a program has it open: stop that program and import again", what);
        return refuse_for_now(restoring, text);
    }
    for (enum side side = SIDE_WAL; side < SIDES; side++) {
        int status = look_at_side(restoring, side, what);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

int replace_existing(struct restoring *restoring, const char *what)
{
    int status = replace_is_refused(restoring, what);
    AS_OWNER_AUTO owner = {0};
    if (status != HB_OK)
        return status;
    return held_begin(&restoring->live, &owner) ? remove_sides(restoring)
                                                : refuse(restoring, restoring->live.refusal);
}

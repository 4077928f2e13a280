/* SPDX-License-Identifier: Apache-2.0 */
#include "host/not_kept.h"

#include "base/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

enum { USUAL_NAMES = 1024 }; /* bytes */

void hb_not_kept_begin(struct hb_not_kept *not_kept, const struct hb_keeps *keeps,
                       const struct stat *home)
{
    not_kept->keeps = *keeps;
    not_kept->user = home->st_uid;
    not_kept->group = home->st_gid;
    not_kept->owners = not_kept->hard_links = not_kept->times = 0;
    atomic_store(&not_kept->attributes, 0);
    atomic_store(&not_kept->access_lists, 0);
}

static bool keeps_time(const struct hb_keeps *keeps, const struct timespec *time)
{
    uint64_t second = 1000 * 1000 * 1000, step = keeps->time_step;
    if ((keeps->time_first != 0 || keeps->time_last != 0) &&
        (time->tv_sec < keeps->time_first || time->tv_sec > keeps->time_last))
        return false;
    if (step <= second)
        return (uint64_t)time->tv_nsec % step == 0;
    return time->tv_nsec == 0 && time->tv_sec % (int64_t)(step / second) == 0;
}

void hb_not_kept_entry(struct hb_not_kept *not_kept, const struct stat *status)
{
    if ((not_kept->keeps.flags & HB_KEEPS_OWNERS) == 0)
        not_kept->owners += status->st_uid != not_kept->user || status->st_gid != not_kept->group;
    not_kept->times += !keeps_time(&not_kept->keeps, &status->st_mtim);
    not_kept->hard_links += S_ISREG(status->st_mode) && status->st_nlink > 1;
}

/* Labels that the system itself gives every file are made anew with the file. */
static bool is_the_systems(const char *name)
{
    static const char *const names[] = {"security.selinux", "security.ima", "security.evm",
                                        "security.SMACK64"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void hb_not_kept_open(struct hb_not_kept *not_kept, int fd)
{
    char names[USUAL_NAMES];
    bool attributes = false, access_list = false;
    ssize_t bytes = flistxattr(fd, names, sizeof names);
    if (bytes < 0 && errno == ERANGE) /* more than that: some are there */
        attributes = true;
    for (ssize_t at = 0; at < bytes; at += (ssize_t)strlen(names + at) + 1) {
        if (strcmp(names + at, "system.posix_acl_access") == 0)
            access_list = true;
        else if (!is_the_systems(names + at))
            attributes = true;
    }
    if (attributes)
        atomic_fetch_add(&not_kept->attributes, 1);
    if (access_list)
        atomic_fetch_add(&not_kept->access_lists, 1);
}

static void put(FILE *text, const char *what, uint64_t count, const char *one, const char *more)
{
    if (count == 0)
        return;
    if (ftell(text) > 0)
        fputs(", ", text);
    fprintf(text, "%s of %" PRIu64 " %s", what, count, count == 1 ? one : more);
}

char *hb_not_kept_text(const struct hb_not_kept *not_kept)
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (stream == NULL)
        return NULL;
    put(stream, "extended attributes", atomic_load(&not_kept->attributes), "file", "files");
    put(stream, "access lists", atomic_load(&not_kept->access_lists), "file", "files");
    put(stream, "other owners", not_kept->owners, "entry", "entries");
    put(stream, "hard links", not_kept->hard_links, "file", "files");
    put(stream, "exact times", not_kept->times, "entry", "entries");
    fclose(stream);
    if (bytes > 0)
        return text;
    free(text);
    return NULL;
}

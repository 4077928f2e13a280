/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/incomplete.h"

#include "archive/archive.h"
#include "archive/fingerprint.h"
#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "host/format.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_NAMES = 100 };

/* What has a name. */
enum found {
    NOTHING,
    INCOMPLETE, /* an archive of ours that says so */
    STAYS       /* anything else; `why` says what */
};

/*
 * Opens what has the name, if it is a regular file, with the rights that it would be replaced with.
 * -1: `why`, or nothing is there: *found.
 */
static int open_file(const struct hb_directory *directory, const char *name, struct stat *status,
                     enum found *found, struct hb_error *why)
{
    HB_AUTO_AS as = {.changed = false};
    int fd = hb_as_begin(&as, &directory->rights);
    if (fd == 0)
        fd = openat(directory->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1)
        fd = -errno;
    *found = fd == -ENOENT ? NOTHING : STAYS;
    if (fd < 0)
        hb_error_set(why, HB_STATUS_FATAL, "cannot tell whether it is complete: %s",
                     hb_rights_explain(-fd));
    else if (fstat(fd, status) != 0)
        hb_error_set(why, HB_STATUS_FATAL, "cannot tell whether it is complete: %s",
                     strerror(errno));
    else if (!S_ISREG(status->st_mode))
        hb_error_set(why, HB_STATUS_FATAL, "it is not a regular file");
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Its trailer is enough: a block of ours with its checksum, which says whether it is incomplete. */
static enum found look(struct hb_run *run, const struct hb_directory *directory, const char *name,
                       struct stat *status, struct hb_error *why)
{
    enum found found = STAYS;
    struct hb_archive archive;
    struct hb_error reason = {0};
    int fd = open_file(directory, name, status, &found, why);
    if (fd < 0)
        return found;
    int result = hb_archive_open_fd(run, fd, "it", NULL, &archive, &reason);
    if (result == HB_OK)
        result = hb_archive_read_trailer(&archive, &reason);
    if (result != HB_OK)
        hb_error_set(why, HB_STATUS_FATAL, "cannot tell whether it is complete: %s", reason.text);
    else if (archive.later_trailer)
        hb_error_set(why, HB_STATUS_FATAL, HB_LATER_TRAILER);
    else if (!archive.has_trailer)
        hb_error_set(why, HB_STATUS_FATAL, "it does not say whether it is complete");
    else if (hb_trailer_incomplete(&archive.trailer))
        found = INCOMPLETE;
    else
        hb_error_set(why, HB_STATUS_FATAL, "it is complete");
    hb_archive_close(&archive);
    return found;
}

/* How long a name may be. NAME_MAX holds for most; FAT counts in characters, and says so in bytes.
 */
static size_t longest_name(int directory_fd)
{
    long limit = fpathconf(directory_fd, _PC_NAME_MAX);
    return limit > 0 && limit < NAME_MAX ? (size_t)limit : NAME_MAX;
}

/*
 * STEM.incomplete.SUFFIX, then STEM.incomplete-2.SUFFIX, … Where that is too long, the stem is cut
 * at a character, and a hash of the whole name tells it from others that begin alike.
 */
static char *name_beside(int directory_fd, const char *name, const char *const *suffixes,
                         unsigned number)
{
    size_t limit = longest_name(directory_fd), stem = hb_format_stem(suffixes, name);
    char count[16] = "", mark[16] = "";
    unsigned char hash[32];
    if (stem == 0)
        stem = strlen(name);
    const char *suffix = name + stem;
    if (number > 1)
        snprintf(count, sizeof count, "-%u", number);
    size_t others = strlen(".incomplete") + strlen(count) + strlen(suffix);
    if (stem + others > limit) {
        hb_key_hash(name, hash);
        others += (size_t)snprintf(mark, sizeof mark, "~%02x%02x%02x%02x", (unsigned)hash[0],
                                   (unsigned)hash[1], (unsigned)hash[2], (unsigned)hash[3]);
        stem = others < limit ? limit - others : 0;
        for (int i = 0; i < 3 && stem > 0 && ((unsigned char)name[stem] & 0xc0) == 0x80; i++)
            stem--;
    }
    return hb_text("%.*s%s.incomplete%s%s", (int)stem, name, mark, count, suffix);
}

/* What was found may be replaced; what comes to be there meanwhile stays, too. */
static void settle(struct hb_destination *destination, enum found found, const struct stat *status)
{
    destination->unique = found == NOTHING;
    destination->only_this = found == INCOMPLETE;
    if (destination->only_this)
        destination->replaced = *status;
}

/* Takes `name` over. */
static void rename_destination(struct hb_destination *destination, char *name)
{
    destination->kept = destination->path;
    destination->path = hb_text(
        "%s/%s", strcmp(destination->directory, "/") == 0 ? "" : destination->directory, name);
    free(destination->name);
    destination->name = name;
}

int hb_incomplete_find(struct hb_run *run, const struct hb_stage *stage,
                       const char *const *suffixes, struct hb_destination *destination,
                       struct hb_error *error)
{
    struct stat status;
    struct hb_error why = {0}, other;
    const struct hb_directory directory = {.fd = stage->parent_fd, .rights = stage->rights};
    if (destination->version != NULL)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: was not replaced: the new archive is incomplete",
                            destination->path);
    if (destination->store != NULL) /* nothing has that name: hb_destination_find_store() */
        return HB_OK;
    if (destination->stream || destination->unique)
        return HB_OK;
    enum found found = look(run, &directory, destination->name, &status, &why);
    if (found != STAYS) {
        settle(destination, found, &status);
        return HB_OK;
    }
    for (unsigned number = 1; number < MOST_NAMES; number++) {
        char *name = name_beside(directory.fd, destination->name, suffixes, number);
        found = look(run, &directory, name, &status, &other);
        if (found != STAYS) {
            rename_destination(destination, name);
            settle(destination, found, &status);
            hb_report_add(&run->report, HB_FOUND_NOTE, "",
                          "%s was not replaced: %s; the incomplete archive is %s",
                          destination->kept, why.text, destination->path);
            return HB_OK;
        }
        free(name);
    }
    return hb_error_set(
        error, HB_STATUS_FATAL,
        "%s: was not replaced: %s; all names for an incomplete archive beside it are taken",
        destination->path, why.text);
}

bool hb_incomplete_beside(struct hb_run *run, const char *const *suffixes,
                          const struct hb_destination *destination, struct stat *status)
{
    struct hb_error why;
    struct hb_directory directory;
    if (destination->stream || destination->unique || destination->store != NULL)
        return false;
    const char *base = hb_base_name(destination->path);
    HB_AUTO_FREE char *path =
        hb_copy_bytes(destination->path, (size_t)(base - destination->path)); /* ends with '/' */
    bool found = hb_directory_open(path, false, &directory) == 0 &&
                 hb_run_making(run, &directory, &directory.rights) == 0;
    HB_AUTO_FREE char *name = found ? name_beside(directory.fd, base, suffixes, 1) : NULL;
    found = found && look(run, &directory, name, status, &why) == INCOMPLETE;
    hb_directory_close(&directory);
    return found;
}

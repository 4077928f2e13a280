/* SPDX-License-Identifier: Apache-2.0 */
#include "files/names.h"

#include "base/memory.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool is_there(int directory_fd, const char *name)
{
    struct stat status;
    return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/*
 * A name of plain letters is real if nothing answers to it with the case of all letters changed:
 * every file system that folds anything folds that.
 */
static bool is_surely_so(int directory_fd, const char *name)
{
    HB_AUTO_FREE char *swapped = hb_copy_text(name);
    bool letters = false;
    for (char *at = swapped; *at != '\0'; at++) {
        unsigned char letter = (unsigned char)*at;
        bool last = at[1] == '\0';
        if (letter >= 0x80 || letter == '~' || (last && (letter == '.' || letter == ' ')))
            return false;
        if (isalpha(letter) != 0) {
            *at = (char)(letter ^ 0x20);
            letters = true;
        }
    }
    return !letters || !is_there(directory_fd, swapped);
}

void hb_names_clear(struct hb_names *names)
{
    hb_listing_free(&names->listing);
    *names = (struct hb_names){.known = false};
}

/* 0 or -errno. */
static int read_names(struct hb_names *names, int directory_fd)
{
    hb_names_clear(names);
    HB_AUTO_CLOSE int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &names->directory) != 0)
        return -errno;
    int result = hb_listing_read(fd, &names->listing);
    names->known = result == 0;
    return result;
}

static bool is_known(const struct hb_names *names, int directory_fd)
{
    struct stat status;
    return names->known && fstat(directory_fd, &status) == 0 &&
           status.st_dev == names->directory.st_dev && status.st_ino == names->directory.st_ino;
}

/* Which of the names stands for it? Letters of ASCII are compared, else what the names lead to. */
static char *find_real(const struct hb_names *names, int directory_fd, const char *name)
{
    struct stat wanted, found;
    for (size_t i = 0; i < names->listing.count; i++)
        if (strcasecmp(names->listing.names[i], name) == 0)
            return hb_copy_text(names->listing.names[i]);
    if (fstatat(directory_fd, name, &wanted, AT_SYMLINK_NOFOLLOW) != 0)
        return NULL;
    for (size_t i = 0; i < names->listing.count; i++)
        if (fstatat(directory_fd, names->listing.names[i], &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev)
            return hb_copy_text(names->listing.names[i]);
    return NULL;
}

int hb_name_real(struct hb_names *names, int directory_fd, const char *name, char **real)
{
    *real = NULL;
    if (is_surely_so(directory_fd, name) ||
        (is_known(names, directory_fd) && hb_listing_find(&names->listing, name) != SIZE_MAX))
        return 0;
    int result = read_names(names, directory_fd);
    if (result != 0 || hb_listing_find(&names->listing, name) != SIZE_MAX)
        return result;
    *real = find_real(names, directory_fd, name);
    return 1;
}

bool hb_names_are_folded(int directory_fd)
{
    static const char name[] = "hbcore-names-\xc3\xa9", upper[] = "HBCORE-NAMES-\xc3\xa9",
                      composed[] = "hbcore-names-e\xcc\x81";
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool folded = is_there(directory_fd, upper) || is_there(directory_fd, composed);
    unlinkat(directory_fd, name, 0);
    return folded;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "files/state_key.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static const char file_name[] = "reuse.key";

char *hb_state_directory(void)
{
    const char *given = getenv("XDG_STATE_HOME");
    if (given != NULL && *given == '/') /* the specification: a relative one does not count */
        return hb_text("%s/hbcore", given);
    if (geteuid() == 0)
        return hb_copy_text("/var/lib/hbcore");
    HB_AUTO_FREE char *state = hb_expand_tilde("~/.local/state");
    return *state == '/' ? hb_text("%s/hbcore", state) : NULL;
}

static int refuse(struct hb_state_key *key, const char *path, const char *why)
{
    free(key->why);
    key->why = hb_text("%s: %s", path, why);
    return -1;
}

/* With its name on the disk. The specification wants it open to the user alone. */
static void make_directory(const char *path)
{
    const char *name = hb_base_name(path);
    if (mkdir(path, 0700) != 0)
        return;
    HB_AUTO_FREE char *above = hb_copy_bytes(path, (size_t)(name - path));
    HB_AUTO_CLOSE int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)hb_flush_directory(fd);
}

/* What is missing of the way is made. */
static void make_way(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        make_directory(path);
        *slash = '/';
    }
    make_directory(path);
}

/* The directory, which nobody else may write to. A descriptor, or -1. */
static int open_directory(struct hb_state_key *key, char *path, bool make)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        make_way(path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return errno == ENOENT && !make ? -1 : refuse(key, path, strerror(errno));
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 022) == 0)
        return fd;
    close(fd);
    return refuse(key, path, "others can write to it, or it is another user's");
}

/* 0; 1: there is none, or half of one; -1: see key->why. */
static int read_key(struct hb_state_key *key, int directory_fd)
{
    struct stat status;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0 || fstat(fd, &status) != 0)
        return refuse(key, key->path, strerror(errno));
    key->exists = true;
    key->device = status.st_dev;
    key->inode = status.st_ino;
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return refuse(key, key->path, "others can read it, or it is another user's; remove it");
    if (status.st_size != HB_KEY_BYTES)
        return 1;
    int64_t got = hb_read_all_at(fd, key->key, HB_KEY_BYTES, 0);
    if (got != HB_KEY_BYTES)
        return refuse(key, key->path, got < 0 ? strerror((int)-got) : "was cut short");
    key->known = true;
    return 0;
}

/*
 * Written under a name of its own and linked to the right one: of several runs that make it at a
 * time one wins, and all use that. What is half a key is replaced.
 */
static int write_key(struct hb_state_key *key, int directory_fd)
{
    unsigned char bytes[HB_KEY_BYTES];
    uint64_t number;
    char name[64];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes ||
        getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return refuse(key, key->path, "there is no randomness");
    snprintf(name, sizeof name, "%s.%016" PRIx64, file_name, number);
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(key, key->path, strerror(errno));
    int result = hb_write_all(fd, bytes, sizeof bytes);
    if (result == 0 && (fchmod(fd, 0600) != 0 || fsync(fd) != 0))
        result = -errno;
    if (result == 0 && key->exists)
        result = renameat(directory_fd, name, directory_fd, file_name) == 0 ? 0 : -errno;
    else if (result == 0 &&
             renameat2(directory_fd, name, directory_fd, file_name, RENAME_NOREPLACE) != 0)
        result = errno == EEXIST ? 0 : -errno;
    if (result == -EINVAL) /* a file system that does not know the flag */
        result = renameat(directory_fd, name, directory_fd, file_name) == 0 ? 0 : -errno;
    unlinkat(directory_fd, name, 0);
    fsync(directory_fd);
    return result == 0 ? 0 : refuse(key, key->path, strerror(-result));
}

void hb_state_key_find(bool make, struct hb_state_key *key)
{
    *key = (struct hb_state_key){.known = false};
    HB_AUTO_FREE char *directory = hb_state_directory();
    if (directory == NULL) {
        refuse(key, "the directory for state", "there is none: HOME is not set");
        return;
    }
    key->path = hb_text("%s/%s", directory, file_name);
    HB_AUTO_CLOSE int fd = open_directory(key, directory, make);
    if (fd < 0)
        return;
    int result = read_key(key, fd);
    if (result == 1 && make && write_key(key, fd) == 0) {
        key->made = true;
        if (read_key(key, fd) == 1)
            refuse(key, key->path, "is not as it was written");
    }
}

void hb_state_key_clear(struct hb_state_key *key)
{
    free(key->path);
    free(key->why);
    explicit_bzero(key, sizeof *key);
}

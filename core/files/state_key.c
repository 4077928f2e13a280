/* SPDX-License-Identifier: Apache-2.0 */
#include "files/state_key.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static const char directory_name[] = "hbcore", file_name[] = "reuse.key";

/* Is it …/hbcore/NAME? What stands behind NAME, or NULL. */
static const char *behind_name(const char *root, const char *path, const char *wanted)
{
    const char *name = hb_base_name(path), *end = name - (name > path);
    size_t length = strlen(wanted);
    const char *directory = end > path ? path : root;
    size_t bytes = end > path ? (size_t)(end - path) : strlen(root);
    const char *slash = memrchr(directory, '/', bytes);
    const char *last = slash == NULL ? directory : slash + 1;
    bytes -= (size_t)(last - directory);
    return strncmp(name, wanted, length) == 0 && bytes == sizeof directory_name - 1 &&
                   memcmp(last, directory_name, bytes) == 0
               ? name + length
               : NULL;
}

bool hb_state_key_is_at(const char *root, const char *path)
{
    const char *behind = behind_name(root, path, file_name);
    return behind != NULL && (*behind == '\0' || *behind == '.');
}

bool hb_state_history_is_at(const char *root, const char *path)
{
    const char *behind = behind_name(root, path, HB_HISTORY_NAME);
    return behind != NULL && (*behind == '\0' || strcmp(behind, "-journal") == 0 ||
                              strcmp(behind, "-wal") == 0 || strcmp(behind, "-shm") == 0);
}

bool hb_state_is_on_way(const char *path)
{
    size_t bytes = sizeof directory_name - 1;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, directory_name, bytes) == 0 && (at[bytes] == '/' || at[bytes] == '\0'))
            return true;
    }
    return false;
}

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

/*
 * Makes what is missing of the way, open to the user alone, as the specification has it, with its
 * names on the disk.
 */
static int make_steps(int fd, char *steps)
{
    for (char *save, *name = strtok_r(steps, "/", &save); name != NULL && fd >= 0;
         name = strtok_r(NULL, "/", &save)) {
        int made = mkdirat(fd, name, 0700) == 0 ? 0 : -errno;
        if (made == 0)
            (void)hb_flush_directory(fd);
        else if (made == -EEXIST)
            made = 0;
        int next =
            made == 0 ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : made;
        int error = errno;
        close(fd);
        fd = next == -1 ? -error : next;
    }
    return fd;
}

/*
 * From the last directory on the way that there is. As root, in a directory of another user's (sudo
 * -E keeps his XDG_STATE_HOME) nothing is made: with root's rights it would be made wherever he has
 * a link lead, and with his it would be his, and no secret of root's. A descriptor or -errno.
 */
static int make_way(const char *path)
{
    struct hb_directory there;
    HB_AUTO_FREE char *above = hb_copy_text(path);
    int result = -ENOENT;
    while (result == -ENOENT && *above != '\0') {
        *strrchr(above, '/') = '\0';
        result = hb_directory_open(*above == '\0' ? "/" : above, false, &there);
    }
    if (result != 0)
        return result;
    if (there.led || there.rights.other) {
        hb_directory_close(&there);
        return -EKEYREVOKED;
    }
    HB_AUTO_FREE char *steps = hb_copy_text(path + strlen(above));
    return make_steps(there.fd, steps);
}

/* The directory, which nobody else may write to. A descriptor, or -1. */
static int open_directory(struct hb_state_key *key, const char *path, bool make)
{
    struct stat status;
    struct hb_directory directory;
    int result = hb_directory_open(path, false, &directory);
    if (result == -ENOENT && make) {
        directory.fd = make_way(path);
        result = directory.fd < 0 ? directory.fd : 0;
    }
    if (result == -EKEYREVOKED)
        return refuse(key, path, "is not made, because it would lie in another user's directory");
    if (result != 0)
        return result == -ENOENT && !make ? -1 : refuse(key, path, hb_rights_explain(-result));
    if (!directory.led && fstat(directory.fd, &status) == 0 && status.st_uid == geteuid() &&
        (status.st_mode & 022) == 0)
        return directory.fd;
    hb_directory_close(&directory);
    return refuse(key, path,
                  "others can write to it, or it belongs to another user, or another user's link "
                  "leads there");
}

int hb_state_directory_open(bool make, char **why)
{
    struct hb_state_key none = {.known = false};
    HB_AUTO_FREE char *path = hb_state_directory();
    int fd = path == NULL ? -1 : open_directory(&none, path, make);
    *why = none.why;
    return fd;
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
        return refuse(key, key->path,
                      "others can read it, or it belongs to another user; remove it");
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
        return refuse(key, key->path, "the system gives no random bytes");
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
        refuse(key, "the directory for state", "does not exist: HOME is not set");
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
            refuse(key, key->path, "does not contain what was written");
    }
}

void hb_state_key_clear(struct hb_state_key *key)
{
    free(key->path);
    free(key->why);
    explicit_bzero(key, sizeof *key);
}

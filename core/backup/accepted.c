/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/accepted.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/state_key.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, MOST_BYTES = 1 << 20 };

/* Caller frees. */
static char *name_of(const struct hb_origin *origin)
{
    return hb_text("accepted-%s", origin->home);
}

/* NULL: there is none that can be read, or it is of a later version. */
static json_t *read_file(int directory, const char *name)
{
    struct stat status;
    HB_AUTO_CLOSE int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & 022) != 0 || status.st_size > MOST_BYTES)
        return NULL;
    HB_AUTO_FREE char *text = hb_alloc((size_t)status.st_size + 1);
    int64_t got = hb_read_all_at(fd, text, (size_t)status.st_size, 0);
    json_t *file = got <= 0 ? NULL : json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);
    if (json_integer_value(json_object_get(file, "version")) == VERSION &&
        json_is_array(json_object_get(file, "accepted")))
        return file;
    json_decref(file);
    return NULL;
}

static json_t *row_of(const struct hb_origin *origin)
{
    return json_pack("{s:I, s:I}", "sequence", (json_int_t)origin->sequence, "started",
                     (json_int_t)origin->started);
}

static bool has(const json_t *file, const struct hb_origin *origin)
{
    size_t i;
    json_t *there, *row = row_of(origin);
    bool found = false;
    json_array_foreach(json_object_get(file, "accepted"), i, there) found |=
        json_equal(there, row) != 0;
    json_decref(row);
    return found;
}

bool hb_shrink_is_accepted(const struct hb_origin *origin)
{
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_FREE char *name = name_of(origin);
    if (*origin->home == '\0' || origin->started == 0)
        return false;
    HB_AUTO_CLOSE int directory = hb_state_directory_open(false, &why);
    json_t *file = directory < 0 ? NULL : read_file(directory, name);
    bool accepted = has(file, origin);
    json_decref(file);
    return accepted;
}

/* As a whole, under a name of its own until it is on the disk. */
static int write_file(int directory, const char *name, const json_t *file)
{
    HB_AUTO_FREE char *text = json_dumps(file, JSON_COMPACT | JSON_SORT_KEYS);
    HB_AUTO_FREE char *other = hb_text("%s.new", name);
    unlinkat(directory, other, 0);
    HB_AUTO_CLOSE int fd =
        openat(directory, other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int result = hb_write_all(fd, text, strlen(text));
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (result == 0 && renameat(directory, other, directory, name) != 0)
        result = -errno;
    if (result != 0)
        unlinkat(directory, other, 0);
    return result == 0 ? hb_flush_directory(directory) : result;
}

int hb_shrink_accept(const struct hb_origin *origin, char **why)
{
    HB_AUTO_FREE char *name = name_of(origin);
    HB_AUTO_CLOSE int directory = hb_state_directory_open(true, why);
    if (directory < 0)
        return -ENOENT;
    json_t *file = read_file(directory, name);
    if (file == NULL)
        file = json_pack("{s:i, s:[]}", "version", VERSION, "accepted");
    int result = 0;
    if (!has(file, origin)) {
        json_array_append_new(json_object_get(file, "accepted"), row_of(origin));
        result = write_file(directory, name, file);
    }
    json_decref(file);
    return result;
}

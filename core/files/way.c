/* SPDX-License-Identifier: Apache-2.0 */
#include "files/way.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/owner.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_OPEN = 64 /* so many of the last directories on a way, whatever its length */ };

static void way_leave(struct hb_way *way)
{
    struct hb_way_step *step = &way->steps[way->depth--];
    if (step->fd >= 0)
        close(step->fd);
    free(step->name);
}

/* Where we are, which was closed. Its names are walked again, links not followed. 0 or -errno. */
static int way_open_again(struct hb_way *way)
{
    int at = way->steps[0].fd;
    for (size_t i = 1; i <= way->depth; i++) {
        HB_AUTO_AS as = {.changed = false};
        (void)hb_as_begin(&as, way->led ? &way->leader : &way->steps[i - 1].rights);
        int fd = openat(at, way->steps[i].name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (i > 1)
            close(at);
        if (fd < 0)
            return -error;
        at = fd;
    }
    way->steps[way->depth].fd = at;
    return 0;
}

int hb_way_up(struct hb_way *way)
{
    way_leave(way);
    return hb_way_fd(way) >= 0 ? 0 : way_open_again(way);
}

void hb_way_start_over(struct hb_way *way)
{
    while (way->depth > 0)
        way_leave(way);
}

static void note_made(struct hb_way *way, int parent_fd, const char *name)
{
    way->made = hb_resize(way->made, way->made_count + 1, sizeof *way->made);
    way->made[way->made_count++] =
        (struct hb_made_directory){.parent_fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 3),
                                   .name = hb_copy_text(name),
                                   .rights = *hb_way_rights(way)};
}

static bool remove_made(const struct hb_made_directory *made)
{
    HB_AUTO_AS as = {.changed = false};
    return made->parent_fd >= 0 && hb_as_begin(&as, &made->rights) == 0 &&
           unlinkat(made->parent_fd, made->name, AT_REMOVEDIR) == 0;
}

/* Its name, down to the disk. Where the directory above may not be read, all of the file system. */
static int flush_made(const struct hb_made_directory *made)
{
    HB_AUTO_AS as = {.changed = false};
    int result = made->parent_fd < 0 ? -EMFILE : hb_as_begin(&as, &made->rights);
    if (result == 0)
        result = hb_flush_directory(made->parent_fd);
    if (result != -EACCES)
        return result;
    HB_AUTO_CLOSE int fd = openat(made->parent_fd, made->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || syncfs(fd) != 0 ? -errno : 0;
}

int hb_way_end_made(struct hb_way *way, bool stays, bool flushed, unsigned *count)
{
    int result = 0;
    while (way->made_count > 0) {
        struct hb_made_directory *made = &way->made[--way->made_count];
        if (stays && flushed && result == 0)
            result = flush_made(made);
        bool gone = !stays && remove_made(made);
        if (!gone && count != NULL)
            (*count)++;
        if (made->parent_fd >= 0)
            close(made->parent_fd);
        free(made->name);
    }
    free(way->made);
    return result;
}

/* What root makes belongs to the owner of the directory that it lies in. 0 or -errno. */
static int inherit(int directory_fd, const char *name)
{
    struct hb_owner owner;
    int result = hb_owner_of(directory_fd, &owner);
    return result == 0 ? hb_owner_inherit(directory_fd, &owner, name) : result;
}

static int make_on_way(struct hb_way *way, int at, const char *name)
{
    if (mkdirat(at, name, 0777) != 0)
        return errno == EEXIST ? 0 : -errno;
    note_made(way, at, name);
    return way->led ? 0 : inherit(at, name);
}

static void way_add(struct hb_way *way, const struct hb_way_step *step)
{
    if (++way->depth == way->capacity) {
        way->capacity *= 2;
        way->steps = hb_resize(way->steps, way->capacity, sizeof *way->steps);
    }
    way->steps[way->depth] = *step;
    if (way->depth <= KEPT_OPEN)
        return;
    struct hb_way_step *far = &way->steps[way->depth - KEPT_OPEN];
    if (far->fd >= 0)
        close(far->fd);
    far->fd = -1;
}

int hb_way_enter(struct hb_way *way, const char *name, bool make)
{
    int at = hb_way_fd(way);
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, hb_way_rights(way)), rights = result;
    if (!hb_may_look(result))
        return result;
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        result = rights == 0 ? make_on_way(way, at, name) : rights;
        if (result != 0)
            return result;
        fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    struct hb_way_step step = {.fd = fd};
    result = hb_rights_of(fd, &step.rights);
    if (result != 0) {
        close(fd);
        return result;
    }
    step.name = hb_copy_text(name);
    way_add(way, &step);
    return 0;
}

char *hb_way_path(const struct hb_way *way, const char *name)
{
    size_t bytes = strlen(name) + 1;
    for (size_t i = 1; i <= way->depth; i++)
        bytes += strlen(way->steps[i].name) + 1;
    char *path = hb_alloc(bytes), *end = path;
    for (size_t i = 1; i <= way->depth; i++) {
        size_t length = strlen(way->steps[i].name);
        memcpy(end, way->steps[i].name, length);
        end += length;
        *end++ = '/';
    }
    memcpy(end, name, strlen(name) + 1);
    return path;
}

void hb_way_be_led(struct hb_way *way, const struct stat *link)
{
    struct stat directory;
    if (way->led || !hb_rights_matter())
        return;
    way->leader = way->steps[way->depth].rights;
    way->led = way->leader.other;
    if (!way->led && link->st_uid != 0 && fstat(hb_way_fd(way), &directory) == 0 &&
        (directory.st_mode & 022) != 0) {
        way->leader = hb_rights_from(link);
        way->led = true;
    }
}

void hb_way_free(struct hb_way *way)
{
    hb_way_start_over(way);
    free(way->steps);
    free(way);
}

struct hb_way *hb_way_new(int fd, const struct hb_rights *rights, bool led)
{
    struct hb_way *way = hb_alloc(sizeof *way);
    way->capacity = 16;
    way->steps = hb_alloc(way->capacity * sizeof *way->steps);
    way->steps[0] = (struct hb_way_step){.fd = fd, .rights = *rights};
    way->leader = *rights;
    way->led = led;
    return way;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/begun.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A number and a line end for each. */
static const char *const file_names[] = {[HB_MARK_BEGUN] = "begun", [HB_MARK_LEFT] = "left"};

static int append(int fd, enum hb_marks which, uint64_t index)
{
    char line[32];
    int bytes = snprintf(line, sizeof line, "%" PRIu64 "\n", index);
    int result = hb_write_all(fd, line, (size_t)bytes);
    return result == 0 && which == HB_MARK_BEGUN && fdatasync(fd) != 0 ? -errno : result;
}

int hb_begun_mark(const struct hb_stage *stage, enum hb_marks which, uint64_t index)
{
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    if (result != 0)
        return result;
    bool made = false;
    int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
    HB_AUTO_CLOSE int fd = openat(stage->fd, file_names[which], flags);
    if (fd < 0 && errno == ENOENT) {
        fd = openat(stage->fd, file_names[which], flags | O_CREAT, 0600);
        made = which == HB_MARK_BEGUN;
    }
    if (fd < 0)
        return -errno;
    result = append(fd, which, index);
    return result == 0 && made && fsync(stage->fd) != 0 ? -errno : result;
}

/* A line that was not finished any more is of a row that was not begun. */
static void parse(struct hb_begun *begun, char *text)
{
    for (char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        *end = '\0';
        if (strspn(text, "0123456789") != (size_t)(end - text) || end == text)
            continue;
        begun->rows = hb_resize(begun->rows, begun->count + 1, sizeof *begun->rows);
        begun->rows[begun->count++] = strtoull(text, NULL, 10);
    }
}

int hb_begun_read(int stage_fd, enum hb_marks which, struct hb_begun *begun)
{
    enum { MOST = 64 << 20 };
    struct stat status;
    *begun = (struct hb_begun){.count = 0};
    HB_AUTO_CLOSE int fd =
        openat(stage_fd, file_names[which], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size > MOST)
        return -EBADMSG;
    HB_AUTO_FREE char *text = hb_alloc((size_t)status.st_size + 1);
    int64_t got = hb_read_all_at(fd, text, (size_t)status.st_size, 0);
    if (got < 0)
        return (int)got;
    parse(begun, text);
    return 0;
}

bool hb_begun_has(const struct hb_begun *begun, uint64_t index)
{
    for (size_t i = 0; begun != NULL && i < begun->count; i++)
        if (begun->rows[i] == index)
            return true;
    return false;
}

void hb_begun_clear(struct hb_begun *begun)
{
    free(begun->rows);
    *begun = (struct hb_begun){.count = 0};
}

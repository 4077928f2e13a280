/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for each step: "m INDEX MODE INODE SECONDS NANOSECONDS", it was made, with the time of its
 * birth, for a number may be given again; "g", its mode is about to be set, with the time of the
 * last change; "d", it has this mode; "a": all are noted. The last line of an index counts. The
 * lines are there whoever is killed; a power cut may take some.
 */
#include "restore/made.h"

#include "base/memory.h"
#include "files/access.h"
#include "files/io.h"
#include "files/listing.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "made";
enum { MOST = 256 << 20 };
#define PIECE (UINT64_C(1) << 63) /* alone, or with the inode: the index of a piece of a tree */

struct hb_made_note {
    uint64_t index;
    size_t line; /* the last one counts */
    char step;
    uint32_t mode;
    uint64_t inode;
    int64_t seconds;
    uint32_t nanoseconds;
};

/* ---- what is there ------------------------------------------------------------------------- */

/* `name` in the directory, or with "" the directory itself. */
static bool look(int fd, const char *name, char step, struct hb_made_note *note)
{
    struct statx now;
    if (statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
              &now) != 0 ||
        !S_ISDIR(now.stx_mode))
        return false;
    bool birth = step == 'm' && (now.stx_mask & STATX_BTIME) != 0;
    *note =
        (struct hb_made_note){.step = step, .mode = now.stx_mode & 07777u, .inode = now.stx_ino};
    if (step == 'g' || birth) {
        note->seconds = birth ? now.stx_btime.tv_sec : now.stx_ctime.tv_sec;
        note->nanoseconds = birth ? now.stx_btime.tv_nsec : now.stx_ctime.tv_nsec;
    }
    return true;
}

static bool is_same_time(const struct hb_made_note *one, const struct hb_made_note *other)
{
    return one->seconds == other->seconds && one->nanoseconds == other->nanoseconds;
}

static bool is_empty(int directory_fd, const char *name)
{
    struct hb_listing listing = {.count = 0};
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool empty = fd >= 0 && hb_listing_read(fd, &listing) == 0 && listing.count == 0;
    hb_listing_free(&listing);
    return empty;
}

/* ---- the file ------------------------------------------------------------------------------ */

static int compare(const void *left, const void *right)
{
    const struct hb_made_note *one = left, *other = right;
    if (one->index != other->index)
        return one->index < other->index ? -1 : 1;
    return one->line < other->line ? 1 : -1; /* the last one first */
}

/* The next number of the line; a negative one comes out as its complement. */
static bool take(char **at, int base, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(*at, &end, base);
    bool found = end != *at && errno == 0;
    *at = end;
    return found;
}

static bool parse_line(char *text, struct hb_made_note *note)
{
    char *at = text + 1;
    uint64_t mode, seconds, nanoseconds;
    if (*text == '\0' || *at != ' ' || !take(&at, 10, &note->index) || !take(&at, 8, &mode) ||
        !take(&at, 10, &note->inode) || !take(&at, 10, &seconds) || !take(&at, 10, &nanoseconds) ||
        *at != '\0')
        return false;
    note->step = *text;
    note->mode = (uint32_t)mode;
    note->seconds = (int64_t)seconds;
    note->nanoseconds = (uint32_t)nanoseconds;
    return true;
}

static void parse(struct hb_made *made, char *text)
{
    size_t lines = 0;
    for (char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        struct hb_made_note note = {.line = lines++};
        *end = '\0';
        if (!parse_line(text, &note))
            continue;
        if (note.step == 'a') {
            made->all = true;
            continue;
        }
        if ((made->count & (made->count - 1)) == 0)
            made->of =
                hb_resize(made->of, made->count == 0 ? 1 : made->count * 2, sizeof *made->of);
        made->of[made->count++] = note;
    }
    if (made->count == 0)
        return;
    qsort(made->of, made->count, sizeof *made->of, compare);
    size_t kept = 1;
    for (size_t i = 1; i < made->count; i++)
        if (made->of[i].index != made->of[kept - 1].index)
            made->of[kept++] = made->of[i];
    made->count = kept;
}

void hb_made_open(const struct hb_stage *stage, struct hb_made *made)
{
    struct stat status;
    HB_AUTO_AS as = {.changed = false};
    *made = (struct hb_made){.fd = -1};
    if (stage == NULL || hb_as_begin(&as, &stage->rights) != 0)
        return;
    int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    made->fd = openat(stage->fd, file_name, flags);
    if (made->fd < 0 && errno == ENOENT) {
        made->fd = openat(stage->fd, file_name, flags | O_CREAT | O_EXCL, 0600);
        return;
    }
    if (made->fd < 0)
        return;
    made->noted = true;
    if (fstat(made->fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > MOST) {
        close(made->fd);
        made->fd = -1;
        return;
    }
    HB_AUTO_FREE char *text = hb_alloc((size_t)status.st_size + 1);
    if (hb_read_all_at(made->fd, text, (size_t)status.st_size, 0) >= 0)
        parse(made, text);
}

void hb_made_close(struct hb_made *made)
{
    if (made->fd >= 0)
        close(made->fd);
    free(made->of);
    *made = (struct hb_made){.fd = -1};
}

/* One that cannot be written is missing: then the directory counts as the user's. */
static void append(struct hb_made *made, uint64_t index, const struct hb_made_note *note)
{
    char line[160];
    int bytes = snprintf(
        line, sizeof line, "%c %" PRIu64 " %" PRIo32 " %" PRIu64 " %" PRId64 " %" PRIu32 "\n",
        note->step, index, note->mode, note->inode, note->seconds, note->nanoseconds);
    if (made->fd >= 0)
        (void)hb_write_all(made->fd, line, (size_t)bytes);
}

/* What it is now. `index`: of its row, or PIECE. */
static void note(struct hb_made *made, char step, uint64_t index, int fd, const char *name)
{
    struct hb_made_note note;
    if (look(fd, name, step, &note))
        append(made, index == PIECE ? note.inode | PIECE : index, &note);
}

void hb_made_note(struct hb_made *made, uint64_t index, int directory_fd, const char *name)
{
    note(made, 'm', index, directory_fd, name);
    made->fresh++;
}

void hb_made_note_piece(struct hb_made *made, int directory_fd, const char *name)
{
    hb_made_note(made, PIECE, directory_fd, name);
}

void hb_made_flush(struct hb_made *made)
{
    if (made->fd >= 0 && made->fresh > 0)
        (void)fdatasync(made->fd);
    made->fresh = 0;
}

void hb_made_all(struct hb_made *made)
{
    const struct hb_made_note note = {.step = 'a'};
    if (!made->all)
        append(made, 0, &note);
    made->all = true;
    hb_made_flush(made);
}

void hb_made_finishing(struct hb_made *made, uint64_t index, int fd)
{
    note(made, 'g', index, fd, "");
}

void hb_made_finished(struct hb_made *made, uint64_t index, int fd)
{
    note(made, 'd', index, fd, "");
}

/* ---- the answer ---------------------------------------------------------------------------- */

static const struct hb_made_note *find(const struct hb_made *made, uint64_t index)
{
    size_t low = 0, high = made->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (made->of[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < made->count && made->of[low].index == index ? &made->of[low] : NULL;
}

/* Open to its owner, and to others no more than it shall be. */
static bool is_no_wider(uint32_t now, uint32_t mode)
{
    return (now & 0700) == 0700 && (now & 077 & ~mode) == 0;
}

/*
 * One of which nothing is noted. A tree that was moved as a whole has its modes, but that its owner
 * may write; and what is empty was killed when it had just been made.
 */
static bool is_not_yet_noted(const struct hb_made *made, const struct hb_made_note *now,
                             int directory_fd, const char *name, uint32_t mode, bool copied)
{
    const struct hb_made_note *piece = find(made, now->inode | PIECE);
    if (!is_no_wider(now->mode, mode))
        return false;
    if (!made->noted || copied || is_empty(directory_fd, name)) /* not: by a former version */
        return true;
    return !made->all && ((now->mode & 0777) == ((mode & 0777) | 0700) ||
                          (piece != NULL && piece->mode == now->mode && is_same_time(piece, now)));
}

enum hb_made_state hb_made_look(const struct hb_made *made, uint64_t index, int directory_fd,
                                const char *name, uint32_t mode, bool copied)
{
    const struct hb_made_note *note = find(made, index);
    struct hb_made_note now;
    if (!look(directory_fd, name, note == NULL ? 'm' : note->step, &now))
        return HB_MADE_TOUCHED;
    bool same = note != NULL && note->mode == now.mode &&
                (copied || (note->inode == now.inode && is_same_time(note, &now)));
    if ((note == NULL || note->step != 'd') && same)
        return HB_MADE_UNFINISHED;
    bool given = (now.mode & 0777) == (mode & 0777) && (mode & HB_DIRECTORY_MODES & ~now.mode) == 0;
    if (given || (same && note->step == 'd'))
        return HB_MADE_FINISHED;
    if (note == NULL && is_not_yet_noted(made, &now, directory_fd, name, mode, copied))
        return HB_MADE_UNFINISHED;
    return HB_MADE_TOUCHED;
}

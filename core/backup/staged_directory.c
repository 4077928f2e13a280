/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publication of a directory.
 *
 * What it promises: whoever sees the name sees all that belongs under it, and sees it also after
 * the power failed. Killed at any moment, a run leaves nothing under the name, and what it leaves
 * beside it is removed by the next run.
 *
 *     begin            a stage beside the place, locked: a left-over if we are killed
 *       |
 *     copy, copy, ...  files in it, each whole or gone again
 *       |
 *     publish          all of it is flushed to the disk, then renamed, then the directory above is
 *       |              flushed
 *     end              removes the stage, unless it has its name by now
 *
 * The rename is the only step that others can see. A directory cannot be replaced by a rename as a
 * file can, so the name has to be free: the caller holds the lock of the home, and nobody else
 * makes names there. Still, as root in another user's directory, that user can put something under
 * our stage's name between two calls. So the name is compared with the descriptor afterwards: what
 * was published is what was written, or the run fails.
 *
 * One syncfs() and not an fsync() a file: there may be many small files, and each fsync() waits for
 * the journal of the file system.
 *
 * Copies are read as a backup reads (pipeline/reader.h): through the content plugin, again if the
 * file changes meanwhile, with the same findings in the report. Half a file is worth nothing, and
 * goes again. They keep mode, times and, as far as root may say so, the owner.
 */
#include "backup/staged_directory.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "files/access.h"
#include "files/io.h"
#include "files/owner.h"
#include "host/lost.h"
#include "pipeline/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { COPY_BYTES = 1 << 20 };

/* ---- one file ------------------------------------------------------------------------------ */

/* A file that is being copied. */
struct copy {
    struct hb_staged_directory *staged;
    struct hb_reader *reader;
    const char *path;
    struct hb_error *error;
    struct hb_place place;
    int fd;
};

/* A full disk concerns all. */
static int cannot_write(const struct copy *copy, int reason)
{
    hb_error_set(copy->error, HB_STATUS_FATAL, "%s: cannot be copied to %s: %s", copy->path,
                 copy->staged->stage.path, hb_rights_explain(reason));
    hb_error_space(copy->error, reason, " and try again; nothing was published");
    return HB_STATUS_FATAL;
}

/* A new file, with its directories. 0 or -errno. */
static int make_file(struct copy *copy)
{
    struct stat status;
    hb_stage_refresh(&copy->staged->stage);
    int result =
        hb_beneath_resolve(&copy->staged->root, copy->path, HB_MAKE_PARENTS, &copy->place, NULL);
    if (result != 0)
        return result;
    /* As root, the stage of another user's home is his: what has the name may be a pipe of his. */
    copy->fd = openat(copy->place.directory_fd, copy->place.name,
                      O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (copy->fd < 0 || fstat(copy->fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? 0 : -ENOTSUP;
}

/* One pass over what is open; *bytes is what was there. HB_OK, HB_STATUS_ENTRY, HB_STATUS_FATAL,
 * HB_STATUS_CANCELLED. */
static int copy_once(const struct copy *copy, uint64_t *bytes)
{
    const struct hb_reader *reader = copy->reader;
    struct hb_run *run = copy->staged->run;
    unsigned char *buffer = copy->staged->buffer;
    *bytes = 0;
    if (ftruncate(copy->fd, 0) != 0)
        return cannot_write(copy, errno);
    for (;;) {
        if (hb_run_cancelled(run))
            return hb_error_set(copy->error, HB_STATUS_CANCELLED, "interrupted");
        uint64_t left = reader->fd < 0 ? reader->entry.bytes - *bytes : COPY_BYTES;
        int64_t got =
            hb_reader_read(reader, buffer, left < COPY_BYTES ? (size_t)left : COPY_BYTES, *bytes);
        bool ended = got == 0 && reader->fd < 0 && left > 0;
        if (got < 0 || ended) {
            hb_report_add(&run->report, HB_FOUND_SKIPPED, copy->path, "%s",
                          ended ? "the source of its plugin ended too early"
                                : hb_reader_why(reader, got));
            return HB_STATUS_ENTRY;
        }
        if (got == 0)
            return HB_OK;
        int result = hb_write_all_at(copy->fd, buffer, (size_t)got, *bytes);
        if (result != 0)
            return cannot_write(copy, -result);
        *bytes += (uint64_t)got;
    }
}

/*
 * Whose is what root makes here? In a directory of root's root decides; in another user's it is
 * his, with whose rights it was made, or root's own, where root's own were used.
 */
static bool root_decides(const struct hb_staged_directory *staged, struct hb_owner *above)
{
    return !staged->stage.rights.other && hb_owner_of(staged->stage.parent_fd, above) == 0 &&
           above->give && above->user == 0;
}

/* The copy belongs to whom the file belongs to, where root decides. 0 or -errno. */
static int give_copy(const struct copy *copy)
{
    const struct hb_entry *entry = &copy->reader->entry;
    struct hb_owner owner = hb_owner_known(entry->uid, entry->gid), above;
    struct stat made;
    if (!root_decides(copy->staged, &above))
        return 0;
    int result = hb_owner_give(&owner, copy->fd);
    if (result == 0 && fstat(copy->fd, &made) == 0 &&
        (made.st_uid != owner.user || made.st_gid != owner.group))
        hb_tell_lost(copy->staged->run, entry->path, HB_LOST_OWNER);
    return result;
}

/* Mode, times and owner as they were. */
static int finish_file(const struct copy *copy)
{
    const struct hb_reader *reader = copy->reader;
    struct timespec times[2] = {reader->accessed, reader->entry.mtime};
    unsigned lost = 0;
    int result = give_copy(copy);
    if (result == 0)
        result = hb_access_set_mode(copy->fd, reader->entry.mode & 0777, &lost);
    hb_tell_lost(copy->staged->run, copy->path, lost);
    if (result == 0 && futimens(copy->fd, times) != 0)
        result = -errno;
    return result == 0 ? HB_OK : cannot_write(copy, -result);
}

static int copy_file(struct copy *copy)
{
    uint64_t bytes;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &copy->staged->stage.rights);
    if (result == 0)
        result = make_file(copy);
    if (result != 0)
        return cannot_write(copy, -result);
    do
        result = copy_once(copy, &bytes);
    while (result == HB_OK && hb_reader_again(copy->reader, UINT64_MAX, bytes));
    if (result == HB_OK)
        result = finish_file(copy);
    if (result == HB_STATUS_ENTRY)
        unlinkat(copy->place.directory_fd, copy->place.name, 0);
    return result;
}

int hb_staged_directory_copy(struct hb_staged_directory *staged, const struct hb_chain *contents,
                             const struct hb_plan *plan, const struct hb_planned *planned,
                             uint64_t *bytes, struct hb_error *error)
{
    struct hb_reader reader;
    HB_AUTO_FREE char *path = hb_plan_path(plan, planned);
    struct copy copy = {staged, &reader, path, error, .place = {.directory_fd = -1}, .fd = -1};
    int result = hb_reader_open(staged->run, contents, plan, planned, &reader);
    if (result == HB_OK && reader.to_be_judged)
        result = hb_reader_judge(&reader);
    if (result == HB_STATUS_NOMATCH) {
        hb_reader_free(&reader);
        result = hb_reader_open_raw(staged->run, plan, planned, &reader);
    }
    if (result == HB_OK)
        result = copy_file(&copy);
    else if (result == HB_STATUS_CANCELLED)
        hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    if (copy.fd >= 0)
        close(copy.fd);
    hb_place_clear(&copy.place);
    *bytes = reader.entry.bytes;
    hb_reader_free(&reader);
    return result;
}

/* ---- the directory ------------------------------------------------------------------------- */

int hb_staged_directory_begin(struct hb_run *run, const struct hb_directory *parent,
                              const char *path, struct hb_staged_directory *staged,
                              struct hb_error *error)
{
    struct hb_owner above;
    struct stat status;
    *staged = (struct hb_staged_directory){.run = run, .stage = HB_STAGE_NONE};
    int result = hb_stage_open_in(parent->fd, &parent->rights, path, &staged->stage, NULL, error);
    if (result != HB_OK)
        return result;
    staged->buffer = hb_alloc(COPY_BYTES);
    staged->root = (struct hb_root){.fd = staged->stage.fd,
                                    .path = staged->stage.path,
                                    .rights = staged->stage.rights,
                                    .led = true};
    if (root_decides(staged, &above)) /* a failure: a file system without owners */
        hb_owner_give(&above, staged->stage.fd);
    hb_stage_make_room(&staged->stage);
    if (fstat(staged->stage.fd, &status) == 0 && (status.st_mode & 077) != 0)
        hb_tell_lost(run, path, HB_LOST_MODE);
    return HB_OK;
}

/* Flushed, then renamed; is it that, what has the name? 0 or -errno. */
static int give_name(struct hb_stage *stage, const char *name)
{
    struct stat ours, there;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_as_begin(&as, &stage->rights);
    if (result != 0)
        return result;
    if (syncfs(stage->fd) != 0)
        return -errno;
    if (hb_interrupt_signal() != 0)
        return -EINTR;
    hb_stage_become(stage);
    if (renameat(stage->parent_fd, stage->name, stage->parent_fd, name) != 0 ||
        fstat(stage->fd, &ours) != 0 ||
        fstatat(stage->parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    return ours.st_ino == there.st_ino && ours.st_dev == there.st_dev ? 0 : -ESTALE;
}

int hb_staged_directory_publish(struct hb_staged_directory *staged, const char *name,
                                struct hb_error *error)
{
    struct hb_stage *stage = &staged->stage;
    int result = give_name(stage, name);
    if (result != 0 && hb_interrupt_signal() != 0)
        return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted");
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be published as %s: %s",
                            stage->path, name, hb_rights_explain(-result));
    result = hb_flush_directory(stage->parent_fd);
    if (result != 0)
        hb_report_add(&staged->run->report, HB_FOUND_DOUBTFUL, "",
                      "%s: its directory cannot be flushed to disk: %s", name, strerror(-result));
    hb_stage_leave(stage);
    return HB_OK;
}

void hb_staged_directory_end(struct hb_staged_directory *staged, int status)
{
    hb_run_close_stage(staged->run, &staged->stage, status);
    free(staged->buffer);
}

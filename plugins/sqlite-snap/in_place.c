/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which databases are read where they lie, and which are copied first. To read one in place costs
 * no room on the disk and half the time; a copy needs nobody's cooperation. Whenever something is
 * not certain, the copy is taken (snapshot.c): that is always right, and nothing is lost by it but
 * time. So there is no middle way here, and no case that is tried for long.
 *
 *   what is found                                     done, or the reason for a copy
 *   -----------------------------------------------   -----------------------------------------
 *   WAL mode, -wal and -shm are there                 in place (view.c)
 *   a rollback-journal mode                           in place, until a writer waits (handover.c)
 *   snapshot = copy                                   a copy, and nothing is said
 *   no -wal: no program has it open                   nothing would tell of a change before it has
 *                                                     been read; SQLite would leave files behind
 *   the same, and there is no room for a copy         in place: rather this than nothing (view.c)
 *   -wal, no -shm                                     SQLite would make an index beside it
 *   no /proc, a network or FUSE file system, no OFD   locks, or the names of files, cannot be
 *   locks                                             relied on
 *   the index is private to SQLite (CANTINIT)         nobody vouches for it: mark 0 does not mean
 *                                                     "the file alone" there
 *   hot journal, a directory that SQLite would have   SQLite does not open it
 *   to write to
 *   locked (exclusive locking mode, recovery), a      a few more tries, then a copy, which waits
 *   lock was lost, the file was moved
 *   log and index disagree, frames without sums       log_map.c
 *   no memory, no thread to watch                     handover.c
 *
 * What was done is said: with --verbose of each database; with snapshot = in-place a note says of
 * each that was copied why it was; the summary in JSON lists those that were read in place.
 *
 *      in_place_open() --- open the file, lock it, look again: still the same way?
 *            |                 |
 *         view_pin() ------- AGAIN: a nap, up to TRIES times; NEVER: a copy
 *            |
 *         view_leave_sqlite(), handover_start()
 *            |
 *      in_place_read() by the host's workers, in_place_source() by the check, side by side
 *            |
 *      in_place_close()
 *
 * The source outlives the call in which it was made, while the inode is free for others: another
 * name of the same file may be pinned at that time. The descriptors are closed under the guard of
 * the inode, since that takes away the POSIX locks of whoever is at it.
 */
#include "in_place.h"
#include "handover.h"

#include "files/system_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TRIES = 8, NAP_NS = 4000000 };

struct in_place {
    struct view_source source; /* first: in_place_source() hands it out */
    struct snap *snap;
    struct view view;
    struct handover *handover;
};

static struct in_place *in_place_of(const struct view_source *source)
{
    return (struct in_place *)(uintptr_t)source;
}

static int64_t read_for_sqlite(const struct view_source *source, void *buffer, size_t bytes,
                               uint64_t offset)
{
    return handover_read(in_place_of(source)->handover, buffer, bytes, offset, false);
}

/* ---- opening ----------------------------------------------------------------------- */

static enum view_kind kind_of(const struct look *look, bool in_wal_mode)
{
    if (look->side[SIDE_WAL].exists && look->side[SIDE_SHM].exists)
        return VIEW_OF_LOG;
    return in_wal_mode ? VIEW_OF_CLOSED : VIEW_OF_JOURNAL;
}

bool in_place_has_no_room(const struct attempt *attempt)
{
    enum { LEFT_FREE = 32 << 20 };
    struct statvfs system;
    uint64_t wanted = 2 * (uint64_t)attempt->live.status.st_size + LEFT_FREE;
    return fstatvfs(attempt->file.fd, &system) == 0 && system.f_blocks != 0 &&
           system.f_bavail < wanted / system.f_frsize;
}

/* The file, with SQLite's shared lock; or the reason. */
static enum view_result open_locked(struct attempt *attempt, int *main)
{
    char *why = attempt->why_copied;
    size_t room = sizeof attempt->why_copied;
    *main = held_open_side(&attempt->live, SIDE_MAIN, O_RDONLY);
    if (*main < 0) {
        snprintf(why, room, "it cannot be opened: %s", strerror(-*main));
        return VIEW_NEVER;
    }
    if (hb_is_shared(*main)) {
        snprintf(why, room, "locks on this file system may not be seen by all");
        return VIEW_NEVER;
    }
    if (live_lock_shared(*main))
        return VIEW_PINNED;
    bool in_the_way = errno == EAGAIN || errno == EACCES;
    if (in_the_way)
        snprintf(why, room, "it is locked");
    else
        snprintf(why, room, "locks cannot be held there: %s", strerror(errno));
    return in_the_way ? VIEW_AGAIN : VIEW_NEVER;
}

static enum view_result pin_locked(struct attempt *attempt, struct view *view, int main,
                                   bool closed)
{
    enum view_kind kind = kind_of(&attempt->before, closed);
    live_look(&attempt->live, &attempt->before);
    if (kind == VIEW_OF_CLOSED && attempt->before.untold) { /* a time that may not change again */
        snprintf(attempt->why_copied, sizeof attempt->why_copied, "it has just been written to");
        close(main);
        return VIEW_AGAIN;
    }
    if (kind_of(&attempt->before, closed) != kind || attempt->before.unsure ||
        (kind == VIEW_OF_CLOSED && attempt->before.side[SIDE_WAL].exists)) {
        snprintf(attempt->why_copied, sizeof attempt->why_copied, "its journal mode was changed");
        close(main);
        return VIEW_NEVER;
    }
    enum view_result result = view_pin(view, &attempt->live, main, kind, &attempt->patience,
                                       attempt->why_copied, sizeof attempt->why_copied);
    if (result != VIEW_PINNED)
        view_close(view);
    return result;
}

static bool pin(struct attempt *attempt, struct view *view, bool closed)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    const struct hb_host *host = attempt->snap->host;
    for (int tries = 0; tries < TRIES && !host->cancelled(host); tries++) {
        int main;
        if (tries > 0)
            patience_nap(&attempt->patience, &nap);
        enum view_result result = open_locked(attempt, &main);
        if (result == VIEW_PINNED)
            result = pin_locked(attempt, view, main, closed);
        else if (main >= 0)
            close(main);
        if (result == VIEW_PINNED)
            return true;
        attempt->live.refusal[0] = '\0'; /* the copy finds it again */
        if (result == VIEW_NEVER)
            return false;
    }
    return false;
}

static bool watch(struct attempt *attempt, struct in_place *in_place)
{
    const struct snap *snap = attempt->snap;
    const struct handover_bounds bounds = {.hold_ms = snap->hold_s * 1000,
                                           .log_bytes = snap->wal_limit,
                                           .wait_ms = attempt->patience.limit_ms};
    view_leave_sqlite(&in_place->view);
    in_place->handover = handover_start(&in_place->view, attempt->file.fd, &bounds);
    if (in_place->handover == NULL)
        view_close(&in_place->view);
    return in_place->handover != NULL;
}

bool in_place_open(struct attempt *attempt, bool closed)
{
    struct in_place *in_place = calloc(1, sizeof *in_place);
    if (in_place != NULL && pin(attempt, &in_place->view, closed)) {
        if (watch(attempt, in_place)) {
            in_place->snap = attempt->snap;
            in_place->source =
                (struct view_source){.read = read_for_sqlite, .bytes = in_place->view.bytes};
            attempt->in_place = in_place;
            return true;
        }
        snprintf(attempt->why_copied, sizeof attempt->why_copied,
                 "there is no memory, or no thread, to watch over it");
    }
    if (in_place == NULL)
        snprintf(attempt->why_copied, sizeof attempt->why_copied, "out of memory");
    free(in_place);
    return false;
}

void in_place_close(struct in_place *in_place)
{
    struct inode_holder holder;
    struct inode_guard *guard = &in_place->snap->guard;
    handover_stop(in_place->handover);
    inode_guard_enter(guard, &holder, in_place->view.status.st_dev, in_place->view.status.st_ino);
    view_close(&in_place->view);
    inode_guard_leave(guard, &holder);
    free(in_place);
}

/* ---- reading ----------------------------------------------------------------------- */

uint64_t in_place_bytes(const struct in_place *in_place)
{
    return in_place->view.bytes;
}

static int failed(const struct in_place *in_place, int64_t reason)
{
    const struct hb_host *host = in_place->snap->host;
    return host->fail(host, HB_STATUS_ENTRY, "it could not be read to its end: %s",
                      reason == -ESTALE    ? handover_why(in_place->handover)
                      : reason == -ENODATA ? "it was asked for a part of it again that is not kept"
                                           : strerror((int)-reason));
}

int64_t in_place_read(struct in_place *in_place, void *buffer, size_t bytes, uint64_t offset)
{
    int64_t got = handover_read(in_place->handover, buffer, bytes, offset, true);
    return got >= 0 ? got : failed(in_place, got);
}

const struct view_source *in_place_source(const struct in_place *in_place)
{
    return &in_place->source;
}

int in_place_confirm(struct in_place *in_place)
{
    int64_t result = handover_read(in_place->handover, NULL, 0, 0, true);
    return result == 0 ? HB_OK : failed(in_place, result);
}

void in_place_looked_at(struct in_place *in_place)
{
    handover_rest_suffices(in_place->handover);
}

const char *in_place_handed_over(const struct in_place *in_place)
{
    return handover_state(in_place->handover) == HANDOVER_IN_PLACE
               ? NULL
               : handover_why(in_place->handover);
}

int64_t in_place_overdue_ms(const struct in_place *in_place)
{
    return handover_state(in_place->handover) == HANDOVER_LOST
               ? 0
               : handover_overdue_ms(in_place->handover);
}

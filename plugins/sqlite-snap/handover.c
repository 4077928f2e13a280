/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view that is held costs others something: the log of a database in WAL mode cannot be begun
 * anew and grows by all that is written; a checkpoint that wants all of it waits; with a rollback
 * journal every commit waits. So it is held for so long only. Then what nobody has read yet is
 * copied to the staging directory in one go, the locks are given up, and the rest is read from
 * there. It is the same view: nothing starts over, and readers notice nothing.
 *
 *                        a bound is exceeded                        copied
 *      IN_PLACE --------------------------------- (copying) ---------------------- STAGED
 *          |          readers go on in place          |
 *          | the view is held no more                 | a writer has waited for too long;
 *          v                                          v or no room, and the log too large
 *        LOST <----------------------------------------
 *
 * The bounds:
 *
 *   hold        seconds, from the pin on. They count only if something has been committed since, or
 *               with a rollback journal if somebody writes: a view of what is still the newest
 *               state is in nobody's way. With mark 0 of a log, which slows down whoever writes,
 *               there is no such time: the first commit ends it.
 *   wal-limit   bytes that the log has grown by
 *   wait        Somebody waits for us (view_is_in_the_way()). The copy begins at once; if it is not
 *               done when he has waited for so long, he goes first and the view is lost.
 *
 * Lost means that the entry fails, as when a copy is not done in time.
 *
 * Without room for the copy. A database of 30 GB on a disk that is nearly full is to be stored all
 * the same, so `hold` gives way: the view is held on, and that is told (handover_overdue_ms()). The
 * other two bounds do not, because beyond them others are harmed: a log may take the last of the
 * disk, and a writer waits. Reading goes on meanwhile, and the rest becomes smaller. So the
 * question is asked again at each look, and the rest is copied as soon as there is room for it,
 * unless it will be read soon anyway. If there is none when one of those two is exceeded, the view
 * is lost.
 *
 * Whether there is room is asked before, and at each step of the copy: the programs of the home may
 * need the last of it. So does the archive, which often is written to the same disk: it can be as
 * large as what is not read yet. For a copy that can wait there has to be room for both. One that
 * failed all the same (a quota, a disk error) is tried again once half of it is left.
 *
 * Everything is copied as long as somebody may come back for a page: that is the check, which reads
 * in an order of its own. The host reads each byte once. What it has read is noted by grains.
 *
 * A thread of our own watches, because nobody may read for minutes: where the archive goes to a
 * slow pipe, say. It calls no service of the host and opens nothing; the locks are given up by
 * unlocking, not by closing, so that it needs no care for other users of the inode.
 *
 * Who may touch what: `state` changes when no reader is in the view. Whoever wants to change it
 * closes the gate to new ones first: with readers that come and go all the time it would else never
 * come to that. The maps of grains are atomic words.
 */
#include "handover.h"
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    GRAIN = 64 << 10,
    COPY_GRAINS = 16,
    LEFT_FREE = 32 << 20, /* of the stage's file system; while it is copied, half of that */
    LOOK_MS = 50,         /* between two looks in WAL mode */
    LOOK_OFTEN_MS = 5,    /* where commits wait for us */
    LOOKS_BLOCKED = 4     /* in a row: what a log's writer may do by chance counts then */
};

struct handover {
    struct view *view;
    int staged;
    struct handover_bounds bounds;
    int64_t pinned_ms;

    pthread_mutex_t gate;
    pthread_cond_t gate_moved;
    unsigned inside; /* readers that look at `state`, or are in the view because of it */
    bool closed;     /* somebody waits to change the state: nobody enters */
    enum handover_state state;
    char why[250];

    uint64_t grains;
    atomic_uint_fast64_t *read, *copied; /* a bit for each grain */
    atomic_bool rest_suffices;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool stopping; /* under the mutex */
    atomic_bool stop;

    int64_t waiting_since; /* somebody waits for us; -1: nobody. The watcher's */
    unsigned looks_blocked;
    uint64_t most; /* bytes of a copy that is worth a try; fewer when one has failed */
    atomic_bool overdue;
};

/* ---- grains ----------------------------------------------------------------------- */

static bool has_grain(atomic_uint_fast64_t *set, uint64_t grain)
{
    return (atomic_load_explicit(&set[grain / 64], memory_order_relaxed) >> grain % 64 & 1) != 0;
}

static void add_grain(atomic_uint_fast64_t *set, uint64_t grain)
{
    atomic_fetch_or_explicit(&set[grain / 64], (uint64_t)1 << grain % 64, memory_order_relaxed);
}

/* Those that lie in the range as a whole; the last grain may be short. */
static void note_read(struct handover *handover, uint64_t offset, uint64_t bytes)
{
    uint64_t end = offset + bytes;
    uint64_t past = end == handover->view->bytes ? handover->grains : end / GRAIN;
    for (uint64_t grain = (offset + GRAIN - 1) / GRAIN; grain < past; grain++)
        add_grain(handover->read, grain);
}

static bool was_copied(const struct handover *handover, uint64_t offset, uint64_t bytes)
{
    for (uint64_t grain = offset / GRAIN; grain * GRAIN < offset + bytes; grain++)
        if (!has_grain(handover->copied, grain))
            return false;
    return true;
}

/* ---- reading ---------------------------------------------------------------------- */

/* Between enter() and leave(). */
static int64_t read_view(struct handover *handover, void *buffer, size_t bytes, uint64_t offset,
                         bool once)
{
    int64_t got = view_read(handover->view, buffer, bytes, offset);
    if (got < 0 || !once)
        return got;
    if (!view_is_held(handover->view))
        return -ESTALE;
    note_read(handover, offset, (uint64_t)got);
    return got;
}

static int64_t read_staged(const struct handover *handover, void *buffer, size_t bytes,
                           uint64_t offset)
{
    uint64_t end = handover->view->bytes;
    if (offset >= end)
        return 0;
    if (bytes > end - offset)
        bytes = (size_t)(end - offset);
    if (!was_copied(handover, offset, bytes))
        return -ENODATA;
    int64_t got = read_fully(handover->staged, buffer, bytes, offset);
    return got >= 0 && (size_t)got < bytes ? -EIO : got;
}

static enum handover_state enter(struct handover *handover)
{
    pthread_mutex_lock(&handover->gate);
    while (handover->closed)
        pthread_cond_wait(&handover->gate_moved, &handover->gate);
    handover->inside++;
    enum handover_state state = handover->state;
    pthread_mutex_unlock(&handover->gate);
    return state;
}

static void leave(struct handover *handover)
{
    pthread_mutex_lock(&handover->gate);
    if (--handover->inside == 0 && handover->closed)
        pthread_cond_broadcast(&handover->gate_moved);
    pthread_mutex_unlock(&handover->gate);
}

/* Once nobody is in the view; the first reason stays. */
static void settle(struct handover *handover, enum handover_state state, const char *why)
{
    pthread_mutex_lock(&handover->gate);
    while (handover->closed)
        pthread_cond_wait(&handover->gate_moved, &handover->gate);
    handover->closed = true;
    while (handover->inside > 0)
        pthread_cond_wait(&handover->gate_moved, &handover->gate);
    handover->closed = false;
    if (handover->state == HANDOVER_IN_PLACE) {
        handover->state = state;
        snprintf(handover->why, sizeof handover->why, "%s", why);
    }
    pthread_cond_broadcast(&handover->gate_moved);
    pthread_mutex_unlock(&handover->gate);
    view_unlock(handover->view);
}

static const char *no_longer_held(const struct handover *handover)
{
    static const char *const texts[] = {
        [VIEW_OF_LOG] = "it or its log was changed by hand, or by a program that keeps no locks, "
                        "while it was read",
        [VIEW_OF_JOURNAL] = "it was changed by a program that keeps no locks while it was read",
        [VIEW_OF_CLOSED] =
            "a program that did not have it open before wrote to it while it was read, "
            "and there was no room for a copy; free space in the staging directory "
            "or set stage-dir"};
    return texts[handover->view->kind];
}

int64_t handover_read(struct handover *handover, void *buffer, size_t bytes, uint64_t offset,
                      bool once)
{
    int64_t got = -ESTALE;
    enum handover_state state = enter(handover);
    if (state == HANDOVER_IN_PLACE)
        got = read_view(handover, buffer, bytes, offset, once);
    else if (state == HANDOVER_STAGED)
        got = read_staged(handover, buffer, bytes, offset);
    leave(handover);
    if (got == -ESTALE && state == HANDOVER_IN_PLACE)
        settle(handover, HANDOVER_LOST, no_longer_held(handover));
    return got;
}

void handover_rest_suffices(struct handover *handover)
{
    atomic_store(&handover->rest_suffices, true);
}

/* ---- watching --------------------------------------------------------------------- */

static void look_for_waiting(struct handover *handover)
{
    if (!view_is_in_the_way(handover->view)) {
        handover->waiting_since = -1;
        handover->looks_blocked = 0;
        return;
    }
    if (handover->waiting_since < 0)
        handover->waiting_since = monotonic_ms();
    handover->looks_blocked++;
}

static bool is_in_the_way(const struct handover *handover)
{
    return handover->waiting_since >= 0 &&
           (handover->view->kind != VIEW_OF_LOG || handover->looks_blocked >= LOOKS_BLOCKED);
}

static bool has_waited_too_long(const struct handover *handover)
{
    return is_in_the_way(handover) &&
           monotonic_ms() - handover->waiting_since >= handover->bounds.wait_ms;
}

static bool log_is_too_large(const struct handover *handover)
{
    return view_log_growth(handover->view) > handover->bounds.log_bytes;
}

/* NULL: it can be held on. */
static const char *why_now(const struct handover *handover, bool *can_wait)
{
    *can_wait = false;
    if (is_in_the_way(handover))
        return handover->view->kind == VIEW_OF_LOG ? "a checkpoint waited for it"
                                                   : "a writer waited for it";
    if (log_is_too_large(handover))
        return "its log grew by more than wal-limit";
    int64_t hold = handover->view->mark == 0 ? 0 : handover->bounds.hold_ms;
    *can_wait = true;
    if (monotonic_ms() - handover->pinned_ms >= hold && view_is_old(handover->view))
        return "it was held for longer than hold";
    return NULL;
}

/* ---- room -------------------------------------------------------------------------- */

static uint64_t grains_read(const struct handover *handover)
{
    uint64_t read = 0;
    for (uint64_t i = 0; i <= handover->grains / 64; i++)
        read += (uint64_t)__builtin_popcountll(
            atomic_load_explicit(&handover->read[i], memory_order_relaxed));
    return read;
}

/* Of a copy that is made now. */
static uint64_t bytes_wanted(const struct handover *handover)
{
    bool all = !atomic_load(&handover->rest_suffices);
    return (handover->grains - (all ? 0 : grains_read(handover))) * GRAIN;
}

/* At its pace until now, will the rest take longer to read than `hold`? */
static bool rest_takes_long(const struct handover *handover)
{
    double read = (double)grains_read(handover), rest = (double)handover->grains - read;
    double took_ms = (double)(monotonic_ms() - handover->pinned_ms);
    return took_ms * rest > (double)handover->bounds.hold_ms * read;
}

/* Cannot tell: then the first write that fails does. */
static bool has_room(const struct handover *handover, uint64_t bytes)
{
    struct statvfs system;
    return fstatvfs(handover->staged, &system) != 0 || system.f_blocks == 0 ||
           system.f_bavail >= bytes / system.f_frsize;
}

static bool is_worth_a_try(const struct handover *handover, bool can_wait)
{
    uint64_t wanted = bytes_wanted(handover), archive = can_wait ? wanted : 0;
    if (can_wait && atomic_load(&handover->overdue) && !rest_takes_long(handover))
        return false;
    return wanted <= handover->most && has_room(handover, wanted + archive + LEFT_FREE);
}

/* ---- copying ---------------------------------------------------------------------- */

/* How many grains from there on are to be copied: up to COPY_GRAINS, in a row. */
static uint64_t wanted_from(const struct handover *handover, uint64_t grain, bool all)
{
    uint64_t count = 0;
    while (count < COPY_GRAINS && grain + count < handover->grains &&
           (all || !has_grain(handover->read, grain + count)))
        count++;
    return count;
}

/* 0 or -errno; -ECANCELED: stopped; -EBUSY: a writer has waited for too long. */
static int copy_grains(struct handover *handover, unsigned char *buffer)
{
    bool all = !atomic_load(&handover->rest_suffices);
    for (uint64_t grain = 0; grain < handover->grains;) {
        uint64_t count = wanted_from(handover, grain, all);
        if (count == 0) {
            grain++;
            continue;
        }
        int64_t got =
            view_read(handover->view, buffer, (size_t)count * GRAIN, grain * (uint64_t)GRAIN);
        if (got < 0)
            return (int)got;
        if (!write_fully(handover->staged, buffer, (size_t)got, grain * (uint64_t)GRAIN))
            return -errno;
        for (uint64_t i = 0; i < count; i++)
            add_grain(handover->copied, grain + i);
        grain += count;
        look_for_waiting(handover);
        if (has_waited_too_long(handover))
            return -EBUSY;
        if (!has_room(handover, LEFT_FREE / 2))
            return -ENOSPC;
        if (atomic_load(&handover->stop))
            return -ECANCELED;
    }
    return view_is_held(handover->view) ? 0 : -ESTALE;
}

static int copy_rest(struct handover *handover)
{
    unsigned char *buffer = malloc((size_t)COPY_GRAINS * GRAIN);
    int result = buffer == NULL ? -ENOMEM : copy_grains(handover, buffer);
    free(buffer);
    return result;
}

static void undo_copy(struct handover *handover)
{
    handover->most = bytes_wanted(handover) / 2;
    for (uint64_t i = 0; i <= handover->grains / 64; i++)
        atomic_store(&handover->copied[i], 0);
    int cut = ftruncate(handover->staged, 0);
    (void)cut; /* what is left there is removed with the file */
}

/* ---- at a bound --------------------------------------------------------------------- */

/* Without a copy: may the view be held on? */
static void go_without(struct handover *handover, int reason)
{
    char why[250];
    if (reason == -ESTALE) {
        settle(handover, HANDOVER_LOST, no_longer_held(handover));
    } else if (reason == -EBUSY || has_waited_too_long(handover)) {
        settle(handover, HANDOVER_LOST, "it was needed by a writer before it was read");
    } else if (log_is_too_large(handover)) {
        snprintf(why, sizeof why,
                 "its log grew by more than wal-limit while it was read, and the rest cannot be "
                 "staged: %s; free space there, set stage-dir, or raise wal-limit",
                 strerror(-reason));
        settle(handover, HANDOVER_LOST, why);
    } else {
        atomic_store(&handover->overdue, true);
    }
}

static void copy_and_settle(struct handover *handover, const char *why)
{
    int result = copy_rest(handover);
    if (result == 0) {
        settle(handover, HANDOVER_STAGED, why);
    } else if (result != -ECANCELED) {
        undo_copy(handover);
        go_without(handover, result);
    }
}

static void keep_within_bounds(struct handover *handover)
{
    bool can_wait;
    const char *why = why_now(handover, &can_wait);
    if (why != NULL && is_worth_a_try(handover, can_wait))
        copy_and_settle(handover, why);
    else if (why != NULL)
        go_without(handover, -ENOSPC);
}

/* ---- the thread ------------------------------------------------------------------- */

/* False: it ends. */
static bool nap(struct handover *handover, long milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += milliseconds * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&handover->mutex);
    while (!handover->stopping &&
           pthread_cond_timedwait(&handover->woken, &handover->mutex, &until) != ETIMEDOUT)
        ;
    bool goes_on = !handover->stopping;
    pthread_mutex_unlock(&handover->mutex);
    return goes_on;
}

static void *watch(void *argument)
{
    struct handover *handover = argument;
    long pause = handover->view->kind == VIEW_OF_LOG ? LOOK_MS : LOOK_OFTEN_MS;
    while (nap(handover, pause) && handover_state(handover) == HANDOVER_IN_PLACE) {
        look_for_waiting(handover);
        keep_within_bounds(handover);
    }
    return NULL;
}

/* Signals are for the host's threads. */
static int start_thread(struct handover *handover)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&handover->thread, NULL, watch, handover);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void discard(struct handover *handover)
{
    pthread_cond_destroy(&handover->woken);
    pthread_mutex_destroy(&handover->mutex);
    pthread_cond_destroy(&handover->gate_moved);
    pthread_mutex_destroy(&handover->gate);
    free(handover->read);
    free(handover->copied);
    free(handover);
}

struct handover *handover_start(struct view *view, int staged, const struct handover_bounds *bounds)
{
    pthread_condattr_t clock;
    struct handover *handover = calloc(1, sizeof *handover);
    if (handover == NULL)
        return NULL;
    handover->view = view;
    handover->staged = staged;
    handover->bounds = *bounds;
    handover->pinned_ms = monotonic_ms();
    handover->waiting_since = -1;
    handover->most = UINT64_MAX;
    handover->grains = (view->bytes + GRAIN - 1) / GRAIN;
    handover->read = calloc(handover->grains / 64 + 1, sizeof *handover->read);
    handover->copied = calloc(handover->grains / 64 + 1, sizeof *handover->copied);
    pthread_mutex_init(&handover->gate, NULL);
    pthread_cond_init(&handover->gate_moved, NULL);
    pthread_mutex_init(&handover->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&handover->woken, &clock);
    pthread_condattr_destroy(&clock);
    if (handover->read != NULL && handover->copied != NULL && start_thread(handover) == 0)
        return handover;
    discard(handover);
    return NULL;
}

static void end_thread(struct handover *handover)
{
    pthread_mutex_lock(&handover->mutex);
    bool ended = handover->stopping;
    handover->stopping = true;
    pthread_cond_signal(&handover->woken);
    pthread_mutex_unlock(&handover->mutex);
    if (ended)
        return;
    atomic_store(&handover->stop, true);
    pthread_join(handover->thread, NULL);
    atomic_store(&handover->stop, false);
}

enum handover_state handover_now(struct handover *handover)
{
    end_thread(handover);
    if (handover_state(handover) == HANDOVER_IN_PLACE)
        copy_and_settle(handover, "it was asked for");
    return handover_state(handover);
}

enum handover_state handover_state(const struct handover *handover)
{
    pthread_mutex_t *gate = (pthread_mutex_t *)(uintptr_t)&handover->gate;
    pthread_mutex_lock(gate);
    enum handover_state state = handover->state;
    pthread_mutex_unlock(gate);
    return state;
}

const char *handover_why(const struct handover *handover)
{
    (void)handover_state(handover); /* `why` is written before the state, and once */
    return handover->why;
}

int64_t handover_overdue_ms(const struct handover *handover)
{
    return atomic_load(&handover->overdue) ? monotonic_ms() - handover->pinned_ms : 0;
}

void handover_stop(struct handover *handover)
{
    end_thread(handover);
    view_unlock(handover->view);
    discard(handover);
}

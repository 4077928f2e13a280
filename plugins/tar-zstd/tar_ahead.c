/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* One that is handed out, one for each thread that decompresses, the caller's among them. */
enum { SLOTS = TAR_AHEAD_HELPERS + 2 };

/* WAITING -> TAKEN, by whoever has time -> DONE */
enum state { WAITING, TAKEN, DONE };

struct slot {
    enum state state;
    struct tar_ahead_frame frame;
    size_t room; /* at frame.data: for what is in it and, behind that, for what is stored */
};

struct helper {
    struct tar_ahead *ahead;
    pthread_t thread;
    ZSTD_DCtx *decompressor;
};

struct tar_ahead {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot slots[SLOTS]; /* a ring; the lock is for states, `count` and `first` */
    unsigned slot_count, first, count;
    bool ended;
    struct helper helpers[TAR_AHEAD_HELPERS];
    unsigned helper_count;
};

/* ---- one frame ------------------------------------------------------------------------------ */

/* NULL, or why it is not one frame of so many bytes. */
static const char *unpack(ZSTD_DCtx *decompressor, const struct tar_ahead_frame *frame)
{
    ZSTD_inBuffer in = {.src = frame->stored, .size = frame->stored_bytes};
    ZSTD_outBuffer out = {.dst = frame->data, .size = frame->bytes};
    size_t expected, before;
    ZSTD_DCtx_reset(decompressor, ZSTD_reset_session_only);
    do { /* all at once, which spares a copy, if the frame says how much is in it */
        before = in.pos + out.pos;
        expected = ZSTD_decompressStream(decompressor, &out, &in);
        if (ZSTD_isError(expected))
            return ZSTD_getErrorName(expected);
    } while (expected != 0 && in.pos + out.pos != before);
    if (expected != 0 && out.pos == out.size && in.pos < in.size)
        return "the frame holds more than the seek table says";
    if (expected == 0 && in.pos < in.size)
        return "the frame is shorter than the seek table says";
    return expected != 0 || out.pos != out.size ? "the frame is not as long as the seek table says"
                                                : NULL;
}

static struct slot *slot_at(struct tar_ahead *ahead, unsigned place)
{
    return &ahead->slots[(ahead->first + place) % ahead->slot_count];
}

static struct slot *next_waiting(struct tar_ahead *ahead)
{
    for (unsigned i = 0; i < ahead->count; i++)
        if (slot_at(ahead, i)->state == WAITING)
            return slot_at(ahead, i);
    return NULL;
}

/* With the lock, which is given up meanwhile. */
static void work_on(struct tar_ahead *ahead, struct slot *slot, ZSTD_DCtx *decompressor)
{
    slot->state = TAKEN;
    pthread_mutex_unlock(&ahead->lock);
    slot->frame.why = unpack(decompressor, &slot->frame);
    pthread_mutex_lock(&ahead->lock);
    slot->state = DONE;
    pthread_cond_broadcast(&ahead->changed);
}

static void *helper_main(void *argument)
{
    struct helper *helper = argument;
    struct tar_ahead *ahead = helper->ahead;
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ended) {
        struct slot *slot = next_waiting(ahead);
        if (slot != NULL)
            work_on(ahead, slot, helper->decompressor);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* Signals are for the host's threads. */
static bool start(struct helper *helper)
{
    sigset_t all, before;
    helper->decompressor = ZSTD_createDCtx();
    if (helper->decompressor == NULL)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&helper->thread, NULL, helper_main, helper) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        ZSTD_freeDCtx(helper->decompressor);
    return started;
}

struct tar_ahead *tar_ahead_begin(unsigned helpers)
{
    struct tar_ahead *ahead = calloc(1, sizeof *ahead);
    if (ahead == NULL)
        return NULL;
    unsigned most = helpers < TAR_AHEAD_HELPERS ? helpers : TAR_AHEAD_HELPERS;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    ahead->slot_count = most + 2;
    for (unsigned i = 0; i < most; i++) {
        ahead->helpers[i].ahead = ahead;
        if (!start(&ahead->helpers[i]))
            break;
        ahead->helper_count++;
    }
    if (ahead->helper_count > 0)
        return ahead;
    tar_ahead_end(ahead);
    return NULL;
}

void tar_ahead_end(struct tar_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->ended = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    for (unsigned i = 0; i < ahead->helper_count; i++) {
        pthread_join(ahead->helpers[i].thread, NULL);
        ZSTD_freeDCtx(ahead->helpers[i].decompressor);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        free(ahead->slots[i].frame.data);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

/* ---- the caller's --------------------------------------------------------------------------- */

bool tar_ahead_has_room(const struct tar_ahead *ahead)
{
    return ahead->count < ahead->slot_count; /* only the caller changes them */
}

unsigned tar_ahead_count(const struct tar_ahead *ahead)
{
    return ahead->count;
}

unsigned char *tar_ahead_room(struct tar_ahead *ahead, size_t stored, size_t bytes)
{
    struct slot *slot = slot_at(ahead, ahead->count);
    struct tar_ahead_frame *frame = &slot->frame;
    if (slot->room < bytes + stored) {
        size_t room =
            2 * (bytes < stored ? stored : bytes); /* for others, too; unused costs none */
        free(frame->data);
        frame->data = malloc(room);
        slot->room = frame->data == NULL ? 0 : room;
    }
    if (frame->data == NULL)
        return NULL;
    frame->bytes = bytes;
    frame->stored = frame->data + bytes;
    frame->stored_bytes = stored;
    return frame->stored;
}

void tar_ahead_put(struct tar_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    slot_at(ahead, ahead->count)->state = WAITING;
    ahead->count++;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

const struct tar_ahead_frame *tar_ahead_take(struct tar_ahead *ahead, ZSTD_DCtx *decompressor)
{
    struct slot *first = slot_at(ahead, 0);
    pthread_mutex_lock(&ahead->lock);
    while (first->state != DONE) {
        struct slot *slot = next_waiting(ahead);
        if (slot != NULL)
            work_on(ahead, slot, decompressor);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
    return &first->frame;
}

void tar_ahead_drop(struct tar_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->first = (ahead->first + 1) % ahead->slot_count;
    ahead->count--;
    pthread_mutex_unlock(&ahead->lock);
}

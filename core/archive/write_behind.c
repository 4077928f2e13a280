/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/write_behind.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 4, PIECE_BYTES = 256 << 10 };

struct piece {
    unsigned char *data;
    size_t bytes;
    uint64_t offset, before;
};

struct hb_write_behind {
    hb_write_behind_take take;
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct piece pieces[PIECES];
    unsigned first, count; /* those that are on their way */
    bool ended;            /* no more come */
    int failure;
    unsigned char room[];
};

/* The next piece, which stays where it is; NULL: no more come. */
static const struct piece *next(struct hb_write_behind *behind)
{
    pthread_mutex_lock(&behind->lock);
    while (behind->count == 0 && !behind->ended)
        pthread_cond_wait(&behind->changed, &behind->lock);
    const struct piece *piece = behind->count == 0 ? NULL : &behind->pieces[behind->first];
    pthread_mutex_unlock(&behind->lock);
    return piece;
}

static void done(struct hb_write_behind *behind, int result)
{
    pthread_mutex_lock(&behind->lock);
    if (behind->failure == 0)
        behind->failure = result;
    behind->first = (behind->first + 1) % PIECES;
    behind->count--;
    pthread_cond_signal(&behind->changed);
    pthread_mutex_unlock(&behind->lock);
}

static void *take_all(void *argument)
{
    struct hb_write_behind *behind = argument;
    const struct piece *piece;
    while ((piece = next(behind)) != NULL) /* only this thread sets `failure` */
        done(behind, behind->take(behind->context, piece->data, piece->bytes, piece->offset,
                                  piece->before, behind->failure != 0));
    return NULL;
}

struct hb_write_behind *hb_write_behind_begin(hb_write_behind_take take, void *context)
{
    struct hb_write_behind *behind = malloc(sizeof *behind + (size_t)PIECES * PIECE_BYTES);
    if (behind == NULL)
        return NULL;
    *behind = (struct hb_write_behind){.take = take, .context = context};
    for (unsigned i = 0; i < PIECES; i++)
        behind->pieces[i].data = behind->room + (size_t)i * PIECE_BYTES;
    pthread_mutex_init(&behind->lock, NULL);
    pthread_cond_init(&behind->changed, NULL);
    if (pthread_create(&behind->thread, NULL, take_all, behind) == 0)
        return behind;
    pthread_cond_destroy(&behind->changed);
    pthread_mutex_destroy(&behind->lock);
    free(behind);
    return NULL;
}

static int put_piece(struct hb_write_behind *behind, const struct piece *piece)
{
    pthread_mutex_lock(&behind->lock);
    while (behind->count == PIECES)
        pthread_cond_wait(&behind->changed, &behind->lock);
    struct piece *to = &behind->pieces[(behind->first + behind->count) % PIECES];
    pthread_mutex_unlock(&behind->lock);
    if (piece->bytes > 0)
        memcpy(to->data, piece->data, piece->bytes);
    to->bytes = piece->bytes;
    to->offset = piece->offset;
    to->before = piece->before;
    pthread_mutex_lock(&behind->lock);
    behind->count++;
    int failure = behind->failure;
    pthread_cond_signal(&behind->changed);
    pthread_mutex_unlock(&behind->lock);
    return failure;
}

int hb_write_behind_put(struct hb_write_behind *behind, const void *data, size_t bytes,
                        uint64_t offset, uint64_t before)
{
    int failure = 0;
    size_t at = 0;
    do { /* also after a failure, and of a gap alone: take() is told of all */
        struct piece piece = {.data = (unsigned char *)(uintptr_t)data + at,
                              .bytes = bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES,
                              .offset = offset + at,
                              .before = before};
        failure = put_piece(behind, &piece);
        at += piece.bytes;
        before = piece.offset + piece.bytes;
    } while (at < bytes);
    return failure;
}

int hb_write_behind_end(struct hb_write_behind *behind)
{
    if (behind == NULL)
        return 0;
    pthread_mutex_lock(&behind->lock);
    behind->ended = true;
    pthread_cond_signal(&behind->changed);
    pthread_mutex_unlock(&behind->lock);
    pthread_join(behind->thread, NULL);
    int failure = behind->failure;
    pthread_cond_destroy(&behind->changed);
    pthread_mutex_destroy(&behind->lock);
    free(behind);
    return failure;
}

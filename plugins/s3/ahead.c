/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 20, PIECES = 8, THREADS = 3 };

/* WANTED -> COMING -> THERE -> read, or pushed out -> FREE */
enum state { PIECE_FREE, PIECE_WANTED, PIECE_COMING, PIECE_THERE };

struct piece {
    enum state state;
    uint64_t offset;
    size_t bytes;
    uint64_t order; /* when it was asked for */
    unsigned char *data;
};

struct ahead {
    struct s3 *s3;
    const struct reader *reader;
    pthread_t threads[THREADS];
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t orders;
    bool ended;
    struct piece pieces[PIECES];
};

static bool is_ended(void *context)
{
    struct ahead *ahead = context;
    pthread_mutex_lock(&ahead->lock);
    bool ended = ahead->ended;
    pthread_mutex_unlock(&ahead->lock);
    return ended;
}

static struct piece *next_wanted(struct ahead *ahead)
{
    struct piece *next = NULL;
    for (size_t i = 0; i < PIECES; i++) {
        struct piece *piece = &ahead->pieces[i];
        if (piece->state == PIECE_WANTED && (next == NULL || piece->order < next->order))
            next = piece;
    }
    return next;
}

/* With the lock, which is given up meanwhile. */
static void fetch(struct ahead *ahead, struct piece *piece)
{
    piece->state = PIECE_COMING;
    pthread_mutex_unlock(&ahead->lock);
    if (piece->data == NULL)
        piece->data = malloc(PIECE_BYTES);
    bool well =
        piece->data != NULL && get_range(ahead->s3, ahead->reader, CALL_QUIET, piece->data,
                                         piece->bytes, piece->offset, is_ended, ahead) == HB_OK;
    pthread_mutex_lock(&ahead->lock);
    piece->state = well ? PIECE_THERE : PIECE_FREE;
    pthread_cond_broadcast(&ahead->changed);
}

static void *ahead_main(void *argument)
{
    struct ahead *ahead = argument;
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ended) {
        struct piece *piece = next_wanted(ahead);
        if (piece != NULL)
            fetch(ahead, piece);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

struct ahead *ahead_make(struct s3 *s3, const struct reader *reader)
{
    struct ahead *ahead = calloc(1, sizeof *ahead);
    if (ahead == NULL)
        return NULL;
    ahead->s3 = s3;
    ahead->reader = reader;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    while (ahead->thread_count < THREADS &&
           pthread_create(&ahead->threads[ahead->thread_count], NULL, ahead_main, ahead) == 0)
        ahead->thread_count++;
    if (ahead->thread_count > 0)
        return ahead;
    ahead_free(ahead);
    return NULL;
}

void ahead_free(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->ended = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    for (unsigned i = 0; i < ahead->thread_count; i++)
        pthread_join(ahead->threads[i], NULL);
    for (size_t i = 0; i < PIECES; i++)
        free(ahead->pieces[i].data);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

/* One that is free, or the one that has waited longest without being read. */
static struct piece *find_room(struct ahead *ahead)
{
    struct piece *oldest = NULL;
    for (size_t i = 0; i < PIECES; i++) {
        struct piece *piece = &ahead->pieces[i];
        if (piece->state == PIECE_FREE)
            return piece;
        if (piece->state != PIECE_COMING && (oldest == NULL || piece->order < oldest->order))
            oldest = piece;
    }
    return oldest;
}

static struct piece *find(struct ahead *ahead, uint64_t offset)
{
    for (size_t i = 0; i < PIECES; i++) {
        struct piece *piece = &ahead->pieces[i];
        if (piece->state != PIECE_FREE && offset >= piece->offset &&
            offset - piece->offset < piece->bytes)
            return piece;
    }
    return NULL;
}

void ahead_want(struct ahead *ahead, uint64_t offset, uint64_t bytes)
{
    pthread_mutex_lock(&ahead->lock);
    for (size_t i = 0; i < PIECES && bytes > 0; i++) {
        size_t part = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;
        struct piece *piece = find(ahead, offset) == NULL ? find_room(ahead) : NULL;
        if (piece != NULL) {
            piece->state = PIECE_WANTED;
            piece->offset = offset;
            piece->bytes = part;
            piece->order = ++ahead->orders;
        }
        offset += part;
        bytes -= part;
    }
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

/* With the lock. Of a piece that is only wanted the reader is faster itself. */
static bool give_some(struct ahead *ahead, unsigned char *to, size_t *bytes, uint64_t *offset)
{
    struct piece *piece;
    while ((piece = find(ahead, *offset)) != NULL && piece->state == PIECE_COMING)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    if (piece == NULL)
        return false;
    if (piece->state == PIECE_WANTED) {
        piece->state = PIECE_FREE;
        return false;
    }
    size_t within = (size_t)(*offset - piece->offset), left = piece->bytes - within;
    size_t take = *bytes < left ? *bytes : left;
    memcpy(to, piece->data + within, take);
    if (take == left)
        piece->state = PIECE_FREE;
    *bytes -= take;
    *offset += take;
    return true;
}

bool ahead_give(struct ahead *ahead, void *buffer, size_t bytes, uint64_t offset)
{
    unsigned char *to = buffer;
    size_t left = bytes;
    bool well = true;
    pthread_mutex_lock(&ahead->lock);
    while (well && left > 0)
        well = give_some(ahead, to + (bytes - left), &left, &offset);
    pthread_mutex_unlock(&ahead->lock);
    return well;
}

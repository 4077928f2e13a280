/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 20, PIECES = 10, THREADS = 2 };

enum state { PIECE_FREE, PIECE_WANTED, PIECE_COMING, PIECE_THERE };

struct piece {
    enum state state;
    uint64_t offset;
    size_t bytes;
    uint64_t order; /* when it was asked for */
    unsigned char *data;
};

/* One of the threads, and the request that it has on its way. */
struct fetcher {
    struct ahead *ahead;
    pthread_t thread;
    bool streaming;
    uint64_t next;       /* where the request goes on */
    struct piece *piece; /* that is filled, or is to be; NULL: none is wanted there */
    size_t filled;
};

struct ahead {
    struct s3 *s3;
    const struct reader *reader;
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t orders;
    bool ended;
    struct fetcher fetchers[THREADS];
    struct piece pieces[PIECES];
};

static bool is_ended(void *context)
{
    struct ahead *ahead = ((struct fetcher *)context)->ahead;
    pthread_mutex_lock(&ahead->lock);
    bool ended = ahead->ended;
    pthread_mutex_unlock(&ahead->lock);
    return ended || ahead->s3->host->cancelled(ahead->s3->host) != 0; /* a reader may wait for us */
}

/* Does its request come to that place soon? */
static bool leads_to(const struct fetcher *fetcher, uint64_t offset)
{
    return fetcher->streaming && offset >= fetcher->next &&
           offset - fetcher->next < (uint64_t)PIECES * PIECE_BYTES;
}

/* Is it another one's, which is nearer? Each place has one at most, so that none is left out. */
static bool is_of_another(const struct fetcher *fetcher, uint64_t offset)
{
    const struct ahead *ahead = fetcher->ahead;
    bool ours = leads_to(fetcher, offset);
    for (unsigned i = 0; i < ahead->thread_count; i++) {
        const struct fetcher *other = &ahead->fetchers[i];
        if (other != fetcher && leads_to(other, offset) &&
            (!ours || other->next > fetcher->next ||
             (other->next == fetcher->next && other < fetcher)))
            return true;
    }
    return false;
}

static bool is_one_idle(const struct ahead *ahead)
{
    for (unsigned i = 0; i < ahead->thread_count; i++)
        if (!ahead->fetchers[i].streaming && ahead->fetchers[i].piece == NULL)
            return true;
    return false;
}

/* What is wanted where this request goes on; or else what no other comes to, if nobody is free to
 * begin there. */
static struct piece *find_wanted(const struct fetcher *fetcher)
{
    struct ahead *ahead = fetcher->ahead;
    struct piece *first = NULL;
    bool free_to = !fetcher->streaming || !is_one_idle(ahead);
    for (size_t i = 0; i < PIECES; i++) {
        struct piece *piece = &ahead->pieces[i];
        if (piece->state != PIECE_WANTED)
            continue;
        if (fetcher->streaming && piece->offset == fetcher->next)
            return piece;
        if ((free_to || leads_to(fetcher, piece->offset)) &&
            !is_of_another(fetcher, piece->offset) &&
            (first == NULL || piece->offset < first->offset))
            first = piece;
    }
    return first;
}

/* With the lock: waits for it, and claims it. False: it is over. */
static bool claim(struct fetcher *fetcher)
{
    struct ahead *ahead = fetcher->ahead;
    struct piece *piece = NULL;
    while (!ahead->ended && (piece = find_wanted(fetcher)) == NULL)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    if (ahead->ended)
        return false;
    piece->state = PIECE_COMING;
    if (piece->data == NULL)
        piece->data = malloc(PIECE_BYTES);
    fetcher->piece = piece;
    fetcher->filled = 0;
    return true;
}

static void end_piece(struct fetcher *fetcher, enum state state)
{
    if (fetcher->piece != NULL)
        fetcher->piece->state = state;
    fetcher->piece = NULL;
    pthread_cond_broadcast(&fetcher->ahead->changed);
}

/* Without the lock: what is COMING is this thread's alone. */
static size_t fill(struct fetcher *fetcher, const unsigned char *data, size_t bytes)
{
    struct piece *piece = fetcher->piece;
    size_t left = piece->bytes - fetcher->filled, part = bytes < left ? bytes : left;
    memcpy(piece->data + fetcher->filled, data, part);
    fetcher->filled += part;
    return part;
}

/* What the request brings. The last byte of a piece may be the last that is wanted for now. */
static bool take(void *context, const unsigned char *data, size_t bytes)
{
    struct fetcher *fetcher = context;
    struct ahead *ahead = fetcher->ahead;
    while (bytes > 0) {
        pthread_mutex_lock(&ahead->lock);
        bool well = fetcher->piece != NULL || claim(fetcher);
        well = well && fetcher->piece->data != NULL &&
               fetcher->piece->offset + fetcher->filled == fetcher->next;
        pthread_mutex_unlock(&ahead->lock);
        if (!well) /* another one is claimed, and asked for after this */
            return false;
        size_t part = fill(fetcher, data, bytes);
        data += part;
        bytes -= part;
        pthread_mutex_lock(&ahead->lock);
        fetcher->next += part;
        if (fetcher->filled == fetcher->piece->bytes)
            end_piece(fetcher, PIECE_THERE);
        pthread_mutex_unlock(&ahead->lock);
    }
    return true;
}

/* With the lock, which is given up meanwhile. A piece is claimed. */
static void stream(struct fetcher *fetcher)
{
    struct ahead *ahead = fetcher->ahead;
    const struct piece *first = fetcher->piece;
    struct stream request = {.reader = ahead->reader,
                             .offset = first->offset,
                             .take = take,
                             .stopped = is_ended,
                             .context = fetcher};
    fetcher->next = first->offset;
    fetcher->streaming = true;
    pthread_mutex_unlock(&ahead->lock);
    get_stream(ahead->s3, &request);
    pthread_mutex_lock(&ahead->lock);
    fetcher->streaming = false;
    /* One that was claimed while this went on is begun with the next. */
    if (fetcher->piece != NULL && (fetcher->filled > 0 || fetcher->piece->offset == fetcher->next))
        end_piece(fetcher, PIECE_FREE);
}

static void *ahead_main(void *argument)
{
    struct fetcher *fetcher = argument;
    struct ahead *ahead = fetcher->ahead;
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ended && (fetcher->piece != NULL || claim(fetcher)))
        stream(fetcher);
    end_piece(fetcher, PIECE_FREE);
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
    pthread_mutex_lock(&ahead->lock);
    for (bool well = true; well && ahead->thread_count < THREADS;) {
        struct fetcher *fetcher = &ahead->fetchers[ahead->thread_count];
        fetcher->ahead = ahead;
        well = pthread_create(&fetcher->thread, NULL, ahead_main, fetcher) == 0;
        ahead->thread_count += well;
    }
    pthread_mutex_unlock(&ahead->lock);
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
        pthread_join(ahead->fetchers[i].thread, NULL);
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

/* With the lock. */
static bool give_some(struct ahead *ahead, unsigned char *to, size_t *bytes, uint64_t *offset)
{
    struct piece *piece;
    while ((piece = find(ahead, *offset)) != NULL && piece->state != PIECE_THERE)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    if (piece == NULL)
        return false;
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

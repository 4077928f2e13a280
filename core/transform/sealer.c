/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/sealer.h"

#include "base/memory.h"
#include "host/failure.h"
#include <string.h>

enum {
    MOST_THREADS = 8,
    SPARE = 2,              /* batches: one is filled, one is passed on */
    BATCH_BYTES = 512 << 10 /* worth the way to another thread, and small enough for many */
};

enum state { BATCH_FREE, BATCH_READY, BATCH_SEALING, BATCH_SEALED };

struct batch {
    enum state state;
    unsigned char *plain, *sealed;
    bool *kept;
    size_t bytes;
    uint64_t first; /* number of its first block */
    bool last, failed;
    struct hb_failure why;
};

struct hb_sealer {
    const struct hb_key *key;
    struct hb_sealed_out out;
    size_t blocks, plain_bytes; /* of a whole batch */
    uint64_t told;
    uint64_t next; /* number of the first block of the next batch */
    int status;    /* of all that was passed on; sticky */
    bool finished;
    size_t filling, oldest; /* counts of batches: filled so far, passed on so far */
    size_t batch_count;
    struct batch batches[MOST_THREADS + SPARE];
    /* ---- */
    pthread_mutex_t lock;
    pthread_cond_t ready, sealed;
    bool ended;
    unsigned thread_count;
    pthread_t threads[MOST_THREADS];
};

/* ---- sealing --------------------------------------------------------------------------------- */

static size_t blocks_of(const struct hb_sealer *sealer, const struct batch *batch)
{
    return (size_t)hb_key_blocks(sealer->key, batch->bytes);
}

static void seal(const struct hb_sealer *sealer, struct batch *batch)
{
    const struct hb_key *key = sealer->key;
    size_t each = key->sealing.plain_bytes, count = blocks_of(sealer, batch);
    batch->failed = false;
    for (size_t i = 0; i < count && !batch->failed; i++) {
        bool end = i + 1 == count;
        size_t bytes = end ? batch->bytes - i * each : each;
        batch->failed =
            hb_key_seal(key, batch->first + i, end && batch->last, batch->plain + i * each, bytes,
                        batch->sealed + i * hb_key_block(key)) != HB_OK;
    }
    if (batch->failed) {
        hb_instance_reason(key->transform->instance);
        batch->why = *hb_failure_of(key->transform->run);
    }
}

static struct batch *next_ready(struct hb_sealer *sealer)
{
    for (size_t i = sealer->oldest; i < sealer->filling; i++) {
        struct batch *batch = &sealer->batches[i % sealer->batch_count];
        if (batch->state == BATCH_READY)
            return batch;
    }
    return NULL;
}

static void *thread_main(void *argument)
{
    struct hb_sealer *sealer = argument;
    pthread_mutex_lock(&sealer->lock);
    while (!sealer->ended) {
        struct batch *batch = next_ready(sealer);
        if (batch == NULL) {
            pthread_cond_wait(&sealer->ready, &sealer->lock);
            continue;
        }
        batch->state = BATCH_SEALING;
        pthread_mutex_unlock(&sealer->lock);
        seal(sealer, batch);
        pthread_mutex_lock(&sealer->lock);
        batch->state = BATCH_SEALED;
        pthread_cond_signal(&sealer->sealed);
    }
    pthread_mutex_unlock(&sealer->lock);
    return NULL;
}

/* ---- begin and end --------------------------------------------------------------------------- */

struct hb_sealer *hb_sealer_start(const struct hb_key *key, unsigned workers,
                                  struct hb_sealed_out out)
{
    struct hb_sealer *sealer = hb_alloc(sizeof *sealer);
    size_t each = key->sealing.plain_bytes;
    sealer->key = key;
    sealer->out = out;
    sealer->blocks = BATCH_BYTES / each > 0 ? BATCH_BYTES / each : 1;
    sealer->plain_bytes = sealer->blocks * each;
    pthread_mutex_init(&sealer->lock, NULL);
    pthread_cond_init(&sealer->ready, NULL);
    pthread_cond_init(&sealer->sealed, NULL);
    unsigned wanted = workers < MOST_THREADS ? workers : MOST_THREADS;
    sealer->batch_count = wanted + SPARE;
    while (sealer->thread_count < wanted &&
           pthread_create(&sealer->threads[sealer->thread_count], NULL, thread_main, sealer) == 0)
        sealer->thread_count++;
    return sealer;
}

uint64_t hb_sealer_memory(const struct hb_sealer *sealer)
{
    return (uint64_t)sealer->batch_count *
           (sealer->plain_bytes + sealer->blocks * hb_key_block(sealer->key));
}

void hb_sealer_free(struct hb_sealer *sealer)
{
    if (sealer == NULL)
        return;
    pthread_mutex_lock(&sealer->lock);
    sealer->ended = true;
    pthread_cond_broadcast(&sealer->ready);
    pthread_mutex_unlock(&sealer->lock);
    for (unsigned i = 0; i < sealer->thread_count; i++)
        pthread_join(sealer->threads[i], NULL);
    for (size_t i = 0; i < sealer->batch_count; i++) {
        free(sealer->batches[i].plain);
        free(sealer->batches[i].sealed);
        free(sealer->batches[i].kept);
    }
    pthread_cond_destroy(&sealer->sealed);
    pthread_cond_destroy(&sealer->ready);
    pthread_mutex_destroy(&sealer->lock);
    free(sealer);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The oldest batch goes out. Waits for it, or (`now`) is false where it is not sealed yet. */
static bool pass_on(struct hb_sealer *sealer, bool now)
{
    struct batch *batch = &sealer->batches[sealer->oldest % sealer->batch_count];
    pthread_mutex_lock(&sealer->lock);
    while (batch->state != BATCH_SEALED && !now)
        pthread_cond_wait(&sealer->sealed, &sealer->lock);
    bool sealed = batch->state == BATCH_SEALED;
    pthread_mutex_unlock(&sealer->lock);
    if (!sealed)
        return false;
    struct hb_sealed piece = {.data = batch->sealed,
                              .first = batch->first,
                              .count = blocks_of(sealer, batch),
                              .kept = batch->kept};
    piece.bytes = batch->bytes + piece.count * sealer->key->sealing.extra_bytes;
    if (sealer->status == HB_OK && batch->failed) {
        *hb_failure_of(sealer->key->transform->run) = batch->why;
        sealer->status = HB_STATUS_FATAL;
    }
    if (sealer->status == HB_OK)
        sealer->status = sealer->out.put(sealer->out.context, &piece);
    pthread_mutex_lock(&sealer->lock);
    batch->state = BATCH_FREE;
    sealer->oldest++;
    pthread_mutex_unlock(&sealer->lock);
    return true;
}

static struct batch *batch_to_fill(struct hb_sealer *sealer)
{
    struct batch *batch = &sealer->batches[sealer->filling % sealer->batch_count];
    if (batch->plain == NULL) {
        batch->plain = hb_alloc(sealer->plain_bytes);
        batch->sealed = hb_alloc(sealer->blocks * hb_key_block(sealer->key));
        batch->kept = hb_alloc(sealer->blocks * sizeof *batch->kept);
    }
    return batch;
}

static void submit(struct hb_sealer *sealer, struct batch *batch, bool last)
{
    batch->first = sealer->next;
    batch->last = last;
    sealer->next += blocks_of(sealer, batch);
    if (sealer->thread_count == 0)
        seal(sealer, batch);
    pthread_mutex_lock(&sealer->lock);
    batch->state = sealer->thread_count == 0 ? BATCH_SEALED : BATCH_READY;
    sealer->filling++;
    pthread_cond_signal(&sealer->ready);
    pthread_mutex_unlock(&sealer->lock);
}

/* A whole batch, behind which something follows. The next one is then free to be filled. */
static void submit_whole(struct hb_sealer *sealer, struct batch *batch)
{
    submit(sealer, batch, false);
    while (sealer->oldest < sealer->filling && pass_on(sealer, true))
        ;
    if (sealer->filling - sealer->oldest == sealer->batch_count)
        pass_on(sealer, false);
    batch = batch_to_fill(sealer);
    batch->bytes = 0;
    memset(batch->kept, 0, sealer->blocks * sizeof *batch->kept);
}

int hb_sealer_write(struct hb_sealer *sealer, const void *data, size_t bytes, bool keep)
{
    const unsigned char *from = data;
    size_t each = sealer->key->sealing.plain_bytes;
    while (bytes > 0 && sealer->status == HB_OK) {
        struct batch *batch = batch_to_fill(sealer);
        if (batch->bytes == sealer->plain_bytes) {
            submit_whole(sealer, batch);
            continue;
        }
        size_t room = sealer->plain_bytes - batch->bytes, part = bytes < room ? bytes : room;
        memcpy(batch->plain + batch->bytes, from, part);
        for (size_t i = batch->bytes / each; keep && i <= (batch->bytes + part - 1) / each; i++)
            batch->kept[i] = true;
        batch->bytes += part;
        sealer->told += part;
        from += part;
        bytes -= part;
    }
    return sealer->status;
}

uint64_t hb_sealer_tell(const struct hb_sealer *sealer)
{
    return sealer->told;
}

int hb_sealer_finish(struct hb_sealer *sealer)
{
    if (sealer->finished || sealer->status != HB_OK)
        return sealer->status;
    sealer->finished = true;
    submit(sealer, batch_to_fill(sealer), true);
    while (sealer->oldest < sealer->filling)
        pass_on(sealer, false);
    return sealer->status;
}

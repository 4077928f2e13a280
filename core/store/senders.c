/* SPDX-License-Identifier: Apache-2.0 */
#include "store/senders.h"

#include "base/memory.h"
#include "host/failure.h"
#include <pthread.h>
#include <string.h>

enum {
    MOST_SENDERS = 8,
    MOST_MEMORY = 40 << 20,
    LEAST_MEMORY = 20 << 20,
    FEW_WORKERS = 2,
    WORKER_MEMORY = 3 << 20 /* that each of more workers has for its work */
};

enum state { PART_FREE, PART_FILLING, PART_READY, PART_SENDING };

struct part {
    enum state state;
    unsigned char *data;
    size_t bytes;
    uint64_t number, offset;
};

struct hb_senders {
    const struct hb_store *store;
    void *upload;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned thread_count, part_count;
    bool ended; /* nothing more is sent */
    bool failed;
    struct hb_failure why; /* of the first part that failed */
    size_t part_bytes;
    pthread_t threads[MOST_SENDERS];
    struct part parts[MOST_SENDERS + 1];
};

int hb_send_part(const struct hb_store *store, void *upload, uint64_t number, uint64_t offset,
                 const void *data, size_t bytes)
{
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->put_part(store->self, upload, number, offset, data, bytes);
    } while (status != HB_OK && hb_retry_again(&retry));
    return status == HB_OK ? HB_OK : HB_STATUS_FATAL;
}

/* ---- the threads ----------------------------------------------------------------------------- */

/* The first of those that wait. */
static struct part *next_ready(struct hb_senders *senders)
{
    struct part *next = NULL;
    for (unsigned i = 0; i < senders->part_count; i++) {
        struct part *part = &senders->parts[i];
        if (part->state == PART_READY && (next == NULL || part->number < next->number))
            next = part;
    }
    return next;
}

static void send_one(struct hb_senders *senders, struct part *part)
{
    part->state = PART_SENDING;
    pthread_mutex_unlock(&senders->lock);
    int status = hb_send_part(senders->store, senders->upload, part->number, part->offset,
                              part->data, part->bytes);
    pthread_mutex_lock(&senders->lock);
    if (status != HB_OK && !senders->failed) {
        senders->failed = true;
        senders->why = *hb_failure_of(senders->store->run);
    }
    part->state = PART_FREE;
    pthread_cond_broadcast(&senders->changed);
}

static void *sender_main(void *argument)
{
    struct hb_senders *senders = argument;
    pthread_mutex_lock(&senders->lock);
    while (!senders->ended) {
        struct part *part = senders->failed ? NULL : next_ready(senders);
        if (part != NULL)
            send_one(senders, part);
        else
            pthread_cond_wait(&senders->changed, &senders->lock);
    }
    pthread_mutex_unlock(&senders->lock);
    return NULL;
}

/* ---- who fills them -------------------------------------------------------------------------- */

size_t hb_senders_most(const struct hb_store *store)
{
    unsigned workers =
        store->run == NULL || store->run->config == NULL ? FEW_WORKERS : hb_run_workers(store->run);
    size_t others = workers > FEW_WORKERS ? (size_t)(workers - FEW_WORKERS) * WORKER_MEMORY : 0;
    return others < MOST_MEMORY - LEAST_MEMORY ? MOST_MEMORY - others : LEAST_MEMORY;
}

struct hb_senders *hb_senders_start(const struct hb_store *store, void *upload, unsigned parallel,
                                    size_t part_bytes)
{
    size_t room = hb_senders_most(store) / part_bytes;
    unsigned wanted = parallel < MOST_SENDERS ? parallel : MOST_SENDERS;
    if (room < wanted + 1)
        wanted = room < 2 ? 0 : (unsigned)room - 1;
    if (wanted < 2)
        return NULL;
    struct hb_senders *senders = hb_alloc(sizeof *senders);
    senders->store = store;
    senders->upload = upload;
    senders->part_bytes = part_bytes;
    pthread_mutex_init(&senders->lock, NULL);
    pthread_cond_init(&senders->changed, NULL);
    senders->part_count = wanted + 1;
    while (senders->thread_count < wanted &&
           pthread_create(&senders->threads[senders->thread_count], NULL, sender_main, senders) ==
               0)
        senders->thread_count++;
    if (senders->thread_count > 0)
        return senders;
    hb_senders_free(senders);
    return NULL;
}

uint64_t hb_senders_memory(const struct hb_senders *senders)
{
    return (uint64_t)senders->part_count * senders->part_bytes;
}

/* With the lock. False: a part has failed, and this thread knows why. */
static bool is_well(struct hb_senders *senders)
{
    if (senders->failed)
        *hb_failure_of(senders->store->run) = senders->why;
    return !senders->failed;
}

static struct part *find(struct hb_senders *senders, enum state state)
{
    for (unsigned i = 0; i < senders->part_count; i++)
        if (senders->parts[i].state == state)
            return &senders->parts[i];
    return NULL;
}

unsigned char *hb_senders_buffer(struct hb_senders *senders)
{
    struct part *part;
    pthread_mutex_lock(&senders->lock);
    while ((part = find(senders, PART_FILLING)) == NULL &&
           (part = find(senders, PART_FREE)) == NULL && !senders->failed)
        pthread_cond_wait(&senders->changed, &senders->lock);
    if (part != NULL)
        part->state = PART_FILLING;
    bool well = is_well(senders);
    pthread_mutex_unlock(&senders->lock);
    if (!well)
        return NULL;
    if (part->data == NULL)
        part->data = hb_alloc(senders->part_bytes);
    return part->data;
}

void hb_senders_give(struct hb_senders *senders, uint64_t number, uint64_t offset, size_t bytes)
{
    pthread_mutex_lock(&senders->lock);
    struct part *part = find(senders, PART_FILLING);
    part->number = number;
    part->offset = offset;
    part->bytes = bytes;
    part->state = PART_READY;
    pthread_cond_broadcast(&senders->changed);
    pthread_mutex_unlock(&senders->lock);
}

int hb_senders_wait(struct hb_senders *senders)
{
    pthread_mutex_lock(&senders->lock);
    while (find(senders, PART_SENDING) != NULL ||
           (!senders->failed && find(senders, PART_READY) != NULL))
        pthread_cond_wait(&senders->changed, &senders->lock);
    bool well = is_well(senders);
    pthread_mutex_unlock(&senders->lock);
    return well ? HB_OK : HB_STATUS_FATAL;
}

void hb_senders_free(struct hb_senders *senders)
{
    if (senders == NULL)
        return;
    pthread_mutex_lock(&senders->lock);
    senders->ended = true;
    pthread_cond_broadcast(&senders->changed);
    pthread_mutex_unlock(&senders->lock);
    for (unsigned i = 0; i < senders->thread_count; i++)
        pthread_join(senders->threads[i], NULL);
    for (unsigned i = 0; i < senders->part_count; i++)
        free(senders->parts[i].data);
    pthread_cond_destroy(&senders->changed);
    pthread_mutex_destroy(&senders->lock);
    free(senders);
}

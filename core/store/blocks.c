/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blocks.h"

#include "base/memory.h"
#include <pthread.h>
#include <string.h>

enum {
    AHEAD = 4,         /* blocks that are announced */
    INDEX_BLOCKS = 256 /* an index lies behind the last so many begin, as a rule */
};

enum state { BLOCK_EMPTY, BLOCK_COMING, BLOCK_THERE };

struct block {
    enum state state;
    uint64_t number;
    uint64_t used; /* when, as a count of uses */
    unsigned readers;
    unsigned char *data;
};

struct hb_blocks {
    const struct hb_opened *opened;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t uses;
    unsigned guesses;   /* how often an index was believed to begin there */
    uint64_t announced; /* the next block that was not announced */
    struct block blocks[HB_BLOCKS_KEPT];
};

struct hb_blocks *hb_blocks_make(const struct hb_opened *opened)
{
    struct hb_blocks *blocks = hb_alloc(sizeof *blocks);
    blocks->opened = opened;
    pthread_mutex_init(&blocks->lock, NULL);
    pthread_cond_init(&blocks->changed, NULL);
    return blocks;
}

void hb_blocks_free(struct hb_blocks *blocks)
{
    if (blocks == NULL)
        return;
    for (size_t i = 0; i < HB_BLOCKS_KEPT; i++)
        free(blocks->blocks[i].data);
    pthread_cond_destroy(&blocks->changed);
    pthread_mutex_destroy(&blocks->lock);
    free(blocks);
}

static struct block *find(struct hb_blocks *blocks, uint64_t number)
{
    for (size_t i = 0; i < HB_BLOCKS_KEPT; i++)
        if (blocks->blocks[i].state != BLOCK_EMPTY && blocks->blocks[i].number == number)
            return &blocks->blocks[i];
    return NULL;
}

/* One that nobody uses now; NULL: all are in use. */
static struct block *find_oldest(struct hb_blocks *blocks)
{
    struct block *oldest = NULL;
    for (size_t i = 0; i < HB_BLOCKS_KEPT; i++) {
        struct block *block = &blocks->blocks[i];
        if (block->state == BLOCK_EMPTY)
            return block;
        if (block->state == BLOCK_THERE && block->readers == 0 &&
            (oldest == NULL || block->used < oldest->used))
            oldest = block;
    }
    return oldest;
}

/*
 * With the lock: what will be read soon, if it goes on as it did, this block included. How many
 * blocks. What is read first, near the end, is an index, and then all of it; of what is sealed the
 * last block is opened before that.
 */
static uint64_t look_ahead(struct hb_blocks *blocks, uint64_t number, uint64_t *first)
{
    uint64_t end = number + 1 + AHEAD, last = blocks->opened->object.bytes / HB_BLOCK_BYTES;
    bool in_order = number > 0 && find(blocks, number - 1) != NULL;
    bool again = blocks->guesses == 1 && blocks->announced > last; /* the first was its end alone */
    bool index =
        !in_order && (blocks->guesses == 0 || again) && number > 0 && number + INDEX_BLOCKS > last;
    bool known = blocks->announced > number && blocks->announced <= end;
    blocks->guesses += index;
    *first = known ? blocks->announced : number;
    if ((!in_order && !index) || *first >= end)
        return 0;
    blocks->announced = end;
    return end - *first;
}

static void announce(const struct hb_blocks *blocks, uint64_t first, uint64_t count)
{
    const struct hb_store *store = blocks->opened->store;
    uint64_t length = blocks->opened->object.bytes, offset = first * HB_BLOCK_BYTES;
    uint64_t bytes = count * HB_BLOCK_BYTES;
    if (count == 0 || offset >= length || !HB_CAN(store->ops, advise))
        return;
    store->ops->advise(store->self, blocks->opened->reader, offset,
                       bytes < length - offset ? bytes : length - offset);
}

/* With the lock, which is given up meanwhile. */
static int64_t fetch(struct hb_blocks *blocks, struct block *block, uint64_t number)
{
    uint64_t first, ahead = look_ahead(blocks, number, &first);
    block->state = BLOCK_COMING;
    block->number = number;
    pthread_mutex_unlock(&blocks->lock);
    if (block->data == NULL)
        block->data = hb_alloc(HB_BLOCK_BYTES);
    announce(blocks, first, ahead);
    int64_t got =
        hb_opened_read_at(blocks->opened, block->data, HB_BLOCK_BYTES, number * HB_BLOCK_BYTES);
    pthread_mutex_lock(&blocks->lock);
    block->state = got < 0 ? BLOCK_EMPTY : BLOCK_THERE;
    pthread_cond_broadcast(&blocks->changed);
    return got;
}

/* The block, with one more reader; NULL: *got is a failure, or 0: it has to be read past us. */
static struct block *take(struct hb_blocks *blocks, uint64_t number, int64_t *got)
{
    struct block *block;
    *got = 0;
    pthread_mutex_lock(&blocks->lock);
    while ((block = find(blocks, number)) != NULL && block->state == BLOCK_COMING)
        pthread_cond_wait(&blocks->changed, &blocks->lock);
    if (block == NULL && (block = find_oldest(blocks)) != NULL &&
        (*got = fetch(blocks, block, number)) < 0)
        block = NULL;
    if (block != NULL) {
        block->readers++;
        block->used = ++blocks->uses;
    }
    pthread_mutex_unlock(&blocks->lock);
    return block;
}

static void put_back(struct hb_blocks *blocks, struct block *block)
{
    pthread_mutex_lock(&blocks->lock);
    block->readers--;
    pthread_mutex_unlock(&blocks->lock);
}

int64_t hb_blocks_read_at(struct hb_blocks *blocks, void *buffer, size_t bytes, uint64_t offset)
{
    uint64_t length = blocks->opened->object.bytes;
    if (offset >= length)
        return 0;
    size_t want = bytes < length - offset ? bytes : (size_t)(length - offset), done = 0;
    if (want > (size_t)HB_BLOCK_BYTES * 4) /* large enough, and more than are to be kept */
        return hb_opened_read_at(blocks->opened, buffer, want, offset);
    while (done < want) {
        uint64_t at = offset + done;
        size_t within = (size_t)(at % HB_BLOCK_BYTES), most = HB_BLOCK_BYTES - within;
        size_t part = want - done < most ? want - done : most;
        int64_t got;
        struct block *block = take(blocks, at / HB_BLOCK_BYTES, &got);
        if (block != NULL) {
            memcpy((unsigned char *)buffer + done, block->data + within, part);
            put_back(blocks, block);
        } else if (got < 0 || (got = hb_opened_read_at(
                                   blocks->opened, (unsigned char *)buffer + done, part, at)) < 0) {
            return got;
        }
        done += part;
    }
    return (int64_t)done;
}

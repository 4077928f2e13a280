/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/opener.h"

#include "base/memory.h"
#include "host/failure.h"
#include <inttypes.h>
#include <string.h>

enum {
    SLOT_BYTES = 64 << 10, /* of content in each, or one block where that is larger */
    KEPT_BYTES = 4 << 20,  /* in all of them */
    LEAST_SLOTS = 4,       /* so that several threads find one */
    MOST_SLOTS = 64,
    AT_ONCE = 512 << 10 /* is read of whole blocks */
};

enum state { SLOT_EMPTY, SLOT_COMING, SLOT_THERE };

/* Some blocks that follow each other, open. */
struct slot {
    enum state state;
    uint64_t number; /* of the slot, from the start */
    uint64_t used;   /* when, as a count of uses */
    unsigned readers;
    unsigned char *plain;
};

struct hb_opener {
    const struct hb_key *key;
    const struct hb_input *sealed;
    const struct hb_kept_blocks *kept;
    struct hb_input input;
    uint64_t blocks;
    uint64_t position;
    size_t slot_blocks, slot_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t uses;
    struct slot slots[MOST_SLOTS];
};

static struct hb_run *run_of(const struct hb_opener *opener)
{
    return opener->key->transform->run;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static size_t plain_of(const struct hb_opener *opener, uint64_t number)
{
    uint64_t each = opener->key->sealing.plain_bytes;
    return number + 1 < opener->blocks ? (size_t)each
                                       : (size_t)(opener->input.bytes - number * each);
}

static int64_t damaged(const struct hb_opener *opener, uint64_t number)
{
    uint64_t each = opener->key->sealing.plain_bytes;
    HB_AUTO_FREE char *why = hb_copy_text(hb_instance_reason(opener->key->transform->instance));
    hb_run_explain(run_of(opener),
                   "damaged, or changed by somebody: block %" PRIu64 " of %" PRIu64
                   " does not open (bytes %" PRIu64 " and following of its content): %s",
                   number + 1, opener->blocks, number * each, why);
    return HB_STATUS_FATAL;
}

/* `count` blocks from `number` on, to `plain`; `buffer` has room for them as they are sealed. The
 * bytes of content, or a failure. */
static int64_t open_blocks(const struct hb_opener *opener, uint64_t number, size_t count,
                           unsigned char *buffer, unsigned char *plain)
{
    const struct hb_key *key = opener->key;
    size_t block = hb_key_block(key), extra = key->sealing.extra_bytes, done = 0;
    size_t want = (count - 1) * block + plain_of(opener, number + count - 1) + extra;
    int64_t got = opener->sealed->read_at(opener->sealed, buffer, want,
                                          key->sealing.header_bytes + number * block);
    if (got < 0)
        return got;
    if ((size_t)got != want) {
        hb_run_explain(run_of(opener), "it has become shorter while it was read");
        return HB_STATUS_FATAL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t bytes = plain_of(opener, number + i);
        if (opener->kept != NULL && !hb_kept_blocks_has(opener->kept, number + i))
            memset(plain + done, 0, bytes);
        else if (hb_key_unseal(key, number + i, number + i + 1 == opener->blocks,
                               buffer + i * block, bytes + extra, plain + done) != HB_OK)
            return damaged(opener, number + i);
        done += bytes;
    }
    return (int64_t)done;
}

/* ---- blocks that are kept open --------------------------------------------------------------- */

static struct slot *find(struct hb_opener *opener, uint64_t number)
{
    for (size_t i = 0; i < opener->slot_count; i++)
        if (opener->slots[i].state != SLOT_EMPTY && opener->slots[i].number == number)
            return &opener->slots[i];
    return NULL;
}

/* One that nobody uses now; NULL: all are in use. */
static struct slot *find_oldest(struct hb_opener *opener)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < opener->slot_count; i++) {
        struct slot *slot = &opener->slots[i];
        if (slot->state == SLOT_EMPTY)
            return slot;
        if (slot->state == SLOT_THERE && slot->readers == 0 &&
            (oldest == NULL || slot->used < oldest->used))
            oldest = slot;
    }
    return oldest;
}

static int64_t fill(const struct hb_opener *opener, uint64_t number, unsigned char *plain)
{
    uint64_t first = number * opener->slot_blocks, left = opener->blocks - first;
    size_t count = left < opener->slot_blocks ? (size_t)left : opener->slot_blocks;
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(count * hb_key_block(opener->key));
    return open_blocks(opener, first, count, buffer, plain);
}

static size_t slot_bytes(const struct hb_opener *opener)
{
    return opener->slot_blocks * opener->key->sealing.plain_bytes;
}

/* With the lock, which is given up meanwhile. */
static int64_t fetch(struct hb_opener *opener, struct slot *slot, uint64_t number)
{
    slot->state = SLOT_COMING;
    slot->number = number;
    pthread_mutex_unlock(&opener->lock);
    if (slot->plain == NULL)
        slot->plain = hb_alloc(slot_bytes(opener));
    int64_t got = fill(opener, number, slot->plain);
    pthread_mutex_lock(&opener->lock);
    slot->state = got < 0 ? SLOT_EMPTY : SLOT_THERE;
    pthread_cond_broadcast(&opener->changed);
    return got;
}

/* The slot, with one more reader; NULL: *got is a failure, or 0: all are in use. */
static struct slot *take(struct hb_opener *opener, uint64_t number, int64_t *got)
{
    struct slot *slot;
    *got = 0;
    pthread_mutex_lock(&opener->lock);
    while ((slot = find(opener, number)) != NULL && slot->state == SLOT_COMING)
        pthread_cond_wait(&opener->changed, &opener->lock);
    if (slot == NULL && (slot = find_oldest(opener)) != NULL &&
        (*got = fetch(opener, slot, number)) < 0)
        slot = NULL;
    if (slot != NULL) {
        slot->readers++;
        slot->used = ++opener->uses;
    }
    pthread_mutex_unlock(&opener->lock);
    return slot;
}

static void put_back(struct hb_opener *opener, struct slot *slot)
{
    pthread_mutex_lock(&opener->lock);
    slot->readers--;
    pthread_mutex_unlock(&opener->lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Whole blocks, past those that are kept. */
static int64_t read_whole(const struct hb_opener *opener, unsigned char *buffer, uint64_t number,
                          uint64_t count)
{
    size_t block = hb_key_block(opener->key), most = AT_ONCE / block > 0 ? AT_ONCE / block : 1;
    size_t some = count < most ? (size_t)count : most;
    HB_AUTO_FREE unsigned char *sealed = malloc(some * block);
    if (sealed == NULL) {
        hb_run_explain(run_of(opener), "out of memory");
        run_of(opener)->short_of_memory = true;
        return HB_STATUS_FATAL;
    }
    int64_t done = 0;
    for (uint64_t at = 0; at < count; at += some) {
        size_t now = count - at < some ? (size_t)(count - at) : some;
        int64_t got = open_blocks(opener, number + at, now, sealed, buffer + done);
        if (got < 0)
            return got;
        done += got;
    }
    return done;
}

/* What of it lies in one slot. */
static int64_t read_part(struct hb_opener *opener, unsigned char *buffer, size_t bytes,
                         uint64_t offset)
{
    uint64_t number = offset / slot_bytes(opener);
    size_t within = (size_t)(offset % slot_bytes(opener)), most = slot_bytes(opener) - within;
    size_t part = bytes < most ? bytes : most;
    int64_t got;
    struct slot *slot = take(opener, number, &got);
    if (slot != NULL) {
        memcpy(buffer, slot->plain + within, part);
        put_back(opener, slot);
        return (int64_t)part;
    }
    if (got < 0)
        return got;
    HB_AUTO_FREE unsigned char *plain = hb_alloc(slot_bytes(opener));
    got = fill(opener, number, plain);
    if (got < 0)
        return got;
    memcpy(buffer, plain + within, part);
    return (int64_t)part;
}

static int64_t input_read_at(const struct hb_input *input, void *buffer, size_t bytes,
                             uint64_t offset)
{
    struct hb_opener *opener = input->self;
    uint64_t each = opener->key->sealing.plain_bytes;
    unsigned char *to = buffer;
    if (offset >= input->bytes)
        return 0;
    size_t want = bytes < input->bytes - offset ? bytes : (size_t)(input->bytes - offset);
    size_t done = 0;
    while (done < want) {
        uint64_t at = offset + done, left = want - done;
        bool whole = at % each == 0 && left >= slot_bytes(opener) * 2;
        int64_t got = whole ? read_whole(opener, to + done, at / each, left / each)
                            : read_part(opener, to + done, (size_t)left, at);
        if (got < 0)
            return got;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static int64_t input_read(const struct hb_input *input, void *buffer, size_t bytes)
{
    struct hb_opener *opener = input->self;
    int64_t got = input_read_at(input, buffer, bytes, opener->position);
    if (got > 0)
        opener->position += (uint64_t)got;
    return got;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static int is_cut(struct hb_error *error)
{
    return hb_error_set(error, HB_STATUS_FATAL,
                        "it is cut off, or longer than it was: nothing that was sealed as a whole "
                        "has this length");
}

/*
 * The last block, before anybody gets anything. One that opens as a block in front of others is the
 * sign of a cut at its end.
 */
static int open_last(const struct hb_opener *opener, struct hb_error *error)
{
    const struct hb_key *key = opener->key;
    uint64_t number = opener->blocks - 1;
    size_t bytes = plain_of(opener, number), sealed = bytes + key->sealing.extra_bytes;
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(sealed);
    HB_AUTO_FREE unsigned char *plain = hb_alloc(bytes + 1);
    int64_t got = opener->sealed->read_at(opener->sealed, buffer, sealed,
                                          key->sealing.header_bytes + number * hb_key_block(key));
    if (got < 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s",
                            hb_instance_reason(key->transform->instance));
    if ((size_t)got < sealed)
        return is_cut(error);
    if (hb_key_unseal(key, number, true, buffer, sealed, plain) == HB_OK)
        return HB_OK;
    HB_AUTO_FREE char *why = hb_copy_text(hb_instance_reason(key->transform->instance));
    bool whole = bytes == key->sealing.plain_bytes;
    if (whole && hb_key_unseal(key, number, false, buffer, sealed, plain) == HB_OK)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "it is cut off at the end of block %" PRIu64 ": more followed",
                            number + 1);
    return hb_error_set(error, HB_STATUS_FATAL,
                        "cut off, damaged, or changed by somebody: the last of its %" PRIu64
                        " blocks does not open: %s",
                        opener->blocks, why);
}

int hb_opener_start(const struct hb_key *key, const struct hb_input *sealed,
                    const struct hb_kept_blocks *kept, struct hb_opener **opener,
                    struct hb_error *error)
{
    uint64_t plain;
    if (!hb_key_plain(key, sealed->bytes, &plain))
        return is_cut(error);
    struct hb_opener *made = hb_alloc(sizeof *made);
    size_t each = key->sealing.plain_bytes;
    made->key = key;
    made->sealed = sealed;
    made->kept = kept;
    made->blocks = hb_key_blocks(key, plain);
    made->input = (struct hb_input){.size = sizeof made->input,
                                    .self = made,
                                    .bytes = plain,
                                    .read = input_read,
                                    .read_at = input_read_at};
    made->slot_blocks = SLOT_BYTES / each > 0 ? SLOT_BYTES / each : 1;
    made->slot_count = KEPT_BYTES / slot_bytes(made);
    if (made->slot_count < LEAST_SLOTS)
        made->slot_count = LEAST_SLOTS;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    int status = open_last(made, error);
    if (status == HB_OK)
        *opener = made;
    else
        hb_opener_free(made);
    return status;
}

const struct hb_input *hb_opener_input(const struct hb_opener *opener)
{
    return &opener->input;
}

void hb_opener_rewind(struct hb_opener *opener)
{
    opener->position = 0;
}

void hb_opener_free(struct hb_opener *opener)
{
    if (opener == NULL)
        return;
    for (size_t i = 0; i < opener->slot_count; i++)
        free(opener->slots[i].plain);
    pthread_cond_destroy(&opener->changed);
    pthread_mutex_destroy(&opener->lock);
    free(opener);
}

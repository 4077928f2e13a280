/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/spill.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

enum { AT_ONCE = 256 << 10 }; /* is sealed and written, or read and opened */

void hb_spill_init(struct hb_spill *spill, struct hb_stage *stage, struct hb_transform *transform)
{
    *spill = (struct hb_spill){
        .stage = stage, .fd = -1, .transform = transform, .closed = stage->fd < 0};
    pthread_mutex_init(&spill->lock, NULL);
}

void hb_spill_clear(struct hb_spill *spill)
{
    if (spill->fd >= 0)
        close(spill->fd);
    hb_key_end(&spill->key);
    pthread_mutex_destroy(&spill->lock);
}

bool hb_spill_is_open(struct hb_spill *spill)
{
    pthread_mutex_lock(&spill->lock);
    bool open = !spill->closed;
    pthread_mutex_unlock(&spill->lock);
    return open;
}

/* Under the lock. The file loses its name at once, so that nothing of it can stay. */
static bool open_file(struct hb_spill *spill)
{
    struct hb_error error;
    char *name;
    if (spill->fd >= 0)
        return true;
    if (spill->transform != NULL && spill->key.transform == NULL &&
        hb_key_begin(spill->transform, &spill->key, &error) != HB_OK)
        return false;
    spill->fd = hb_stage_file(spill->stage, "spill", &name, &error);
    if (spill->fd < 0)
        return false;
    hb_stage_unlink(spill->stage, name);
    free(name);
    return true;
}

static bool is_sealed(const struct hb_spill *spill)
{
    return spill->key.transform != NULL;
}

/* So many bytes lie there of what was put in. */
static uint64_t bytes_there(const struct hb_spill *spill, size_t bytes)
{
    return is_sealed(spill) ? hb_key_blocks(&spill->key, bytes) * hb_key_block(&spill->key) : bytes;
}

/* Under the lock. */
static void give_back(struct hb_spill *spill, uint64_t offset, size_t bytes)
{
    uint64_t there = bytes_there(spill, bytes);
    spill->held -= there;
    if (spill->held == 0 && ftruncate(spill->fd, 0) == 0)
        spill->end = is_sealed(spill) ? spill->end : 0;
    else /* where the file system cannot, the space comes back at the end */
        (void)fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                        (off_t)there);
}

/* Under the lock. What is not known does not count: a write tells. */
static bool has_room(struct hb_spill *spill, uint64_t bytes)
{
    struct statvfs now;
    uint64_t room, needed;
    if (fstatvfs(spill->fd, &now) != 0 ||
        __builtin_mul_overflow((uint64_t)now.f_bavail, (uint64_t)now.f_frsize, &room))
        return true;
    return !__builtin_add_overflow(atomic_load(&spill->reserved), bytes, &needed) && needed <= room;
}

/* How many blocks at once; room for so many in `buffer`, which is to be freed. */
static size_t make_buffer(const struct hb_spill *spill, size_t bytes, unsigned char **buffer)
{
    uint64_t count = hb_key_blocks(&spill->key, bytes);
    size_t most = AT_ONCE / hb_key_block(&spill->key);
    most = most < 1 ? 1 : most;
    most = count < most ? (size_t)count : most;
    *buffer = malloc(most * hb_key_block(&spill->key));
    return most;
}

/* Each unit ends with a block that is marked as a last one: no other may be shorter. */
static bool write_sealed(const struct hb_spill *spill, const unsigned char *data, size_t bytes,
                         uint64_t offset)
{
    size_t block = hb_key_block(&spill->key), each = spill->key.sealing.plain_bytes;
    uint64_t first = offset / block, count = hb_key_blocks(&spill->key, bytes);
    HB_AUTO_FREE unsigned char *buffer = NULL;
    size_t most = make_buffer(spill, bytes, &buffer), used = 0;
    for (uint64_t i = 0; buffer != NULL && i < count; i++) {
        bool last = i + 1 == count;
        size_t part = last ? bytes - (size_t)i * each : each;
        if (hb_key_seal(&spill->key, first + i, last, data + i * each, part,
                        buffer + used * block) != HB_OK)
            return false;
        used++;
        if (!last && used < most)
            continue;
        size_t full = (used - 1) * block + part + spill->key.sealing.extra_bytes;
        if (hb_write_all_at(spill->fd, buffer, full, (first + i + 1 - used) * block) != 0)
            return false;
        used = 0;
    }
    return buffer != NULL;
}

/* 0 or -errno. */
static int read_sealed(const struct hb_spill *spill, unsigned char *data, size_t bytes,
                       uint64_t offset)
{
    size_t block = hb_key_block(&spill->key), each = spill->key.sealing.plain_bytes;
    uint64_t first = offset / block, count = hb_key_blocks(&spill->key, bytes);
    HB_AUTO_FREE unsigned char *buffer = NULL;
    size_t most = make_buffer(spill, bytes, &buffer);
    if (buffer == NULL)
        return -ENOMEM;
    for (uint64_t i = 0; i < count; i += most) {
        size_t some = count - i < most ? (size_t)(count - i) : most;
        bool end = i + some == count;
        size_t part = end ? bytes - (size_t)(count - 1) * each : each;
        size_t want = (some - 1) * block + part + spill->key.sealing.extra_bytes;
        int64_t got = hb_read_all_at(spill->fd, buffer, want, (first + i) * block);
        if (got < 0)
            return (int)got;
        for (size_t j = 0; j < some; j++) {
            bool last = end && j + 1 == some;
            size_t piece = (last ? part : each) + spill->key.sealing.extra_bytes;
            if ((size_t)got < want ||
                hb_key_unseal(&spill->key, first + i + j, last, buffer + j * block, piece,
                              data + (i + j) * each) != HB_OK)
                return -EBADMSG;
        }
    }
    return 0;
}

static bool write_there(const struct hb_spill *spill, const void *data, size_t bytes,
                        uint64_t offset)
{
    return is_sealed(spill) ? write_sealed(spill, data, bytes, offset)
                            : hb_write_all_at(spill->fd, data, bytes, offset) == 0;
}

bool hb_spill_put(struct hb_spill *spill, const void *data, size_t bytes, uint64_t *offset)
{
    pthread_mutex_lock(&spill->lock);
    bool reserved =
        !spill->closed && open_file(spill) && has_room(spill, bytes_there(spill, bytes));
    *offset = spill->end;
    if (reserved) {
        spill->end += bytes_there(spill, bytes);
        spill->held += bytes_there(spill, bytes);
    }
    pthread_mutex_unlock(&spill->lock);

    if (reserved && write_there(spill, data, bytes, *offset))
        return true;
    pthread_mutex_lock(&spill->lock);
    spill->closed = true;
    if (reserved)
        give_back(spill, *offset, bytes);
    pthread_mutex_unlock(&spill->lock);
    return false;
}

void hb_spill_drop(struct hb_spill *spill, size_t bytes, uint64_t offset)
{
    pthread_mutex_lock(&spill->lock);
    give_back(spill, offset, bytes);
    pthread_mutex_unlock(&spill->lock);
}

int hb_spill_take(struct hb_spill *spill, void *data, size_t bytes, uint64_t offset)
{
    if (is_sealed(spill)) {
        int result = read_sealed(spill, data, bytes, offset);
        if (result != 0)
            return result;
    } else {
        int64_t got = hb_read_all_at(spill->fd, data, bytes, offset);
        if (got < 0)
            return (int)got;
        if ((size_t)got < bytes)
            return -EIO;
    }
    hb_spill_drop(spill, bytes, offset);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/spill.h"

#include "base/memory.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

void hb_spill_init(struct hb_spill *spill, struct hb_stage *stage)
{
    *spill = (struct hb_spill){.stage = stage, .fd = -1, .closed = stage->fd < 0};
    pthread_mutex_init(&spill->lock, NULL);
}

void hb_spill_clear(struct hb_spill *spill)
{
    if (spill->fd >= 0)
        close(spill->fd);
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
    spill->fd = hb_stage_file(spill->stage, "spill", &name, &error);
    if (spill->fd < 0)
        return false;
    hb_stage_unlink(spill->stage, name);
    free(name);
    return true;
}

/* Under the lock. */
static void give_back(struct hb_spill *spill, uint64_t offset, size_t bytes)
{
    spill->held -= bytes;
    if (spill->held == 0 && ftruncate(spill->fd, 0) == 0)
        spill->end = 0;
    else /* where the file system cannot, the space comes back at the end */
        (void)fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                        (off_t)bytes);
}

/* Under the lock. What is not known does not count: a write tells. */
static bool has_room(struct hb_spill *spill, size_t bytes)
{
    struct statvfs now;
    uint64_t room, needed;
    if (fstatvfs(spill->fd, &now) != 0 ||
        __builtin_mul_overflow((uint64_t)now.f_bavail, (uint64_t)now.f_frsize, &room))
        return true;
    return !__builtin_add_overflow(atomic_load(&spill->reserved), bytes, &needed) && needed <= room;
}

bool hb_spill_put(struct hb_spill *spill, const void *data, size_t bytes, uint64_t *offset)
{
    pthread_mutex_lock(&spill->lock);
    bool reserved = !spill->closed && open_file(spill) && has_room(spill, bytes);
    *offset = spill->end;
    if (reserved) {
        spill->end += bytes;
        spill->held += bytes;
    }
    pthread_mutex_unlock(&spill->lock);

    if (reserved && hb_write_all_at(spill->fd, data, bytes, *offset) == 0)
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
    int64_t got = hb_read_all_at(spill->fd, data, bytes, offset);
    if (got < 0)
        return (int)got;
    if ((size_t)got < bytes)
        return -EIO;
    hb_spill_drop(spill, bytes, offset);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "files/copy_range.h"

#include "base/interrupt.h"
#include "files/io.h"
#include "files/system_kind.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 4096,      /* what file systems share, as a rule */
    WORTH_SHARING = 1 << 16, /* what is shared has to be looked up once more by whoever reads it */
    ROOM_BYTES = 128 << 20,  /* as much as lies together at most, on ext4 */
    MOST_BYTES = 1 << 30
};

/* Shares whole blocks, which lie alike in both files. 0: not here. */
static int64_t share(struct hb_range_copy *copy, uint64_t bytes)
{
    if (copy->unshared || copy->at % BLOCK_BYTES != 0 || copy->offset % BLOCK_BYTES != 0 ||
        bytes < WORTH_SHARING)
        return 0;
    bytes -= bytes % BLOCK_BYTES;
    struct file_clone_range range = {.src_fd = copy->from,
                                     .src_offset = copy->offset,
                                     .src_length = bytes,
                                     .dest_offset = copy->at};
    copy->unshared = ioctl(copy->to, FICLONERANGE, &range) != 0 ||
                     lseek(copy->to, (off_t)(copy->at + bytes), SEEK_SET) < 0;
    if (copy->unshared && !hb_is_shared(copy->to))
        copy->refused = true;
    return copy->unshared ? 0 : (int64_t)bytes;
}

/* What is in front of the first block that can be shared is copied alone. */
static size_t up_to_block(const struct hb_range_copy *copy, uint64_t bytes)
{
    uint64_t into = copy->at % BLOCK_BYTES;
    if (!copy->unshared && into != 0 && into == copy->offset % BLOCK_BYTES &&
        bytes > BLOCK_BYTES - into)
        bytes = BLOCK_BYTES - into;
    return bytes < MOST_BYTES ? (size_t)bytes : MOST_BYTES;
}

/*
 * Room that is asked for at once is found sooner than page by page, and lies together, which counts
 * when it is freed again: a disk may be told of each piece, and waited for. Nor is it needed.
 */
static void make_room(struct hb_range_copy *copy, uint64_t bytes)
{
    if (!copy->unshared || bytes < WORTH_SHARING || copy->at + bytes <= copy->room)
        return;
    uint64_t ahead = copy->end > copy->offset ? copy->end - copy->offset : 0;
    if (ahead > ROOM_BYTES)
        ahead = ROOM_BYTES;
    if (bytes < ahead)
        bytes = ahead;
    (void)fallocate(copy->to, FALLOC_FL_KEEP_SIZE, (off_t)copy->at, (off_t)bytes);
    copy->room = copy->at + bytes;
}

/* What the kernel copied; 0: it does not, or there is nothing; -EINTR: the process shall end. */
static int64_t by_kernel(struct hb_range_copy *copy, uint64_t bytes)
{
    ssize_t done;
    size_t want = up_to_block(copy, bytes);
    make_room(copy, want);
    do {
        off_t offset = (off_t)copy->offset;
        done = copy_file_range(copy->from, &offset, copy->to, NULL, want, 0);
    } while (done < 0 && errno == EINTR && hb_interrupt_signal() == 0);
    if (done < 0 && errno == EINTR)
        return -EINTR;
    copy->refused = done <= 0;
    return copy->refused ? 0 : done;
}

static int64_t by_hand(struct hb_range_copy *copy, uint64_t bytes)
{
    size_t want = bytes < copy->buffer_bytes ? (size_t)bytes : copy->buffer_bytes;
    make_room(copy, bytes);
    int64_t got = hb_read_all_at(copy->from, copy->buffer, want, copy->offset);
    copy->reading = got <= 0;
    if (got <= 0)
        return got;
    int result = hb_write_all(copy->to, copy->buffer, (size_t)got);
    return result != 0 ? result : got;
}

int64_t hb_copy_range(struct hb_range_copy *copy, uint64_t bytes)
{
    int64_t done = copy->refused ? 0 : share(copy, bytes);
    if (done == 0 && !copy->refused)
        done = by_kernel(copy, bytes);
    if (done == 0 && copy->refused)
        done = by_hand(copy, bytes);
    if (done > 0) {
        copy->offset += (uint64_t)done;
        copy->at += (uint64_t)done;
    }
    return done;
}

void hb_copy_range_end(struct hb_range_copy *copy, uint64_t bytes)
{
    /* If that fails, the file keeps room that it does not need: no harm. */
    int ignored = copy->room > bytes ? ftruncate(copy->to, (off_t)bytes) : 0;
    (void)ignored;
    copy->room = 0;
}

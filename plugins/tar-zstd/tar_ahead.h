/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other threads decompress the frames of a large member before it is their turn, a few at most.
 * They see nothing but bytes: what is read, compared and handed out, and whatever is asked of the
 * host, stays with the thread that decodes. So damage is told of when its frame's turn comes.
 */
#ifndef TAR_AHEAD_H
#define TAR_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <zstd.h>

enum {
    TAR_AHEAD_FRAME = 5 << 20, /* tar bytes of a frame that is taken, at most; ours have 4 MiB */
    TAR_AHEAD_HELPERS = 2      /* at most: each more takes 6 MiB */
};

/* A frame as it is stored and, if `why` is NULL, what was in it. */
struct tar_ahead_frame {
    unsigned char *data, *stored;
    size_t bytes, stored_bytes;
    const char *why; /* what is wrong with it */
};

struct tar_ahead;

/* `helpers` threads or fewer. NULL: there is none, or no memory, and it is done without. */
struct tar_ahead *tar_ahead_begin(unsigned helpers);

/* Is there room for one more frame? */
bool tar_ahead_has_room(const struct tar_ahead *ahead);

/*
 * Where `stored` bytes of a frame, in which there should be `bytes`, are to be read to before
 * tar_ahead_put(). If there is room. NULL: no memory.
 */
unsigned char *tar_ahead_room(struct tar_ahead *ahead, size_t stored, size_t bytes);
void tar_ahead_put(struct tar_ahead *ahead);

/* How many were put and not dropped. */
unsigned tar_ahead_count(const struct tar_ahead *ahead);

/*
 * The first of them. Waits for it, and decompresses meanwhile. Valid until tar_ahead_drop(), which
 * makes room for another one.
 */
const struct tar_ahead_frame *tar_ahead_take(struct tar_ahead *ahead, ZSTD_DCtx *decompressor);
void tar_ahead_drop(struct tar_ahead *ahead);

/* Those that were put are forgotten. Safe with NULL. */
void tar_ahead_end(struct tar_ahead *ahead);

#endif

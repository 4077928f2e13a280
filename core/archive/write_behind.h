/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another thread takes over what is to be done with the data of a large member (its checksum, the
 * file), while the one that decodes goes on. A few pieces are on their way at most; in order.
 */
#ifndef HB_WRITE_BEHIND_H
#define HB_WRITE_BEHIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_write_behind;

/*
 * What is done with a piece: `before` is where the one before it ended. On that other thread. 0 or
 * -errno; after a failure it is still called for each piece, with `failed`.
 */
typedef int (*hb_write_behind_take)(void *context, const void *data, size_t bytes, uint64_t offset,
                                    uint64_t before, bool failed);

/* NULL: there is no thread or no memory for it, and it is done without. */
struct hb_write_behind *hb_write_behind_begin(hb_write_behind_take take, void *context);
/* Copies the piece. 0, or the first failure so far: -errno. */
int hb_write_behind_put(struct hb_write_behind *behind, const void *data, size_t bytes,
                        uint64_t offset, uint64_t before);
/*
 * All pieces have been taken, and what take() did is seen by this thread. The first failure, or 0.
 * Frees. Safe with NULL.
 */
int hb_write_behind_end(struct hb_write_behind *behind);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object that is read in large blocks, of which the last ones are kept: where each read is a
 * round trip over a network, a hundred small ones would cost more than all their bytes. What is
 * read in order is announced to the store some blocks ahead (hb_store_ops.advise).
 */
#ifndef HB_BLOCKS_H
#define HB_BLOCKS_H

#include "store/store.h"

enum { HB_BLOCK_BYTES = 1 << 20, HB_BLOCKS_KEPT = 32 };

struct hb_blocks;

/* `opened` stays where it is, and open, as long as the blocks are there. */
struct hb_blocks *hb_blocks_make(const struct hb_opened *opened);
/* As hb_opened_read_at(). Any thread; what one is fetching the others wait for. */
int64_t hb_blocks_read_at(struct hb_blocks *blocks, void *buffer, size_t bytes, uint64_t offset);
/* No thread is in it any more. NULL is fine. */
void hb_blocks_free(struct hb_blocks *blocks);

#endif

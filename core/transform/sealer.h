/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written into it comes out sealed, in order, on the thread that writes.
 *
 *     write ──► batch of blocks ──► threads seal ──► out.put(), oldest batch first
 *                 the last one is held back: only finish() knows that it is the last
 *
 * Each block is sealed once, under its number. What is to be sent again is sent from what put() was
 * given; a sealer that has failed passes nothing on any more.
 */
#ifndef HB_SEALER_H
#define HB_SEALER_H

#include "transform/key.h"

/* Blocks that were sealed together. Valid during the call. */
struct hb_sealed {
    const unsigned char *data;
    size_t bytes;
    uint64_t first; /* number of the first block */
    size_t count;
    const bool *kept; /* of each block: some of it was written with `keep` */
};

struct hb_sealed_out {
    void *context;
    /* HB_OK or a failure, which write() or finish() returns. */
    int (*put)(void *context, const struct hb_sealed *sealed);
};

struct hb_sealer;

/* `key` stays where it is. So many threads at most seal; where none can be made, who writes does.
 */
struct hb_sealer *hb_sealer_start(const struct hb_key *key, unsigned workers,
                                  struct hb_sealed_out out);
/* So many bytes it may have. */
uint64_t hb_sealer_memory(const struct hb_sealer *sealer);
/*
 * HB_OK; what put() returned; or HB_STATUS_FATAL: a block could not be sealed, whose reason is now
 * this thread's. One thread, as all that follows.
 */
int hb_sealer_write(struct hb_sealer *sealer, const void *data, size_t bytes, bool keep);
/* Of what was written, not sealed. */
uint64_t hb_sealer_tell(const struct hb_sealer *sealer);
/* Nothing follows: the last block goes out. As above; a second time does nothing. */
int hb_sealer_finish(struct hb_sealer *sealer);
/* Waits for what is being sealed. NULL is fine. */
void hb_sealer_free(struct hb_sealer *sealer);

#endif

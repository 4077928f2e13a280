/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sealed, as an input of its content. Nothing of it is handed out before the last block
 * has opened as the last: what is cut at the end of a block, all of which open, is found by that
 * alone.
 *
 *     read_at ──► whole blocks, many at once: read together, opened into the caller's memory
 *             ──► parts of blocks: by way of a few blocks that are kept open
 */
#ifndef HB_OPENER_H
#define HB_OPENER_H

#include "transform/kept_blocks.h"
#include "transform/key.h"

struct hb_opener;

/*
 * `key` is one that was opened, or that this run has sealed with; `sealed` is read by read_at()
 * alone. Both are used until hb_opener_free(). `kept`: which blocks are there, NULL: all of them.
 * HB_OK; HB_STATUS_FATAL: it is cut, or its last block is damaged, and *error says why, without a
 * name; or it cannot be read, which is a failure of `sealed`.
 */
int hb_opener_start(const struct hb_key *key, const struct hb_input *sealed,
                    const struct hb_kept_blocks *kept, struct hb_opener **opener,
                    struct hb_error *error);
/* Of its content. read_at() from any thread; a failure has its reason in that thread. */
const struct hb_input *hb_opener_input(const struct hb_opener *opener);
/* read() begins anew. */
void hb_opener_rewind(struct hb_opener *opener);
/* NULL is fine. */
void hb_opener_free(struct hb_opener *opener);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that put the parts of one upload, where the store takes several at once. Parts in memory
 * are as many as there are senders, and one that is being filled.
 */
#ifndef HB_SENDERS_H
#define HB_SENDERS_H

#include "store/store.h"

struct hb_senders;

/* One part, tried again where that may help. HB_OK or HB_STATUS_FATAL. */
int hb_send_part(const struct hb_store *store, void *upload, uint64_t number, uint64_t offset,
                 const void *data, size_t bytes);

/* So many bytes of parts may be in memory at once; fewer where many workers need it. */
size_t hb_senders_most(const struct hb_store *store);
/* NULL: no thread can be made, or one at a time is all that is wanted. */
struct hb_senders *hb_senders_start(const struct hb_store *store, void *upload, unsigned parallel,
                                    size_t part_bytes);
/* So many bytes they may have, all together. */
uint64_t hb_senders_memory(const struct hb_senders *senders);
/*
 * A buffer of part_bytes to fill; waits for one. NULL: a part has failed, whose reason is now this
 * thread's. Main thread, as all that follows.
 */
unsigned char *hb_senders_buffer(struct hb_senders *senders);
/* The buffer that was filled goes out. */
void hb_senders_give(struct hb_senders *senders, uint64_t number, uint64_t offset, size_t bytes);
/* Waits until all that was given has gone out. HB_OK, or HB_STATUS_FATAL as above. */
int hb_senders_wait(struct hb_senders *senders);
/* What is on its way is waited for, no matter what comes of it; what waits is dropped. */
void hb_senders_free(struct hb_senders *senders);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an archive leave the process: to a file, a stream, or the parts of an upload. */
#ifndef HB_PUBLISH_OUT_H
#define HB_PUBLISH_OUT_H

#include "backup/publish_state.h"

enum {
    HB_PUBLICATION_START = 64 << 10, /* of one whose content is not kept: its format is known by
                                        that */
    HB_WRITEBACK_BYTES = 16 << 20    /* so much is handed to the disk at a time, so that the flush
                                        at the end is short */
};

/* The next bytes, as they shall lie there. HB_OK or HB_STATUS_FATAL, as all that follows; then the
 * publication's error says why. */
int hb_publication_put(struct hb_publication *publication, const void *data, size_t bytes);
/* Into the copy that is read back. */
int hb_publication_spool(struct hb_publication *publication, const void *data, size_t bytes,
                         uint64_t offset);
/* So many more bytes have left the process, by another way. */
void hb_publication_went_out(struct hb_publication *publication, uint64_t bytes);
/* All that has is on its way to the disk, beside what else is to be done. */
void hb_publication_write_back(struct hb_publication *publication);
/* Is it the range that adopt() was given? It is taken then. */
int hb_publication_take_offer(struct hb_publication *publication, const struct hb_range *range);

/* HB_STATUS_FATAL, for such a reason. */
int hb_publication_cannot_write(struct hb_publication *publication, int error_number);
int hb_publication_cannot_read(struct hb_publication *publication, const char *why);
int hb_publication_store_failed(struct hb_publication *publication);

#endif

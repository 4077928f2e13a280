/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object on its way into a store: bytes come in order, and leave in parts as the store wants
 * them, several at once where it takes that (senders.h): so many are in memory, and no more. One
 * that takes parts of any size and number gets them as they come.
 */
#ifndef HB_UPLOAD_H
#define HB_UPLOAD_H

#include "store/store.h"

struct hb_upload {
    const struct hb_store *store; /* NULL: none was begun */
    void *upload;                 /* the store's own */
    struct hb_store_limits limits;
    size_t part_bytes;          /* 0: as they come */
    struct hb_senders *senders; /* NULL: one part at a time */
    unsigned char *part, *own;  /* that is filled; that is ours to be freed */
    size_t used;
    bool copies_not;         /* a copy has failed: no other is tried */
    uint64_t number, offset; /* of the next part */
};

/* HB_OK or HB_STATUS_FATAL, and hb_store_failure() says why. hb_upload_end in any case. */
int hb_upload_begin(const struct hb_store *store, const struct hb_put *put,
                    struct hb_upload *upload);
/* The next bytes. As above. */
int hb_upload_write(struct hb_upload *upload, const void *data, size_t bytes);
/*
 * The first *copied bytes of a range of another object, without sending them: where the store has a
 * copy of its own, of one version, in parts that are as it wants them. 0: they are to be written,
 * or so many of them that the next ones are such a part. HB_OK or HB_STATUS_FATAL.
 */
int hb_upload_copy(struct hb_upload *upload, const struct hb_opened *from, uint64_t offset,
                   uint64_t bytes, uint64_t *copied);
/* So many bytes it may have in memory: what waits here need not wait elsewhere. */
uint64_t hb_upload_memory(const struct hb_upload *upload);
/* So many bytes more, and what is written is a part; UINT64_MAX: parts of any length will do. */
uint64_t hb_upload_room(const struct hb_upload *upload);
/* So many bytes were written into its file by somebody else: of the local store alone. */
void hb_upload_wrote(struct hb_upload *upload, uint64_t bytes);
/* Overwrites bytes that were written. Only with HB_STORE_PATCH. As above. */
int hb_upload_patch(struct hb_upload *upload, uint64_t offset, const void *data, size_t bytes);
/*
 * HB_OK: it is there. HB_STATUS_NOMATCH: a condition of `put` does not hold, see
 * hb_store_ops.put_commit. HB_STATUS_UNCERTAIN: the store cannot tell, nor could it be found out by
 * looking. HB_STATUS_FATAL: it is not there and will not be.
 */
int hb_upload_commit(struct hb_upload *upload, const struct hb_put *put);
/* A small object as a whole. As hb_upload_commit(). */
int hb_upload_all(const struct hb_store *store, const struct hb_put *put, const void *data,
                  size_t bytes);
/* What was not committed goes. Safe on a zeroed one. */
void hb_upload_end(struct hb_upload *upload);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The data of one member after the other, on its way to where the caller of extract.h wants it. */
#ifndef HB_EXTRACT_OUTPUT_H
#define HB_EXTRACT_OUTPUT_H

#include "archive/extract_request.h"
#include "archive/write_behind.h"
#include "base/content_hash.h"

/* The member whose data a thread is receiving. */
struct hb_output_member {
    const struct hb_extract_request *request;
    struct hb_error *error; /* of this thread */
    unsigned worker;        /* its number */
    size_t index;           /* SIZE_MAX: none */
    int fd;
    uint64_t bytes;   /* so far, gaps included */
    uint64_t written; /* so far; what follows up to `bytes` is a hole */
    uint64_t limit;
    bool cannot_go_on; /* not the archive is at fault, but where its data goes */
    bool only_checked; /* its data goes nowhere, and nobody is told of it */
    bool hashes;       /* the archive has, or may have, checksums of contents: set once */
    struct hb_content_hash hash;
    /* Of a large member, while its data comes: `hash`, `written` and `fd` are that thread's. */
    struct hb_write_behind *behind;
    int failure; /* of it */
};

/* Its data is going to come, `limit` bytes at most. HB_OK, or HB_STATUS_FATAL with current->error.
 */
int hb_output_begin(struct hb_output_member *current, size_t index, uint64_t limit);
/* A part of it, in order; what lies between is zero bytes. The same. */
int hb_output_put(struct hb_output_member *current, const void *data, size_t bytes,
                  uint64_t offset);
/*
 * It ends at `bytes`, before hb_output_end: is it, by its checksum, what was stored? HB_OK, also
 * where the archive does not tell; HB_STATUS_FATAL.
 */
int hb_output_compare(struct hb_output_member *current, uint64_t bytes);
/* It ends at `bytes`; a last gap becomes a hole. As hb_output_begin. */
int hb_output_end(struct hb_output_member *current, uint64_t bytes);
/* What came is not what the archive says: current->error names the member and why. HB_STATUS_FATAL.
 */
int hb_output_damaged(const struct hb_output_member *current, const char *format, ...)
    HB_PRINTF(2, 3);
/* The same of content whose checksum is not the one that was stored. */
int hb_output_differs(const struct hb_output_member *current);
/* It came to nothing. Safe if there is none. */
void hb_output_drop(struct hb_output_member *current);
/* No other member comes. */
void hb_output_clear(struct hb_output_member *current);

#endif

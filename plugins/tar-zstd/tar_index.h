/* SPDX-License-Identifier: Apache-2.0 */
/* The head of the member index, as bytes. */
#ifndef TAR_INDEX_H
#define TAR_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define TAR_INDEX_SIGNATURE   "hbindex1"
#define TAR_INDEX_VERSION     1u
#define TAR_INDEX_HEADER      72u
#define TAR_INDEX_HAS_TRAILER 1u

/* Numbers are little-endian, in this order. */
struct tar_index_header {
    uint32_t flags;
    uint64_t members;
    uint64_t raw_bytes;    /* of the records, before compression */
    uint64_t tar_bytes;    /* of the tar stream, without its end */
    uint64_t frames;       /* that hold them */
    uint64_t rows_hash;    /* XXH64 of their rows in the seek table */
    uint64_t payload_hash; /* XXH64 of the compressed records */
};

void tar_index_header_write(const struct tar_index_header *header,
                            unsigned char bytes[TAR_INDEX_HEADER]);
/* False: no index of ours, or a damaged head. */
bool tar_index_header_read(const unsigned char bytes[TAR_INDEX_HEADER],
                           struct tar_index_header *header);
/* Does a later version of this format begin like this? */
bool tar_index_is_later(const unsigned char bytes[TAR_INDEX_HEADER]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads the head of the member index. */
#include "tar_index.h"

#include "tar_bytes.h"

#include <string.h>
#include <xxhash.h>

void tar_index_header_write(const struct tar_index_header *header,
                            unsigned char bytes[TAR_INDEX_HEADER])
{
    memcpy(bytes, TAR_INDEX_SIGNATURE, 8);
    tar_put32(bytes + 8, TAR_INDEX_VERSION);
    tar_put32(bytes + 12, header->flags);
    tar_put64(bytes + 16, header->members);
    tar_put64(bytes + 24, header->raw_bytes);
    tar_put64(bytes + 32, header->tar_bytes);
    tar_put64(bytes + 40, header->frames);
    tar_put64(bytes + 48, header->rows_hash);
    tar_put64(bytes + 56, header->payload_hash);
    tar_put64(bytes + 64, XXH64(bytes, 64, 0));
}

bool tar_index_header_read(const unsigned char bytes[TAR_INDEX_HEADER],
                           struct tar_index_header *header)
{
    header->flags = tar_get32(bytes + 12);
    header->members = tar_get64(bytes + 16);
    header->raw_bytes = tar_get64(bytes + 24);
    header->tar_bytes = tar_get64(bytes + 32);
    header->frames = tar_get64(bytes + 40);
    header->rows_hash = tar_get64(bytes + 48);
    header->payload_hash = tar_get64(bytes + 56);
    return memcmp(bytes, TAR_INDEX_SIGNATURE, 8) == 0 &&
           tar_get32(bytes + 8) == TAR_INDEX_VERSION && (header->flags & ~1u) == 0 &&
           tar_get64(bytes + 64) == XXH64(bytes, 64, 0);
}

bool tar_index_is_later(const unsigned char bytes[TAR_INDEX_HEADER])
{
    return memcmp(bytes, TAR_INDEX_SIGNATURE, 8) == 0 && tar_get32(bytes + 8) > TAR_INDEX_VERSION;
}

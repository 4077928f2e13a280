/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar header of an entry: ustar, preceded by a pax extended header where ustar
 * cannot say it (POSIX.1-2001, pax, "ustar Interchange Format" and "pax Extended Header").
 *
 * The header is a pure function of the entry. The reader relies on that: it makes the header
 * of a listed entry again and compares it with the archive. What it
 * makes must therefore not change without a new TAR_INDEX_VERSION.
 */
#ifndef TAR_HEADER_H
#define TAR_HEADER_H

#include "tar_buffer.h"

#include <hbcore/entry.h>

#define TAR_BLOCK      512u
#define TAR_END_BYTES  1024u      /* two blocks of zero bytes end an archive */
#define TAR_NAME_LIMIT (1u << 16) /* of a path or a link; readers bound pax headers as well */

/* Appends the header of `entry`: 0, -ENOMEM, -EINVAL (no such type, name or time in tar). */
int tar_header_encode(const struct hb_entry *entry, struct tar_buffer *out);

/* How many bytes it appends; 0 where it would append none (-EINVAL). */
uint64_t tar_header_bytes(const struct hb_entry *entry);

/* Length of the data that follows the header. */
uint64_t tar_content_bytes(const struct hb_entry *entry);

/* How many zero bytes fill data of this length up to a block. */
static inline uint32_t tar_padding(uint64_t bytes)
{
    return (uint32_t)(-bytes & (TAR_BLOCK - 1));
}

/* Is this block a tar header, by its checksum? */
bool tar_header_plausible(const unsigned char block[TAR_BLOCK]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian numbers in memory, as every record of a zip has them. */
#ifndef ZIP_BYTES_H
#define ZIP_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t zip_get16(const unsigned char *from)
{
    uint16_t stored;
    memcpy(&stored, from, sizeof stored);
    return le16toh(stored);
}

static inline uint32_t zip_get32(const unsigned char *from)
{
    uint32_t stored;
    memcpy(&stored, from, sizeof stored);
    return le32toh(stored);
}

static inline uint64_t zip_get64(const unsigned char *from)
{
    uint64_t stored;
    memcpy(&stored, from, sizeof stored);
    return le64toh(stored);
}

/* Each returns the place after the number. The first one stores the lower half of `value`. */
static inline unsigned char *zip_put16(unsigned char *to, uint32_t value)
{
    uint16_t stored = htole16((uint16_t)(value & 0xffff));
    memcpy(to, &stored, sizeof stored);
    return to + sizeof stored;
}

static inline unsigned char *zip_put32(unsigned char *to, uint32_t value)
{
    uint32_t stored = htole32(value);
    memcpy(to, &stored, sizeof stored);
    return to + sizeof stored;
}

static inline unsigned char *zip_put64(unsigned char *to, uint64_t value)
{
    uint64_t stored = htole64(value);
    memcpy(to, &stored, sizeof stored);
    return to + sizeof stored;
}

#endif

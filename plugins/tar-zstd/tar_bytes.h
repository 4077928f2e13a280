/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian numbers in memory, as the frames of zstd have them, and ours; zeros. */
#ifndef TAR_BYTES_H
#define TAR_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline void tar_put32(unsigned char *to, uint32_t number)
{
    uint32_t stored = htole32(number);
    memcpy(to, &stored, sizeof stored);
}

static inline void tar_put64(unsigned char *to, uint64_t number)
{
    uint64_t stored = htole64(number);
    memcpy(to, &stored, sizeof stored);
}

static inline uint32_t tar_get32(const unsigned char *from)
{
    uint32_t stored;
    memcpy(&stored, from, sizeof stored);
    return le32toh(stored);
}

static inline bool tar_is_zero(const unsigned char *data, size_t bytes)
{
    return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

static inline uint64_t tar_get64(const unsigned char *from)
{
    uint64_t stored;
    memcpy(&stored, from, sizeof stored);
    return le64toh(stored);
}

#endif

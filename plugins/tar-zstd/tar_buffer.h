/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes. */
#ifndef TAR_BUFFER_H
#define TAR_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct tar_buffer {
    unsigned char *data;
    size_t bytes;
    size_t capacity;
};

/* Room for `bytes` more behind the end. False: out of memory, nothing changed. */
bool tar_buffer_reserve(struct tar_buffer *buffer, size_t bytes);
/* Appends; `data` NULL appends zero bytes. False: out of memory, nothing changed. */
bool tar_buffer_append(struct tar_buffer *buffer, const void *data, size_t bytes);
/* Appends an unsigned LEB128 number. */
bool tar_buffer_varint(struct tar_buffer *buffer, uint64_t number);
void tar_buffer_free(struct tar_buffer *buffer);

#define TAR_AUTO_BUFFER __attribute__((cleanup(tar_buffer_free))) struct tar_buffer

static inline void tar_auto_free(void *pointer)
{
    free(*(void **)pointer);
}
#define TAR_AUTO_FREE __attribute__((cleanup(tar_auto_free)))

#endif

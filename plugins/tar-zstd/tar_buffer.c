/* SPDX-License-Identifier: Apache-2.0 */
/* Grows a run of bytes, by half of its length at least. */
#include "tar_buffer.h"

#include <string.h>

bool tar_buffer_reserve(struct tar_buffer *buffer, size_t bytes)
{
    size_t needed, capacity = buffer->capacity;
    if (__builtin_add_overflow(buffer->bytes, bytes, &needed))
        return false;
    if (needed <= capacity)
        return true;
    if (__builtin_add_overflow(capacity, capacity / 2, &capacity) || capacity < needed)
        capacity = needed < 512 ? 512 : needed;
    unsigned char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool tar_buffer_append(struct tar_buffer *buffer, const void *data, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (!tar_buffer_reserve(buffer, bytes))
        return false;
    if (data != NULL)
        memcpy(buffer->data + buffer->bytes, data, bytes);
    else
        memset(buffer->data + buffer->bytes, 0, bytes);
    buffer->bytes += bytes;
    return true;
}

bool tar_buffer_varint(struct tar_buffer *buffer, uint64_t number)
{
    unsigned char text[10];
    size_t bytes = 0;
    for (; number >= 0x80; number >>= 7)
        text[bytes++] = (unsigned char)(number | 0x80);
    text[bytes++] = (unsigned char)number;
    return tar_buffer_append(buffer, text, bytes);
}

void tar_buffer_free(struct tar_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct tar_buffer){0};
}

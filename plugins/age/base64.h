/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 as age has it: without padding, and only the one text that encodes these bytes. */
#ifndef AGE_BASE64_H
#define AGE_BASE64_H

#include <sodium.h>
#include <stdbool.h>

/* Of the text of `bytes` bytes. */
#define BASE64_CHARACTERS(bytes) (((bytes)*4 + 2) / 3)

/* False: it is not canonical, or more than `room`. */
static inline bool base64_decode(const char *text, size_t characters, void *out, size_t room,
                                 size_t *bytes)
{
    *bytes = 0;
    return sodium_base642bin(out, room, text, characters, NULL, bytes, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

/* Exactly so many bytes. */
static inline bool base64_decode_exactly(const char *text, size_t characters, void *out,
                                         size_t bytes)
{
    size_t got;
    return base64_decode(text, characters, out, bytes, &got) && got == bytes;
}

/* `text` gets BASE64_CHARACTERS(bytes) and a NUL. */
static inline void base64_encode(const void *data, size_t bytes, char *text)
{
    sodium_bin2base64(text,
                      sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
                      data, bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

#endif

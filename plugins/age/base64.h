/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 as age has it: only the one text that encodes these bytes. */
#ifndef AGE_BASE64_H
#define AGE_BASE64_H

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

/* Of the text of `bytes` bytes, without padding. */
#define BASE64_CHARACTERS(bytes) (((bytes)*4 + 2) / 3)

enum base64_padding {
    BASE64_BARE = sodium_base64_VARIANT_ORIGINAL_NO_PADDING, /* as in a header */
    BASE64_PADDED = sodium_base64_VARIANT_ORIGINAL           /* as in an armor */
};

/* False: it is not canonical, or more than `room`. */
static inline bool base64_decode(enum base64_padding padding, const char *text, size_t characters,
                                 void *out, size_t room, size_t *bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    *bytes = 0;
    /* libsodium (1.0.18) takes some bytes above 127 for letters. */
    for (size_t i = 0; i < characters; i++)
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL)
            return false;
    return sodium_base642bin(out, room, text, characters, NULL, bytes, NULL, (int)padding) == 0;
}

/* Exactly so many bytes, without padding. */
static inline bool base64_decode_exactly(const char *text, size_t characters, void *out,
                                         size_t bytes)
{
    size_t got;
    return base64_decode(BASE64_BARE, text, characters, out, bytes, &got) && got == bytes;
}

/* `text` gets BASE64_CHARACTERS(bytes) and a NUL. */
static inline void base64_encode(const void *data, size_t bytes, char *text)
{
    sodium_bin2base64(text, sodium_base64_ENCODED_LEN(bytes, BASE64_BARE), data, bytes,
                      BASE64_BARE);
}

#endif

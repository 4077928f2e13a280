/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#include "kdf.h"
#include <sodium.h>

enum { BLOCK_NONCE = crypto_aead_chacha20poly1305_ietf_NPUBBYTES };

_Static_assert(TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "the tag");
_Static_assert(KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "the key");

void payload_key(const unsigned char *file_key, const unsigned char *nonce, unsigned char *key)
{
    kdf(file_key, FILE_KEY_BYTES, nonce, NONCE_BYTES, "payload", key);
}

static void nonce_of(uint64_t number, bool last, unsigned char *nonce)
{
    for (int i = 0; i < 3; i++)
        nonce[i] = 0;
    for (int i = 0; i < 8; i++)
        nonce[3 + i] = (unsigned char)(number >> (56 - 8 * i));
    nonce[BLOCK_NONCE - 1] = last;
}

void payload_seal(const unsigned char *key, uint64_t number, bool last, const void *plain,
                  size_t bytes, void *sealed)
{
    unsigned char nonce[BLOCK_NONCE];
    nonce_of(number, last, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, plain, bytes, NULL, 0, NULL,
                                                    nonce, key);
}

/* Is that a length that such a block has? */
static bool is_length(uint64_t number, bool last, size_t bytes)
{
    if (!last)
        return bytes == BLOCK_BYTES + TAG_BYTES;
    return bytes <= BLOCK_BYTES + TAG_BYTES && bytes >= (size_t)TAG_BYTES + (number > 0);
}

bool payload_open(const unsigned char *key, uint64_t number, bool last, const void *sealed,
                  size_t bytes, void *plain)
{
    unsigned char nonce[BLOCK_NONCE];
    if (!is_length(number, last, bytes))
        return false;
    nonce_of(number, last, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed, bytes, NULL, 0,
                                                     nonce, key) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include <sodium.h>

_Static_assert(BODY_BYTES == FILE_KEY_BYTES + crypto_aead_chacha20poly1305_ietf_ABYTES, "the body");

/* Each key wraps one file key, so that the nonce can be always the same. */
static const unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

void wrap(const unsigned char *key, const unsigned char *file_key, unsigned char *body)
{
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, file_key, FILE_KEY_BYTES, NULL, 0,
                                                    NULL, nonce, key);
}

bool unwrap(const unsigned char *key, const unsigned char *body, unsigned char *file_key)
{
    return crypto_aead_chacha20poly1305_ietf_decrypt(file_key, NULL, NULL, body, BODY_BYTES, NULL,
                                                     0, nonce, key) == 0;
}

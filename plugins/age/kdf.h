/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from keys: HKDF-SHA-256 (RFC 5869) and HMAC-SHA-256 (RFC 2104). */
#ifndef AGE_KDF_H
#define AGE_KDF_H

#include <stddef.h>

enum { KEY_BYTES = 32, FILE_KEY_BYTES = 16, MAC_BYTES = 32 };

/* `key` gets KEY_BYTES. */
void kdf(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes,
         const char *info, unsigned char *key);
/* Of a header under its file key. `mac` gets MAC_BYTES. */
void header_mac(const unsigned char *file_key, const void *header, size_t bytes,
                unsigned char *mac);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "kdf.h"

#include "locked.h"
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <sodium.h>
#include <string.h>

static void extract(const void *salt, size_t salt_bytes, const void *secret, size_t secret_bytes,
                    struct stack_key *out)
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, salt_bytes, salt);
    hkdf_extract(&context, (nettle_hash_update_func *)hmac_sha256_update,
                 (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, secret_bytes,
                 secret, out->bytes);
    sodium_memzero(&context, sizeof context);
}

void kdf(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes,
         const char *info, unsigned char *key)
{
    struct hmac_sha256_ctx context;
    AUTO_KEY extracted;
    extract(salt, salt_bytes, secret, secret_bytes, &extracted);
    hmac_sha256_set_key(&context, sizeof extracted.bytes, extracted.bytes);
    hkdf_expand(&context, (nettle_hash_update_func *)hmac_sha256_update,
                (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, strlen(info),
                (const uint8_t *)info, KEY_BYTES, key);
    sodium_memzero(&context, sizeof context);
}

void header_mac(const unsigned char *file_key, const void *header, size_t bytes, unsigned char *mac)
{
    struct hmac_sha256_ctx context;
    AUTO_KEY key;
    kdf(file_key, FILE_KEY_BYTES, "", 0, "header", key.bytes);
    hmac_sha256_set_key(&context, sizeof key.bytes, key.bytes);
    hmac_sha256_update(&context, bytes, header);
    hmac_sha256_digest(&context, MAC_BYTES, mac);
    sodium_memzero(&context, sizeof context);
}

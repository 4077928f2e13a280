/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks behind the header: ChaCha20-Poly1305 (RFC 8439) of 64 KiB each, whose nonce is the
 * number of the block, 11 bytes, and one byte that says whether it is the last. So a block opens
 * only where it was, and a file that is cut has no last one.
 */
#ifndef AGE_PAYLOAD_H
#define AGE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCK_BYTES = 64 << 10, TAG_BYTES = 16, NONCE_BYTES = 16 };

/* `key` gets KEY_BYTES. */
void payload_key(const unsigned char *file_key, const unsigned char *nonce, unsigned char *key);
/* Any thread. `sealed` gets TAG_BYTES more. */
void payload_seal(const unsigned char *key, uint64_t number, bool last, const void *plain,
                  size_t bytes, void *sealed);
/* Any thread. False: it is not what was sealed as that block; nothing of it is in `plain`. */
bool payload_open(const unsigned char *key, uint64_t number, bool last, const void *sealed,
                  size_t bytes, void *plain);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a key: Bech32 (BIP 173), without its limit on length. */
#ifndef AGE_BECH32_H
#define AGE_BECH32_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The 32 bytes of a text that begins with `prefix` and '1', in the case that `prefix` has, all of
 * it. NULL, or why it is no such text: the rest of a sentence that begins with it, and that quotes
 * nothing of it.
 */
const char *bech32_decode(const char *text, size_t characters, const char *prefix,
                          unsigned char *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A file key for who has the secret of a public key: "-> X25519 SHARE". */
#ifndef AGE_X25519_H
#define AGE_X25519_H

#include "header.h"

#define X25519 "X25519"

/* Of an identity, each 32 bytes. */
struct identity {
    unsigned char secret[KEY_BYTES], recipient[KEY_BYTES];
};

/* Fills in `recipient`. */
void x25519_recipient(struct identity *identity);
/* Could anything be sealed for it? There are points for which every secret gives the same. */
bool x25519_is_recipient(const unsigned char *recipient);
/* Writes the stanza. False: as x25519_is_recipient(). */
bool x25519_wrap(const unsigned char *recipient, const unsigned char *file_key,
                 struct header_text *header);
/* NULL, or what is wrong with such a stanza, whoever it is for. */
const char *x25519_problem(const struct stanza *stanza);
/* Of a stanza without a problem. */
enum unwrapped x25519_unwrap(const struct stanza *stanza, const struct identity *identity,
                             unsigned char *file_key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A file key for who knows a passphrase: "-> scrypt SALT FACTOR", of memory 2^FACTOR KiB. */
#ifndef AGE_SCRYPT_H
#define AGE_SCRYPT_H

#include "header.h"

#define SCRYPT "scrypt"

enum {
    WORK_FACTOR_LEAST = 10, /* 1 MiB, some milliseconds: for passphrases that nobody can guess */
    WORK_FACTOR_MOST = 22   /* 4 GiB; age refuses more */
};

/* Writes the stanza. False: there is no memory. */
bool scrypt_wrap(const void *passphrase, size_t bytes, unsigned factor,
                 const unsigned char *file_key, struct header_text *header);
/* NULL, or what is wrong with such a stanza, whatever the passphrase is. */
const char *scrypt_problem(const struct stanza *stanza);
/* Of a stanza without a problem. Above WORK_FACTOR_MOST: some number above it. */
unsigned scrypt_factor(const struct stanza *stanza);
/* Of a stanza without a problem, and with a factor that one is ready to pay. */
enum unwrapped scrypt_unwrap(const struct stanza *stanza, const void *passphrase, size_t bytes,
                             unsigned char *file_key);

#endif

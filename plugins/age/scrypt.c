/* SPDX-License-Identifier: Apache-2.0 */
#include "scrypt.h"

#include "base64.h"
#include "locked.h"
#include <stdio.h>
#include <string.h>

enum { SALT_BYTES = 16, BLOCK_SIZE = 8, PARALLEL = 1 };

/* With what it is for in front, so that no other use of the passphrase comes to the same key. */
#define LABEL HEADER_VERSION "/scrypt"

static bool derive(const void *passphrase, size_t bytes, const unsigned char *salt, unsigned factor,
                   struct stack_key *out)
{
    unsigned char salted[sizeof LABEL - 1 + SALT_BYTES];
    memcpy(salted, LABEL, sizeof LABEL - 1);
    memcpy(salted + sizeof LABEL - 1, salt, SALT_BYTES);
    return crypto_pwhash_scryptsalsa208sha256_ll(passphrase, bytes, salted, sizeof salted,
                                                 UINT64_C(1) << factor, BLOCK_SIZE, PARALLEL,
                                                 out->bytes, sizeof out->bytes) == 0;
}

bool scrypt_wrap(const void *passphrase, size_t bytes, unsigned factor,
                 const unsigned char *file_key, struct header_text *header)
{
    AUTO_KEY key;
    unsigned char salt[SALT_BYTES], body[BODY_BYTES];
    char text[BASE64_CHARACTERS(SALT_BYTES) + 1], number[16];
    randombytes_buf(salt, sizeof salt);
    if (!derive(passphrase, bytes, salt, factor, &key))
        return false;
    wrap(key.bytes, file_key, body);
    base64_encode(salt, sizeof salt, text);
    snprintf(number, sizeof number, "%u", factor);
    header_stanza(header, SCRYPT, text, number, body);
    return true;
}

static bool is_number(const struct word *word)
{
    for (size_t i = 0; i < word->bytes; i++)
        if (word->text[i] < '0' || word->text[i] > '9')
            return false;
    return word->bytes > 0 && word->text[0] != '0';
}

static bool salt_of(const struct stanza *stanza, unsigned char *salt)
{
    const struct word *word = &stanza->arguments[0];
    return base64_decode_exactly(word->text, word->bytes, salt, SALT_BYTES);
}

const char *scrypt_problem(const struct stanza *stanza)
{
    unsigned char salt[SALT_BYTES];
    if (stanza->argument_count != 2)
        return "a stanza scrypt has another number of arguments than two";
    if (!salt_of(stanza, salt))
        return "a stanza scrypt has no salt of 16 bytes in canonical base64";
    if (!is_number(&stanza->arguments[1]))
        return "a stanza scrypt has a work factor that is no number";
    return stanza->body_bytes == BODY_BYTES ? NULL : "a stanza scrypt has no body of 32 bytes";
}

unsigned scrypt_factor(const struct stanza *stanza)
{
    const struct word *word = &stanza->arguments[1];
    unsigned factor = 0;
    for (size_t i = 0; i < word->bytes && factor <= WORK_FACTOR_MOST; i++)
        factor = factor * 10 + (unsigned)(word->text[i] - '0');
    return factor;
}

enum unwrapped scrypt_unwrap(const struct stanza *stanza, const void *passphrase, size_t bytes,
                             unsigned char *file_key)
{
    AUTO_KEY key;
    unsigned char salt[SALT_BYTES];
    unsigned factor = scrypt_factor(stanza);
    if (factor > WORK_FACTOR_MOST || !salt_of(stanza, salt))
        return UNWRAPPED_WRONG;
    if (!derive(passphrase, bytes, salt, factor, &key))
        return UNWRAPPED_NO_MEMORY;
    return unwrap(key.bytes, stanza->body, file_key) ? UNWRAPPED_YES : UNWRAPPED_NO;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "x25519.h"

#include "base64.h"
#include "locked.h"
#include <string.h>

_Static_assert(KEY_BYTES == crypto_scalarmult_curve25519_BYTES, "points");
_Static_assert(KEY_BYTES == crypto_scalarmult_curve25519_SCALARBYTES, "scalars");

void x25519_recipient(struct identity *identity)
{
    (void)crypto_scalarmult_curve25519_base(identity->recipient, identity->secret);
}

/* libsodium refuses what comes out as zero, as RFC 7748 section 6.1 allows and age demands. */
static bool multiply(const unsigned char *secret, const unsigned char *point, struct stack_key *out)
{
    return crypto_scalarmult_curve25519(out->bytes, secret, point) == 0;
}

bool x25519_is_recipient(const unsigned char *recipient)
{
    static const unsigned char any[KEY_BYTES] = {1};
    AUTO_KEY out;
    return multiply(any, recipient, &out);
}

/* The key that wraps, from what both sides come to. */
static void wrap_key(const struct stack_key *shared, const unsigned char *share,
                     const unsigned char *recipient, struct stack_key *out)
{
    unsigned char salt[2 * KEY_BYTES];
    memcpy(salt, share, KEY_BYTES);
    memcpy(salt + KEY_BYTES, recipient, KEY_BYTES);
    kdf(shared->bytes, sizeof shared->bytes, salt, sizeof salt, HEADER_VERSION "/X25519",
        out->bytes);
}

bool x25519_wrap(const unsigned char *recipient, const unsigned char *file_key,
                 struct header_text *header)
{
    AUTO_KEY once, shared, key;
    unsigned char share[KEY_BYTES], body[BODY_BYTES];
    char text[BASE64_CHARACTERS(KEY_BYTES) + 1];
    randombytes_buf(once.bytes, sizeof once.bytes);
    (void)crypto_scalarmult_curve25519_base(share, once.bytes);
    if (!multiply(once.bytes, recipient, &shared))
        return false;
    wrap_key(&shared, share, recipient, &key);
    wrap(key.bytes, file_key, body);
    base64_encode(share, sizeof share, text);
    header_stanza(header, X25519, text, NULL, body);
    return true;
}

static bool share_of(const struct stanza *stanza, unsigned char *share)
{
    const struct word *word = &stanza->arguments[0];
    return stanza->argument_count == 1 &&
           base64_decode_exactly(word->text, word->bytes, share, KEY_BYTES);
}

const char *x25519_problem(const struct stanza *stanza)
{
    unsigned char share[KEY_BYTES];
    if (!share_of(stanza, share))
        return "a stanza X25519 has another argument than one of 32 bytes in canonical base64";
    return stanza->body_bytes == BODY_BYTES ? NULL : "a stanza X25519 has no body of 32 bytes";
}

enum unwrapped x25519_unwrap(const struct stanza *stanza, const struct identity *identity,
                             unsigned char *file_key)
{
    AUTO_KEY shared, key;
    unsigned char share[KEY_BYTES];
    if (!share_of(stanza, share) || !multiply(identity->secret, share, &shared))
        return UNWRAPPED_WRONG;
    wrap_key(&shared, share, identity->recipient, &key);
    return unwrap(key.bytes, stanza->body, file_key) ? UNWRAPPED_YES : UNWRAPPED_NO;
}

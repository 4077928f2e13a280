/* SPDX-License-Identifier: Apache-2.0 */
/* The file key, sealed under a key that is used for that alone: the body of a stanza. */
#ifndef AGE_WRAP_H
#define AGE_WRAP_H

#include "kdf.h"
#include <stdbool.h>

enum { BODY_BYTES = FILE_KEY_BYTES + 16 };

void wrap(const unsigned char *key, const unsigned char *file_key, unsigned char *body);
/* False: it was sealed under another key. */
bool unwrap(const unsigned char *key, const unsigned char *body, unsigned char *file_key);

/* What a stanza says to a key. */
enum unwrapped {
    UNWRAPPED_YES,
    UNWRAPPED_NO,       /* it is for another one */
    UNWRAPPED_WRONG,    /* nobody makes such a stanza in good faith */
    UNWRAPPED_NO_MEMORY /* scrypt alone needs so much that this may be */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A public key as text. */
#ifndef AGE_RECIPIENT_H
#define AGE_RECIPIENT_H

#include <stddef.h>

/*
 * The key of "age1...". NULL, or the rest of a sentence that begins with it and quotes nothing of
 * it: it may be a secret that stands in the wrong place.
 */
const char *recipient_decode(const char *text, size_t characters, unsigned char *recipient);

/* What to do about one that is refused; NULL: the sentence says it. */
const char *recipient_hint(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The names of marks: unfinished.h says what they are for. */
#ifndef S3_MARK_H
#define S3_MARK_H

#include "s3.h"

/* Of a key: with the mark of a home behind it. "" has none. */
void mark_of(const char *key, const char *home, struct text *marked);
/* Is that key the mark of an upload? The bytes of the key in front of it; 0: no. */
size_t mark_of_what(const char *key);

#endif

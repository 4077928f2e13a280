/* SPDX-License-Identifier: Apache-2.0 */
/* An age file as text: strict PEM (RFC 7468, section 3). */
#ifndef AGE_ARMOR_H
#define AGE_ARMOR_H

#include "locked.h"
#include <stdbool.h>

#define ARMOR_BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"

/* Does it begin so, behind blanks and empty lines? */
bool armor_is(const struct locked *text);
/* False: it is not strictly so, or there is no memory. */
bool armor_decode(const struct locked *text, struct locked *out);

#endif

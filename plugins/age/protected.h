/* SPDX-License-Identifier: Apache-2.0 */
/* A file of secret keys that is an age file itself, sealed with a passphrase (age -p). */
#ifndef AGE_PROTECTED_H
#define AGE_PROTECTED_H

#include "locked.h"
#include <stdbool.h>

struct age;

/* Does it look like one, as bytes or as text? */
bool protected_is(const struct locked *file);
/* HB_OK and what is in it, or a failure, told. */
int protected_open(struct age *age, const char *path, const struct locked *file,
                   struct locked *out);

#endif

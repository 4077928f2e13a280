/* SPDX-License-Identifier: Apache-2.0 */
/* A file of secret keys that is an age file itself, sealed with a passphrase (age -p). */
#ifndef AGE_PROTECTED_H
#define AGE_PROTECTED_H

#include "secret.h"

/* Does it look like one, as bytes or as text? */
bool protected_is(const struct locked *file);
/* HB_OK and what is in it, or a failure, told. */
int protected_open(const struct hb_host *host, const struct hb_settings *settings,
                   struct secret *passphrase, const char *path, const struct locked *file,
                   struct locked *out);

#endif

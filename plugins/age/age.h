/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age: archives sealed as age files, version 1 (age-encryption.org/v1, c2sp.org/age), which the
 * program age opens, and this opens what age has made.
 *
 *     sealing.c                  a new file key, its header, its nonce
 *     open.c                     a header from an archive: which key opens it, is it as it was made
 *     header.c, stanzas.c        its lines: strict, for they may be anybody's
 *     x25519.c, scrypt.c         the file key wrapped for a recipient, or by a passphrase
 *     recipients.c, identities.c whom the configuration names, and what opens here
 *     protected.c, armor.c       an identity file that is an age file itself
 *     payload.c                  the blocks
 *     passphrase.c, secret.c     which the host is asked for
 *     wrap.c, kdf.c, recipient.c, bech32.c, base64.h, lines.c, file.c, locked.c, settings.c
 *
 * A file has a key of 16 bytes, made for it alone. The header has that key, wrapped for each
 * recipient, or by a passphrase, and a MAC under it; the payload's key is derived from it and a
 * nonce. What is secret lies in locked memory, and is wiped: locked.h.
 *
 * What comes from a file is untrusted until its MAC holds, and that holds for whoever knows a
 * public key, too: age hides, but does not say who has sealed.
 */
#ifndef AGE_AGE_H
#define AGE_AGE_H

#include "identities.h"
#include "recipients.h"
#include "secret.h"
#include <hbcore/transform.h>

struct age {
    const struct hb_host *host;
    const struct hb_settings *settings;
    struct recipients recipients; /* read when the first archive is sealed */
    struct identities identities; /* read when the first archive needs them, file by file */
    struct secret passphrase;
};

#endif

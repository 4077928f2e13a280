/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What opens here: files of secret keys, each read when those before it have not opened an archive,
 * so that nobody is asked for a passphrase in vain. What was read stays, in locked memory.
 */
#ifndef AGE_IDENTITIES_H
#define AGE_IDENTITIES_H

#include "secret.h"
#include "x25519.h"
#include <hbcore/transform.h>

struct identity_file {
    struct locked keys; /* of struct identity; no data: not read yet */
    size_t count;
};

struct identities {
    struct identity_file *files; /* one for each word of the option; NULL: none was needed yet */
    struct secret passphrase;    /* of those that are sealed themselves */
};

/*
 * Asks each identity for the file key. UNWRAPPED_NO: none opens it; then *status is HB_OK, or why
 * some of them could not be asked, told.
 */
enum unwrapped identities_unwrap(const struct hb_host *host, const struct hb_settings *settings,
                                 struct identities *identities, const struct header *header,
                                 unsigned char *file_key, int *status);
void identities_free(const struct hb_settings *settings, struct identities *identities);

#endif

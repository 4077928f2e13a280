/* SPDX-License-Identifier: Apache-2.0 */
/* The stanza of a passphrase, with the one that an option names. */
#ifndef AGE_PASSPHRASE_H
#define AGE_PASSPHRASE_H

#include "scrypt.h"
#include "secret.h"

/* What is opened: the option of its passphrase, which is set, and what has come of it. */
struct locked_by {
    int option;
    struct secret *secret;
    const char *path; /* of an identity file; NULL: of the archive, which the host names */
};

/*
 * Asks for the passphrase, unless that was done. UNWRAPPED_YES; UNWRAPPED_NO: it is another one,
 * which is not told; any other: *status, told: HB_STATUS_NOMATCH where it is what is set, or this
 * machine, that does not do; HB_STATUS_FATAL: such a stanza is made by nobody.
 */
enum unwrapped passphrase_unwrap(const struct hb_host *host, const struct hb_settings *settings,
                                 const struct locked_by *by, const struct stanza *stanza,
                                 unsigned char *file_key, int *status);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzas.h"

#include "scrypt.h"
#include "x25519.h"

const char *stanzas_problem(const struct header *header)
{
    for (size_t i = 0; i < header->stanza_count; i++) {
        const struct stanza *stanza = &header->stanzas[i];
        const char *problem = stanza_is(stanza, X25519)   ? x25519_problem(stanza)
                              : stanza_is(stanza, SCRYPT) ? scrypt_problem(stanza)
                                                          : NULL;
        if (problem != NULL)
            return problem;
        /* Else whoever knows one recipient's key could pass for one who knows the passphrase. */
        if (stanza_is(stanza, SCRYPT) && header->stanza_count > 1)
            return "the stanza of a passphrase does not stand alone";
    }
    return NULL;
}

size_t stanzas_count(const struct header *header, const char *type)
{
    size_t count = 0;
    for (size_t i = 0; i < header->stanza_count; i++)
        count += stanza_is(&header->stanzas[i], type);
    return count;
}

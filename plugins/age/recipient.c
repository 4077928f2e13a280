/* SPDX-License-Identifier: Apache-2.0 */
#include "recipient.h"

#include "bech32.h"
#include "x25519.h"
#include <string.h>

static bool begins_with(const char *text, size_t characters, const char *words)
{
    size_t length = strlen(words);
    return characters >= length && memcmp(text, words, length) == 0;
}

/* What age knows besides. NULL: it is none of those. */
static const char *not_yet(const char *text, size_t characters)
{
    static const struct {
        const char *begins, *why;
    } others[] = {
        {"AGE-SECRET-KEY-", "is a secret key: write the public one that belongs to it (age1...)"},
        {"age1pq1", "is a post-quantum key, for which this version does not seal yet"},
        {"age1tagpq1", "is a post-quantum key, for which this version does not seal yet"},
        {"ssh-", "is an SSH key, for which this version does not seal yet: make one with "
                 "age-keygen"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins_with(text, characters, others[i].begins))
            return others[i].why;
    /* "age1NAME1...": that of a plugin of age; a key of its own has no second '1'. */
    if (begins_with(text, characters, "age1") && memchr(text + 4, '1', characters - 4) != NULL)
        return "is the key of a device or of a plugin of age, for which this version does not "
               "seal yet";
    return NULL;
}

const char *recipient_hint(const char *text)
{
    return not_yet(text, strlen(text)) != NULL
               ? NULL
               : "run `age-keygen -o FILE`: it makes a key, and prints the public one, age1 and 58 "
                 "more characters";
}

const char *recipient_decode(const char *text, size_t characters, unsigned char *recipient)
{
    const char *why = not_yet(text, characters);
    if (why == NULL)
        why = bech32_decode(text, characters, "age", recipient);
    if (why == NULL && !x25519_is_recipient(recipient))
        why = "is a key that anybody could open";
    return why;
}
